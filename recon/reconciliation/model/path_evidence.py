"""Why a break opened, by the path: two reports, the postings between them, and what other readings cost. Pure.

A reading says what happened between two reports of one unit. Its cost is in tenths of a bit: each bit halves the odds.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from recon.display.figures import shown
from recon.display.words import counted
from recon.exact import ZERO

#: Postings that are kept with a break; the others are counted and summed.
MAX_LEGS: Final = 20

#: What an alternative may be, and how it reads for a person.
READINGS: Final = {
    "nothing": "nothing happened but these postings, at the expected fees",
    "known_rates": "some fills paid another rate that is known",
    "another_cut": "a report had seen more or fewer of the postings",
    "new_rate": "a fill paid a rate that was never seen",
    "passed_over": "a report was wrong or out of date",
    "jump": "something moved that no posting explains: a break",
}


class ReportSeen(msgspec.Struct, frozen=True, gc=False):
    """A report of the unit: its log position, when it came (log time, microseconds), and the value in the unit."""

    seq: int
    us: int
    value: Decimal


class LegBetween(msgspec.Struct, frozen=True, gc=False):
    """What a fill moved between the two reports, in the unit, and when the venue says so (log time, microseconds).

    `order` is the order's id; None where the movement belongs to no order.
    """

    order: str | None
    amount: Decimal
    us: int


class Alternative(msgspec.Struct, frozen=True, gc=False):
    """A reading of what happened: one of `READINGS`, its cost, and a sentence that says why it costs that, if any.

    The cost is in tenths of a bit; None: it cannot explain the reports at all.
    """

    what: str
    tenths_of_bits: int | None
    why: str = ""


class PathEvidence(msgspec.Struct, frozen=True):
    """The step of the path that a break is: the report before, the report that shows it, and what lies between.

    `legs` are the first MAX_LEGS postings, `leg_count` counts them all, and `leg_total` sums them all; None: the sum
    is not known. `alternatives` begin with the reading that was taken; the others follow by cost.
    """

    before: ReportSeen
    after: ReportSeen
    legs: tuple[LegBetween, ...]
    leg_count: int
    alternatives: tuple[Alternative, ...]
    leg_total: Decimal | None = None


class PathItem(msgspec.Struct, frozen=True):
    """A path among the evidence of a break: a sentence, the report and amount that it is about, and the path itself."""

    text: str
    seq: int
    amount: Decimal | None
    path: PathEvidence


def path_evidence(
    before: ReportSeen,
    after: ReportSeen,
    legs: Sequence[LegBetween],
    leg_count: int,
    alternatives: Sequence[Alternative],
    *,
    taken: str,
) -> PathEvidence:
    """Return the evidence of a step, bounded: the reading that was taken, the others by cost, the ruled out last.

    `legs` may be the first of `leg_count` only. Sums are exact, so it is called in the fold's decimal context.
    """
    ordered = sorted(
        alternatives,
        key=lambda each: (each.what != taken, each.tenths_of_bits is None, each.tenths_of_bits or 0, each.what),
    )
    total = sum((leg.amount for leg in legs), ZERO) if leg_count == len(legs) else None
    return PathEvidence(before, after, tuple(legs[:MAX_LEGS]), leg_count, tuple(ordered), total)


def path_item(path: PathEvidence) -> PathItem:
    """Return a path as one item of evidence: what the reports changed by beyond the postings, fees left out."""
    moved, total = path.after.value - path.before.value, path.leg_total
    lie, come = ("lies", "comes") if path.leg_count == 1 else ("lie", "come")
    sums = "" if total is None else f" and {come} to {shown(total)}"
    return PathItem(
        f"the reports changed by {shown(moved)}; {counted(path.leg_count, 'posting')} {lie} between them{sums}",
        path.after.seq,
        None if total is None else moved - total,
        path,
    )
