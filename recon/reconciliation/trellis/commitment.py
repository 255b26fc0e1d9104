"""What becomes final: a fixed lag behind the last report only the best path stays. Pure (semantics 5.10).

1. A column older than the hold is reduced to the best path's state, later ones to what descends from it.
2. Nothing is final until two holds after the opening, up to eight while another level is nearly as likely.
3. What a final edge came to is told once; where it is worked out anew, what changed is told.
"""

from __future__ import annotations

from typing import Final

from recon.ledger.fees.fee_key import RATES
from recon.reconciliation.trellis.amounts import to_decimal
from recon.reconciliation.trellis.column import BOOKED, PASSED, Column, CommittedEdge, StateKey
from recon.reconciliation.trellis.costs import DISPUTED_HOLDS, NOVEL, OPENING_HOLDS, SURE
from recon.reconciliation.trellis.cuts import added
from recon.reconciliation.trellis.path import best_state, in_opening, keep_path
from recon.reconciliation.trellis.steps import Committed, CommittedKind, OpeningFound, Read, Told
from recon.reconciliation.trellis.unit import UnitTrellis

#: Amounts of a jump that are dearer by less than this are told beside it: ten bits.
NEARLY_AS_LIKELY = NOVEL // 2
#: What was told of an edge of which nothing was told.
_NOTHING_TOLD: Final = CommittedEdge("exact", 0, 0, 0, 0)


def freeze(unit: UnitTrellis, now: int, told: list[Told]) -> None:
    """Reduce the columns before the hold to the best path, and note the edges of the path that need something."""
    border = now - unit.hold()
    keep_path(unit, best_state(unit, now))
    columns, before_final = unit.columns, unit.final
    last, end = before_final, len(columns)
    if last + 1 < end and columns[last + 1].at <= border and now < opening_ends(unit):
        return
    while last + 1 < end and columns[last + 1].at <= border:
        last += 1
        if unit.odd_tail or len(columns[last].states) > 1:
            _fix(unit, last)
        else:
            columns[last].frozen = True
    if last == before_final:
        return
    del unit.tail[: last - before_final]
    unit.final = last
    _drop_strays(unit)
    for index in range(before_final + 1, last + 1):
        commit_edge(unit, index, told)


def _fix(unit: UnitTrellis, index: int) -> None:
    """Leave a column the state on the best path alone; note its edge if it needs something."""
    column = unit.columns[index]
    state = unit.tail[index - unit.final - 1]
    if unit.odd_tail and unit.odd_tail[0].column is column:
        odd = unit.odd_tail.pop(0)
        if len(column.states) > 1 and odd.kind in {"jump", "novel"}:
            odd = odd._replace(alternatives=_alternatives(column, state, _costs_through(unit, index)))
        unit.odd_final.append(odd)
    if len(column.states) > 1:
        column.states = {state: column.states[state]}
    column.frozen = True


def _drop_strays(unit: UnitTrellis) -> None:
    """Drop the states after the final columns that do not descend from the path."""
    columns, first = unit.columns, unit.final + 1
    if first < len(columns) and len(columns[first].states) == 1:
        return  # it is on the path
    alive = set(columns[unit.final].states)
    for column in columns[first:]:
        kept = {key: each for key, each in column.states.items() if each[1] in alive}
        if len(kept) == len(column.states):
            return  # what comes later descends from these
        column.states, alive = kept, set(kept)


def opening_ends(unit: UnitTrellis) -> int:
    """Return until when nothing is final: two holds after the opening, more while another level is nearly as likely."""
    opened = unit.opened or 0
    if unit.is_open or not unit.columns:
        return opened + OPENING_HOLDS * unit.hold()
    holds = DISPUTED_HOLDS if _is_disputed(unit) else OPENING_HOLDS
    return opened + holds * unit.hold()


