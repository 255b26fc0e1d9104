"""The books of a unit at a time in the past, as they are known now: every cut that a source's amount may be of. Pure.

1. The books of now are taken back by every entry that happened since. What was told late of the time before counts.
2. Which entries around the time the source had seen is not known exactly: each cut within the window may be its own.
3. Fees and rounding that were posted in sum after the time, or are not posted yet, may belong to before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from recon.exact import ZERO
from recon.ledger.facts.later_entries import NEAR_US, Later
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.lifecycle import ACTIVE


class BooksThen(NamedTuple):
    """What was held at a time: at that moment, and at each other cut of its window, the nearest first.

    From `low` to `high` is what fees and rounding that belong to no moment may add.
    """

    plain: Decimal
    others: tuple[Decimal, ...]
    low: Decimal
    high: Decimal

    def fits(self, reported: Decimal, tolerance: Decimal, more: Decimal = ZERO) -> Decimal | None:
        """Return what is expected at the first cut that an amount fits, with so much more held; None: it fits none."""
        for expected in (self.plain, *self.others):
            left = reported - expected - more
            if self.low - tolerance <= left <= self.high + tolerance:
                return expected
        return None


def books_then(context: ComparisonContext, us: int) -> BooksThen:
    """Return the books of a unit at a time, in microseconds; the unit has been open since."""
    later = context.ledger.fact_index.later.since(context.state.key, us)
    value = context.opening + context.unit.balance.flow
    low, high = _in_no_moment(context, later)
    cuts = list(_cuts(context, later, value - later.beyond, us))
    return BooksThen(cuts[0], tuple(cuts[1:]), low, high)


def owned_then(context: ComparisonContext, us: int) -> Iterator[tuple[Decimal, str]]:
    """Yield what the EMS's reports were off by at a time, as far as breaks own it, and the latest of the breaks.

    A break that began around the time may have begun before it or after.
    """
    breaks = [each for each in context.comparison.breaks if each.owns_residual and each.state in ACTIVE]
    total = ZERO
    for break_ in sorted(breaks, key=lambda each: (each.seen_us, each.id)):
        if min(break_.after_us, break_.seen_us) - margin_of(context) > us:
            return
        total += break_.amount
        yield total, break_.id


def margin_of(context: ComparisonContext) -> int:
    """Return how far from its time a source's cut may lie, in microseconds: a window, and what stamps leave open."""
    return min(context.window + context.account.stamps.resolution_us, NEAR_US)


def _cuts(context: ComparisonContext, later: Later, end: Decimal, us: int) -> Iterator[Decimal]:
    """Yield what is held at each cut, the one of the moment first and then by distance; `end` is after all of them."""
    margin = margin_of(context)
    at = end - sum((entry.amount for entry in later.near if entry.occurred_us > us), ZERO)
    yield at
    cuts: list[tuple[int, Decimal]] = []
    held = at
    for entry in later.near:
        if us < entry.occurred_us <= us + margin:
            held += entry.amount
            cuts.append((entry.occurred_us - us, held))
    held = at
    for entry in reversed(later.near):
        if us - margin <= entry.occurred_us <= us:
            held -= entry.amount
            cuts.append((us - entry.occurred_us, held))
    yield from (held for _, held in sorted(cuts, key=lambda cut: cut[0]))


def _in_no_moment(context: ComparisonContext, later: Later) -> tuple[Decimal, Decimal]:
    """Return the least and the most that sums of fees and rounding may add to what was held."""
    accrual = context.comparison.accrual
    kept = (accrual.fees, accrual.rounding, accrual.unmodelled, accrual.tolerated, accrual.jumps)
    parts = [*later.sums, *kept]
    return sum((min(part, ZERO) for part in parts), ZERO), sum((max(part, ZERO) for part in parts), ZERO)
