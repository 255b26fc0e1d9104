"""A log in memory: events numbered as the database numbers them, and a fold that has seen none yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from recon.ledger.ledger import Ledger
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.rules import Rules
from recon.log import readable
from recon.log.events import Event, NewEvent
from recon.projection.fold import Fold
from recon.reconciliation.reconciler import Reconciler

#: When a day begins that is not told another time: a Monday.
START: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def new_fold(gateway: str) -> Fold:
    """Return a fold that has seen no event of the gateway."""
    ledger = Ledger(gateway, LedgerClock(), Rules())
    return Fold(ledger, Reconciler(ledger))


def as_stored(events: Iterable[NewEvent], *, start: datetime = START) -> Iterator[Event]:
    """Yield events as the log stores them: numbered, and with a log time that never runs back."""
    latest = start
    for seq, event in enumerate(events, start=1):
        latest = max(latest, event.received_at)
        yield Event(
            seq=seq,
            recorded_at=latest,
            received_at=event.received_at,
            kind=event.kind,
            account=event.account,
            session=event.session,
            readable=is_readable(event.payload),
            payload=event.payload,
        )


def is_readable(payload: bytes) -> bool:
    """True if the payload is JSON that the database reads; of what is nested very deeply, this says no."""
    return readable.is_readable(payload) is True
