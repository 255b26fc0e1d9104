"""Delivering one message to one webhook, signed by the Standard Webhooks scheme.

1. Headers `webhook-id` (the message's, the same at every attempt), `webhook-timestamp` (this attempt's) and
   `webhook-signature`: of id, timestamp and body, one signature for each key of the secret, separated by spaces. The
   receiver drops an id it has seen.
2. A receiver that answers 410 Gone is asked no more: the failure says so (`gone`), and the messages wait until a
   person acts (`recon alerts retry`, `recon alerts test`).
3. Messages, reprs and log lines never contain the secret, and only the host of the address; see `http`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import httpx

from recon.alerts.channels.cloud_event import cloud_event
from recon.alerts.channels.http import Address, open_client, post
from recon.alerts.channels.registry import Sender, channel
from recon.alerts.channels.signing import Signatures
from recon.alerts.message import Message
from recon.config import Webhook as WebhookSettings
from recon.errors import ConfigError

_CONTENT_TYPES: Final = {"standard": "application/json", "cloudevents": "application/cloudevents+json"}


@dataclass(frozen=True, repr=False, slots=True)
class WebhookTarget:
    """A receiver: its name in the settings, its address, its secret, and how it wants its messages."""

    name: str
    url: str
    secret: str
    envelope: Literal["standard", "cloudevents"] = "standard"
    allow_private: bool = False

    def __repr__(self) -> str:
        """Return the name alone, without address and secret."""
        return f"WebhookTarget({self.name!r})"


def targets(webhooks: Mapping[str, WebhookSettings]) -> list[WebhookTarget]:
    """Return the targets in the settings, ordered by name."""
    return [
        WebhookTarget(name, table.url, table.secret.get_secret_value(), table.envelope, table.allow_private)
        for name, table in sorted(webhooks.items())
    ]


@channel("webhook", WebhookSettings)
@asynccontextmanager
async def open_webhooks(
    webhooks: Mapping[str, WebhookSettings], now: Callable[[], datetime]
) -> AsyncIterator[Mapping[str, Sender]]:
    """Open the senders of all webhooks, by their names; they share one HTTP client."""
    async with open_client() as client:
        yield {target.name: WebhookSender(target, client, now) for target in targets(webhooks)}


class WebhookSender:
    """Sends messages to one webhook."""

    def __init__(self, target: WebhookTarget, client: httpx.AsyncClient, now: Callable[[], datetime]) -> None:
        """Prepare to sign. Raise ConfigError if the secret is not valid."""
        self._address = Address(f"webhook {target.name!r}", target.url, target.allow_private)
        self._envelope = target.envelope
        self._client = client
        self._now = now
        try:
            self._signatures = Signatures(target.secret)
        except ValueError as error:
            raise ConfigError(f"webhook {target.name!r}: the secret {error}") from None

    async def send(self, message: Message) -> None:
        """Deliver a message: return when the receiver has taken it. The caller bounds the whole time.

        Raise DeliveryError, with the reason, whether only a person can repair it, and the delay that the receiver
        requests.
        """
        body = message.body if self._envelope == "standard" else cloud_event(message)
        timestamp = self._now()
        headers = {
            "content-type": _CONTENT_TYPES[self._envelope],
            "webhook-id": message.id,
            "webhook-timestamp": str(int(timestamp.timestamp())),
            "webhook-signature": self._signatures.sign(message.id, timestamp, body),
        }
        await post(self._client, self._address, body.encode(), headers, timestamp)
