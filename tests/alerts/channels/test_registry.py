"""Channels are found by the type of their settings."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from pydantic import Field

from recon.alerts.channels import Sender, configured_channels, open_senders, registry
from recon.alerts.channels.webhook import WebhookSender
from recon.config import Settings, Webhook
from recon.config.base import Table
from tests.support.senders import MemorySender

SECRET = "whsec_" + base64.b64encode(b"secret").decode()
WEBHOOK = Webhook.model_validate({"url": "https://example.org/a", "secret": SECRET})


class Pager(Table):
    number: str


class PagedSettings(Settings):
    pagers: dict[str, Pager] = Field(default_factory=dict)


def now() -> datetime:
    return datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def pagers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Register a channel of its own for the time of a test; return the numbers that were opened."""
    monkeypatch.setattr(registry, "_channels", dict(registry._channels))
    opened: list[str] = []

    @registry.channel("pager", Pager)
    @asynccontextmanager
    async def open_pagers(
        pagers: Mapping[str, Pager], _now: Callable[[], datetime]
    ) -> AsyncIterator[Mapping[str, Sender]]:
        opened.extend(pager.number for pager in pagers.values())
        yield {name: MemorySender() for name in pagers}

    return opened


@pytest.mark.trio
async def test_each_receiver_has_the_sender_of_its_type_under_its_outbox_name(pagers: list[str]) -> None:
    settings = PagedSettings(webhooks={"ops": WEBHOOK, "desk": WEBHOOK}, pagers={"ops": Pager(number="4711")})
    assert configured_channels(settings) == ["pager:ops", "webhook:desk", "webhook:ops"]
    async with open_senders(settings, now) as senders:
        assert sorted(senders) == configured_channels(settings)
        assert isinstance(senders["webhook:desk"], WebhookSender)
        assert isinstance(senders["pager:ops"], MemorySender)
    assert pagers == ["4711"]


@pytest.mark.trio
async def test_a_channel_without_receivers_opens_nothing(pagers: list[str]) -> None:
    assert configured_channels(Settings()) == []
    async with open_senders(PagedSettings(), now) as senders:
        assert senders == {}
    assert pagers == []
