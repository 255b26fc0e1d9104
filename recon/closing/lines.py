"""One unit at the cut-off: opening, movements by cause, expected, reported, timing and drift. Pure (semantics 9.7).

1. expected = opening + movements: every entry that happened before the cut-off, as far as is known.
2. reported is the last observation whose cut is not after the cut-off. timing rolls it forward: entries up to the
   cut-off that the report had not seen.
3. drift = reported + timing - expected. An entry that became known later, of before the report, makes drift less.
4. An entry that became known later, and happened within a settlement window before the report, was seen by it if the
   two then differ by less; a report that had agreed had not seen it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from recon.closing.calendar import Calendar
from recon.exact import ZERO
from recon.ledger.rules import Tolerance
from recon.reconciliation.model.lifecycle import ACTIVE
from recon.reconciliation.model.tolerance import total_tolerance


class Observed(msgspec.Struct, frozen=True):
    """An observation as it was last judged; `expected` is None where nothing was, `explained` else counts beside it."""

    at: datetime
    seq: int
    reported: Decimal
    expected: Decimal | None
    explained: Decimal
    verdict: str


class UnitFigures(msgspec.Struct, frozen=True):
    """What the log says of a unit up to the cut-off: sums of entries, and the observation that counts.

    `seen` is the sum of entries that were known when the observation was judged. `near` are later known ones of the
    settlement window before it, and `after` those that happened after it.
    """

    unit_kind: str
    unit: str
    opened: bool
    opening: Decimal
    movements: Mapping[str, Decimal]
    observed: Observed | None
    seen: Decimal = ZERO
    near: Decimal = ZERO
    after: Decimal = ZERO
    #: The best source beside the EMS whose last word of the day agreed, and of which time it is.
    source: str | None = None
    source_at: datetime | None = None


class BreakFact(msgspec.Struct, frozen=True):
    """A break as known; `over_at` is when it ended, None if it did not."""

    id: str
    unit_kind: str
    unit: str
    cause: str
    state: str
    amount: Decimal
    origin_at: datetime
    over_at: datetime | None


class OpenBreak(msgspec.Struct, frozen=True):
    """A break that is open at the cut-off, with its age in business time from its origin.

    It counts up to the cut-off, or to the end of the log where that is earlier.
    """

    id: str
    cause: str
    state: str
    amount: Decimal
    origin_at: datetime
    age_us: int

    @property
    def age(self) -> timedelta:
        """Return the age."""
        return timedelta(microseconds=self.age_us)


class CloseLine(msgspec.Struct, frozen=True):
    """One unit of a closing; what is None is not known."""

    unit_kind: str
    unit: str
    opening: Decimal
    movements: dict[str, Decimal]
    expected: Decimal | None
    reported: Decimal | None
    reported_at: datetime | None
    reported_seq: int | None
    timing: Decimal | None
    drift: Decimal | None
    verdict: str
    breaks: tuple[OpenBreak, ...]
    #: The best source beside the EMS that agreed, and when; None: none did.
    source: str | None = None
    source_at: datetime | None = None

    @property
    def moved(self) -> Decimal:
        """Return the sum of the movements."""
        return sum(self.movements.values(), ZERO)

    @property
    def rolled(self) -> Decimal | None:
        """Return what is reported, rolled forward to the cut-off; as it is where nobody judged it."""
        return self.reported if self.reported is None or self.timing is None else self.reported + self.timing


class Day(msgspec.Struct, frozen=True):
    """What all lines of one closing share."""

    calendar: Calendar
    cut_off: datetime
    #: True if the account was observed throughout, or what was not is made up for.
    whole: bool
    #: The end of the log that is known: what is open ages no further than this.
    known_until: datetime
    #: The sources one of which must have agreed within the day; empty: none is demanded.
    sources: tuple[str, ...] = ()


def line_of(figures: UnitFigures, breaks: Iterable[BreakFact], tolerance: Tolerance, day: Day) -> CloseLine:
    """Return a unit's line. Amounts are exact: call it in the exact context."""
    moved = {cause: amount for cause, amount in sorted(figures.movements.items()) if amount}
    expected = figures.opening + sum(moved.values(), ZERO) if figures.opened else None
    observed = figures.observed
    drift = _drift(figures, expected)
    reported = None if observed is None else observed.reported
    timing = None if drift is None or expected is None or reported is None else expected + drift - reported
    within = drift is not None and reported is not None and _agrees(figures, drift, expected or ZERO, tolerance)
    still = tuple(
        OpenBreak(each.id, each.cause, each.state, each.amount, each.origin_at, _age_us(each, day))
        for each in sorted(breaks, key=lambda each: (each.origin_at, each.id))
        if _is_open(each, day, within=within)
    )
    return CloseLine(
        unit_kind=figures.unit_kind,
        unit=figures.unit,
        opening=figures.opening,
        movements=moved,
        expected=expected,
        reported=reported,
        reported_at=None if observed is None else observed.at,
        reported_seq=None if observed is None else observed.seq,
        timing=timing,
        drift=drift,
        verdict="break" if still else _confirmed(_verdict(observed, drift, day, within=within), figures, day),
        breaks=still,
        source=figures.source,
        source_at=figures.source_at,
    )


def _drift(figures: UnitFigures, expected: Decimal | None) -> Decimal | None:
    observed = figures.observed
    if observed is None or observed.expected is None or expected is None:
        return None
    late = expected - figures.seen - figures.near - figures.after
    drift = observed.reported - observed.expected - observed.explained - late
    if observed.verdict != "agreed" and abs(drift - figures.near) < abs(drift):
        return drift - figures.near
    return drift


def _agrees(figures: UnitFigures, drift: Decimal, expected: Decimal, tolerance: Tolerance) -> bool:
    observed = figures.observed
    if observed is None or observed.expected is None:
        return False
    if observed.verdict == "agreed" and drift == observed.reported - observed.expected - observed.explained:
        return True
    bound = total_tolerance(tolerance, reported=observed.reported, expected=expected, slack=ZERO, rate_usd=None)
    return abs(drift) <= bound


def _is_open(break_: BreakFact, day: Day, *, within: bool) -> bool:
    """Tell whether a break is open at the cut-off: one that ended later was, where the books do not explain it now."""
    if break_.origin_at >= day.cut_off:
        return False
    if break_.state in ACTIVE:
        return True
    return break_.over_at is not None and break_.over_at >= day.cut_off and not within


def _age_us(break_: BreakFact, day: Day) -> int:
    until = min(day.cut_off, day.known_until)
    return day.calendar.age(break_.origin_at, until) // timedelta(microseconds=1)


def _confirmed(verdict: str, figures: UnitFigures, day: Day) -> str:
    """Return a verdict that also asks for the independent source that the account demands."""
    lacks = bool(day.sources) and figures.source not in day.sources
    return "pending" if lacks and verdict == "agreed" else verdict


def _verdict(observed: Observed | None, drift: Decimal | None, day: Day, *, within: bool) -> str:
    if observed is None:
        return "unobserved"
    if observed.verdict == "unmodelled":
        return "unmodelled"
    if drift is None:
        return "pending"
    if observed.verdict == "stale" and not day.whole:
        return "stale"
    return "agreed" if within else "pending"
