"""From reported rows to observations of units. Pure (semantics 3.4, 4.1).

1. A row without its amount is no observation; nothing is derived from other fields.
2. Absence from a complete snapshot is an observation of zero, marked as inferred (architecture 2.8).
3. An observation offers both readings until a venue's position mode is decided: one-way or hedge.
4. Two rows are two sides only if both are non-zero, or the same snapshot lists both. A one-way venue may put a flat
   position on either side. Its empty row means that the net position is zero.
5. A flat row without a side closes the side that the books say is flat, or none; never a side by default.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.ems.protocol.messages import PositionRow
from recon.exact import ZERO, same_amount
from recon.ledger.units import Unit

#: `last_updated_by` values of rows that come from the venue; absence counts as the venue (semantics 4.1).
AUTHORITATIVE: Final = frozenset({"EXCHANGE"})


class Observation(msgspec.Struct, frozen=True, gc=False):
    """A reported amount of a unit at a log position; `values` are the possible readings, the likelier first."""

    seq: int
    clock: int
    us: int
    values: tuple[Decimal, ...]
    inferred: bool = False
    #: Contracts: the average entry price in the same report.
    price: Decimal | None = None
    #: True if a list of balances stayed empty and was taken at its word.
    emptied: bool = False


def is_authoritative(last_updated_by: str | None, *, trust_balance_manager: bool) -> bool:
    """True if a balance row is an observation, which may fix an opening and is compared."""
    if last_updated_by is None or last_updated_by in AUTHORITATIVE:
        return True
    return trust_balance_manager and last_updated_by == "BALANCE_MANAGER"


def signed_quantity(row: PositionRow) -> Decimal | None:
    """Return the signed quantity of a position row: negative if short, also where both side and sign say so."""
    if row.quantity is None:
        return None
    if row.quantity < 0:
        return row.quantity
    return -row.quantity if row.side == "SELL" else row.quantity


def read_position(unit: Unit, row: PositionRow, mode: str | None) -> tuple[Decimal, ...]:
    """Update a contract's sides by a row; return the readings of the net position, the likelier first."""
    quantity = signed_quantity(row)
    if quantity is None:
        return ()
    side = row.side or ("SELL" if quantity < 0 else "BUY")
    decided = mode or unit.contract.position_mode
    if not quantity and not row.side:
        return _read_flat(unit, decided)
    if decided == "one_way" or (decided is None and _replaces(unit, side, quantity)):
        unit.contract.set_sides({side: quantity})
        return (quantity,)
    _set_side(unit, side, quantity)
    both = sum(unit.contract.sides.values(), ZERO)
    if decided == "hedge":
        return (both,)
    return (quantity,) if both == quantity else (quantity, both)


def _read_flat(unit: Unit, decided: str | None) -> tuple[Decimal, ...]:
    """Update a contract's sides by a flat row that tells no side; return the readings of the net position.

    Where a venue tells two sides, the row may repeat the one that is flat already. The books say which side it closes.
    """
    sides = unit.contract.sides
    held = [side for side, quantity in sides.items() if quantity]
    if decided == "one_way" or not held or (decided is None and len(sides) == 1):
        unit.contract.set_sides({held[0] if held else "BUY": ZERO})
        return (ZERO,)
    ways = [sides, *({**sides, side: ZERO} for side in held)]
    if decided is None:
        ways.append(dict.fromkeys(sides, ZERO))
    borne_out = next((way for way in ways if _is_borne_out(unit, way)), None)
    if borne_out is not None:
        unit.contract.set_sides(borne_out, flat_side_unknown=borne_out is sides)
        return (sum(borne_out.values(), ZERO),)
    unit.contract.set_sides(sides, flat_side_unknown=True)
    net = sum(sides.values(), ZERO)
    return (net,) if decided == "hedge" or not net else (ZERO, net)


def _set_side(unit: Unit, side: str, quantity: Decimal) -> None:
    """Set the quantity of a side; the other one is flat if some side is, and the books bear that out alone."""
    sides, pending = {**unit.contract.sides, side: quantity}, unit.contract.flat_side_unknown
    alone = {each: amount if each == side else ZERO for each, amount in sides.items()}
    if pending and quantity and alone != sides and _is_borne_out(unit, alone) and not _is_borne_out(unit, sides):
        unit.contract.set_sides(alone)
    else:
        unit.contract.set_sides(sides, flat_side_unknown=pending)


def _is_borne_out(unit: Unit, sides: dict[str, Decimal]) -> bool:
    """True if the books hold the net of these sides."""
    return unit.value is not None and same_amount(unit.value, sum(sides.values(), ZERO))


def _replaces(unit: Unit, side: str, quantity: Decimal) -> bool:
    """True if a row replaces all other rows, because two sides were never non-zero or listed at once.

    Otherwise a short position that vanishes would also fit the report of an empty long side.
    """
    return side not in unit.contract.sides and not (quantity and any(unit.contract.sides.values()))


def settle_position_mode(unit: Unit, us: int, window: int, *, plain: bool) -> None:
    """Decide the position mode by the reading that holds, of a report with several; times are in microseconds.

    The plain reading is that of one-way mode. Hedge mode needs two reports, a settlement window apart: a row that comes
    before its execution report may fit an earlier cut once.
    """
    if unit.contract.position_mode is not None:
        return
    if plain:
        unit.contract.set_position_mode("one_way")
    elif unit.contract.hedge_since is None:
        unit.contract.suspect_hedge(us)
    elif us - unit.contract.hedge_since > window:
        unit.contract.set_position_mode("hedge")


def read_positions(unit: Unit, rows: list[PositionRow], mode: str | None) -> tuple[Decimal, ...]:
    """Replace a contract's sides by the rows of a snapshot; return the net position."""
    sides: dict[str, Decimal] = {}
    flat = False
    for row in rows:
        quantity = signed_quantity(row)
        if quantity is None:
            continue
        if not quantity and not row.side:
            flat = True
            continue
        side = row.side or ("SELL" if quantity < 0 else "BUY")
        sides[side] = sides.get(side, ZERO) + quantity
    if flat:
        # Beside a row of one side, it is that of the other.
        sides.setdefault("BUY" if "BUY" not in sides else "SELL", ZERO)
    if not sides:
        return ()
    if mode is None and sum(1 for quantity in sides.values() if quantity) > 1:
        unit.contract.set_position_mode("hedge")
    unit.contract.set_sides(sides)
    return (sum(sides.values(), ZERO),)
