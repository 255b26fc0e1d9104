"""One unit under comparison at one moment: its books, what is remembered of it, and the rules in force. Pure.

Openings, chains and breaks are decided by functions of a subject; what they share stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from recon.books.book import Book, Moment, quantum_of
from recon.books.coverage import Account
from recon.books.fees import SELDOM_NO_MORE, swapped
from recon.books.observations import Observation, bear_out
from recon.books.rules import ROUNDING_QUANTA_PER_DAY, AccountRules, Tolerance
from recon.books.timeline import Timeline
from recon.books.units import FEE, ROUNDING, Held, Unit, UnitKey, post
from recon.exact import ZERO, resolution
from recon.reconciliation import learning
from recon.reconciliation.breaks import Transition
from recon.reconciliation.cuts import fit, settled
from recon.reconciliation.facts import facts_of
from recon.reconciliation.state import MAX_TRAIL, TRAIL_SHARE, Agreement, Break, Comparison, Left
from recon.reconciliation.tolerance import total

_DAY_US = 86_400_000_000

#: Where on the timeline an observation fits, and which of its readings does.
Found = tuple[int, Decimal]


class Subject:
    """A unit at one moment of the fold."""

    __slots__ = (
        "_others",
        "_tell",
        "at",
        "beside",
        "book",
        "comparison",
        "held",
        "rules",
        "timeline",
        "unit",
        "window",
    )

    def __init__(
        self,
        book: Book,
        held: Held,
        comparison: Comparison,
        at: Moment,
        tell: Callable[[Transition], None],
        others: Callable[[UnitKey], Comparison | None],
    ) -> None:
        """Bring together what decides; `tell` takes transitions, `others` gives the comparison of another unit."""
        self.book = book
        self.held = held
        self.comparison = comparison
        self.at = at
        self.unit: Unit = held.unit
        self.timeline: Timeline = held.timeline
        self.rules: AccountRules = book.rules_of(held.unit.account)
        self.window: int = self.rules.settlement_window_us
        #: Units with breaks that are to be judged again, because one opened beside them.
        self.beside: list[UnitKey] = []
        self._tell = tell
        self._others = others

    @property
    def account(self) -> Account:
        """Return the unit's account."""
        return self.book.accounts[self.unit.account]

    @property
    def tolerance(self) -> Tolerance:
        """Return the configured tolerance."""
        return self.rules.tolerance_of(self.unit.code)

    @property
    def opening(self) -> Decimal:
        """Return the opening, 0 while it is not known."""
        return self.unit.opening or ZERO

    @property
    def judged(self) -> bool:
        """Tell whether the unit is judged at all now.

        It is not while its balance does not follow from reports, nor while cash of derivatives is to be worked out.
        """
        waits = self.account.cash_waits
        waiting = bool(waits) and self.unit.kind == "asset" and self.unit.code in waits.values()
        return self.unit.unmodelled is None and not waiting

    def fit(
        self, observation: Observation, without: Decimal = ZERO, low: int | None = None, *, seldom: bool = True
    ) -> Found | None:
        """Hold an observation against the books and what open breaks own, less a part of that where given."""
        comparison = self.comparison
        return fit(
            self.held,
            observation,
            residual=comparison.residual - without,
            low=comparison.low if low is None else low,
            window=self.window,
            slack=comparison.slack,
            rules=self.tolerance,
            seldom=seldom,
        )

    def comparison_of(self, held: Held) -> Comparison | None:
        """Return the comparison of a unit of the gateway, None where it has none yet."""
        return self._others(held.key)

    def open_breaks(self) -> list[tuple[Unit, Break]]:
        """Return the open breaks of the whole account."""
        found: list[tuple[Unit, Break]] = []
        for held in self.book.units_of(self.unit.account):
            comparison = self._others(held.key)
            if comparison is not None:
                found += [(held.unit, known) for known in comparison.breaks]
        return found

    def transition(self, known: Break, event: str, reason: str, actor: str | None = None) -> None:
        """Tell of a step in a break's life, with the facts as they stand."""
        unit, at = self.unit, self.at
        self._tell(
            Transition(
                account=unit.account,
                kind=unit.kind,
                unit=unit.code,
                break_=msgspec.structs.replace(known),
                event=event,
                seq=at.seq,
                us=at.us,
                reason=reason,
                facts=facts_of(self.held, self.comparison, self.account, known, at.us, self.rules),
                actor=actor,
            )
        )

    def agree(self, observation: Observation, found: Found) -> None:
        """Take an observation that fits: cuts move on, and what was rounded away is booked."""
        position, value = found
        unit, timeline, comparison = self.unit, self.timeline, self.comparison
        if len(observation.values) > 1 and unit.kind == "contract" and unit.position_mode is None:
            bear_out(unit, observation, value, self.window)
        comparison.reported = value
        comparison.observed_us, comparison.observed_seq = observation.us, observation.seq
        self.show(position)
        remainder = value - self.opening - timeline.totals[position] - comparison.residual
        if timeline.doubts[-1] != timeline.doubts[0]:
            remainder -= self._settle(position, value, remainder)
        comparison.low = timeline.numbers[position]
        learning.sample(self, position, value)
        comparison.cleared_since += bool(comparison.suspects)
        if unit.fee.vague and abs(remainder) > resolution(value):
            learning.own(self, remainder)  # what fills cost varies within what was learned
            remainder = ZERO
        # Slack starts anew only where nothing is left over: what is neither booked nor gone must stay tolerable.
        if not remainder or abs(remainder) <= resolution(value):
            comparison.slack = timeline.slack(position)
            comparison.left = Left(timeline.numbers[position])
        elif position == timeline.last() and abs(remainder) <= timeline.lost_since(comparison.slack, position):
            self._round(remainder, observation.clock)
        if (comparison.learning or comparison.settled) and position == timeline.last():
            learning.book_learned(self)
        self.remember(observation, value)
        timeline.trim(comparison.low)

    def _settle(self, position: int, value: Decimal, rest: Decimal) -> Decimal:
        """Own what fees in doubt come to by an agreement, beyond what is booked of them; return it."""
        unit, comparison, timeline = self.unit, self.comparison, self.timeline
        bound = total(
            self.tolerance,
            reported=value,
            expected=value - rest,
            slack=timeline.lost_since(comparison.slack, position),
            rate_usd=self.unit.rate_usd,
        )
        count, owed = settled(timeline, comparison.low, position, rest, bound) or (0, ZERO)
        if count:
            comparison.seldom += count
        elif timeline.doubts_since(comparison.low, position):
            comparison.seldom = 0
        if comparison.seldom >= SELDOM_NO_MORE and unit.fee.learned:
            unit.fee, comparison.seldom = swapped(unit.fee), 0
        comparison.residual += owed
        comparison.settled += owed
        return owed

    def remember(self, observation: Observation, value: Decimal) -> None:
        """Keep where an observation fitted, for finding the origin of a break."""
        trail = self.comparison.trail
        latest = Agreement(observation.seq, observation.clock, value, observation.us)
        if len(trail) > 1 and (trail[-1].clock - trail[-2].clock) * TRAIL_SHARE < self.window:
            trail[-1] = latest
            return
        if len(trail) >= MAX_TRAIL:
            del trail[: MAX_TRAIL // 2]
        trail.append(latest)

    def show(self, position: int) -> None:
        """Remember which cut the shown numbers are of."""
        comparison, timeline = self.comparison, self.timeline
        comparison.cut_number = timeline.numbers[position]
        comparison.cut_total = timeline.totals[position]
        comparison.cut_explained = timeline.explained[position]
        newest = position == timeline.last()
        comparison.cut_seq = max(timeline.seqs[position], (comparison.observed_seq or 0) if newest else 0)

    def explain(self, amount: Decimal, cause: str) -> None:
        """Book an entry that explains drift; it is inferred, and stays visible as such (design 2.9)."""
        at = self.at
        entry = post(
            self.held,
            amount,
            cause=cause,
            certainty="inferred",
            seq=at.seq,
            clock=at.clock,
            occurred_us=at.us,
            recorded_us=at.us,
        )
        self.book.entry(entry, self.held)

    def _round(self, remainder: Decimal, clock: int) -> None:
        """Book what was rounded away, unless the budget of the day is spent (semantics 6).

        Only what two agreements at different entries both leave over is that, or one agreement a window after
        another: a small trade whose report is late looks the same, once.
        """
        comparison, timeline = self.comparison, self.timeline
        before, number, lost = comparison.left, timeline.numbers[-1], remainder
        if before.number == number and before.amount == remainder:
            if clock - before.clock < self.window:
                return
        else:
            comparison.left = Left(number, remainder, clock)
            if before.number == number or (before.amount > 0) != (remainder > 0):
                return
            lost = min(before.amount, remainder, key=abs)
        # What the schedule leaves open (maker or taker) is a fee; the rest is rounding, within a budget.
        few = (timeline.rounded[-1] - comparison.slack.rounded) * timeline.quantum
        cause = FEE if self.rules.fees and abs(lost) > few else ROUNDING
        if not lost or (cause == ROUNDING and not self._within_budget(lost)):
            return
        self.explain(lost, cause)
        left = remainder - lost
        rounded = timeline.slack(timeline.last())
        comparison.slack = msgspec.structs.replace(rounded, blur=rounded.blur - abs(left))
        comparison.left = Left(timeline.numbers[-1], left, clock)
        comparison.low = timeline.numbers[-1]
        self.show(timeline.last())

    def _within_budget(self, lost: Decimal) -> bool:
        unit, day = self.unit, self.at.us // _DAY_US
        spent = unit.rounding_today if abs(unit.rounding_day) == day else ZERO
        if abs(spent + lost) > quantum_of(self.book, unit) * ROUNDING_QUANTA_PER_DAY:
            if unit.rounding_day != -day:
                message = f"rounding of {unit.code} has used its budget of the day; a persistent sign is a fee"
                self.book.find(unit.account, self.at, "rounding_budget", unit.code, message)
                unit.rounding_day, unit.rounding_today = -day, spent
            return False
        unit.rounding_day, unit.rounding_today = day, spent + lost
        return True
