"""The legs that a driver's events gave, kept beyond the end of each event."""

from __future__ import annotations

from recon.ledger.legs import Leg
from recon.ledger.units import UnitState
from recon.testing import GatewayDriver


class LegKeeper(list[tuple[UnitState, Leg]]):
    """A list of legs that does not forget: what the fold empties stays."""

    def clear(self) -> None:
        """Keep everything."""

    def of(self, code: str) -> list[Leg]:
        """Return the legs of an asset or a contract, in the order of posting."""
        return [leg for state, leg in self if state.unit.code == code]


def keep_legs(driver: GatewayDriver) -> LegKeeper:
    """Keep the legs of all that a driver does from now on."""
    keeper = LegKeeper()
    driver.ledger.effects.legs = keeper
    return keeper
