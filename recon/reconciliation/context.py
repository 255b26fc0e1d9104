"""One unit under comparison at one moment: its books, what is remembered of it, and the rules in force. Pure.

Openings, chains and breaks are decided by functions of a subject; what they share stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.ledger import Ledger
from recon.ledger.observations import Observation
from recon.ledger.rules import AccountRules, Tolerance
from recon.ledger.timeline import Timeline
from recon.ledger.units import Posting, Unit, UnitKey, UnitState, post
from recon.reconciliation.causes.registry import floor_of
from recon.reconciliation.matching.cuts import fit
from recon.reconciliation.matching.tolerance import total_tolerance
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import MAX_TRAIL, TRAIL_SHARE, Agreement, ComparisonState
from recon.reconciliation.model.hypothesis import Hypothesis
from recon.reconciliation.model.snapshot import Transition, snapshot_of
from recon.times import LogTime

#: Where on the timeline an observation fits, and which of its readings does.
Fit = tuple[int, Decimal]


class ComparisonContext:
    """A unit at one moment of the fold."""

    __slots__ = (
        "_others",
        "_tell",
        "at",
        "comparison",
        "ledger",
        "reclassify",
        "rules",
        "state",
        "timeline",
        "unit",
        "window",
    )

    def __init__(
        self,
        ledger: Ledger,
        state: UnitState,
        comparison: ComparisonState,
        at: LogTime,
        tell: Callable[[Transition], None],
        others: Callable[[UnitKey], ComparisonState | None],
    ) -> None:
        """Bring together what decides; `tell` takes transitions, `others` gives the comparison of another unit."""
        self.ledger = ledger
        self.state = state
        self.comparison = comparison
        self.at = at
        self.unit: Unit = state.unit
        self.timeline: Timeline = state.timeline
        self.rules: AccountRules = ledger.rules_of(state.unit.account)
        self.window: int = self.rules.settlement_window_us
        #: Units with breaks that are to be judged again, because one opened beside them.
        self.reclassify: list[UnitKey] = []
        self._tell = tell
        self._others = others

    @property
    def account(self) -> Account:
        """Return the unit's account."""
        return self.ledger.accounts[self.unit.account]

    @property
    def tolerance(self) -> Tolerance:
        """Return the configured tolerance."""
        return self.rules.tolerance_of(self.unit.code)

    @property
    def opening(self) -> Decimal:
        """Return the opening, 0 while it is not known."""
        return self.unit.balance.opening or ZERO

    @property
    def judged(self) -> bool:
        """Tell whether the unit is judged at all now.

        It is not while its balance does not follow from reports, nor while cash of derivatives is to be worked out.
        """
        waits = self.account.mappings.cash_pending_contracts
        waiting = bool(waits) and self.unit.kind == "asset" and self.unit.code in waits.values()
        return self.unit.unmodelled is None and not waiting

    def fit(
        self, observation: Observation, without: Decimal = ZERO, low: int | None = None, *, seldom: bool = True
    ) -> Fit | None:
        """Hold an observation against the books and what open breaks own, less a part of that where given."""
        comparison = self.comparison
        return fit(
            self.state,
            observation,
            residual=comparison.residual - without,
            low=comparison.low if low is None else low,
            window=self.window,
            slack=comparison.uncertainty,
            rules=self.tolerance,
            seldom=seldom,
        )

    def unexplained_at(self, position: int, value: Decimal) -> Decimal:
        """Return what a report leaves over at a cut, beyond the books and what is owned."""
        return value - self.opening - self.timeline.totals[position] - self.comparison.residual

    def tolerance_at(self, position: int, reported: Decimal, expected: Decimal) -> Decimal:
        """Return how far a report may be from what is expected at a cut and still agree."""
        return total_tolerance(
            self.tolerance,
            reported=reported,
            expected=expected,
            slack=self.timeline.rounding_since(self.comparison.uncertainty, position),
            rate_usd=self.unit.reported.rate_usd,
        )

    def continue_from(self, step: Hypothesis) -> None:
        """Take over where a candidate's cuts have come to, and what fees in doubt came to under it."""
        self.comparison.low = max(step.low, step.mark)
        self.comparison.residual += step.accrued_fees
        self.comparison.settled += step.accrued_fees
        self.show_cut(self.timeline.position_of(self.comparison.low))

    def comparison_of(self, state: UnitState) -> ComparisonState | None:
        """Return the comparison of a unit of the gateway, None where it has none yet."""
        return self._others(state.key)

    def open_breaks(self) -> list[tuple[Unit, Break]]:
        """Return the open breaks of the whole account."""
        found: list[tuple[Unit, Break]] = []
        for state in self.ledger.units_of(self.unit.account):
            comparison = self._others(state.key)
            if comparison is not None:
                found += [(state.unit, known) for known in comparison.breaks]
        return found

    def emit(self, known: Break, event: str, reason: str, actor: str | None = None) -> None:
        """Tell of a step in a break's life, with the facts as they stand."""
        unit, at = self.unit, self.at
        floor = floor_of(known.cause)
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
                snapshot=snapshot_of(self.state, self.comparison, self.account, known, at.us, self.rules, floor),
                actor=actor,
            )
        )

    def remember_agreement(self, observation: Observation, value: Decimal) -> None:
        """Keep where an observation fitted, for finding the origin of a break."""
        trail = self.comparison.trail
        latest = Agreement(observation.seq, observation.clock, value, observation.us)
        if len(trail) > 1 and (trail[-1].clock - trail[-2].clock) * TRAIL_SHARE < self.window:
            trail[-1] = latest
            return
        if len(trail) >= MAX_TRAIL:
            del trail[: MAX_TRAIL // 2]
        trail.append(latest)

    def show_cut(self, position: int) -> None:
        """Remember which cut the shown numbers are of."""
        comparison, timeline = self.comparison, self.timeline
        comparison.cut_number = timeline.numbers[position]
        comparison.cut_total = timeline.totals[position]
        comparison.cut_explained = timeline.explained[position]
        newest = position == timeline.last()
        comparison.cut_seq = max(timeline.seqs[position], (comparison.observed_seq or 0) if newest else 0)

    def post_explanation(self, amount: Decimal, cause: str) -> None:
        """Book an entry that explains drift; it is inferred, and stays visible as such (architecture 2.9)."""
        posting = Posting(amount, cause, self.at.us, "inferred")
        self.ledger.record_entry(post(self.state, posting, self.at), self.state)