def _is_disputed(unit: UnitTrellis) -> bool:
    """True if paths that cost less than `SURE` more than the best end at levels that no fee accounts for."""
    column = unit.columns[-1]
    if len(column.states) == 1:
        return False
    most = min(value[0] for value in column.states.values()) + SURE
    levels, slack = [], 0
    for key, value in column.states.items():
        if value[0] < most:
            sums = unit.totals(column, key)
            levels.append(value[4] + sums[1])
            slack = max(slack, sums[4] + unit.entries.rates.table.most * sums[3] // RATES)
    return max(levels) - min(levels) > slack + unit.tolerance


def _costs_through(unit: UnitTrellis, index: int) -> dict[StateKey, int]:
    """Return what the cheapest path to the last report costs through each state of a column."""
    costs = {key: value[0] for key, value in unit.columns[-1].states.items()}
    for column in reversed(unit.columns[index + 1 :]):
        before: dict[StateKey, int] = {}
        for key, cost in costs.items():
            source = column.states[key][1]
            if source is not None and cost < before.get(source, cost + 1):
                before[source] = cost
        costs = before
    return costs


def _alternatives(column: Column, state: StateKey, costs: dict[StateKey, int]) -> tuple[int, ...]:
    """Return other amounts of the step to a column that are nearly as likely as the best path's."""
    own = column.states[state]
    most = costs.get(state, 0) + NEARLY_AS_LIKELY
    found = {
        column.states[key][3]
        for key, cost in costs.items()
        if cost <= most and column.states[key][2] in {"jump", "novel"} and column.states[key][3] != own[3]
    }
    return tuple(sorted(found, key=lambda each: (abs(each - own[3]), each)))


# -- what a final edge came to ----------------------------------------------------------------------------------------


def commit_edge(unit: UnitTrellis, index: int, told: list[Told]) -> None:
    """Tell what the edge to a final column came to, or what changed of what was told of it."""
    column = unit.columns[index]
    ((state, value),) = column.states.items()
    if len(column.values) > 1 and column.committed is None and state[2] != PASSED:
        told.append(Read(unit.key, column.seq, column.at, state[3]))
    source = value[1]
    if source is None:
        _commit_opening(unit, column, value[4], unit.totals(column, state)[7], told)
        return
    before = unit.columns[index - 1]
    if value[2] == "exact" and not value[3] and not source[1] and not state[1]:
        # As nearly all are: nothing is left over, so nothing but a fee that is not booked may be told.
        sums, level = unit.entries.sums, value[4]
        fee = level - before.states[source][4] + sums[state[0]][BOOKED] - sums[source[0]][BOOKED]
        edge = CommittedEdge("exact", 0, 0, fee, level)
        if fee or column.committed is not None:
            _tell_change(unit, before.seq, column, edge, 0, told)
        else:
            column.committed = edge
        return
    first, last = unit.totals(before, source), unit.totals(column, state)
    kind: CommittedKind = value[2] if value[2] != "jump" or not in_opening(unit, column) else "opening"
    left = value[3]
    jump = left if value[2] == "jump" else 0
    came_to = value[4] - before.states[source][4] + last[7] - first[7] - jump
    rounding = left if left and kind == "exact" and not _bears_shadows(unit, source, state) else 0
    beyond = max(abs(rounding) - (last[4] - first[4]), 0) if unit.tolerance else 0
    tolerated = beyond if rounding > 0 else -beyond
    now = CommittedEdge(kind, jump, rounding, came_to - rounding, value[4], tolerated)
    _tell_change(unit, before.seq, column, now, left if kind in {"novel", "unmodelled"} else 0, told)


def _bears_shadows(unit: UnitTrellis, source: StateKey, target: StateKey) -> bool:
    """True if fees in a third asset lie between two states: their price is only about known, so the rest is a fee."""
    return any(unit.entries.items[index].shadow for index in added(source, target))


def _tell_change(
    unit: UnitTrellis, from_seq: int, column: Column, now: CommittedEdge, left: int, told: list[Told]
) -> None:
    known = column.committed or _NOTHING_TOLD
    column.committed = now
    if now.comes_to(known):
        return
    told.append(
        Committed(
            unit.key,
            from_seq,
            column.seq,
            column.at,
            now.kind,
            to_decimal(now.jump - known.jump),
            to_decimal(now.rounding - known.rounding),
            to_decimal(now.fee - known.fee),
            to_decimal(left),
            to_decimal(now.tolerated - known.tolerated),
        )
    )


def find_opening(unit: UnitTrellis, now: int, told: list[Told]) -> None:
    """Tell the opening early where the first report has one cut alone and a second one, or quiet, bears it out."""
    first = unit.columns[0]
    if first.committed is not None or len(first.states) > 1 or unit.trimmed:
        return
    if len(unit.columns) > 1:
        second = unit.columns[1]
        borne_out = len(second.states) == 1 and next(iter(second.states.values()))[2] == "exact"
    else:
        borne_out = not unit.queue and not unit.entries.items and now >= first.at + unit.hold()
    if borne_out:
        ((state, value),) = first.states.items()
        unit.sure = True
        _commit_opening(unit, first, value[4], unit.totals(first, state)[7], told)


def _commit_opening(unit: UnitTrellis, column: Column, level: int, booked: int, told: list[Told]) -> None:
    """Tell the opening, or that the oldest report kept has another level than was final.

    What is told is what the report says beyond the entries up to its cut and the fees booked with them.
    """
    known = column.committed
    column.committed = CommittedEdge("opening", 0, 0, 0, level)
    if known is None:
        told.append(OpeningFound(unit.key, column.seq, column.at, to_decimal(level + booked)))
    elif known.level != level:
        change = to_decimal(level - known.level)
        told.append(Committed(unit.key, column.seq, column.seq, column.at, "reopened", fee=change))
