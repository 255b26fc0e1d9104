"""The stand-in of the benchmark keeps the books that the engine keeps, and compares nothing."""

from __future__ import annotations

from collections.abc import Sequence

from recon.log.events import Event, NewEvent
from recon.projection import working_set
from recon.projection.fold import Fold, decode_event
from recon.reconciliation.reconciler import Reconciler
from recon.testing import new_fold
from tests.bench.alone import BooksAlone, books_alone
from tests.bench.load import REPORTS_PER_ORDER, new_events

LOST_EVERY = 20


def folded(fold: Fold, events: Sequence[NewEvent]) -> Fold:
    fold.fold([decode_event(stored(seq, event)) for seq, event in enumerate(events, start=1)])
    return fold


def stored(seq: int, new: NewEvent) -> Event:
    return Event(
        seq=seq,
        recorded_at=new.received_at,
        received_at=new.received_at,
        kind=new.kind,
        account=new.account,
        session=new.session,
        readable=True,
        payload=new.payload,
    )


def test_books_are_the_same_without_comparison() -> None:
    events = new_events(2_000, apart_us=30_000)
    whole, alone = folded(new_fold("g"), events), new_fold("g")
    alone.reconciler = BooksAlone(alone.ledger)
    folded(alone, events)
    books = [
        {
            key: (held.unit.balance.opening, held.unit.balance.fills, held.unit.balance.explained)
            for key, held in fold.ledger.units.items()
        }
        for fold in (whole, alone)
    ]
    assert books[0] == books[1]
    assert len(whole.ledger.changes.fills) == len(alone.ledger.changes.fills) > 0
    assert alone.reconciler.changed.keys() == whole.reconciler.changed.keys(), "the same rows are written"


def test_what_is_lost_breaks_with_comparison_alone() -> None:
    events = new_events(4_000, lost_every=LOST_EVERY, apart_us=20_000)
    reports = sum(event.kind == "ORDER_EXEC_REPORT_UPDATE" for event in events)
    every = sum(event.kind == "ORDER_EXEC_REPORT_UPDATE" for event in new_events(4_000))
    assert every - reports == every // (LOST_EVERY * REPORTS_PER_ORDER)
    whole, alone = folded(new_fold("g"), events), new_fold("g")
    alone.reconciler = BooksAlone(alone.ledger)
    folded(alone, events)
    assert [transition.event for transition in whole.reconciler.transitions].count("opened") > 0
    assert not alone.reconciler.transitions
    assert len(whole.ledger.changes.fills) == len(alone.ledger.changes.fills)


def test_the_engine_comes_back() -> None:
    with books_alone():
        assert vars(working_set)["Reconciler"] is BooksAlone
    assert vars(working_set)["Reconciler"] is Reconciler
