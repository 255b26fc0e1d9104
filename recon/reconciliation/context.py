"""The comparison's context: one unit at one log time, its ledger, its comparison state, and its rules. Pure.

Every decision about openings, steps and breaks is a function of a context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from recon.reconciliation.model.comparisons import Comparisons
from recon.reconciliation.model.hypothesis import Hypothesis
from recon.reconciliation.model.snapshot import Transition, snapshot_of
from recon.times import LogTime

#: The position on the timeline at which an observation fits, and the reading that fits.
Fit = tuple[int, Decimal]


class ComparisonContext:
    """A unit at one log time of the fold."""

    __slots__ = (
        "_emit",
        "at",
        "comparison",
        "comparisons",
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
        emit: Callable[[Transition], None],
        comparisons: Comparisons,
    ) -> None:
        """Take a unit at a log time; `emit` receives transitions, `comparisons` has those of all units."""
        self.ledger = ledger
        self.state = state
        self.comparison = comparison
        self.at = at
        self.unit: Unit = state.unit
        self.timeline: Timeline = state.timeline
        self.rules: AccountRules = ledger.rules_of(state.unit.account)
        self.window: int = self.rules.settlement_window_us
        #: Units whose breaks are to be classified again, because a related break opened.
        self.reclassify: list[UnitKey] = []
        self._emit = emit
        self.comparisons = comparisons

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
        """Return the opening; 0 while it is not known."""
        return self.unit.balance.opening or ZERO

    @property
    def judged(self) -> bool:
        """True if the unit is judged now.

        It is not judged while its balance does not follow from reports, or while the cash of contracts is pending.
        """
        cash_pending = self.unit.kind == "asset" and self.account.mappings.cash_pending_assets[self.unit.code]
        return self.unit.unmodelled is None and not cash_pending

    def fit(
        self, observation: Observation, without: Decimal = ZERO, low: int | None = None, *, seldom: bool = True
    ) -> Fit | None:
        """Return the cut that fits an observation, given the ledger and the residual less `without`, if any."""
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
        """Return the part of a reported amount that neither the ledger at a cut nor the residual explains."""
        return value - self.opening - self.timeline.totals[position] - self.comparison.residual

    def tolerance_at(self, position: int, reported: Decimal, expected: Decimal) -> Decimal:
        """Return how far a reported amount may be from the expected one at a cut and still agree."""
        return total_tolerance(
            self.tolerance,
            reported=reported,
            expected=expected,
            slack=self.timeline.rounding_since(self.comparison.uncertainty, position),
            rate_usd=self.unit.reported.rate_usd,
        )

    def continue_from(self, step: Hypothesis) -> None:
        """Adopt a candidate's latest cut, and the fees that it resolved."""
        self.comparison.low = max(step.low, step.mark)
        self.comparison.residual += step.accrued_fees
        self.comparison.settled += step.accrued_fees
        self.show_cut(self.timeline.position_of(self.comparison.low))

    def comparison_of(self, state: UnitState) -> ComparisonState | None:
        """Return the comparison of a unit of the gateway; None if there is none yet."""
        return self.comparisons.get(state.key)

    def open_breaks_of_case(self, case: str) -> list[tuple[Unit, Break]]:
        """Return the open breaks of a case that are of this account."""
        units = [key for key in self.comparisons.of_case(case) if key[0] == self.unit.account]
        known = ((self.ledger.units[key].unit, break_) for key in units for break_ in self.comparisons[key].breaks)
        return [(unit, break_) for unit, break_ in known if break_.case_id == case]

    def open_breaks_of_assets(self, codes: Iterable[str]) -> list[tuple[Unit, Break]]:
        """Return the open breaks of some assets of the account, in alphabetical order of the assets."""
        keys: list[UnitKey] = [(self.unit.account, "asset", code) for code in sorted(set(codes))]
        found = [(key, self.comparisons[key]) for key in keys if key in self.comparisons]
        return [(self.ledger.units[key].unit, break_) for key, comparison in found for break_ in comparison.breaks]

    def emit(self, break_: Break, event: str, reason: str, actor: str | None = None) -> None:
        """Emit a transition of a break, with the unit's figures as they stand."""
        unit, at = self.unit, self.at
        floor = floor_of(break_.cause)
        self._emit(
            Transition(
                account=unit.account,
                kind=unit.kind,
                unit=unit.code,
                break_=msgspec.structs.replace(break_),
                event=event,
                seq=at.seq,
                us=at.us,
                reason=reason,
                snapshot=snapshot_of(self.state, self.comparison, self.account, break_, at.us, self.rules, floor),
                actor=actor,
            )
        )

    def remember_agreement(self, observation: Observation, value: Decimal) -> None:
        """Remember an agreement, so that the origin of a break can be found."""
        trail = self.comparison.trail
        latest = Agreement(observation.seq, observation.clock, value, observation.us)
        if len(trail) > 1 and (trail[-1].clock - trail[-2].clock) * TRAIL_SHARE < self.window:
            trail[-1] = latest
            return
        if len(trail) >= MAX_TRAIL:
            del trail[: MAX_TRAIL // 2]
        trail.append(latest)

    def show_cut(self, position: int) -> None:
        """Show the figures of a cut from here on."""
        comparison, timeline = self.comparison, self.timeline
        comparison.cut_number = timeline.numbers[position]
        comparison.cut_total = timeline.totals[position]
        comparison.cut_explained = timeline.explained[position]
        newest = position == timeline.last()
        comparison.cut_seq = max(timeline.seqs[position], (comparison.observed_seq or 0) if newest else 0)

    def post_explanation(self, amount: Decimal, cause: str) -> None:
        """Post an inferred entry that explains drift; it stays visible as inferred (architecture 2.9)."""
        posting = Posting(amount, cause, self.at.us, "inferred")
        self.ledger.record_entry(post(self.state, posting, self.at), self.state)
