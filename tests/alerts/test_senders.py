"""The contract of a sender, kept by the webhook and by the one in memory alike."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import httpx
import pytest
import trio

from recon.alerts.channels.webhook import WebhookSender, WebhookTarget
from recon.alerts.message import Entry, Message, compose
from recon.errors import DeliveryError
from tests.support.alert_rows import T0, Step
from tests.support.senders import Harness, HttpHarness, MemoryHarness
from tests.support.webhook_receiver import Receiver

pytestmark = pytest.mark.trio


@pytest.fixture(params=["http", "memory"])
async def harness(request: pytest.FixtureRequest, there: Receiver, client: httpx.AsyncClient) -> Harness:
    if request.param == "memory":
        return MemoryHarness()
    target = WebhookTarget("ops", there.url, "whsec_" + base64.b64encode(b"key").decode())
    return HttpHarness(there, WebhookSender(target, client, lambda: datetime.now(UTC)))


def message(attempt: int = 1) -> Message:
    alert = Step().alert()
    entry = Entry(alert.id, T0, alert.document.decode())
    return compose([entry], gateway="g", channel="c", event=alert.event, case_id="c1", attempt=attempt)


async def test_returns_when_the_receiver_has_it(harness: Harness) -> None:
    await harness.sender.send(message())
    assert harness.arrived() == [(message().id, message().body)]


async def test_a_second_attempt_arrives_under_the_same_id(harness: Harness) -> None:
    harness.will_refuse()
    with pytest.raises(DeliveryError):
        await harness.sender.send(message(1))
    await harness.sender.send(message(2))
    assert harness.arrived() == [(message().id, message().body)] * 2


@pytest.mark.parametrize(("slow", "retry_after"), [(False, None), (False, 7), (True, None)])
async def test_a_refusal_says_how_to_go_on(harness: Harness, slow: bool, retry_after: int | None) -> None:
    harness.will_refuse(slow=slow, retry_after=retry_after)
    with pytest.raises(DeliveryError, match="'ops'") as caught:
        await harness.sender.send(message())
    assert (caught.value.slow, caught.value.retry_after) == (slow, retry_after)


async def test_can_be_interrupted_and_used_again(harness: Harness) -> None:
    harness.will_stall()
    with trio.move_on_after(0.1) as scope:
        await harness.sender.send(message())
    assert scope.cancelled_caught
    await harness.sender.send(message())
    assert len(harness.arrived()) == 2
