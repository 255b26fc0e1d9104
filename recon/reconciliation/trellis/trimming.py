"""What a unit forgets: final columns, and the entries before them. Pure (semantics 5.10).

1. While the account has odd edges, final columns are kept 150 s: samples of rates lie there. Otherwise, and in a unit
   with very many entries, two holds.
2. A busy unit forgets at least a quarter of its columns at a time, so each costs little; a quiet one keeps the last.
3. A fee at no known rate stays as a parked edge.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from recon.reconciliation.trellis.awaited_cash import may_explain
from recon.reconciliation.trellis.costs import DROP_PART, KEEP_ENTRIES, KEEP_HOLDS, KEEP_US, MIN_DROP
from recon.reconciliation.trellis.path import races
from recon.reconciliation.trellis.suspense import after_seq, parked_edge, watch
from recon.reconciliation.trellis.unit import ToldBreak, UnitTrellis

#: Odd edges of these kinds have the account keep more.
KEEPING = frozenset({"unknown", "novel", "jump", "other_rate", "tier"})


def keep_until(unit: UnitTrellis) -> int:
    """Return until when the account keeps more because of a unit; 0 where it need not."""
    newest = next((odd.column.at for odd in reversed(unit.odd()) if odd.kind in KEEPING), None)
    return 0 if newest is None else newest + KEEP_US


def short_keep(unit: UnitTrellis) -> int:
    """Return how long a column is kept at least."""
    return KEEP_HOLDS * unit.hold()


def _long_border(unit: UnitTrellis, now: int) -> int:
    """Return since when a unit is kept while the account has odd edges: memory is bounded at any rate."""
    stamps = unit.entries.stamp
    return max(now - KEEP_US, stamps[-KEEP_ENTRIES]) if len(stamps) > KEEP_ENTRIES else now - KEEP_US


def trim(unit: UnitTrellis, now: int, *, long: bool, awaited: Sequence[int] = ()) -> bool:
    """Forget what is older than is kept; return False if nothing was.

    `awaited` are the stamps of fills whose cash is to come.
    """
    border = now - short_keep(unit)
    if long:
        border = min(border, _long_border(unit, now))
    columns, final = unit.columns, unit.final
    quiet = bool(columns) and not unit.queue and columns[-1].at < border
    least = max(MIN_DROP, len(columns) // DROP_PART)
    if not quiet and (least >= final or columns[least].at >= border):
        return False
    drop, most = 0, final if quiet else final - 1
    while drop < most and columns[drop + 1].at < border:
        drop += 1
    if quiet:
        return _forget_columns(unit, drop, awaited) if drop or unit.entries.items else False
    if drop < least:
        return False
    return _forget_columns(unit, drop, awaited)


def _forget_columns(unit: UnitTrellis, drop: int, awaited: Sequence[int]) -> bool:
    if unit.redo_from is not None or unit.final < drop:
        return False
    for edge in unit.parked:
        if not edge.told:
            watch(unit, edge)
    columns = unit.columns
    if drop:
        _keep_awaited(unit, drop, awaited)
        _park(unit, drop)
        for column in columns[: drop + 1]:
            if column.at <= columns[drop].at - unit.window:
                unit.earlier = column.at, column.seq
        del columns[:drop]
        unit.final -= drop
        unit.trimmed = True
        _make_first(unit)
    forgot = _forget_entries(unit) if unit.trimmed else 0
    unit.version += 1
    return bool(drop or forgot)


def _keep_awaited(unit: UnitTrellis, drop: int, awaited: Sequence[int]) -> None:
    """Remember the jumps to the first columns that cash to come may explain: they are no breaks, and it clears them."""
    gone = {id(column) for column in unit.columns[: drop + 1]}
    told = {known.seq for known in unit.breaks}
    for odd in unit.odd_final if awaited else ():
        at, seq = odd.column.at, odd.column.seq
        fresh = odd.kind == "jump" and id(odd.column) in gone and seq not in told
        if fresh and may_explain(awaited, odd.before_at, at, unit.window):
            after = odd.before_at - unit.window
            unit.breaks.append(ToldBreak(at, seq, odd.left, after, after_seq(unit, after), "jump"))


def _park(unit: UnitTrellis, drop: int) -> None:
    """Forget the odd edges to the first columns; fees at no known rate stay."""
    gone = {id(column) for column in unit.columns[: drop + 1]}
    racing = races(unit, unit.odd())
    known = {edge.seq for edge in unit.parked}
    for odd in unit.odd_final:
        seq = odd.column.seq
        if odd.kind != "novel" or id(odd.column) not in gone or seq in racing or seq in known:
            continue
        if odd.column.at <= (unit.opened or 0) + unit.hold() + unit.window:
            continue
        edge = parked_edge(unit, odd)
        watch(unit, edge)
        edge.told = any(each.at == edge.at for each in unit.breaks)
        unit.parked.append(edge)
    unit.odd_final = [odd for odd in unit.odd_final if id(odd.column) not in gone]


def _make_first(unit: UnitTrellis) -> None:
    """Let the first column stand for all that is forgotten."""
    first = unit.columns[0]
    ((state, value),) = first.states.items()
    first.states = {state: (0, None, "opening", 0, value[4])}
    first.wide = False
    seqs = {column.seq for column in unit.columns}
    unit.unsuspended &= seqs
    unit.told_openings &= seqs
    unit.breaks = [each for each in unit.breaks if each.open or each.at > first.at]


def _forget_entries(unit: UnitTrellis) -> int:
    """Forget the entries that no column needs; return how many."""
    first = unit.columns[0]
    blur = unit.grain if unit.grain > 1 else 0
    old = bisect_right(unit.entries.stamp, first.at - 2 * unit.window - blur) - 1
    count = min(*(key[0] for key in first.states), old)
    if count <= 0:
        return 0
    for edge in unit.parked:
        for entry in unit.entries.items[:count]:
            if entry.turnover and entry.key is not None and entry.arrived_us > edge.at:
                edge.later[entry.key] = edge.later.get(entry.key, 0) + 1
    unit.entries.forget(count)
    unit.blind = unit.blind and any(not entry.resolution_us for entry in unit.entries.items)
    unit.shift_states(-count)
    return count
