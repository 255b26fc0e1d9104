"""Webhooks against a real HTTP server: signed, bounded, honest about what went wrong, and silent about secrets."""

from __future__ import annotations

import base64
import json
import logging
import socket
import traceback
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from recon.alerts.channels.webhook import WebhookSender, WebhookTarget, targets
from recon.alerts.message import Message
from recon.config import Webhook as Settings
from recon.errors import ConfigError, DeliveryError
from tests.support.alert_rows import T0, Step, message_of
from tests.support.webhook_receiver import Answer, Receiver

KEY = b"a key that nobody may ever read in a log"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
PATH = "/hooks/T0KEN-IN-PATH"
QUERY = "token=T0KEN-IN-QUERY"


def real_now() -> datetime:
    # The library that verifies compares with the machine's clock.
    return datetime.now(UTC)


def target(there: Receiver, path: str = f"{PATH}?{QUERY}") -> WebhookTarget:
    return WebhookTarget("ops", there.url + path, SECRET)


def message(attempt: int = 1) -> Message:
    return message_of(Step().delivery("webhook:ops"))


async def refused(sender: WebhookSender) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await sender.send(message())
    assert_no_secret("".join(traceback.format_exception(caught.value)))
    return caught.value


def assert_no_secret(text: str) -> None:
    for secret in (SECRET, SECRET.removeprefix("whsec_"), KEY.decode(), "T0KEN", "v1,"):
        assert secret not in text


