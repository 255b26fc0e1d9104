"""Telling a Prometheus Alertmanager what is open, by its API v2 (architecture 2.10).

1. An alert is known by its labels: `alertname`, `gateway`, `account` or `about`, `case`, `severity`. All else is an
   annotation, which may change. An alert whose severity changes is ended, and begins as another.
2. What is open is told with an end four intervals from now: if nobody tells it again, it counts as over.
3. Several alerts are one request, which is taken whole or not at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import httpx
import msgspec

from recon.alerts.channels.http import Address, open_client, post
from recon.alerts.channels.level import Habits, OpenAlert, Post, at_least
from recon.alerts.channels.registry import LevelSender, level_channel
from recon.config import Alertmanager as AlertmanagerSettings

#: For how many intervals an alert stays open without being told again.
INTERVALS: Final = 4
#: Most alerts that are told one by one, and in one request.
MAX_ALERTS: Final = 2_000
MAX_BATCH: Final = 200
#: An end at or before our start that is still told.
WITHIN: Final = timedelta(minutes=5)
#: The alert that fires as long as recon sees.
WATCHDOG: Final = "recon.watchdog"

_encode: Final = msgspec.json.Encoder().encode


class Alert(msgspec.Struct, frozen=True, rename="camel"):
    """One alert as the API takes it (`postableAlert`)."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: datetime
    ends_at: datetime


@level_channel("alertmanager", AlertmanagerSettings)
@asynccontextmanager
async def open_alertmanagers(
    receivers: Mapping[str, AlertmanagerSettings], now: Callable[[], datetime]
) -> AsyncIterator[Mapping[str, LevelSender]]:
    """Open the senders of all Alertmanagers, by their names; they share one HTTP client."""
    async with open_client() as client:
        yield {name: AlertmanagerSender(name, table, client, now) for name, table in receivers.items()}


class AlertmanagerSender:
    """Tells one Alertmanager."""

    def __init__(
        self, name: str, settings: AlertmanagerSettings, client: httpx.AsyncClient, now: Callable[[], datetime]
    ) -> None:
        """Prepare; nothing is sent before `tell`."""
        url = f"{settings.url.rstrip('/')}/api/v2/alerts"
        self._address = Address(f"alertmanager {name!r}", url, settings.allow_private)
        self._settings = settings
        self._client = client
        self._now = now
        self._headers = {"content-type": "application/json"}
        if settings.token is not None:
            self._headers["authorization"] = f"Bearer {settings.token.get_secret_value()}"
        self.habits = Habits(every=settings.every, most=MAX_ALERTS, within=WITHIN, fires_first=True)

    def identity(self, alert: OpenAlert) -> str | None:
        """Return the labels, by which it knows an alert; None below the severity of the settings."""
        if alert.kind != WATCHDOG and not at_least(alert.severity, self._settings.severity):
            return None
        return "\x1f".join(f"{name}={value}" for name, value in labels_of(alert).items())

    def standing(self, now: datetime) -> Sequence[OpenAlert]:
        """Return the watchdog, if the settings want it."""
        if not self._settings.watchdog:
            return []
        return [OpenAlert(WATCHDOG, WATCHDOG, "", "", "recon runs, and sees its database", now)]

    async def tell(self, posts: Sequence[Post]) -> int:
        """Tell as many of the first posts as fit into one request; return how many. Raise DeliveryError."""
        batch = _of_different_alerts(posts[:MAX_BATCH])
        now = self._now()
        body = _encode([alert_of(each, now, self._settings.every, self._settings.labels) for each in batch])
        await post(self._client, self._address, body, self._headers, now)
        return len(batch)


def _of_different_alerts(posts: Sequence[Post]) -> Sequence[Post]:
    """Return the first posts up to the second one of the same alert: that one is a request of its own."""
    seen: set[str] = set()
    for index, each in enumerate(posts):
        if each.identity in seen:
            return posts[:index]
        seen.add(each.identity)
    return posts


def labels_of(alert: OpenAlert) -> dict[str, str]:
    """Return the labels of an alert, without those that are empty."""
    found = {
        "alertname": "recon.case" if alert.kind == "case" else alert.kind,
        "service": "recon",
        "gateway": alert.gateway,
        "account" if alert.kind == "case" or alert.kind.startswith("account.") else "about": alert.about,
        "case": alert.details.get("case", ""),
        "severity": alert.severity,
    }
    return {name: value for name, value in found.items() if value}


def alert_of(told: Post, now: datetime, every: timedelta, further: Mapping[str, str]) -> Alert:
    """Return what is told of an alert: open until four intervals from now, or over; with the further labels."""
    alert = told.alert
    annotations = {"summary": alert.summary, "cause": alert.cause, "certainty": alert.certainty, **alert.details}
    annotations["taken_up"] = "yes" if alert.taken_up else ""
    ends_at = now + INTERVALS * every
    if told.kind == "resolve":
        ends_at = min(now, alert.ended_at or now)
    return Alert(
        labels=labels_of(alert) | dict(further),
        annotations={name: value for name, value in annotations.items() if value},
        starts_at=min(alert.began_at, ends_at),
        ends_at=ends_at,
    )
