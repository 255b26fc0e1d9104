"""Alerts in the service: what a step of the fold tells, the router, and a dispatcher for each channel."""

from __future__ import annotations

import random  # noqa: TID251  # backoff jitter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recon.alerts import signal_store
from recon.alerts.break_alert import signals_of
from recon.alerts.channels import Sender, configured_channels, level_names
from recon.alerts.dispatcher import Dispatcher
from recon.alerts.finding import finding_signals
from recon.alerts.policy.fold import decide
from recon.alerts.policy.precision import precision_of
from recon.alerts.policy_settings import policy_of
from recon.alerts.refused import refused_signal
from recon.alerts.route import Desk
from recon.alerts.router import Router
from recon.alerts.signal import NewSignal
from recon.config import Settings
from recon.db.transactions import Database
from recon.meters import DeliveryMeter, RoutingMeter
from recon.projection.fold import DecodedEvent
from recon.projection.working_set import WorkingSet
from recon.reconciliation.model.snapshot import Transition
from recon.status import StatusReporter
from recon.times import microseconds, to_datetime
from recon.tracing import OFF, Tracing

ROUTER: Final = "router"


def tell(
    connection: Connection, working: WorkingSet, transitions: list[Transition], refused: list[DecodedEvent]
) -> int:
    """Store the signals of a step, inside its transaction; return how many are new (architecture 2.10)."""
    gateway = working.ledger.gateway
    at = to_datetime(working.ledger.clock.last_us)
    signals = [
        *signals_of(gateway, transitions),
        *_refused_signals(gateway, refused),
        *finding_signals(gateway, working.findings, at),
    ]
    return signal_store.append(connection, signals)


def _refused_signals(gateway: str, refused: list[DecodedEvent]) -> Iterator[NewSignal]:
    for item in refused:
        event, refusal = item.event, item.refusal
        if refusal is not None:
            us, version = microseconds(event.recorded_at), refusal.fold_version
            yield refused_signal(gateway, event.account, event.kind, refusal.reason, version, event.seq, us)


def desk_of(settings: Settings) -> Desk:
    """Return who decides what is told, by the settings. Raise ConfigError."""
    return Desk(decide, policy_of(settings.alerts, configured_channels(settings), level_names(settings)), measured)


def measured(causes: Iterable[str]) -> dict[str, str]:
    """Return the measured precision of those of these causes that have one, in words."""
    known = {cause: precision_of(cause) for cause in sorted(causes)}
    return {cause: f"right {each.right} times of {each.said}" for cause, each in known.items() if each is not None}


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
