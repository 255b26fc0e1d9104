"""A gateway's log in memory, folded as it grows; it reports ledger progress to the agent, as the service does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import trio

from recon.backfill.view import BackfillView, backfill_view
from recon.ledger.ledger import Ledger
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.rules import Rules
from recon.log.events import Event, NewEvent
from recon.projection.fold import Fold, decode_event
from recon.reconciliation.reconciler import Reconciler
from recon.testing import is_readable
from recon.times import microseconds


class MemoryLog:
    """The log, its fold, and its clock: `start` plus the elapsed virtual time."""

    def __init__(self, gateway: str, start: datetime) -> None:
        self.events: list[Event] = []
        self.book = Ledger(gateway, LedgerClock(), Rules())
        self.fold = Fold(self.book, Reconciler(self.book))
        self.on_progress: Callable[[BackfillView], None] = lambda _: None
        self._start = start
        self._began = trio.current_time()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=trio.current_time() - self._began)

    def now_us(self) -> int:
        return microseconds(self.now())

    def append(self, new: NewEvent) -> None:
        latest = self.events[-1].recorded_at if self.events else new.received_at
        event = Event(
            seq=len(self.events) + 1,
            recorded_at=max(latest, new.received_at),
            received_at=new.received_at,
            kind=new.kind,
            account=new.account,
            session=new.session,
            readable=is_readable(new.payload),
            payload=new.payload,
        )
        self.events.append(event)
        self.fold.fold([decode_event(event)])
        self.on_progress(backfill_view(self.book, event.seq))
