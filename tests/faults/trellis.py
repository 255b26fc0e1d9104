"""The trellis as a shadow: the same fold gives it the same legs and reports; what it tells becomes the rows scored.

It names no causes: each row says what kind of step it is. Breaks of reports that contradict themselves are no matter of
the trellis and are taken from the comparison as the service runs it, and so are the openings of contracts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from recon.ledger.fees.rate_table import RateTable
from recon.ledger.ledger import Ledger, LedgerChanges
from recon.ledger.observations import Observation
from recon.ledger.posting.derivatives import open_unit
from recon.ledger.units import UnitKey, UnitState
from recon.log.events import Event
from recon.projection.fold import DecodedEvent, Fold, decode_event
from recon.reconciliation.reconciler import Reconciler
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.column import Report
from recon.reconciliation.trellis.steps import Cleared, Moved, Opened, OpeningUncertain, Told
from recon.reconciliation.trellis.steps import Step as ToldStep
from recon.testing.log import new_fold
from recon.times import LogTime, to_datetime
from tests.faults.engine import LogTimes, Said, step_of
from tests.faults.rows import Step, UnitId

#: Causes of breaks that a report opens by contradicting itself or an earlier one.
CONTRADICTIONS: Final = frozenset({"overfill", "amount_regression"})


class _Contracts(Reconciler):
    """Compares contracts, whose openings their cash follows from, and opens each asset at its first report."""

    def on_observation(self, state: UnitState, observation: Observation, at: LogTime) -> None:
        """Compare a report of a contract; take one of an asset as it is."""
        if state.unit.kind == "contract":
            super().on_observation(state, observation, at)
            return
        if state.unit.balance.opening is None:
            open_unit(self.ledger, state, observation.values[0] - state.timeline.totals[-1], "exact", at)
        state.timeline.trim(state.unit.balance.entry_count)

    def on_postings(self, state: UnitState, at: LogTime) -> None:
        """Compare a contract again."""
        if state.unit.kind == "contract":
            super().on_postings(state, at)


class _ShadowFold(Fold):
    """A fold that shows each event's legs and reports to a trellis before the comparison takes them."""

    def __init__(self, ledger: Ledger, reconciler: Reconciler) -> None:
        super().__init__(ledger, reconciler)
        self.trellises: dict[str, AccountTrellis] = {}
        self.told: list[tuple[int, Told]] = []

    def _apply(self, item: DecodedEvent, at: LogTime, previous_us: int) -> None:
        super()._apply(item, at, previous_us)
        effects, ledger = self.ledger.effects, self.ledger
        for name, trellis in self.trellises.items():
            trellis.wait_for_cash(ledger.accounts[name].mappings.cash_pending_contracts, at.us)
        for state, leg in effects.legs:
            self._of(state.unit.account).add_leg(state.key, leg, at.us)
        for state, observation in effects.observed:
            self._of(state.unit.account).report(state.key, _report(ledger, state, observation))
        for trellis in self.trellises.values():
            if trellis.due(at.us):
                self.told.extend((at.us, told) for told in trellis.advance(at.us))

    def _of(self, account: str) -> AccountTrellis:
        found = self.trellises.get(account)
        if found is None:
            rules, rates = self.ledger.rules_of(account), RateTable()
            rates.tell(rules.fees)
            found = self.trellises[account] = AccountTrellis(account, rates, rules.settlement_window_us)
        return found


def _report(ledger: Ledger, state: UnitState, observation: Observation) -> Report:
    unit = state.unit
    quantum = state.timeline.quantum if unit.kind == "asset" else None
    tolerance = ledger.rules_of(unit.account).tolerance_of(unit.code).absolute
    return Report(
        observation.seq, observation.us, observation.values, quantum or None, tolerance, unit.reported.rate_usd
    )


class Trellis:
    """The trellis in the shadow of the comparison."""

    def __init__(self, gateway: str) -> None:
        ledger = new_fold(gateway).ledger
        self._fold = _ShadowFold(ledger, _Contracts(ledger))
        self.said = Said([], [], [])
        self._sizes: dict[tuple[str, UnitKey | None], int] = {}

    def fold(self, events: Sequence[Event], times: LogTimes) -> None:
        fold = self._fold
        fold.fold([decode_event(event) for event in events])
        transitions, fold.reconciler.transitions = fold.reconciler.transitions, []
        fold.ledger.changes = LedgerChanges()
        steps = [step_of(each, times) for each in transitions]
        self.said.steps.extend(each for each in steps if each.cause in CONTRADICTIONS)
        told, fold.told = fold.told, []
        for us, each in told:
            self._say(us, each, times)

    def _say(self, us: int, told: Told, times: LogTimes) -> None:
        at = to_datetime(us)
        match told:
            case Opened(step):
                self.said.steps.append(_row("opened", step, at, times))
            case Moved(_, step):
                self.said.steps.append(_row("moved", step, at, times))
            case OpeningUncertain(step):
                self.said.uncertain.append(_row("opening_uncertain", step, at, times))
            case Cleared(unit, seq, reason):
                before = next(each for each in reversed(self.said.steps) if each.break_id == _identity(unit, seq))
                self.said.steps.append(_cleared(before, at, reason))
            case _:
                pass

    def state_bytes(self) -> int:
        """Return the size of the stored form: of each account, and of each unit as it was stored last."""
        for name, trellis in self._fold.trellises.items():
            account, units = trellis.store()
            self._sizes[name, None] = len(account)
            self._sizes |= {(name, key): len(stored) for key, stored in units.items()}
        return sum(self._sizes.values())


def _identity(unit: UnitKey, seq: int) -> str:
    return f"{'/'.join(unit)}/{seq}"


def _row(event: str, step: ToldStep, at: datetime, times: LogTimes) -> Step:
    return Step(
        break_id=_identity(step.unit, step.seq),
        unit=UnitId(*step.unit),
        event=event,
        at=at,
        amount=step.amount,
        cause=step.kind,
        certainty="",
        fits=(),
        after=times[step.after_seq - 1] if step.after_seq else None,
        until=times[step.seq - 1],
    )


def _cleared(before: Step, at: datetime, reason: str) -> Step:
    return Step(before.break_id, before.unit, "cleared", at, before.amount, reason, "", (), before.after, before.until)
