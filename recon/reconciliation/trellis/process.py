"""What happens to a unit: entries come, and reports are taken once their window is over. Pure (semantics 5).

A report is taken once a window has passed, for its entries have come by then.
"""

from __future__ import annotations

from recon.reconciliation.trellis.column import FEE, HOLDS, PASSED, SLACK, Column, CommittedEdge
from recon.reconciliation.trellis.column_search import search_column, search_newest
from recon.reconciliation.trellis.commitment import find_opening, freeze, opening_ends
from recon.reconciliation.trellis.costs import HOLD, MAX_UNREPORTED
from recon.reconciliation.trellis.entries import Entry
from recon.reconciliation.trellis.merging import merge_unreported
from recon.reconciliation.trellis.steps import Told
from recon.reconciliation.trellis.unit import UnitTrellis


def add_entry(unit: UnitTrellis, entry: Entry) -> None:
    """Take an entry that does not sort before what is kept; columns that may hold it are worked out anew."""
    resolution = entry.resolution_us
    if resolution > unit.grain:
        unit.grain = resolution
    elif resolution == 0:
        unit.blind = True
    entries, columns = unit.entries, unit.columns
    entries.insert(entry)
    reach = entry.stamp_us - unit.early()
    index = len(columns)
    if index and columns[-1].at >= reach:
        while index and columns[index - 1].at >= reach:
            index -= 1
        unit.redo(max(index, 1) if unit.is_open else index)
    if len(entries.items) > MAX_UNREPORTED:
        merge_unreported(unit)


def begin_at(unit: UnitTrellis, seq: int, at: int, level: int) -> None:
    """Begin with a report that said just what is booked: its level is the opening, and it is final."""
    column = Column(at, seq, (level,))
    column.states = {(0, 0, HOLDS, 0): (0, None, "opening", 0, level)}
    column.frozen = True
    column.committed = CommittedEdge("opening", 0, 0, 0, level)
    unit.columns, unit.final, unit.trimmed = [column], 0, True
    unit.opened = at - 4 * unit.hold()
    unit.stale = False


def cut_of_newest(unit: UnitTrellis) -> int | None:
    """Return after how many entries the newest report, whose window is not over, is what is booked; None if nowhere.

    Cuts before the one of the last report that was compared are none.
    """
    if not unit.columns or not unit.queue:
        return None
    column, report, entries = unit.columns[-1], unit.queue[-1], unit.entries
    for state, value in column.states.items():
        if value[0] == 0:  # of the likeliest states
            sums = unit.totals(column, state)
            base = value[4] + sums[FEE]
            for cut in reversed(range(state[0], len(entries.net))):
                left = report.values[0] - entries.net[cut] - base
                if abs(left) <= entries.sums[cut][SLACK] - sums[SLACK] + unit.tolerance:
                    return cut
    return None


def process(unit: UnitTrellis, now: int, told: list[Told]) -> bool:
    """Take the reports whose window is over; return True if anything changed."""
    changed = _redo(unit)
    queue, taken = unit.queue, 0
    while taken < len(queue) and queue[taken].at + unit.window <= now:
        report = queue[taken]
        unit.columns.append(Column(report.at, report.seq, report.values))
        if unit.opened is None:
            unit.opened = report.at
        search_newest(unit)
        taken += 1
    if taken:
        del queue[:taken]
        changed = True
    if unit.columns and not changed:
        at = judged_at(unit)
        changed = at is not None and at <= now
    if changed or _falls_silent(unit, now):
        unit.stale = True
        unit.version += 1
    if unit.columns and unit.stale:
        freeze(unit, now, told)
        unit.stale = False
    if unit.columns:
        find_opening(unit, now, told)
    return changed


def _redo(unit: UnitTrellis) -> bool:
    """Work the columns out anew that late entries or new rates may have changed; final ones as well."""
    first = unit.redo_from
    if first is None:
        return False
    unit.redo_from = None
    if first <= unit.final:
        unit.unfix(first - 1)
    for index in range(first, len(unit.columns)):
        search_column(unit, index)
    return True


def judged_at(unit: UnitTrellis) -> int | None:
    """Return when the last report is judged anew if nothing follows: it was passed over; None where it was not."""
    if not unit.odd_tail:
        return None
    last, odd = unit.columns[-1], unit.odd_tail[-1]
    return last.at + HOLD * unit.window if odd.kind == "passed_over" and odd.column is last else None


def settles_at(unit: UnitTrellis) -> int | None:
    """Return when the last report becomes final though no other follows; None where it does not.

    It does where only one state is left: nothing that follows can say otherwise. A single report is an opening after
    a hold of quiet; any other opening is final after two holds, or after eight while another is nearly as likely.
    """
    if not unit.columns or unit.final == len(unit.columns) - 1 or unit.opened is None:
        return None
    if unit.columns[0].committed is None:
        quiet = len(unit.columns) == 1 and not unit.entries.items
        return unit.columns[0].at + unit.hold() if quiet else opening_ends(unit)
    last = unit.columns[-1]
    if len(last.states) > 1 or next(iter(last.states))[2] == PASSED:
        return None
    return max(last.at + unit.hold(), opening_ends(unit))


def _falls_silent(unit: UnitTrellis, now: int) -> bool:
    at = settles_at(unit)
    return at is not None and at <= now
