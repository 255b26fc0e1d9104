"""Asking over REST: what is sent, what is asked again and when, what is cut off, and that no key gets out."""

from __future__ import annotations

import gzip
import json
import logging
import ssl
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing
import trustme
from stamina import instrumentation
from stamina.instrumentation import RetryDetails

from recon.ems.credentials import Credentials
from recon.ems.protocol import rest_requests
from recon.ems.protocol.rest_paths import request_path
from recon.ems.protocol.rest_requests import RestRequest, RestResponse
from recon.ems.rest.client import ATTEMPTS, RestBounds, open_rest_client
from recon.ems.urls import rest_url_of
from recon.errors import ConfigError
from tests.support.rest_servers import Body, Scripted, answer, broken, hang, script_of_bytes, serving
from tests.support.wire_messages import encoded, report

KEY = "9a55567a-b5ff-4b78-b6aa-0d5f7f2b9b11"
BASE = "https://gateway.test/"
ORDERS = RestRequest("orders", "KRAKEN/JOHN")
STATUS = RestRequest("status", "KRAKEN/JOHN", order="c:mm-17", client_order_id="mm-17")
HISTORY = RestRequest("history", from_us=1_653_634_800_000_001, until_us=1_653_634_801_000_001)
REJECT = encoded({"type": "MESSAGE_REJECT", "reject_reason": "EXCHANGE_UNREACHABLE", "message": "KRAKEN is away"})
NO_JITTER = RestBounds(jitter=0.0)

pytestmark = pytest.mark.trio


@pytest.fixture
def retried() -> Iterator[list[RetryDetails]]:
    """What the retry loop tells whoever logs it."""
    seen: list[RetryDetails] = []

    def note(details: RetryDetails) -> None:
        seen.append(details)

    instrumentation.set_on_retry_hooks([note])
    yield seen
    instrumentation.set_on_retry_hooks(None)


def connect_error(cause: OSError) -> httpx.ConnectError:
    """The library's error, whose own text may name the address, with its cause."""
    error = httpx.ConnectError("cannot connect to https://gateway.test/?apikey=9a55567a")
    error.__cause__ = cause
    return error


async def ask(
    transport: httpx.AsyncBaseTransport,
    question: RestRequest = ORDERS,
    *,
    credentials: Credentials | None = None,
    bounds: RestBounds = NO_JITTER,
    now: Callable[[], datetime] = lambda: datetime(2024, 2, 23, tzinfo=UTC),
) -> RestResponse:
    credentials = credentials or Credentials()
    async with open_rest_client(BASE, credentials, transport=transport, bounds=bounds, now=now) as rest:
        return await rest.send(question, run="r-1")


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("wss://gw.example/", "https://gw.example/"),
        ("ws://127.0.0.1:8080/stream?x=1", "http://127.0.0.1:8080/"),
        ("wss://user:secret@gw.example:8443/a", "https://gw.example:8443/"),
        ("ws://[::1]:9000/", "http://[::1]:9000/"),
        ("https://gw.example/rest", "https://gw.example/"),
    ],
)
async def test_the_base_follows_from_the_websocket_url(url: str, base: str) -> None:
    assert rest_url_of(url) == base


@pytest.mark.parametrize("url", ["", "gw.example", "ftp://gw.example/", "wss://gw.example:port/", "wss:///x"])
async def test_no_base_follows_from_what_is_no_websocket_url(url: str) -> None:
    with pytest.raises(ConfigError, match="rest_url"):
        rest_url_of(url)


@pytest.mark.parametrize(
    ("question", "target"),
    [
        (ORDERS, "/v1/orders?exchange_id=KRAKEN%2FJOHN"),
        (RestRequest("orders"), "/v1/orders"),
        (RestRequest("balances", "A&B=C#D%20"), "/v1/balances?exchange_id=A%26B%3DC%23D%2520"),
        (RestRequest("positions", "KRAKEN"), "/v1/positions?exchange_id=KRAKEN"),
        (STATUS, "/v1/orders/status/mm-17"),
        (RestRequest("status", client_order_id="a/b?c#d %é"), "/v1/orders/status/a%2Fb%3Fc%23d%20%25%C3%A9"),
        (RestRequest("status", client_order_id=".."), "/v1/orders/status/%2E%2E"),
        (HISTORY, "/v1/orders/history?time_start=2022-05-27T07:00:00&time_end=2022-05-27T07:00:02"),
    ],
)
async def test_what_is_sent(question: RestRequest, target: str) -> None:
    transport = Scripted(answer(200, b"[]"))
    await ask(transport, question)
    assert transport.targets == [target]
    assert request_path(question) == target
    assert transport.requests[0].method == "GET"
    assert transport.requests[0].headers["accept-encoding"] == "identity"


