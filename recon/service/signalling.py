"""What a step of the fold tells: its signals, stored in its own transaction (architecture 2.10)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from recon.alerts import signal_store
from recon.alerts.break_alert import signals_of
from recon.alerts.finding import finding_signals
from recon.alerts.refused import refused_signal
from recon.alerts.signal import NewSignal
from recon.projection.fold import DecodedEvent
from recon.projection.working_set import WorkingSet
from recon.reconciliation.model.snapshot import Transition
from recon.times import microseconds, to_datetime


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
