"""Reports that wait for their window, and which of them a later one stands for. Pure (semantics 5.11).

1. Of reports in one slice of a window that say just what is booked, each at the newest cut, the last one is compared:
   it says what the others said. A report that says anything else is compared, and so is the one before it.
2. While the account has an odd edge, a break or a parked edge, every report is compared: what it says of rates counts.
3. In a flood the last report of each much smaller slice is compared, whatever it says.
"""

from __future__ import annotations

from recon.reconciliation.trellis.column import FEE, PASSED, SLACK, SPREAD, UNKNOWN, UNMODELLED, Report
from recon.reconciliation.trellis.costs import FLOOD, SLICES
from recon.reconciliation.trellis.parts import AccountParts
from recon.reconciliation.trellis.unit import QueuedReport, UnitTrellis


def queue_report(parts: AccountParts, unit: UnitTrellis, report: Report, values: tuple[int, ...]) -> None:
    """Have a report wait for its window, its readings given in units of 1e-40; it may stand for the one before it."""
    queue, at, window = unit.queue, report.us, unit.window
    booked = not parts.odd and len(values) == 1 and _is_booked(unit, values[0])
    if booked and queue and queue[-1].booked:
        stands = queue[-1].at * SLICES // window == at * SLICES // window
    else:
        stands = len(queue) >= FLOOD and queue[-1].at * FLOOD // window == at * FLOOD // window
    if stands:
        queue.pop()
    queue.append(QueuedReport(at, report.seq, values, booked))
    if len(queue) == 1:
        parts.wake(unit, at + window)


def _is_booked(unit: UnitTrellis, value: int) -> bool:
    """True if a report holds all that is booked by now, as the likeliest path has it, and every rate is known."""
    columns, entries = unit.columns, unit.entries
    if len(columns) < 2 or unit.redo_from is not None:
        return False
    column, newest = columns[-1], entries.sums[-1]
    for key, (cost, _, edge, _, level) in column.states.items():
        if cost:
            continue
        sums = unit.totals(column, key)
        if key[2] == PASSED or edge != "exact":
            return False
        if newest[UNKNOWN] != sums[UNKNOWN] or newest[UNMODELLED] != sums[UNMODELLED]:
            return False
        left = value - level - sums[FEE] - entries.net[-1]
        if not left:
            return True
        beyond = max(abs(left) - unit.tolerance, 0)
        return beyond <= newest[SLACK] - sums[SLACK] and beyond * beyond <= newest[SPREAD] - sums[SPREAD]
    return False
