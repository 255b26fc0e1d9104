"""Delivering one message to one webhook, signed by the Standard Webhooks scheme.

1. Headers `webhook-id` (the message's, the same at every attempt), `webhook-timestamp` (this attempt's) and
   `webhook-signature` (HMAC-SHA256 of id, timestamp and body); the receiver drops an id it has seen.
2. 2xx means delivered. Redirects are not followed. Everything else is retried: 408, 425, 429, 5xx and a lost or slow
   connection soon (Retry-After is respected), any other answer, even 410 Gone, slowly; see `retry`. Only status and
   headers of an answer are read, never its body; then its connection is closed.
3. Messages, reprs and log lines never contain the secret, and only the host of the address: paths and queries of
   webhooks often are secrets themselves.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from recon.alerts.channels.registry import Sender, channel
from recon.alerts.message import Message
from recon.config import Webhook as WebhookSettings
from recon.ems.credentials import silence_libraries
from recon.errors import ConfigError, DeliveryError
from recon.http_answers import ignore_redirects_and_cookies
from recon.network_errors import describe, failure_kind
from recon.retry_after import retry_after_seconds

#: Longest time to connect, and longest silence of the receiver, in seconds.
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
#: Connections to all webhooks together; each has one at a time.
MAX_CONNECTIONS: Final = 64

#: Answers that may change without a person, beside all 5xx.
_TRANSIENT: Final = frozenset({408, 425, 429})
#: Answers whose Retry-After is respected.
_WITH_RETRY_AFTER: Final = frozenset({429, 503})


@dataclass(frozen=True, repr=False, slots=True)
class WebhookTarget:
    """A receiver: its name in the settings, its address, and the shared secret (`whsec_…`)."""

    name: str
    url: str
    secret: str

    def __repr__(self) -> str:
        """Return the name alone, without address and secret."""
        return f"WebhookTarget({self.name!r})"


def targets(webhooks: Mapping[str, WebhookSettings]) -> list[WebhookTarget]:
    """Return the targets in the settings, ordered by name."""
    return [
        WebhookTarget(name, webhook.url, webhook.secret.get_secret_value())
        for name, webhook in sorted(webhooks.items())
    ]


@channel("webhook", WebhookSettings)
@asynccontextmanager
async def open_webhooks(
    webhooks: Mapping[str, WebhookSettings], now: Callable[[], datetime]
) -> AsyncIterator[Mapping[str, Sender]]:
    """Open the senders of all webhooks, by their names; they share one HTTP client."""
    async with open_client() as client:
        yield {target.name: WebhookSender(target, client, now) for target in targets(webhooks)}


def open_client() -> httpx.AsyncClient:
    """Return the HTTP client for all webhooks, an async context manager.

    The client trusts the system's certificate authorities (or `SSL_CERT_FILE`), uses the proxy of the environment, and
    follows no redirect. The libraries' own logging is silenced.
    """
    silence_libraries()
    client = httpx.AsyncClient(
        verify=ssl.create_default_context(),
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
        follow_redirects=False,
        headers={"user-agent": "recon"},
    )
    ignore_redirects_and_cookies(client)
    return client


class WebhookSender:
    """Sends messages to one webhook."""

    def __init__(self, target: WebhookTarget, client: httpx.AsyncClient, now: Callable[[], datetime]) -> None:
        """Prepare to sign. Raise ConfigError if the secret is not valid."""
        self._target = target
        self._client = client
        self._now = now
        try:
            self._signer = Webhook(target.secret)
        except (ValueError, EmptyWebhookSecretError):
            # From None: the library's message may contain the secret.
            raise ConfigError(f"webhook {target.name!r}: the secret must be base64, after whsec_") from None

    async def send(self, message: Message) -> None:
        """Deliver a message: return when the receiver has taken it. The caller bounds the whole time.

        Raise DeliveryError, with the reason, whether only a person can repair it, and the delay that the receiver
        requests.
        """
        timestamp = self._now()
        headers = {
            "content-type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(timestamp.timestamp())),
            "webhook-signature": self._signer.sign(message.id, timestamp, message.body),
        }
        try:
            async with self._client.stream(
                "POST", self._target.url, content=message.body.encode(), headers=headers
            ) as response:
                failed = None if response.is_success else self._refusal(response, timestamp)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            # From None: the library's errors contain the request, and so the address and the signature.
            raise DeliveryError(f"webhook {self._target.name!r} {self._failure(error)}") from None
        if failed is not None:
            raise failed

    def _refusal(self, response: httpx.Response, now: datetime) -> DeliveryError:
        status = response.status_code
        try:
            answer = f"{status} {HTTPStatus(status).phrase}"
        except ValueError:
            answer = str(status)
        hint = ""
        if response.is_redirect:
            hint = "; redirects are not followed, set url to the final address"
        elif status in {401, 403}:
            hint = "; the secret may not be the receiver's"
        elif status in {404, 405, 410}:
            hint = "; check its url"
        failed = DeliveryError(f"webhook {self._target.name!r} answered {answer}{hint}")
        failed.slow = status < 500 and status not in _TRANSIENT
        if status in _WITH_RETRY_AFTER:
            failed.retry_after = retry_after_seconds(response.headers.get("retry-after"), now)
        return failed

    def _failure(self, error: Exception) -> str:
        host = urlsplit(self._target.url).hostname
        if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
            return f"at {host} could not be reached within {CONNECT_SECONDS:g} s"
        if isinstance(error, httpx.TimeoutException):
            return f"at {host} gave no answer within {ANSWER_SECONDS:g} s"
        advice = "; check its url and the network" if failure_kind(error) in {"refused", "dns"} else ""
        return f"at {host} could not be reached or broke off: {describe(error)}{advice}"