async def test_a_base_with_a_path_and_a_query_keeps_both() -> None:
    transport = Scripted(answer(200, b"[]"))
    credentials = Credentials(method="query", api_key=KEY)
    async with open_rest_client("https://gw.test/ems/?tenant=7", credentials, transport=transport) as rest:
        await rest.send(ORDERS, run="r-1")
    assert transport.targets == [f"/ems/v1/orders?exchange_id=KRAKEN%2FJOHN&tenant=7&apikey={KEY}"]


@pytest.mark.parametrize(
    "question", [RestRequest("status", "KRAKEN"), RestRequest("history", from_us=1), RestRequest("history", until_us=1)]
)
async def test_what_lacks_its_subject_is_not_asked(question: RestRequest) -> None:
    transport = Scripted(answer(200, b"[]"))
    got = await ask(transport, question)
    assert transport.requests == []
    assert (got.attempts, got.status) == (0, None)
    assert (got.problem or "").startswith("cannot be asked")


async def test_an_answer_is_kept_as_it_came() -> None:
    body = b'\xef\xbb\xbf [ {"exchange_id": "KRAKEN/JOHN",\n "price": 1.50} ] '
    got = await ask(Scripted(answer(200, body, content_type="appliction/json")))
    assert (got.attempts, got.status, got.problem, got.text, got.redacted) == (1, 200, None, None, False)
    assert bytes(got.body or b"") == body.removeprefix(b"\xef\xbb\xbf")
    assert rest_requests.decode_response(rest_requests.encode_response(got)).request == ORDERS


@pytest.mark.parametrize("status", [400, 401, 403, 404, 302, 405, 410, 204])
async def test_an_answer_that_will_not_pass_is_not_asked_for_again(status: int) -> None:
    transport = Scripted(answer(status, REJECT))
    got = await ask(transport)
    assert len(transport.requests) == 1
    assert got.status == status
    assert (got.problem or "").startswith(str(status))
    assert (got.problem or "").endswith("KRAKEN is away")
    assert bytes(got.body or b"") == REJECT
    assert rest_requests.decode_response(rest_requests.encode_response(got)).outcome == "failed"


@pytest.mark.parametrize(
    ("question", "status", "outcome"), [(STATUS, 404, "unknown"), (HISTORY, 400, "not configured")]
)
async def test_answers_that_are_none_elsewhere(question: RestRequest, status: int, outcome: str) -> None:
    got = await ask(Scripted(answer(status, b'{"message": "no such thing"}')), question)
    assert (got.attempts, got.status, got.problem) == (1, status, None)
    answered = rest_requests.decode_response(rest_requests.encode_response(got))
    assert answered.outcome == outcome
    assert "no such thing" in answered.why


@pytest.mark.parametrize("status", [408, 425, 429, 490, 500, 502, 503, 504, 599])
async def test_an_answer_that_may_pass_is_asked_for_again(status: int, autojump_clock: trio.testing.MockClock) -> None:
    transport = Scripted(answer(status, REJECT), answer(status, b"<html>"), answer(200, b"[]"))
    got = await ask(transport)
    assert (got.attempts, got.status, got.problem) == (3, 200, None)
    assert transport.pauses == pytest.approx([0.5, 1.0])


async def test_pauses_double_up_to_a_bound_and_attempts_end(autojump_clock: trio.testing.MockClock) -> None:
    transport = Scripted(answer(490, REJECT))
    got = await ask(transport, bounds=RestBounds(attempts=7, jitter=0.0))
    assert transport.pauses == pytest.approx([0.5, 1.0, 2.0, 4.0, 8.0, 8.0])
    assert (got.attempts, got.status) == (7, 490)
    assert got.problem == "490 exchange unreachable: KRAKEN is away"
    assert (await ask(transport)).attempts == ATTEMPTS


