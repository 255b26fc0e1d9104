"""Why a step is on the best path: its reports, the entries between them, and what other readings cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from recon.reconciliation.model.path_evidence import (
    MAX_LEGS,
    Alternative,
    LegBetween,
    PathEvidence,
    ReportSeen,
    path_evidence,
)
from recon.reconciliation.model.step import Step
from recon.reconciliation.trellis.amounts import digits_of, to_decimal
from recon.reconciliation.trellis.column import AMOUNT, HOLDS, Column, StateKey, StateValue
from recon.reconciliation.trellis.costs import JUMP, NOVEL, PASSED_OVER
from recon.reconciliation.trellis.cuts import added, candidates, lag
from recon.reconciliation.trellis.edges import edge_between
from recon.reconciliation.trellis.path import path_of
from recon.reconciliation.trellis.unit import UnitTrellis

#: Kinds of edges as alternatives are named for a person.
_NAMES = {
    "exact": "nothing",
    "unknown": "new_rate",
    "other_rate": "known_rates",
    "tier": "known_rates",
    "unmodelled": "nothing",
    "novel": "new_rate",
    "jump": "jump",
}


def explain(unit: UnitTrellis, step: Step) -> PathEvidence | None:
    """Return the evidence of a step; None where its report, or the one before, is forgotten."""
    if unit.redo_from is not None:
        return None
    path = path_of(unit) if unit.columns else []
    for index in range(len(path) - 1, 0, -1):
        if unit.columns[index].seq == step.seq:
            return _evidence(unit, index, path[index - 1], path[index])
    return None


def _evidence(unit: UnitTrellis, index: int, source: StateKey, target: StateKey) -> PathEvidence:
    before, column = unit.columns[index - 1], unit.columns[index]
    between = added(source, target)
    items = unit.entries.items
    legs = [
        LegBetween(items[each].order, to_decimal(items[each].amount), items[each].stamp_us)
        for each in between[:MAX_LEGS]
    ]
    value = column.states[target]
    costs = dict(_costs(unit, index, source, target, value))
    alternatives = [Alternative(what, cost) for what, cost in costs.items()]
    return path_evidence(
        _seen(before, source),
        _seen(column, target),
        legs,
        len(between),
        alternatives,
        taken=_NAMES.get(value[2], "jump"),
    )


def _seen(column: Column, state: StateKey) -> ReportSeen:
    return ReportSeen(column.seq, column.at, to_decimal(column.value_of(state)))


def _costs(
    unit: UnitTrellis, index: int, source: StateKey, target: StateKey, value: StateValue
) -> Iterator[tuple[str, int | None]]:
    """Yield what each reading of a step costs, from the state before that the path has."""
    entries, column = unit.entries, unit.columns[index]
    before = unit.columns[index - 1]
    level = before.states[source][4]
    sums, reached = unit.totals(before, source), unit.totals(column, target)
    own = edge_between(entries, (source, sums), (target, reached), value[4] - level, unit.tolerance)
    named = {"exact": "nothing", "unmodelled": "nothing", "other_rate": "known_rates", "tier": "known_rates"}
    yield "nothing", own[0] if named.get(own[1]) == "nothing" else None
    yield "known_rates", own[0] if named.get(own[1]) == "known_rates" else None
    yield "new_rate", own[0] if own[1] in {"novel", "unknown"} else None
    yield "jump", JUMP + digits_of(own[2])
    yield "passed_over", PASSED_OVER
    yield "another_cut", _another_cut(unit, index, source, target)


def _another_cut(unit: UnitTrellis, index: int, source: StateKey, target: StateKey) -> int | None:
    """Return the least cost of another cut of the report; None where it has no other."""
    entries, column, before = unit.entries, unit.columns[index], unit.columns[index - 1]
    low, high = candidates(unit, column.at)
    sums, level = unit.totals(before, source), before.states[source][4]
    costs = []
    for cut in range(max(low, source[0]), high + 1):
        if cut == target[0] or source[1]:
            continue
        delta = column.values[target[3]] - entries.sums[cut][AMOUNT] - level
        after = (cut, 0, HOLDS, target[3]), entries.sums[cut]
        cost, kind, _ = edge_between(entries, (source, sums), after, delta, unit.tolerance)
        if kind != "jump" or cost < NOVEL:
            costs.append(cost + lag(entries, cut, column.at))
    return min(costs, default=None)
