"""The legs that a driver's events gave, kept beyond the end of each event."""

from __future__ import annotations

from collections.abc import Iterable

from recon.ledger.legs import Leg
from recon.ledger.units import UnitState
from recon.projection.fold import Fold
from recon.testing import GatewayDriver
from recon.times import LogTime


class LegKeeper(list[tuple[UnitState, Leg]]):
    """The legs that a fold hands to its comparison, and still has afterwards."""

    def __init__(self, fold: Fold) -> None:
        """Keep the legs of all that a fold folds from now on."""
        super().__init__()
        self._compare = fold.reconciler.on_legs
        fold.reconciler.on_legs = self._take  # type: ignore[method-assign]

    def _take(self, legs: Iterable[tuple[UnitState, Leg]], at: LogTime) -> None:
        taken = list(legs)
        self += taken
        self._compare(taken, at)

    def of(self, code: str) -> list[Leg]:
        """Return the legs of an asset or a contract, in the order of posting."""
        return [leg for state, leg in self if state.unit.code == code]


def keep_legs(driver: GatewayDriver) -> LegKeeper:
    """Keep the legs of all that a driver does from now on."""
    return LegKeeper(driver.fold)
