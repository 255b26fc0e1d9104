"""From reported rows to observations of units. Pure (semantics 3.4, 4.1).

1. A row without its amount is no observation; nothing is derived from other fields.
2. Absence from a complete snapshot is an observation of zero, marked as inferred (architecture 2.8).
3. While it is undecided whether a venue keeps both sides of a position, both readings are offered.
4. Two rows are of two sides only where both hold something, or one snapshot lists both: a venue that keeps one row may
   put a flat position on either side, and then an empty row means that nothing is held at all.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.ems.protocol.messages import PositionRow
from recon.exact import ZERO
from recon.ledger.units import Unit

#: `last_updated_by` values that are the venue's own word; absence counts as such and is marked (semantics 4.1).
AUTHORITATIVE: Final = frozenset({"EXCHANGE"})


class Observation(msgspec.Struct, frozen=True, gc=False):
    """What the EMS said of one unit at one log position. `values` are the readings it allows, the likelier first."""

    seq: int
    clock: int
    us: int
    values: tuple[Decimal, ...]
    inferred: bool = False
    #: Contracts: the average entry price that was reported with it.
    price: Decimal | None = None


def is_authoritative(last_updated_by: str | None, *, trust_balance_manager: bool) -> bool:
    """Tell whether a balance row can open books and be judged."""
    if last_updated_by is None or last_updated_by in AUTHORITATIVE:
        return True
    return trust_balance_manager and last_updated_by == "BALANCE_MANAGER"


def signed_quantity(row: PositionRow) -> Decimal | None:
    """Return a position row's quantity with its sign: short is negative, and a negative SELL counts once."""
    if row.quantity is None:
        return None
    if row.quantity < 0:
        return row.quantity
    return -row.quantity if row.side == "SELL" else row.quantity


def read_position(unit: Unit, row: PositionRow, mode: str | None) -> tuple[Decimal, ...]:
    """Take one updated row into a contract's sides and return the readings of its net, the likelier first."""
    quantity = signed_quantity(row)
    if quantity is None:
        return ()
    side = row.side or ("SELL" if quantity < 0 else "BUY")
    known = mode or unit.contract.position_mode
    if known == "one_way" or (known is None and _replaces(unit, side, quantity)):
        unit.contract.set_sides({side: quantity})
        return (quantity,)
    unit.contract.set_sides({**unit.contract.sides, side: quantity})
    both = sum(unit.contract.sides.values(), ZERO)
    if known == "hedge":
        return (both,)
    return (quantity,) if both == quantity else (quantity, both)


def _replaces(unit: Unit, side: str, quantity: Decimal) -> bool:
    """Tell whether a row takes the place of all others, because nothing was ever held or listed on two sides at once.

    With both readings a short position that vanishes would fit as one whose empty long side was told.
    """
    return side not in unit.contract.sides and not (quantity and any(unit.contract.sides.values()))


def settle_position_mode(unit: Unit, observation: Observation, value: Decimal, window: int) -> None:
    """Decide how a venue keeps positions by the reading that fits, of an observation that offers two.

    That both sides are kept takes two rows a settlement window (microseconds) apart: a row that comes before its report
    may fit by what the books held earlier, once.
    """
    if value == observation.values[0]:
        unit.contract.set_position_mode("one_way")
    elif unit.contract.hedge_since is None:
        unit.contract.suspect_hedge(observation.clock)
    elif observation.clock - unit.contract.hedge_since > window:
        unit.contract.set_position_mode("hedge")


def read_positions(unit: Unit, rows: list[PositionRow], mode: str | None) -> tuple[Decimal, ...]:
    """Take a snapshot's rows of one contract, which replace all sides known, and return its net."""
    sides: dict[str, Decimal] = {}
    for row in rows:
        quantity = signed_quantity(row)
        if quantity is not None:
            side = row.side or ("SELL" if quantity < 0 else "BUY")
            sides[side] = sides.get(side, ZERO) + quantity
    if not sides:
        return ()
    if mode is None and sum(1 for quantity in sides.values() if quantity) > 1:
        unit.contract.set_position_mode("hedge")
    unit.contract.set_sides(sides)
    return (sum(sides.values(), ZERO),)
