"""The contract of a sender, kept by every channel and by the one in memory alike."""

from __future__ import annotations

import base64
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import structlog
import trio

from recon.alerts.channels import registry
from recon.alerts.channels.apprise import open_apprise
from recon.alerts.channels.webhook import WebhookSender, WebhookTarget
from recon.alerts.message import Message
from recon.config import Apprise
from recon.errors import DeliveryError
from tests.support.alert_rows import T0, Step, delivery_of, message_of
from tests.support.senders import (
    LATER,
    SLOW,
    SOON,
    AppriseHarness,
    CommandHarness,
    Harness,
    HttpHarness,
    LogHarness,
    MemoryHarness,
    Refusal,
)
from tests.support.webhook_receiver import Receiver

pytestmark = pytest.mark.trio

KINDS = ("memory", "webhook", "command", "apprise", "alert_log")


@pytest.fixture(params=KINDS)
async def harness(
    request: pytest.FixtureRequest, there: Receiver, client: httpx.AsyncClient, tmp_path: Path
) -> AsyncIterator[Harness]:
    if request.param == "memory":
        yield MemoryHarness()
    elif request.param == "webhook":
        target = WebhookTarget("ops", f"{there.url}/T0KEN", "whsec_" + base64.b64encode(b"key").decode())
        yield HttpHarness(there, WebhookSender(target, client, lambda: datetime.now(UTC)))
    elif request.param == "command":
        yield CommandHarness(tmp_path)
    elif request.param == "apprise":
        pytest.importorskip("apprise")
        url = f"{there.url.replace('http', 'json')}/T0KEN?rto=0.5"
        async with open_apprise({"ops": Apprise.model_validate({"url": url})}, lambda: T0) as senders:
            yield AppriseHarness(there, senders["ops"])
    else:
        with structlog.testing.capture_logs() as written:
            yield LogHarness(written)


def message(attempt: int = 1) -> Message:
    return message_of(delivery_of([Step().signal()], "c"), attempt)


def expected(harness: Harness, times: int = 1) -> list[tuple[str, str]]:
    return [(message().id, message().body if harness.with_body else "")] * times


async def test_every_registered_channel_keeps_the_contract() -> None:
    assert {registered.kind for registered in registry._channels.values()} == set(KINDS) - {"memory"}


async def test_returns_when_the_receiver_has_it(harness: Harness) -> None:
    await harness.sender.send(message())
    assert harness.arrived() == expected(harness)


async def test_a_second_attempt_arrives_under_the_same_id(harness: Harness) -> None:
    if SOON in harness.refusals:
        harness.will_refuse(SOON)
        with pytest.raises(DeliveryError):
            await harness.sender.send(message(1))
    else:
        await harness.sender.send(message(1))
    await harness.sender.send(message(2))
    assert harness.arrived() == expected(harness, 2)


@pytest.mark.parametrize("refusal", [SOON, SLOW, LATER])
async def test_a_refusal_says_how_to_go_on(harness: Harness, refusal: Refusal) -> None:
    if refusal not in harness.refusals:
        pytest.skip("this channel cannot tell such a refusal apart")
    harness.will_refuse(refusal)
    with pytest.raises(DeliveryError, match="'ops'") as caught:
        await harness.sender.send(message())
    assert (caught.value.slow, caught.value.retry_after) == refusal
    assert not caught.value.gone
    assert "T0KEN" not in "".join(traceback.format_exception(caught.value))


async def test_can_be_interrupted_and_used_again(harness: Harness) -> None:
    if not harness.can_stall:
        pytest.skip("this channel never waits")
    harness.will_stall()
    with trio.move_on_after(0.1) as scope:
        await harness.sender.send(message())
    assert scope.cancelled_caught
    await harness.sender.send(message())
    assert harness.arrived()[-1:] == expected(harness)


async def test_what_it_is_called_tells_no_secret(harness: Harness) -> None:
    assert "T0KEN" not in repr(harness.sender)
