"""A fill that was told in one and happened in two: its entries become two in every unit. Pure (semantics 2.2)."""

from __future__ import annotations

import msgspec

from recon.ledger.legs import FillPart, Stamp
from recon.ledger.units import UnitKey
from recon.reconciliation.trellis.amounts import to_int
from recon.reconciliation.trellis.entries import Entry
from recon.reconciliation.trellis.late_entries import place_entry
from recon.reconciliation.trellis.parts import AccountParts
from recon.reconciliation.trellis.shadows import remove_entries
from recon.reconciliation.trellis.steps import Told
from recon.reconciliation.trellis.unit import UnitTrellis


def split_fill(parts: AccountParts, part: FillPart, now: int, told: list[Told]) -> None:
    """Split the entries of the fill that a part belongs to; what is forgotten stays as it was."""
    base, quote = ((parts.account, "asset", code) for code in part.units)
    found = _entry_of(parts.units.get(base), part)
    if found is None:
        return
    whole, rest = found
    for key in sorted(parts.units):
        unit = parts.units[key]
        same = [each for each in unit.entries.items if _is_same(each, whole)]
        if len(same) != 1:
            continue
        amount = _early_amount(unit, same[0], part, (whole, rest), quote=quote)
        early = _take_out(parts, unit, same[0], amount, (whole.amount - rest, whole.amount), part.stamp)
        if early is not None:
            for each in (early, same[0]):
                place_entry(unit, each, now, told)
            parts.changed.add(unit.key)
            parts.touch_for_entry(unit, now)


def _entry_of(unit: UnitTrellis | None, part: FillPart) -> tuple[Entry, int] | None:
    """Return the base's entry that holds the part and more, and how much of it came after the part."""
    left = to_int(part.left[0])
    for entry in reversed([] if unit is None else unit.entries.items):
        if entry.order != part.order or not entry.amount:
            continue
        if abs(left) < abs(entry.amount):
            inside = left and (left > 0) == (entry.amount > 0) and part.stamp.us < entry.stamp_us
            return (entry, left) if inside else None
        left -= entry.amount
    return None


def _is_same(entry: Entry, whole: Entry) -> bool:
    return (entry.order, entry.stamp_us, entry.arrived_us) == (whole.order, whole.stamp_us, whole.arrived_us)


def _early_amount(unit: UnitTrellis, entry: Entry, part: FillPart, base: tuple[Entry, int], *, quote: UnitKey) -> int:
    """Return what of an entry the part moved: exactly in base and quote, else its share by quantity."""
    whole, rest = base
    if entry is whole:
        return entry.amount - rest
    share = entry.amount * (whole.amount - rest) // whole.amount
    if unit.key != quote:
        return share
    later = [each for each in unit.entries.items if each.order == part.order and each.number > entry.number]
    left = to_int(part.left[1]) - sum(each.amount for each in later)
    fits = left and (left > 0) == (entry.amount > 0) and abs(left) < abs(entry.amount)
    return entry.amount - left if fits else share


def _take_out(
    parts: AccountParts, unit: UnitTrellis, entry: Entry, amount: int, share: tuple[int, int], stamp: Stamp
) -> Entry | None:
    """Take an entry out of a unit and an amount out of the entry, as an earlier one; both are to be placed anew.

    None where the oldest report kept holds the entry: its place is final.
    """
    kept = len(unit.entries.items)
    remove_entries(unit, [entry])
    if len(unit.entries.items) == kept:
        return None
    parts.number += 1
    turnover = amount if entry.turnover == entry.amount else entry.turnover * share[0] // share[1]
    fee = entry.booked_fee * turnover // entry.turnover if entry.turnover else 0
    early = msgspec.structs.replace(
        entry,
        stamp_us=stamp.us,
        resolution_us=stamp.resolution_us,
        number=parts.number,
        amount=amount,
        turnover=turnover,
        unmodelled=0,
        booked_fee=fee,
        explained=entry.explained * amount // entry.amount if entry.explained else 0,
    )
    entry.amount -= amount
    entry.explained -= early.explained
    entry.turnover -= turnover
    entry.booked_fee -= fee
    return early
