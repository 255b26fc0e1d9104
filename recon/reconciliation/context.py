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
from recon.ledger.rules import AccountRules, Tolerance
from recon.ledger.timeline import Timeline
from recon.ledger.units import Posting, Unit, UnitKey, UnitState, post
from recon.reconciliation.causes.registry import floor_of
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.comparisons import Comparisons
from recon.reconciliation.model.snapshot import Transition, snapshot_of
from recon.reconciliation.model.tolerance import total_tolerance
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.times import LogTime


def show_cut(unit: Unit, comparison: ComparisonState, trellis: AccountTrellis) -> None:
    """Show the figures of the cut that a unit's latest compared report has seen, and whether a later one waits."""
    figures, balance = trellis.figures(unit.key), unit.balance
    if figures is not None:
        comparison.cut_seq = figures.seq
        comparison.cut_explained = figures.explained_in(balance.explained)
        comparison.cut_total = comparison.cut_explained + figures.fills_in(balance.fills)
    comparison.waiting = not comparison.set_aside and trellis.is_waiting(unit.key)


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
        "trellis",
        "unit",
    )

    def __init__(
        self,
        ledger: Ledger,
        state: UnitState,
        comparison: ComparisonState,
        at: LogTime,
        emit: Callable[[Transition], None],
        comparisons: Comparisons,
        trellis: AccountTrellis,
    ) -> None:
        """Take a unit at a log time; `emit` receives transitions, `comparisons` has those of all units."""
        self.ledger = ledger
        self.state = state
        self.comparison = comparison
        self.at = at
        self.unit: Unit = state.unit
        self.rules: AccountRules = ledger.rules_of(state.unit.account)
        #: Units whose breaks are to be classified again, because a related break opened.
        self.reclassify: list[UnitKey] = []
        self._emit = emit
        self.comparisons = comparisons
        self.trellis = trellis

    @property
    def account(self) -> Account:
        """Return the unit's account."""
        return self.ledger.accounts[self.unit.account]

    @property
    def timeline(self) -> Timeline:
        """Return the unit's recent entries."""
        return self.state.timeline

    @property
    def window(self) -> int:
        """Return the settlement window in microseconds."""
        return self.rules.settlement_window_us

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
        unit = self.unit
        cash_pending = unit.kind == "asset" and self.account.mappings.cash_pending_assets.get(unit.code)
        return unit.unmodelled is None and not cash_pending

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
        show_cut(unit, self.comparison, self.trellis)
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

    def post_explanation(self, amount: Decimal, cause: str) -> None:
        """Post an inferred entry that explains drift; it stays visible as inferred (architecture 2.9)."""
        posting = Posting(amount, cause, self.at.us, "inferred")
        self.ledger.record_entry(post(self.state, posting, self.at), self.state)

    def tolerance_of(self, amount: Decimal, slack: Decimal = ZERO) -> Decimal:
        """Return how far an amount may be from another one that is the same, in the unit's own measure.

        A small amount may be left of large ones, and has their noise.
        """
        reported = self.unit.reported
        magnitude = max(abs(amount), reported.largest)
        return total_tolerance(
            self.tolerance, reported=magnitude, expected=amount, slack=slack, rate_usd=reported.rate_usd
        )
