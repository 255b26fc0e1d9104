"""What explains the difference between two reports, and what that costs. Pure (semantics 5.2, 8.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from recon.ledger.fees.fee_key import RATES
from recon.reconciliation.trellis.amounts import digits_of
from recon.reconciliation.trellis.column import EdgeKind, StateKey, Totals
from recon.reconciliation.trellis.costs import (
    FAR,
    JUMP,
    MANY_WAYS,
    MAX_ALTERNATIVES,
    MAX_OTHER_RATES,
    MAX_SUMS,
    MOVED,
    NOVEL,
    REBATE_PART,
    ROUNDED,
    TIER,
    UNKNOWN,
    UNMODELLED,
)
from recon.reconciliation.trellis.cuts import added
from recon.reconciliation.trellis.entries import Entries

_REBATE: Final = REBATE_PART * RATES
#: Differences that other rates of one fill make, each with its cost.
Differences = Sequence[tuple[int, int]]
#: What an edge costs, what it needs, and what is left over at the known rates.
Edge = tuple[int, EdgeKind, int]


def edge_between(
    entries: Entries, before: tuple[StateKey, Totals], after: tuple[StateKey, Totals], delta: int, tolerance: int
) -> Edge:
    """Explain a difference of levels by the entries between two sets, each given with the sums over it."""
    source, target = before[1], after[1]
    left = delta + target[1] - source[1]
    most_rate = entries.rates.table.most
    slack = target[4] - source[4] + tolerance
    unknown = target[2] - source[2]
    if -slack <= left <= slack:
        kind: EdgeKind = "unknown" if unknown else "exact"
        if left == 0:
            return 0, kind, 0
        beyond = max(abs(left) - tolerance, 0)
        return (ROUNDED if beyond * beyond <= target[6] - source[6] else FAR), kind, left
    turnover = target[3] - source[3]
    most = target[5] - source[5]
    if most and abs(left) <= most + slack + most_rate * turnover // RATES:
        return UNMODELLED, "unmodelled", left
    if not turnover:
        return JUMP + digits_of(left), "jump", left
    if unknown:
        if -most_rate * unknown // _REBATE - slack <= -left <= most_rate * unknown // RATES + slack:
            return UNKNOWN, "unknown", left
    else:
        found = _other_rate(entries, added(before[0], after[0]), left, slack)
        if found is not None:
            return found
    if -most_rate * turnover // _REBATE - slack <= -delta <= most_rate * turnover // RATES + slack:
        beside = sum(map(entries.beside, added(before[0], after[0])))
        return (MOVED if beside and -slack <= left + beside <= slack else NOVEL), "novel", left
    return JUMP + digits_of(left), "jump", left


def _other_rate(entries: Entries, between: Sequence[int], left: int, slack: int) -> Edge | None:
    """Explain what is left over by fills that paid another known rate, or that of the tier that came later."""
    others = entries.others
    differences = [others[index + 1][0] for index in between if others[index + 1][0]]
    if not differences:
        return None
    cost = cost_of_other_rates(differences, -left, slack)
    if cost:
        return cost, "other_rate", left
    changed = 0
    for index in reversed(between):
        changed += others[index + 1][1]
        if changed and -slack <= left + changed <= slack:
            return TIER, "tier", left
    return None


def cost_of_other_rates(fills: Sequence[Differences], wanted: int, slack: int) -> int:
    """Return the least cost at which some fills paid other rates so that the sum is as wanted; 0 where none does."""
    low = sum(min(0, *(amount for amount, _ in each)) for each in fills) - slack
    high = sum(max(0, *(amount for amount, _ in each)) for each in fills) + slack
    if not low <= wanted <= high or len(fills) > MAX_ALTERNATIVES:
        return 0
    # By sum: how many fills paid another rate, and the cost.
    sums: dict[int, tuple[int, int]] = {0: (0, 0)}
    for each in fills:
        more = _with_fill(sums, each)
        if len(sums) + len(more) > MAX_SUMS:
            return MANY_WAYS
        for total, found in more.items():
            if total not in sums or found[1] < sums[total][1]:
                sums[total] = found
    fitting = (cost for total, (used, cost) in sums.items() if used and -slack <= total - wanted <= slack)
    return min(fitting, default=0)


def _with_fill(sums: dict[int, tuple[int, int]], differences: Differences) -> dict[int, tuple[int, int]]:
    more: dict[int, tuple[int, int]] = {}
    for total, (used, cost) in sums.items():
        if used == MAX_OTHER_RATES:
            continue
        for amount, dearer in differences:
            reached = total + amount
            if amount and (reached not in more or cost + dearer < more[reached][1]):
                more[reached] = used + 1, cost + dearer
    return more
