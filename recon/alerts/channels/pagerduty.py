"""Telling PagerDuty what is open, by its Events API v2 (architecture 2.10).

1. A case or condition is one alert there, known by its `dedup_key`: it is triggered, acknowledged once somebody has it
   in recon, and resolved. Each of these may be told again.
2. The routing key is a secret, and stands in the body alone.
3. What is over is also told if it ended up to a week before our start: PagerDuty forgets nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, Literal

import httpx
import msgspec

from recon.alerts.channels.http import Address, open_client, post
from recon.alerts.channels.level import Habits, OpenAlert, Post, PostKind, at_least
from recon.alerts.channels.registry import LevelSender, level_channel
from recon.config import PagerDuty as PagerDutySettings

#: Most alerts that are told one by one.
MAX_ALERTS: Final = 100
#: An end so long before our start is still told.
WITHIN: Final = timedelta(days=7)
#: Longest summary, in characters (the API's bound).
MAX_SUMMARY: Final = 1024

Action = Literal["trigger", "acknowledge", "resolve"]

_ACTIONS: Final[Mapping[PostKind, Action]] = {"fire": "trigger", "take_up": "acknowledge", "resolve": "resolve"}
_SEVERITIES: Final = {"critical": "critical", "high": "critical", "medium": "error", "low": "warning"}

_encode: Final = msgspec.json.Encoder().encode


class Payload(msgspec.Struct, frozen=True):
    """What a trigger says."""

    summary: str
    source: str
    severity: str
    timestamp: datetime
    component: str
    group: str
    custom_details: dict[str, str]


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event as the API takes it; only a trigger has a payload."""

    routing_key: str
    event_action: Action
    dedup_key: str
    payload: Payload | None = None
    client: str | None = None


@level_channel("pagerduty", PagerDutySettings)
@asynccontextmanager
async def open_pagerduty(
    receivers: Mapping[str, PagerDutySettings], now: Callable[[], datetime]
) -> AsyncIterator[Mapping[str, LevelSender]]:
    """Open the senders of all services, by their names; they share one HTTP client."""
    async with open_client() as client:
        yield {name: PagerDutySender(name, table, client, now) for name, table in receivers.items()}


class PagerDutySender:
    """Tells one service of PagerDuty."""

    def __init__(
        self, name: str, settings: PagerDutySettings, client: httpx.AsyncClient, now: Callable[[], datetime]
    ) -> None:
        """Prepare; nothing is sent before `tell`."""
        self._address = Address(f"pagerduty {name!r}", settings.url, settings.allow_private)
        self._settings = settings
        self._client = client
        self._now = now
        self.habits = Habits(every=settings.every, most=MAX_ALERTS, within=WITHIN, takes_up=True)

    def identity(self, alert: OpenAlert) -> str | None:
        """Return the key by which it knows an alert; None for what pages nobody by the settings."""
        if not self._pages(alert):
            return None
        return "recon-" + hashlib.sha256(alert.key.encode()).hexdigest()[:40]

    def _pages(self, alert: OpenAlert) -> bool:
        if not at_least(alert.severity, self._settings.severity):
            return False
        return alert.certainty != "candidate" or self._settings.candidates or at_least(alert.severity, "high")

    def standing(self, now: datetime) -> Sequence[OpenAlert]:  # noqa: ARG002 - the signature is the interface's
        """Return nothing: PagerDuty has no alert that fires as long as all is well."""
        return []

    async def tell(self, posts: Sequence[Post]) -> int:
        """Tell the first post; return one. Raise DeliveryError."""
        event = event_of(posts[0], self._settings.routing_key.get_secret_value())
        headers = {"content-type": "application/json"}
        await post(self._client, self._address, _encode(event), headers, self._now())
        return 1


def event_of(told: Post, routing_key: str) -> Event:
    """Return the event of a post."""
    alert = told.alert
    action = _ACTIONS[told.kind]
    if action != "trigger":
        return Event(routing_key, action, told.identity)
    details = {"cause": alert.cause, "certainty": alert.certainty, "severity": alert.severity, **alert.details}
    payload = Payload(
        summary=alert.summary[:MAX_SUMMARY],
        source=alert.gateway or "recon",
        severity=_SEVERITIES.get(alert.severity, "info"),
        timestamp=alert.began_at,
        component=alert.about or "recon",
        group=alert.kind,
        custom_details={name: value for name, value in details.items() if value},
    )
    return Event(routing_key, action, told.identity, payload, "recon")