async def test_jitter_makes_pauses_longer_within_its_bound(autojump_clock: trio.testing.MockClock) -> None:
    transport = Scripted(answer(503), answer(200, b"[]"))
    await ask(transport, bounds=RestBounds(jitter=0.25))
    assert 0.5 <= transport.pauses[0] <= 0.75


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("7", 7.0),
        ("0", 0.5),
        ("Fri, 23 Feb 2024 00:00:09 GMT", 9.0),
        ("Thu, 22 Feb 2024 00:00:00 GMT", 0.5),
        ("3600", 30.0),
        ("9" * 5000, 30.0),
        ("soon", 0.5),
        ("", 0.5),
        ("Mon, 01 Jan 0001 00:00:00 +9959", 0.5),
    ],
)
async def test_retry_after_is_heard(asked: str, pause: float, autojump_clock: trio.testing.MockClock) -> None:
    transport = Scripted(answer(429, retry_after=asked), answer(200, b"[]"))
    got = await ask(transport)
    assert got.status == 200
    assert transport.pauses == pytest.approx([pause])


async def test_a_pause_that_ends_after_the_time_is_over_is_not_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    transport = Scripted(answer(429, retry_after="30"))
    got = await ask(transport)
    assert (got.attempts, got.status, got.problem) == (2, 429, "429 too many requests")
    assert trio.current_time() - transport.times[0] == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.PoolTimeout("busy"), "timeout"),
        (connect_error(OSError(111, "Connection refused")), "not reached: Connection refused"),
        (httpx.RemoteProtocolError("gone"), "connection lost"),
        (httpx.ReadError(""), "connection lost"),
        (httpx.ProxyError("no"), "connection lost"),
        (OSError(5, "I/O error"), "connection lost"),
    ],
)
async def test_no_answer_is_asked_for_again(
    error: Exception, problem: str, autojump_clock: trio.testing.MockClock
) -> None:
    got = await ask(Scripted(error, answer(200, b"[]")))
    assert (got.attempts, got.problem) == (2, None)
    got = await ask(Scripted(error))
    assert (got.attempts, got.status, got.problem, got.body, got.text) == (ATTEMPTS, None, problem, None, None)
    assert rest_requests.decode_response(rest_requests.encode_response(got)).why == problem


async def test_a_gateway_that_hangs_is_given_up_in_time(autojump_clock: trio.testing.MockClock) -> None:
    transport = Scripted(hang)
    began = trio.current_time()
    got = await ask(transport, bounds=RestBounds(jitter=0.0, attempt_seconds=3.0, request_seconds=10.0))
    assert trio.current_time() - began == pytest.approx(10.0)
    assert (got.attempts, got.status, got.problem) == (3, None, "timeout")
    assert transport.pauses == pytest.approx([3.5, 4.0])


async def test_a_body_that_hangs_is_given_up_in_time(autojump_clock: trio.testing.MockClock) -> None:
    slow = broken(200, lambda: Body(b"[", hangs=True))
    got = await ask(Scripted(slow), bounds=RestBounds(attempts=2, jitter=0.0, attempt_seconds=3.0))
    assert (got.attempts, got.status, got.problem, got.text) == (2, 200, "timeout", "[")


async def test_a_body_that_breaks_off_or_is_no_json_is_asked_for_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    cut = broken(200, lambda: Body(b'[{"exchange_id"', error=httpx.RemoteProtocolError("cut")))
    html = answer(200, b"<html>sorry</html>", content_type="application/json")
    got = await ask(Scripted(cut, html, answer(200, b""), answer(200, b"[]")))
    assert (got.attempts, got.problem) == (4, None)
    got = await ask(Scripted(cut))
    assert (got.status, got.problem, got.body) == (200, "truncated", None)
    got = await ask(Scripted(html))
    assert (got.status, got.problem, got.text) == (200, "not JSON", "<html>sorry</html>")


async def test_a_reject_whose_body_breaks_off_is_still_a_reject() -> None:
    cut = broken(404, lambda: Body(b'{"mess', error=httpx.RemoteProtocolError("cut")))
    got = await ask(Scripted(cut), STATUS)
    assert (got.attempts, got.status, got.problem) == (1, 404, None)
    assert rest_requests.decode_response(rest_requests.encode_response(got)).outcome == "unknown"


