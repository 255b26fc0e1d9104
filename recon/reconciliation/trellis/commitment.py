"""What becomes final: a fixed lag behind the last report only the best path stays. Pure (semantics 5.6).

1. A column older than the hold is reduced to the best path's state, later ones to what descends from it.
2. Nothing is final until two holds after the opening: what follows settles it.
3. What a final edge came to is told once; where it is worked out anew, what changed is told.
"""

from __future__ import annotations

from recon.reconciliation.trellis.amounts import to_decimal
from recon.reconciliation.trellis.column import Column, CommittedEdge, StateKey
from recon.reconciliation.trellis.costs import LONG_AGO, NOVEL
from recon.reconciliation.trellis.path import best_state, in_opening
from recon.reconciliation.trellis.steps import Committed, CommittedKind, OpeningFound, Told
from recon.reconciliation.trellis.unit import UnitTrellis

#: Amounts of a jump that are dearer by less than this are told beside it: ten bits.
NEARLY_AS_LIKELY = NOVEL // 2


def freeze(unit: UnitTrellis, now: int, told: list[Told]) -> None:
    """Reduce the columns before the hold to the best path, and note the edges of the path that need something."""
    border = now - unit.hold()
    if now < (unit.opened or 0) + 2 * unit.hold():
        border = LONG_AGO
    columns = unit.columns
    unit.odd_tail = []
    alive: set[StateKey] | None = None
    costs: dict[StateKey, int] | None = None
    before_final = unit.final
    for index, state in _path_after_final(unit, now):
        column = columns[index]
        value = column.states[state]
        odd = unit.odd_edge(index, state)
        if column.at <= border:
            if odd is not None and len(column.states) > 1 and odd.kind in {"jump", "novel"}:
                costs = _costs_through(unit, index)
                odd = odd._replace(alternatives=_alternatives(column, state, costs))
            column.states = {state: value}
            column.frozen = True
            unit.final = index
            alive = {state}
            if odd is not None:
                unit.odd_final.append(odd)
            continue
        if alive is not None:
            column.states = {key: each for key, each in column.states.items() if each[1] in alive}
            alive = set(column.states)
        if odd is not None:
            unit.odd_tail.append(odd)
    for index in range(before_final + 1, unit.final + 1):
        commit_edge(unit, index, told)


def _path_after_final(unit: UnitTrellis, now: int) -> list[tuple[int, StateKey]]:
    """Return the columns that are not final and their states on the best path, the oldest first."""
    columns = unit.columns
    unit.best = best_state(unit, now)
    state: StateKey | None = unit.best
    path: list[tuple[int, StateKey]] = []
    index = len(columns) - 1
    while index > unit.final and state is not None:
        path.append((index, state))
        state = columns[index].states[state][1]
        index -= 1
    path.reverse()
    return path


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
    source = value[1]
    if source is None:
        _commit_opening(unit, column, value[4], told)
        return
    before = unit.columns[index - 1]
    first, last = unit.totals(before, source), unit.totals(column, state)
    kind: CommittedKind = value[2] if value[2] != "jump" or not in_opening(unit, column) else "opening"
    left = value[3]
    jump = left if value[2] == "jump" else 0
    came_to = value[4] - before.states[source][4] + last[7] - first[7] - jump
    rounding = left if kind == "exact" else 0
    now = CommittedEdge(kind, jump, rounding, came_to - rounding, value[4])
    _tell_change(unit, before.seq, column, now, left if kind in {"novel", "unmodelled"} else 0, told)


def _tell_change(
    unit: UnitTrellis, from_seq: int, column: Column, now: CommittedEdge, left: int, told: list[Told]
) -> None:
    known = column.committed or CommittedEdge("exact", 0, 0, 0, 0)
    column.committed = now
    if now[:4] == known[:4]:
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
        )
    )


def _commit_opening(unit: UnitTrellis, column: Column, level: int, told: list[Told]) -> None:
    """Tell the opening, or that the oldest report kept has another level than was final."""
    known = column.committed
    column.committed = CommittedEdge("opening", 0, 0, 0, level)
    if not unit.trimmed:
        if known is None or known.level != level:
            told.append(OpeningFound(unit.key, column.seq, column.at, to_decimal(level)))
    elif known is not None and known.level != level:
        change = to_decimal(level - known.level)
        told.append(Committed(unit.key, column.seq, column.seq, column.at, "reopened", fee=change))
