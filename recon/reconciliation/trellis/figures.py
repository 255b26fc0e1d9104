"""A unit at its last report: what it said, and what the best path has not in it. Pure (semantics 7.1)."""

from __future__ import annotations

from recon.reconciliation.trellis.amounts import to_decimal
from recon.reconciliation.trellis.column import AMOUNT, BOOKED
from recon.reconciliation.trellis.path import best_state
from recon.reconciliation.trellis.process import cut_of_newest, judged_at
from recon.reconciliation.trellis.steps import Figures
from recon.reconciliation.trellis.unit import UnitTrellis


def figures_of(unit: UnitTrellis) -> Figures | None:
    """Return a unit at its newest report if that is just what is booked, else at the last one taken.

    None before one was taken.
    """
    if not unit.columns:
        return None
    column, entries, cut = unit.columns[-1], unit.entries, cut_of_newest(unit)
    if cut is not None:
        newest = unit.queue[-1]
        seq, at, value = newest.seq, newest.at, newest.values[0]
        sums, first_out, later_in = entries.sums[cut], cut, 0
    else:
        state = best_state(unit, column.at)
        sums, first_out, later_in = unit.totals(column, state), state[0], state[1]
        seq, at, value = column.seq, column.at, column.value_of(state)
    last = entries.sums[-1]
    return Figures(
        seq,
        at,
        to_decimal(value),
        to_decimal(last[AMOUNT] - sums[AMOUNT]),
        to_decimal(last[BOOKED] - sums[BOOKED]),
        to_decimal(entries.explained_after(first_out, later_in)),
        cut is None and judged_at(unit) is not None,
    )