async def test_an_answer_beyond_the_bound_is_cut_off_and_not_asked_for_again() -> None:
    transport = Scripted(broken(200, lambda: Body(*[b"[" + b" " * 999] * 3)))
    got = await ask(transport, bounds=RestBounds(max_bytes=2500))
    assert (got.attempts, got.problem, got.body) == (1, "larger than 2500 bytes", None)
    assert got.too_large
    whole = await ask(Scripted(answer(200, b"[" + b" " * 2498 + b"]")), bounds=RestBounds(max_bytes=2500))
    assert (whole.problem, whole.too_large) == (None, False)


async def test_compressed_answers_are_read_and_bounded_as_decompressed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    packed = gzip.compress(encoded([report()]))
    got = await ask(Scripted(answer(200, packed, content_encoding="GZIP")))
    assert bytes(got.body or b"") == encoded([report()])
    bomb = gzip.compress(b" " * 50_000_000)
    got = await ask(Scripted(answer(200, bomb, content_encoding="gzip")), bounds=RestBounds(max_bytes=100_000))
    assert (got.attempts, got.problem) == (1, "larger than 100000 bytes")
    got = await ask(Scripted(answer(200, packed[:-9], content_encoding="gzip")))
    assert (got.attempts, got.problem) == (ATTEMPTS, "truncated")
    got = await ask(Scripted(answer(200, zlib.compress(b"[]"), content_encoding="gzip")))
    assert got.problem == "compressed in a way that cannot be read"
    got = await ask(Scripted(answer(200, packed, content_encoding="gzip, gzip")))
    assert got.problem == "compressed as 'gzip, gzip', which was not offered"


async def test_a_large_answer_comes_whole() -> None:
    rows = [report(client_order_id=f"c-{n}") for n in range(3000)]
    got = await ask(Scripted(answer(200, encoded(rows))), credentials=Credentials(method="header", api_key=KEY))
    answered = rest_requests.decode_response(rest_requests.encode_response(got))
    assert (answered.outcome, answered.complete) == ("answered", True)
    assert len(bytes(got.body or b"")) > 1024 * 1024


async def test_cancellation_passes(autojump_clock: trio.testing.MockClock) -> None:
    for step in (hang, answer(503)):
        with trio.move_on_after(0.2) as scope:
            await ask(Scripted(step))
        assert scope.cancelled_caught


@pytest.mark.parametrize("method", ["header", "query"])
async def test_the_key_is_sent_and_never_told(
    method: str,
    retried: list[RetryDetails],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    autojump_clock: trio.testing.MockClock,
) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = Credentials(method=method, api_key=KEY)
    echo = encoded([{"apikey": KEY, "message": f"for {KEY}", "other": {"api_key": "somebody-elses"}}])
    transport = Scripted(
        answer(503, encoded({"message": f"key {KEY} is slow"})),
        httpx.ConnectError(f"no way to https://gateway.test/?apikey={KEY}"),
        broken(200, lambda: Body(b'[{"apikey": "somebody-el', error=httpx.ReadError("cut"))),
        answer(200, echo),
    )
    async with open_rest_client(BASE, credentials, transport=transport, bounds=NO_JITTER) as rest:
        assert KEY not in repr(rest)
        got = await rest.send(ORDERS, run="r-1")
    request = transport.requests[0]
    assert (request.headers.get("x-coinapi-key") == KEY) is (method == "header")
    assert (f"apikey={KEY}" in str(request.url)) is (method == "query")
    assert got.redacted
    assert len(retried) == 3
    told = (
        repr(got)
        + repr(retried)
        + rest_requests.encode_response(got).decode()
        + caplog.text
        + "".join(capsys.readouterr())
    )
    assert KEY not in told
    assert "somebody" not in told


async def test_no_credential_is_in_what_is_kept_of_a_failure(autojump_clock: trio.testing.MockClock) -> None:
    credentials = Credentials(method="header", api_key=KEY)
    for step in (answer(500, encoded({"apikey": KEY, "message": KEY * 9})), answer(200, f"<p>{KEY}".encode())):
        got = await ask(Scripted(step), credentials=credentials)
        assert got.redacted
        assert KEY[:8] not in repr(got)
    for begun in ("somebody-el", KEY[:-3]):
        text = '[{"apikey": "' + begun
        cut = broken(200, partial(Body, text.encode(), error=httpx.ReadError("cut")))
        assert (await ask(Scripted(cut), credentials=credentials)).text == '[{"apikey": "'


