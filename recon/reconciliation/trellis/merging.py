"""Entries of a unit that no report speaks of for long: the oldest become one, so that memory stays bounded. Pure.

1. Only entries merge that every later report holds, and that no report compared so far may hold.
2. The merged entry bears their sums: what they moved less the fees expected of them, and all that bounds it. Fees are
   no fills, so they are explained.
"""

from __future__ import annotations

from recon.ledger.fees.fee_key import RATES
from recon.reconciliation.trellis.column import AMOUNT, BOOKED, FEE, SLACK, UNKNOWN, UNMODELLED
from recon.reconciliation.trellis.costs import MAX_UNREPORTED, MERGED
from recon.reconciliation.trellis.entries import Entry
from recon.reconciliation.trellis.unit import UnitTrellis


def merge_unreported(unit: UnitTrellis) -> None:
    """Merge the oldest entries beyond the last report, if there are too many of them."""
    entries, items = unit.entries, unit.entries.items
    if unit.queue:
        return
    first = _first_unreported(unit)
    last = first + MERGED
    if len(items) - first <= MAX_UNREPORTED or items[last].stamp_us > items[-1].stamp_us - 2 * unit.window:
        return
    if not unit.columns:
        entries.forget(last)  # whatever the first report says holds them
        return
    entries.replace([*items[:first], _merged(unit, first, last), *items[last:]])


def _first_unreported(unit: UnitTrellis) -> int:
    """Return the index of the first entry that no report compared so far may hold."""
    if not unit.columns:
        return 0
    held = max(key[0] + key[1].bit_length() for key in unit.columns[-1].states)
    late = unit.columns[-1].at + unit.window
    while held < len(unit.entries.items) and unit.entries.items[held].stamp_us <= late:
        held += 1
    return held


def _merged(unit: UnitTrellis, first: int, last: int) -> Entry:
    """Return one entry that bears the sums of some."""
    entries = unit.entries

    def total(place: int) -> int:
        return entries.sums[last][place] - entries.sums[first][place]

    newest = entries.items[last - 1]
    fee = total(FEE)
    return Entry(
        newest.stamp_us,
        max(entry.arrived_us for entry in entries.items[first:last]),
        newest.resolution_us,
        newest.number,
        None,
        total(AMOUNT) - fee,
        slack=total(SLACK),
        unmodelled=total(UNMODELLED) + entries.rates.table.most * total(UNKNOWN) // RATES,
        booked_fee=total(BOOKED) - fee,
        explained=sum(entry.explained for entry in entries.items[first:last]) - fee,
    )
