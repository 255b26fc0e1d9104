"""Alerts in the service: the router, and a dispatcher for each channel; what is told comes from `signalling`."""

from __future__ import annotations

import random  # noqa: TID251  # backoff jitter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from recon.alerts.channels import Sender, configured_channels, level_names
from recon.alerts.dispatcher import Dispatcher
from recon.alerts.policy.fold import decide
from recon.alerts.policy.precision import precision_of
from recon.alerts.policy_settings import policy_of
from recon.alerts.route import Desk
from recon.alerts.router import Router
from recon.config import Settings
from recon.db.transactions import Database
from recon.display.words import counted
from recon.meters import DeliveryMeter, RoutingMeter
from recon.status import StatusReporter
from recon.tracing import OFF, Tracing

ROUTER: Final = "router"


def desk_of(settings: Settings) -> Desk:
    """Return who decides what is told, by the settings. Raise ConfigError."""
    return Desk(decide, policy_of(settings.alerts, configured_channels(settings), level_names(settings)), measured)


def measured(causes: Iterable[str]) -> dict[str, str]:
    """Return the measured precision of those of these causes that have one, in words."""
    known = {cause: precision_of(cause) for cause in sorted(causes)}
    return {
        cause: f"right {counted(each.right, 'time')} of {each.said}"
        for cause, each in known.items()
        if each is not None
    }


class AlertParts:
    """The router and the dispatchers of one instance, bound together."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        senders: Mapping[str, Sender],
        now: Callable[[], datetime],
        status: StatusReporter,
        tracing: Tracing = OFF,
    ) -> None:
        """Build the parts; nothing happens before they run."""
        self._dispatchers = {
            channel: Dispatcher(database, channel=channel, sender=sender, now=now, draw=random.random, tracing=tracing)
            for channel, sender in senders.items()
        }
        self._router = Router(database, desk, now=now, on_queued=self.wake_dispatchers, status=status, tracing=tracing)

    def parts(self) -> dict[str, Callable[[], Awaitable[object]]]:
        """Return what runs under supervision, by name."""
        dispatchers = {channel: dispatcher.run for channel, dispatcher in self._dispatchers.items()}
        return {ROUTER: self._router.run, **dispatchers}

    @property
    def routing(self) -> RoutingMeter:
        """Return what the router has counted."""
        return self._router.meter

    @property
    def deliveries(self) -> Mapping[str, DeliveryMeter]:
        """Return what each channel has counted."""
        return {channel: dispatcher.meter for channel, dispatcher in self._dispatchers.items()}

    def wake(self) -> None:
        """Route, and look for messages, at once: something was stored."""
        self._router.wake()
        self.wake_dispatchers()

    def wake_router(self) -> None:
        """Route at once: a signal was stored."""
        self._router.wake()

    def wake_dispatchers(self) -> None:
        """Look for messages at once."""
        for dispatcher in self._dispatchers.values():
            dispatcher.wake()
