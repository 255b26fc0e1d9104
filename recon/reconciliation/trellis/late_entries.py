"""Entries that come late: before the oldest report kept of an open unit, or without a stamp. Pure (semantics 5.4).

1. An entry from before the oldest report kept explains a jump if it happened in its interval and makes it smaller: one
   that is kept still has it then, one that is forgotten is put right. Otherwise it happens at its arrival.
2. An entry without a stamp whose amount undoes the jump at its arrival, and equals an open break at least a hold
   before, happened there.
"""

from __future__ import annotations

from collections.abc import Iterable

from recon.ledger.fees.fee_key import RATES
from recon.reconciliation.model.step import Step
from recon.reconciliation.trellis.amounts import to_decimal
from recon.reconciliation.trellis.column import OddEdge
from recon.reconciliation.trellis.entries import Entry, place_of
from recon.reconciliation.trellis.process import add_entry
from recon.reconciliation.trellis.shadows import remove_entries
from recon.reconciliation.trellis.steps import Cleared, Committed, Moved, Told
from recon.reconciliation.trellis.unit import ToldBreak, UnitTrellis


def place_entry(unit: UnitTrellis, entry: Entry, now: int, told: list[Told], *, absorb: bool = False) -> None:
    """Take an entry, at a log time, where it belongs.

    `absorb`: what happened before the oldest report kept is part of the opening.
    """
    columns = unit.columns
    if not columns or entry.stamp_us > columns[0].at or not unit.is_open:  # as nearly always
        add_entry(unit, entry)
        return
    first = columns[0]
    oldest = first.at - unit.window - (unit.grain if unit.grain > 1 else 0)
    place, items = place_of(entry), unit.entries.items
    if entry.stamp_us > oldest and items and place_of(items[-1]) <= place and not unit.breaks:
        add_entry(unit, entry)
        return
    for known in reversed(unit.breaks):
        fits = known.open and known.at <= first.at and known.after <= entry.stamp_us <= known.at
        if fits and _less(known.amount, entry.amount):
            _put_right(unit, entry, known, told)
            return
    first_out, later_in = next(iter(first.states))[:2]
    held = first_out + later_in.bit_length()
    if entry.stamp_us > oldest and unit.entries.before(place) >= held:
        add_entry(unit, entry)
    elif absorb:
        unit.shift_levels(entry.amount, entry.booked_fee)
    else:
        _place_early(unit, entry, held, now)


def _place_early(unit: UnitTrellis, entry: Entry, held: int, now: int) -> None:
    """Take an entry from before what the oldest report kept holds: at the jump that it explains, or at its arrival."""
    stamp = entry.stamp_us
    least = unit.entries.stamp[held]
    for odd in unit.odd():
        if (
            odd.kind == "jump"
            and odd.before_at - unit.window <= stamp <= odd.column.at
            and _less(odd.left, entry.amount)
        ):
            entry.stamp_us = max(odd.column.at - unit.window // 2, least)
            entry.resolution_us = unit.window // 2
            add_entry(unit, entry)
            return
    entry.stamp_us = max(now, least)
    entry.resolution_us = max(entry.resolution_us, 1)
    add_entry(unit, entry)


def _less(jump: int, amount: int) -> bool:
    """True if an amount makes a jump smaller."""
    return abs(jump - amount) < abs(jump)


def _most(unit: UnitTrellis, entry: Entry) -> int:
    """Return what a fee and rounding of an entry may come to at most."""
    return unit.entries.rates.table.most * abs(entry.turnover) // RATES + entry.slack + 2 * unit.quantum


def _put_right(unit: UnitTrellis, entry: Entry, known: ToldBreak, told: list[Told]) -> None:
    """Take an entry into what is forgotten: a break there is smaller, or none."""
    unit.shift_levels(entry.amount, entry.booked_fee)
    before, rest = known.amount, known.amount - entry.amount
    known.amount = rest
    cleared = abs(rest) <= _most(unit, entry)
    if cleared:
        known.open = False
        told.append(Cleared(unit.key, known.seq, "late_entry"))
    else:
        step = Step(unit.key, known.seq, known.at, known.after, known.after_seq, to_decimal(rest), known.kind)
        told.append(Moved(known.seq, step))
    jump = 0 if known.kind == "novel" else (0 if cleared else rest) - before
    fee = entry.booked_fee - entry.amount - jump
    told.append(
        Committed(unit.key, known.seq, known.seq, known.at, "late_entry", jump=to_decimal(jump), fee=to_decimal(fee))
    )


# -- entries without a stamp ------------------------------------------------------------------------------------------


def find_late(units: Iterable[UnitTrellis]) -> tuple[Entry, int] | None:
    """Return an entry without a stamp and the report of the break at which it happened."""
    for unit in units:
        opened = {known.at for known in unit.breaks if known.open}
        if not unit.blind or not opened:
            continue
        jumps = [odd for odd in unit.odd() if odd.kind == "jump"]
        for number, late in enumerate(jumps):
            found = _late_at(unit, late, [odd for odd in jumps[:number] if odd.column.at in opened])
            if found is not None:
                return found
    return None


def _late_at(unit: UnitTrellis, late: OddEdge, earlier: list[OddEdge]) -> tuple[Entry, int] | None:
    for entry in unit.entries.items:
        if entry.resolution_us or not entry.amount or abs(entry.arrived_us - late.column.at) > 2 * unit.window:
            continue
        most = _most(unit, entry)
        if abs(late.left + entry.amount) > most:
            continue
        border = entry.arrived_us - unit.hold()
        same = [odd for odd in earlier if odd.column.at < border and abs(odd.left - entry.amount) <= most]
        if same:
            return entry, same[-1].column.at
    return None


def restamp(units: Iterable[UnitTrellis], late: Entry, at: int, now: int, told: list[Told]) -> None:
    """Move a fill, in all units, to when it happened; the resolution is half a window."""
    for unit in units:
        same = [
            entry
            for entry in unit.entries.items
            if entry.order == late.order and entry.arrived_us == late.arrived_us and not entry.resolution_us
        ]
        if not same:
            continue
        remove_entries(unit, same)
        for entry in same:
            entry.stamp_us, entry.resolution_us = at - unit.window // 2, unit.window // 2
            place_entry(unit, entry, now, told)
