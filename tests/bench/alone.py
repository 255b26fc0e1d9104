"""Books without comparison: what takes the engine's place where only the cost of comparing is asked for.

`BooksAlone` opens each unit at its first report and has the same rows written; it holds no report against the books,
so that no break and no cause comes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from recon.ledger.legs import Leg
from recon.ledger.observations import Observation
from recon.ledger.posting.derivatives import open_unit
from recon.ledger.units import UnitState
from recon.projection import working_set
from recon.reconciliation.reconciler import Reconciler
from recon.times import LogTime


class BooksAlone(Reconciler):
    """Takes what the books tell it, and compares nothing."""

    def on_observation(self, held: UnitState, observation: Observation, at: LogTime) -> None:
        self.changed[held.key] = held
        if held.unit.balance.opening is None:
            open_unit(self.ledger, held, observation.values[0] - held.timeline.totals[-1], "exact", at)

    def on_legs(self, legs: Iterable[tuple[UnitState, Leg]], at: LogTime) -> None:  # noqa: ARG002  # as the reconciler
        self.changed.update((held.key, held) for held, _ in legs)

    def advance(self, at: LogTime) -> None:
        pass

    def on_modelling_changed(self, held: UnitState) -> None:
        pass

    def contradict(self, held: UnitState, kind: str, order: str, amount: Decimal | None, at: LogTime) -> None:
        pass

    def on_cash_to_come(self, awaited: Iterable[tuple[UnitState, str]], at: LogTime) -> None:
        pass


def leave_out() -> None:
    """Let this process keep books alone from now on."""
    _use(BooksAlone)


@contextmanager
def books_alone() -> Iterator[None]:
    """Keep books alone for a while."""
    leave_out()
    try:
        yield
    finally:
        _use(Reconciler)


def _use(reconciler: type[Reconciler]) -> None:
    setattr(working_set, "Reconciler", reconciler)  # noqa: B010  # the one seam of this measurement; mypy rightly minds it
