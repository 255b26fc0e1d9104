"""Units with accepted breaks, and when the first of their acceptances ends. Pure (semantics 7)."""

from __future__ import annotations

from recon.ledger.units import UnitKey, UnitState
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.comparisons import FirstEnd


class Acceptances(dict[UnitKey, UnitState]):
    """Units with an accepted break."""

    def __init__(self) -> None:
        """Begin without any."""
        super().__init__()
        self._ends = FirstEnd()
        #: When the first acceptance ends, in microseconds; None: there is none.
        self.until_us: int | None = None

    def track(self, state: UnitState, comparison: ComparisonState) -> None:
        """Note when the next acceptance of a unit ends; one of a unit that is set aside stays as it is."""
        breaks = [] if comparison.set_aside else comparison.breaks
        ends = [break_.acceptance.until_us for break_ in breaks if break_.acceptance is not None]
        if ends:
            self[state.key] = state
        else:
            self.pop(state.key, None)
        self._ends.set(state.key, min(ends, default=None))
        self.until_us = self._ends.first()

    def take_due(self, us: int) -> list[UnitState]:
        """Return the units in which an acceptance has ended; each is to be tracked again."""
        if self.until_us is None or us < self.until_us:
            return []
        found = [self[key] for key in self._ends.due(us)]
        self.until_us = self._ends.first()
        return found