@pytest.mark.trio
async def test_the_signature_verifies_with_the_secret_alone(there: Receiver, client: httpx.AsyncClient) -> None:
    await WebhookSender(target(there), client, real_now).send(message())
    (received,) = there.received
    assert received.path == f"{PATH}?{QUERY}"
    assert received.headers["content-type"] == "application/json"
    verified = Webhook(SECRET).verify(received.body, received.headers)
    assert verified["data"]["alerts"][0]["amount"] == "-10.50"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(received.body.replace("-10.50", "-99.50"), received.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(base64.b64encode(b"other").decode()).verify(received.body, received.headers)


@pytest.mark.trio
async def test_every_attempt_has_the_same_id_and_body_and_its_own_time(
    there: Receiver, client: httpx.AsyncClient
) -> None:
    times = iter([T0, T0 + timedelta(hours=1)])
    sender = WebhookSender(target(there), client, lambda: next(times))
    await sender.send(message(1))
    await sender.send(message(2))
    first, second = there.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == message().id
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 3600
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.trio
async def test_any_2xx_is_delivered(there: Receiver, client: httpx.AsyncClient, status: int) -> None:
    there.answer(Answer(status, body=b""))
    await WebhookSender(target(there), client, real_now).send(message())


@pytest.mark.parametrize(
    ("status", "slow", "says"),
    [
        (301, True, "final address"),
        (400, True, "400 Bad Request"),
        (401, True, "secret may not be the receiver's"),
        (404, True, "check its url"),
        (408, False, "408"),
        (410, True, "410 Gone"),
        (425, False, "425"),
        (429, False, "429 Too Many Requests"),
        (500, False, "500"),
        (503, False, "503 Service Unavailable"),
        (599, False, "599"),
    ],
)
@pytest.mark.trio
async def test_a_refusal_says_what_and_whether_a_person_is_needed(
    there: Receiver, client: httpx.AsyncClient, status: int, slow: bool, says: str
) -> None:
    there.answer(Answer(status, headers=(("location", f"{there.url}/elsewhere?{QUERY}"), ("retry-after", "7"))))
    error = await refused(WebhookSender(target(there), client, real_now))
    assert "webhook 'ops'" in str(error)
    assert says in str(error)
    assert error.slow is slow
    assert error.retry_after == (7.0 if status in {429, 503} else None)
    assert len(there.received) == 1, "redirects are not followed"


@pytest.mark.parametrize(
    "header",
    [
        ("retry-after", "Mon, 01 Jan 99999999999 00:00:00 GMT"),
        ("retry-after", "Mon, 01 Jan 2026 00:00:00 +99999999999"),
        ("location", "mailto:someone"),
        ("location", "https://xn--a/"),
        ("location", "http://[::1"),
        ("set-cookie", "a=b; max-age=" + "9" * 5000),
    ],
)
@pytest.mark.trio
async def test_no_header_is_worse_than_a_refusal(
    there: Receiver, client: httpx.AsyncClient, header: tuple[str, str]
) -> None:
    for status in (302, 429, 503):
        there.answer(Answer(status, headers=(header, ("retry-after", "1" * 30))))
        error = await refused(WebhookSender(target(there), client, real_now))
        assert f"answered {status}" in str(error)


@pytest.mark.trio
async def test_a_cookie_is_not_kept(there: Receiver, client: httpx.AsyncClient) -> None:
    there.answer(Answer(200, headers=(("set-cookie", "session=T0KEN; path=/"),)))
    sender = WebhookSender(target(there), client, real_now)
    await sender.send(message())
    await sender.send(message())
    assert "cookie" not in there.received[1].headers


@pytest.mark.trio
async def test_an_endless_answer_is_not_read(there: Receiver, client: httpx.AsyncClient) -> None:
    there.answer(Answer(200, body=b"x" * 10**7), Answer(500, body=b"T0KEN" * 10**6))
    sender = WebhookSender(target(there), client, real_now)
    await sender.send(message())
    assert "500" in str(await refused(sender))


@pytest.mark.trio
async def test_a_mute_receiver_is_left(there: Receiver, client: httpx.AsyncClient) -> None:
    client.timeout = httpx.Timeout(0.2)
    there.answer(Answer(stall=True))
    error = await refused(WebhookSender(target(there), client, real_now))
    assert "gave no answer within" in str(error)
    assert not error.slow


@pytest.mark.trio
async def test_nobody_there_nothing_resolvable_or_not_http(client: httpx.AsyncClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", "http://nowhere.invalid", f"https://127.0.0.1:{port}"):
        sender = WebhookSender(WebhookTarget("ops", f"{url}{PATH}?{QUERY}", SECRET), client, real_now)
        error = await refused(sender)
        assert "could not be reached" in str(error)
        assert not error.slow


@pytest.mark.trio
async def test_tls_that_nobody_vouches_for_is_refused_and_said(there: Receiver, client: httpx.AsyncClient) -> None:
    url = there.url.replace("http://", "https://")
    error = await refused(WebhookSender(WebhookTarget("ops", url + PATH, SECRET), client, real_now))
    assert "could not be reached" in str(error)
    assert there.received == []


@pytest.mark.trio
async def test_no_secret_is_in_any_log_at_debug(
    there: Receiver, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.connection", "httpcore.http11"):
        caplog.set_level(logging.DEBUG, logger=name)
    logging.getLogger("control").debug("this is captured")
    there.answer(Answer(503, headers=(("set-cookie", "T0KEN"),)))
    sender = WebhookSender(target(there), client, real_now)
    await refused(sender)
    await sender.send(message())
    assert "this is captured" in caplog.text
    assert_no_secret(caplog.text)
    assert_no_secret(repr(target(there)) + str(target(there)) + f"{[target(there)]}")


def test_a_secret_that_cannot_sign_is_refused_without_quoting_it() -> None:
    for bad in ("whsec_§§§", "whsec_", "whsec_a"):
        with pytest.raises(ConfigError) as caught:
            WebhookSender(WebhookTarget("ops", "https://example.org/", bad), httpx.AsyncClient(), real_now)
        assert "§§§" not in "".join(traceback.format_exception(caught.value))


def test_targets_come_from_the_settings() -> None:
    made = targets(
        {
            "ops": Settings.model_validate({"url": "https://example.org/a", "secret": SECRET}),
            "notify": Settings.model_validate({"url": "https://example.org/b", "secret": SECRET}),
        }
    )
    assert [(one.name, one.url) for one in made] == [
        ("notify", "https://example.org/b"),
        ("ops", "https://example.org/a"),
    ]
    assert made[0].secret == SECRET


@pytest.mark.trio
async def test_the_body_is_json_of_the_recommended_shape(there: Receiver, client: httpx.AsyncClient) -> None:
    await WebhookSender(target(there), client, real_now).send(message())
    body = json.loads(there.received[0].body)
    assert list(body) == ["type", "timestamp", "data"]
