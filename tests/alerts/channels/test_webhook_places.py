"""Where a webhook may go, how large a message is, and what becomes of a receiver that is gone."""

from __future__ import annotations

import json
import socket

import httpx
import msgspec
import pytest
import trio
from pydantic import ValidationError

from recon.alerts.channels.addresses import is_loopback, is_public
from recon.alerts.channels.cloud_event import cloud_event
from recon.alerts.channels.http import open_client
from recon.alerts.channels.webhook import WebhookSender, WebhookTarget
from recon.alerts.message import Message
from recon.config import Webhook as Settings
from tests.alerts.channels.test_webhook import QUERY, SECRET, message, real_now, refused
from tests.support.alert_rows import Step, delivery_of, message_of
from tests.support.webhook_receiver import Answer, Receiver

NAME = "hooks.example.com"
#: The Standard Webhooks specification asks receivers for as much, in bytes.
MAX_BODY_BYTES = 20_000


class Resolver(trio.abc.HostnameResolver):
    """Every name leads to this machine, as a name that was taken over may."""

    async def getaddrinfo(  # type: ignore[override]
        self, _host: object, port: object, *_: object
    ) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise NotImplementedError


def elsewhere(there: Receiver, name: str = NAME, *, allow_private: bool = False) -> WebhookTarget:
    url = there.url.replace("127.0.0.1", name) + f"/?{QUERY}"
    return WebhookTarget("ops", url, SECRET, allow_private=allow_private)


@pytest.mark.trio
async def test_a_name_that_leads_to_a_private_address_gets_nothing(there: Receiver, client: httpx.AsyncClient) -> None:
    former = trio.socket.set_custom_hostname_resolver(Resolver())
    try:
        error = await refused(WebhookSender(elsewhere(there), client, real_now))
        assert "has the private address 127.0.0.1" in str(error)
        assert "allow_private = true" in str(error)
        assert error.slow
        assert there.received == []
        await WebhookSender(elsewhere(there, allow_private=True), client, real_now).send(message())
        assert len(there.received) == 1
    finally:
        trio.socket.set_custom_hostname_resolver(former)


@pytest.mark.trio
async def test_a_connection_that_was_allowed_for_one_is_not_there_for_another(
    there: Receiver, client: httpx.AsyncClient
) -> None:
    there.answer(Answer(204, body=b""))  # after which a connection could be kept
    former = trio.socket.set_custom_hostname_resolver(Resolver())
    try:
        await WebhookSender(elsewhere(there, allow_private=True), client, real_now).send(message())
        await refused(WebhookSender(elsewhere(there), client, real_now))
    finally:
        trio.socket.set_custom_hostname_resolver(former)
    assert len(there.received) == 1


@pytest.mark.trio
async def test_behind_a_proxy_the_proxy_looks_up_and_connects(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", there.url)
    target = WebhookTarget("ops", f"http://{NAME}/hook", SECRET)
    async with open_client() as client:
        await WebhookSender(target, client, real_now).send(message())
    (received,) = there.received
    assert (received.path, received.headers["host"]) == (f"http://{NAME}/hook", NAME)


@pytest.mark.trio
async def test_this_machine_itself_needs_no_setting(there: Receiver, client: httpx.AsyncClient) -> None:
    await WebhookSender(elsewhere(there, "localhost"), client, real_now).send(message())
    await WebhookSender(elsewhere(there, "127.0.0.1"), client, real_now).send(message())
    assert len(there.received) == 2


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing listens there
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("2002:7f00:1::", False),
        ("no address", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_which_addresses_are_this_machine_s() -> None:
    assert all(is_loopback(address) for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"))
    assert not any(is_loopback(address) for address in ("10.0.0.1", "::", "localhost"))


@pytest.mark.parametrize(
    ("table", "fine"),
    [
        ({"url": "https://example.org/"}, True),
        ({"url": "http://127.0.0.1:8080/"}, True),
        ({"url": "http://[::1]:8080/"}, True),
        ({"url": "http://localhost/"}, True),
        ({"url": "http://10.0.0.1/"}, False),
        ({"url": "http://localhost.example.org/"}, False),
        ({"url": "http://example.org/"}, False),
        ({"url": "http://example.org/", "allow_http": True}, True),
        ({"url": "ftp://example.org/", "allow_http": True}, False),
    ],
)
def test_an_address_is_encrypted_unless_it_is_allowed_not_to_be(table: dict[str, object], fine: bool) -> None:
    if fine:
        Settings.model_validate({**table, "secret": SECRET})
    else:
        with pytest.raises(ValidationError, match="https://"):
            Settings.model_validate({**table, "secret": SECRET})


@pytest.mark.trio
async def test_a_receiver_that_is_gone_says_so_each_time(there: Receiver, client: httpx.AsyncClient) -> None:
    sender = WebhookSender(elsewhere(there, "localhost"), client, real_now)
    there.answer(Answer(410), Answer(410))
    for _ in range(2):
        error = await refused(sender)
        assert (error.gone, error.slow) == (True, True)
    await sender.send(message())
    assert len(there.received) == 3, "whether it is asked again, the deliveries decide"


def large(alerts: int, note: str) -> Message:
    made = [Step(break_id=f"b{number}", note=note).signal() for number in range(alerts)]
    return message_of(delivery_of(made, "c"))


@pytest.mark.parametrize(("alerts", "note"), [(1, "short"), (1, "x" * 9_000), (1, "€" * 9_000), (40, "€" * 300)])
def test_no_body_is_larger_than_receivers_take_also_as_a_cloud_event(alerts: int, note: str) -> None:
    whole = large(alerts, note)
    named = msgspec.structs.replace(whole, gateway="€" * 200, case_id="€" * 200)
    for body in (whole.body, cloud_event(whole), cloud_event(named)):
        assert len(body.encode()) <= MAX_BODY_BYTES
        data = json.loads(body)["data"]
        assert data["count"] == alerts
        assert data["alerts"][0]["amount"] == "-10.50"
        assert data["alerts"][0]["break_id"] == "b0"
        assert data == json.loads(whole.body)["data"]


@pytest.mark.trio
async def test_a_cloud_event_holds_the_same_data_and_is_signed(there: Receiver, client: httpx.AsyncClient) -> None:
    target = WebhookTarget("ops", there.url, SECRET, envelope="cloudevents")
    await WebhookSender(target, client, real_now).send(message())
    (received,) = there.received
    assert received.headers["content-type"] == "application/cloudevents+json"
    event = json.loads(received.body)
    assert event == {
        "specversion": "1.0",
        "id": message().id,
        "source": "/recon/gateways/prod-eu",
        "type": "break.opened",
        "subject": "c1",
        "time": "2026-01-05T09:30:00Z",
        "datacontenttype": "application/json",
        "data": json.loads(message().body)["data"],
    }