async def test_a_base_that_cannot_take_the_credentials_is_refused() -> None:
    credentials = Credentials(method="certificate", certificate_file=Path(__file__))
    with pytest.raises(ConfigError, match="not TLS"):
        async with open_rest_client("http://gw.test/", credentials):
            pass


def head(length: int, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}\r\n".encode()


async def over_network(base: str, bounds: RestBounds) -> RestResponse:
    async with open_rest_client(base, Credentials(method="header", api_key=KEY), bounds=bounds) as rest:
        return await rest.send(ORDERS, run="r-1")


async def test_over_a_socket_what_breaks_off_is_asked_for_again() -> None:
    body = encoded([report()])
    async with serving(
        script_of_bytes(),
        script_of_bytes(head(len(body)), body[:40]),
        script_of_bytes(b"no HTTP at all\r\n\r\n"),
        script_of_bytes(head(len(body)), body[:9], body[9:]),
    ) as (base, heads):
        got = await over_network(base, RestBounds(first_pause=0.01, jitter=0.0))
    assert (got.attempts, got.status, got.problem) == (4, 200, None)
    assert bytes(got.body or b"") == body
    assert all(one.startswith(b"GET /v1/orders?exchange_id=KRAKEN%2FJOHN HTTP/1.1\r\n") for one in heads)
    assert all(KEY.encode() in one for one in heads)


async def test_over_a_socket_slow_and_endless_answers_are_given_up() -> None:
    endless = script_of_bytes(b"HTTP/1.1 200 OK\r\n\r\n", *[b"[" * 1000] * 20, then_hang=True)
    bounds = RestBounds(attempts=1, attempt_seconds=0.3, max_bytes=4000)
    async with serving(
        endless, script_of_bytes(head(10), b"[1,2", then_hang=True), script_of_bytes(then_hang=True)
    ) as (base, _):
        assert (await over_network(base, bounds)).problem == "larger than 4000 bytes"
        got = await over_network(base, bounds)
        assert (got.problem, got.status) == ("timeout", 200)
        got = await over_network(base, bounds)
        assert (got.problem, got.status) == ("timeout", None)


async def test_over_a_socket_nobody_listens() -> None:
    async with serving() as (base, _):
        pass
    got = await over_network(base, RestBounds(attempts=1))
    assert (got.attempts, got.status, got.body) == (1, None, None)
    assert (got.problem or "").startswith("not reached: ")
    assert json.loads(rest_requests.encode_response(got))["problem"] == got.problem


async def test_over_tls_the_certificate_is_checked_and_ours_is_shown(tmp_path: Path) -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    ours, trusted = tmp_path / "ours.pem", tmp_path / "ca.pem"
    authority.issue_cert("client@example.net").private_key_and_cert_chain_pem.write_to_path(str(ours))
    authority.cert_pem.write_to_path(str(trusted))
    async with serving(script_of_bytes(head(2), b"[]"), tls=server) as (base, heads):
        for ca_file, problem in (
            (None, "not reached: its certificate is not trusted"),
            (trusted, ""),
        ):
            credentials = Credentials(method="certificate", pem=ours, ca_file=ca_file)
            async with open_rest_client(base, credentials, bounds=RestBounds(attempts=1)) as rest:
                got = await rest.send(ORDERS, run="r-1")
            assert (got.problem or "").partition(" (")[0] == problem
    assert len(heads) == 1


async def test_how_long_the_last_attempt_took_is_told(autojump_clock: trio.testing.MockClock) -> None:
    async def slow() -> httpx.Response:
        await trio.sleep(1.5)
        return httpx.Response(200, stream=Body(b"[]"))

    got = await ask(Scripted(answer(503), slow))
    assert got.took_us == 1_500_000
    assert rest_requests.decode_response(rest_requests.encode_response(got)).took_us == 1_500_000


@pytest.mark.parametrize("location", [b"mailto:x", b"https://xn--a/", b"http://[::1", b"x:y", b"http://\xff/"])
async def test_where_a_redirect_leads_is_not_even_read(location: bytes) -> None:
    def redirect(_: httpx.Request) -> httpx.Response:
        headers = [(b"location", location), (b"retry-after", b"Mon, 01 Jan 9999999999")]
        return httpx.Response(302, headers=headers, stream=httpx.ByteStream(b"gone"))

    response = await ask(httpx.MockTransport(redirect))
    assert response.status == 302
