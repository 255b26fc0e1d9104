"""The management client: what it asks, what it takes, how it gives up, and that the key stays inside."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import trio
import trio.testing
import trustme

from recon.ems.cloud.endpoint_list import ListedEndpoint, Location
from recon.ems.cloud.management import ManagementAccess, ManagementBounds, open_management
from recon.errors import ConfigError, GatewayError, Unauthorised
from recon.network_errors import MAX_DESCRIPTION_CHARS
from tests.support.managed_cloud import KEY, pem_of
from tests.support.wire_messages import EXAMPLES, needs_examples

pytestmark = pytest.mark.trio

Answer = Callable[[httpx.Request], httpx.Response]
BOUNDS = ManagementBounds(jitter=0.0)


class Transport(httpx.AsyncBaseTransport):
    """Answers as told, one after the other; the last one again and again."""

    def __init__(self, *answers: httpx.Response | Exception | Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times.append(trio.current_time())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            # A response can be read once, and one that was made of content has been.
            return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))
        return answer(request)

    def pauses(self) -> list[float]:
        return [round(later - earlier, 3) for earlier, later in zip(self.times, self.times[1:], strict=False)]


def opened(transport: Transport, *, by_query: bool = False, bounds: ManagementBounds = BOUNDS):  # type: ignore[no-untyped-def]
    access = ManagementAccess("https://mgmt.example.com/", KEY, by_query)
    return open_management(access, transport=transport, bounds=bounds)


async def refused(transport: Transport, **given: object) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        async with opened(transport, **given) as management:  # type: ignore[arg-type]
            await management.endpoints()
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY not in shown
    return caught.value


def listed(rows: object) -> httpx.Response:
    return httpx.Response(200, json=rows)


async def test_the_key_by_header_and_by_query_and_nowhere_else() -> None:
    transport = Transport(listed([]))
    async with opened(transport) as management:
        assert await management.endpoints(("KRAKEN/JOHN", "B&C")) == []
    async with opened(transport, by_query=True) as management:
        assert await management.endpoints(("KRAKEN/JOHN",)) == []
    first, second = transport.requests
    assert first.headers["X-CoinAPI-Key"] == KEY
    assert str(first.url) == (
        "https://mgmt.example.com/v1/endpoints?filter_exchange_id=KRAKEN%2FJOHN&filter_exchange_id=B%26C"
    )
    assert "X-CoinAPI-Key" not in second.headers
    assert dict(second.url.params) == {"apikey": KEY, "filter_exchange_id": "KRAKEN/JOHN"}


@needs_examples
async def test_the_published_examples() -> None:
    for name, wanted in (
        ("mgmt-endpoints.get.200.json", "endpoints"),
        ("mgmt-locations.get.200.json", "locations"),
    ):
        transport = Transport(httpx.Response(200, content=(EXAMPLES / name).read_bytes()))
        async with opened(transport) as management:
            if wanted == "endpoints":
                (endpoint,) = await management.endpoints()
                assert (endpoint.exchange_id, endpoint.location_id) == ("KRAKEN", "aws-us-east-2")
                assert endpoint.address() == "https://1314.51253.51.ec2.eu-west-1.amazonaws.com/"
            else:
                assert await management.locations() == [Location("aws-us-east-1", "us-east-1", "aws")]


async def test_unknown_and_missing_members_are_no_matter() -> None:
    transport = Transport(listed([{"endpoint_host": "h", "new": 1}, {"endpoint_url": None}]))
    async with opened(transport) as management:
        first, second = await management.endpoints()
    assert first.address() == "https://h/"
    assert second.address() is None
    assert ListedEndpoint(endpoint_schema="http", endpoint_host="h").address() == "http://h/"


async def test_the_certificate_whatever_its_content_type() -> None:
    pem = pem_of(trustme.CA(), ends=datetime.now(UTC) + timedelta(days=1))
    transport = Transport(httpx.Response(200, content=pem.encode(), headers={"content-type": "appliction/x"}))
    async with opened(transport) as management:
        certificate = await management.certificate()
    assert certificate.validity(datetime.now(UTC)) == "valid"
    assert transport.requests[0].url.path == "/v1/certificate/pem"


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (401, Unauthorised, "check auth.api_key"),
        (403, Unauthorised, "not allowed to use the EMS managed cloud"),
        (404, GatewayError, "check managed.url"),
        (302, GatewayError, "redirects are not followed"),
        (400, GatewayError, "HTTP 400; no good"),
    ],
)
async def test_what_only_a_person_can_mend_is_asked_once(status: int, kind: type[Exception], expected: str) -> None:
    transport = Transport(httpx.Response(status, content=f"no\n good {KEY}".encode(), headers={"location": "/x"}))
    error = await refused(transport)
    assert type(error) is kind
    assert expected in str(error)
    assert "mgmt.example.com" in str(error)
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(500),
        httpx.Response(503, content=KEY.encode()),
        httpx.Response(429),
        httpx.ConnectError("[Errno -2] Name or service not known"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
    ],
)
async def test_what_passes_by_itself_is_tried_again_within_bounds(
    failure: httpx.Response | Exception, autojump_clock: trio.testing.MockClock
) -> None:
    transport = Transport(failure, failure, listed([{"exchange_id": "A"}]))
    async with opened(transport) as management:
        assert [endpoint.exchange_id for endpoint in await management.endpoints()] == ["A"]
    assert transport.pauses() == [0.5, 1.0]

    transport = Transport(failure)
    await refused(transport)
    assert transport.pauses() == [0.5, 1.0, 2.0]


async def test_retry_after_is_heard_but_not_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    dates = {"date": "Sun, 01 Mar 2026 12:00:00 GMT", "retry-after": "Sun, 01 Mar 2026 12:00:04 GMT"}
    transport = Transport(
        httpx.Response(429, headers={"retry-after": "3"}),
        httpx.Response(429, headers=dates),
        httpx.Response(429, headers={"retry-after": "86400"}),
        listed([]),
    )
    async with opened(transport) as management:
        await management.endpoints()
    assert transport.pauses() == [3.0, 4.0, 15.0]


@pytest.mark.parametrize("said", ["", "soon", "-1", "Sun, 01 Mar 2026 12:00:04 GMT", "\u0663"])
async def test_a_retry_after_that_says_nothing(said: str, autojump_clock: trio.testing.MockClock) -> None:
    transport = Transport(httpx.Response(429, headers=[(b"retry-after", said.encode())]), listed([]))
    async with opened(transport) as management:
        await management.endpoints()
    assert transport.pauses() == [0.5]


async def test_an_answer_that_never_ends_ends(autojump_clock: trio.testing.MockClock) -> None:
    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await trio.sleep(1)
                yield b" "

    transport = Transport(lambda _request: httpx.Response(200, stream=Slow()))
    error = await refused(transport, bounds=ManagementBounds(attempt=10.0, whole=25.0, jitter=0.0))
    assert "gave no answer within" in str(error)
    assert trio.current_time() - transport.times[0] <= 25.0


async def test_an_answer_that_is_too_large_or_encoded_or_none() -> None:
    class Endless(httpx.AsyncByteStream):
        taken = 0

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                Endless.taken += 1
                await trio.lowlevel.checkpoint()
                yield b"x" * 65536

    assert "more than" in str(await refused(Transport(lambda _request: httpx.Response(200, stream=Endless()))))
    assert Endless.taken < 100
    encoded = Transport(lambda _request: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Endless()))
    assert "an encoding that was not asked for" in str(await refused(encoded))
    assert encoded.requests[0].headers["accept-encoding"] == "identity"
    for body in (b"", b"<html>", b"{}", b"[1]", b'[{"exchange_id": 1}]', b'["\xff"]'):
        assert "not a list of endpoints" in str(await refused(Transport(httpx.Response(200, content=body))))


async def test_no_key_in_any_log_or_repr(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], autojump_clock: trio.testing.MockClock
) -> None:
    caplog.set_level(logging.DEBUG)
    for by_query in (False, True):
        await refused(Transport(httpx.Response(503, content=json.dumps({"you": KEY}).encode())), by_query=by_query)
    access = ManagementAccess("https://mgmt.example.com/", KEY, by_query=True)
    captured = capsys.readouterr()
    for shown in (caplog.text, captured.out, captured.err, repr(access), str(access)):
        assert KEY not in shown


async def test_a_key_or_an_authority_that_cannot_be_used() -> None:
    with pytest.raises(ConfigError, match="blank or a character") as caught:
        ManagementAccess("https://h/", "a key with blanks")
    assert "blanks" not in str(caught.value)


@pytest.mark.parametrize("location", [b"mailto:x", b"https://xn--a/", b"http://[::1", b"http://\xff/"])
async def test_where_a_redirect_leads_is_not_even_read(location: bytes) -> None:
    error = await refused(Transport(httpx.Response(302, headers=[(b"location", location)])))
    assert "redirects are not followed" in str(error)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'[{"new":' * 50_000, b"\xff", b"", b"{}", b'[{"exchange_id": 1}]'])
async def test_a_body_that_is_no_list_is_refused_however_deep(body: bytes) -> None:
    error = await refused(Transport(httpx.Response(200, content=body)))
    assert "not a list of endpoints" in str(error)


async def test_a_key_at_the_cut_of_a_quoted_body_is_not_half_quoted() -> None:
    for before in range(MAX_DESCRIPTION_CHARS - len(KEY), MAX_DESCRIPTION_CHARS + 1):
        error = await refused(Transport(httpx.Response(418, content=b"x" * before + KEY.encode())))
        assert KEY[:4] not in str(error)
