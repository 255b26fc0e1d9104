"""The best path through the columns of a unit, and what it says. Pure (semantics 5.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recon.ledger.fees.fee_key import RATES, FeeKey
from recon.reconciliation.trellis.column import AMOUNT, FEE, PASSED, SLACK, TURNOVER, Column, OddEdge, StateKey
from recon.reconciliation.trellis.costs import CONFIRMED, HOLD, JUMP, LONG_AGO, NEVER, THIRD_SHARE
from recon.reconciliation.trellis.cuts import added
from recon.reconciliation.trellis.unit import ExactStep, UnitTrellis


def best_state(unit: UnitTrellis, now: int) -> StateKey:
    """Return the cheapest state of the last report; that it is passed over costs more once nothing else comes."""
    last = unit.columns[-1]
    states = last.states
    if len(states) == 1:
        return next(iter(states))
    late = JUMP if last.at <= now - HOLD * unit.window else 0
    return min(states, key=lambda each: (states[each][0] + (late if each[2] == PASSED else 0), each[2], -each[0], each))


def keep_path(unit: UnitTrellis, best: StateKey) -> None:
    """Keep the path to a state of the last report: traced back until it meets the path that is kept, or is final."""
    index, found = _back_to_kept(unit, best)
    columns, tail, odd_tail = unit.columns, unit.tail, unit.odd_tail
    del tail[index - unit.final :]
    met = columns[index].seq if index >= 0 else -1
    while odd_tail and odd_tail[-1].column.seq > met:
        odd_tail.pop()
    while found:
        index += 1
        tail.append(found.pop())
        odd = unit.odd_edge(index, tail[-1])
        if odd is not None:
            odd_tail.append(odd)


def path_of(unit: UnitTrellis, now: int = NEVER) -> list[StateKey]:
    """Return the states of the best path, the oldest first."""
    index, found = _back_to_kept(unit, best_state(unit, now))
    final = [next(iter(column.states)) for column in unit.columns[: unit.final + 1]]
    return final + unit.tail[: index - unit.final] + found[::-1]


def _back_to_kept(unit: UnitTrellis, best: StateKey) -> tuple[int, list[StateKey]]:
    """Return where the path to a state of the last report meets the one that is kept, and its states after that.

    The youngest state is the first one.
    """
    columns, tail, first = unit.columns, unit.tail, unit.final + 1
    state: StateKey | None = best
    found: list[StateKey] = []
    index = len(columns) - 1
    while index >= first and state is not None:
        if index - first < len(tail) and tail[index - first] == state:
            break
        found.append(state)
        state = columns[index].states[state][1]
        index -= 1
    return index, found


def is_exact_step(column: Column, state: StateKey) -> bool:
    """True if a state is reached by an exact step over entries."""
    value = column.states[state]
    return value[2] == "exact" and value[1] is not None and state[0] > value[1][0]


def exact_steps(unit: UnitTrellis) -> list[ExactStep]:
    """Return the exact steps of the path over fills that say something of rates; kept until the columns change."""
    if unit.exact_steps[0] == unit.version:
        return unit.exact_steps[1]
    found = []
    entries = unit.entries
    for column, state in zip(unit.columns, path_of(unit), strict=True):
        source = column.states[state][1]
        if source is None or not is_exact_step(column, state):
            continue
        oldest, paid = NEVER, set()
        for index in added(source, state):
            entry = entries.items[index]
            oldest = min(oldest, entry.stamp_us)
            if entry.turnover and entry.key is not None and not entry.shadow:
                fee = abs(entries.sums[index + 1][FEE] - entries.sums[index][FEE])
                if fee > 2 * unit.quantum or entries.rates.expected(entry.key, entry.stamp_us) == 0:
                    paid.add((entry.key, bool(fee)))
        if paid:
            found.append(ExactStep(column.at, column.frozen, oldest, frozenset(paid)))
    unit.exact_steps = unit.version, found
    return found


def steps_that_paid(unit: UnitTrellis, key: FeeKey, rate: int, since: int) -> int:
    """Count the exact steps after a time over fills of one key alone that paid its rate; a step of one fill is two.

    Over several fills, sizes and rates may add up to the rate by accident.
    """
    count = 0
    if not unit.columns or unit.columns[-1].at <= since:
        return 0
    items = unit.entries.items
    for column, state in zip(unit.columns, path_of(unit), strict=True):
        source = column.states[state][1]
        if column.at <= since or source is None or column.states[state][2] != "exact":
            continue
        own = [items[index] for index in added(source, state)]
        if all(entry.stamp_us > since for entry in own):
            fees = [abs(rate * entry.turnover // RATES) for entry in own if entry.turnover and entry.key == key]
            if fees and (rate == 0 or max(fees) > 2 * unit.quantum):
                count += 2 if len(own) == 1 else 1
    return count


def stamps_before_tier(unit: UnitTrellis, key: FeeKey, since: int, *, cheaper: bool) -> tuple[int, list[int]]:
    """Return the stamp of the last fill of a key, before a stamp, that did not pay a cheaper or a dearer rate.

    And the stamps before it of the key's fills on edges that fit no known rate, and may have paid such a one.
    """
    last, novel = LONG_AGO, []
    items, rates = unit.entries.items, unit.entries.rates
    for column, state in zip(unit.columns, path_of(unit), strict=True):
        source = column.states[state][1]
        kind = column.states[state][2]
        if source is None or kind not in {"exact", "novel"}:
            continue
        for index in added(source, state):
            entry = items[index]
            if entry.key != key or not entry.turnover or entry.stamp_us >= since:
                continue
            if kind == "novel" and (column.states[state][3] > 0) == cheaper:
                novel.append(entry.stamp_us)
            elif (
                kind == "novel"
                or abs((rates.expected(key, entry.stamp_us) or 0) * entry.turnover // RATES) > 2 * unit.quantum
            ):
                last = max(last, entry.stamp_us)
    return last, novel


def confirming_steps(unit: UnitTrellis, until: Column) -> int:
    """Count the exact steps over entries from the opening up to a report."""
    count = 0
    sums, opened = unit.entries.sums, unit.opened or 0
    for column, state in zip(unit.columns, path_of(unit), strict=True):
        if column.at >= until.at:
            break
        source = column.states[state][1]
        if source is None or column.at < opened or not is_exact_step(column, state):
            continue
        count += sums[state[0]][AMOUNT] != sums[source[0]][AMOUNT]
    return count


def in_opening(unit: UnitTrellis, column: Column) -> bool:
    """True if a difference at a report may be from before the opening."""
    opened = unit.opened or 0
    if unit.sure or column.at > opened + unit.hold() + unit.window:
        return False
    return column.at <= opened or confirming_steps(unit, column) < CONFIRMED


def races(unit: UnitTrellis, odd: Sequence[OddEdge]) -> set[int]:
    """Return the log positions of reports whose jumps undo each other: reports that no cut of ours explains."""
    return {each.column.seq for race in _each_race(unit, odd) for each in race}


def fees_of_race(unit: UnitTrellis, seq: int) -> int | None:
    """Return what fees and rounding may come to at most in the race that a report is of; None where it is of none."""
    fees = [
        _most_fees(unit, race[0], race[-1])
        for race in _each_race(unit, unit.odd())
        if any(each.column.seq == seq for each in race)
    ]
    return max(fees, default=None)


def _each_race(unit: UnitTrellis, odd: Sequence[OddEdge]) -> Iterator[Sequence[OddEdge]]:
    first = 0
    while first < len(odd):
        last = _race_from(unit, odd, first) if odd[first].kind == "jump" else None
        if last is not None:
            yield odd[first : last + 1]
            first = last
        first += 1


def _race_from(unit: UnitTrellis, odd: Sequence[OddEdge], first: int) -> int | None:
    """Return the index of the last edge that undoes the jump of the first, with those between; None where none does.

    A jump beyond all fees may leave fees over; one of the size of a fee must be undone as closely as fees are known.
    """
    start = odd[first]
    entries = unit.entries
    total, last = 0, None
    for index in range(first, len(odd)):
        each = odd[index]
        if each.column.at - start.column.at > 2 * HOLD * unit.window:
            break
        if each.kind not in {"jump", "novel"}:
            continue
        total += each.left
        slack = entries.sums[each.target[0]][SLACK] - entries.sums[start.source[0]][SLACK]
        fees = _most_fees(unit, start, each)
        beyond_fees = abs(total) <= fees and abs(start.left) > 2 * fees
        closely = abs(total) <= slack + abs(start.left) // THIRD_SHARE and abs(start.left) > 2 * slack
        if index > first and (beyond_fees or closely):
            last = index
    return last


def _most_fees(unit: UnitTrellis, first: OddEdge, last: OddEdge) -> int:
    entries = unit.entries
    before, after = entries.sums[first.source[0]], entries.sums[last.target[0]]
    turnover = after[TURNOVER] - before[TURNOVER]
    return after[SLACK] - before[SLACK] + entries.rates.table.most * turnover // RATES
