"""A break's order never leaves the table, whatever people decide and data says; and the books always add up."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import exact
from recon.ledger.ledger import Ledger
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.rules import Rules
from recon.ledger.units import OF_FILLS, UnitKey
from recon.projection.fold import Fold, decode_event
from recon.reconciliation.breaks.decisions import joint_digest
from recon.reconciliation.model.break_ import Break, BreakState
from recon.reconciliation.model.lifecycle import ACTIVE, OVER, PERSON_STEPS, TRANSITIONS, DataStep, allowed, next_state
from recon.reconciliation.reconciler import Reconciler
from recon.testing import GatewayDriver
from tests.projection.test_fold_conservation import OPENINGS, Auditor, Flow
from tests.support.claims import claimed, residual
from tests.support.decisions_driver import ALICE, BOB, SERVICE, record_decision
from tests.support.properties import steady

D = Decimal
STATES: tuple[BreakState, ...] = get_args(BreakState)


def test_every_state_and_step_of_the_table_is_known_and_reached() -> None:
    named = {source for _, sources, _ in TRANSITIONS for source in sources} | {to for *_, to in TRANSITIONS if to}
    assert named == set(STATES) == ACTIVE | OVER
    assert {name for name, *_ in TRANSITIONS} == set(get_args(DataStep)) | PERSON_STEPS


@pytest.mark.parametrize("state", STATES)
def test_what_is_allowed_is_what_leads_somewhere(state: BreakState) -> None:
    leads = {name: next_state(name, state) for name, *_ in TRANSITIONS}
    assert set(allowed(state)) == {name for name, target in leads.items() if target is not None}
    assert next_state("no such step", state) is None


@pytest.mark.parametrize("step", sorted(PERSON_STEPS - {"comment", "reopen"}))
@pytest.mark.parametrize("state", sorted(OVER))
def test_what_is_over_is_only_commented_on_or_reopened(state: BreakState, step: str) -> None:
    assert next_state(step, state) is None


@pytest.mark.parametrize("step", ["assign", "investigate"])
def test_what_is_taken_up_is_given_back_by_reopening(step: str) -> None:
    taken = next_state(step, "open")
    assert taken in {"assigned", "investigating"}
    assert next_state("reopen", taken) == "open"


def test_a_person_never_ends_a_break_alone_but_by_an_approved_proposal() -> None:
    ends = {name for name in PERSON_STEPS for state in ACTIVE if next_state(name, state) in OVER}
    assert ends == {"approve"}
    assert [state for state in ACTIVE if next_state("approve", state)] == ["proposed"]


class LifeAuditor(Auditor):
    """Also knows what explains breaks, and that it is in every cut."""

    def check(self) -> None:
        super().check()
        for key, comparison in self.driver.reconciler.comparisons.items():
            assert all(known.state in ACTIVE for known in comparison.breaks)
            assert all(known.state in OVER for known in comparison.closed)
            assert all((known.acceptance is not None) == (known.state == "accepted") for known in comparison.breaks)
            ids = [known.id for known in comparison.breaks]
            assert len(set(ids)) == len(ids)
            for known in (*comparison.breaks, *comparison.closed):
                posted = [each.amount for each in self.entries[key] if each.break_id == known.id]
                if known.occurrences == 1:
                    assert sum(posted) == known.explained_amount, "what was taken back cancels"

    def _cut(self, key: UnitKey) -> None:
        held = self.driver.ledger.units[key]
        if self.driver.reconciler.comparison_of(held).reported is None or held.unit.balance.opening is None:
            return
        comparison = self.driver.comparison(key[2], key[1])
        explained = [each for each in self.entries[key] if each.cause not in {*OF_FILLS, "opening"}]
        assert comparison.cut_explained == sum((each.amount for each in explained), D(0))
        assert comparison.reported in self.told[key[2]]


class Deciding(Flow):
    """Random trading with drift, and people who decide at random about whatever breaks there are."""

    def __init__(self, data: st.DataObject) -> None:
        super().__init__(data)
        told = self.auditor.told
        self.auditor = LifeAuditor(self.driver)
        self.auditor.told = told

    def step(self, what: str, number: int) -> None:
        match what:
            case "decide":
                self.decide()
            case "resolve":
                self.resolve()
            case "reopen":
                self.reopen()
            case _:
                super().step(what, number)
        self.auditor.check()

    def known(self) -> list[Break]:
        comparisons = self.driver.reconciler.comparisons.values()
        return [each for one in comparisons for each in (*one.breaks, *one.closed)]

    def decide(self) -> None:
        """Anybody says anything about any break."""
        known, draw = self.known(), self.data.draw
        if not known:
            return
        chosen = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique_by=lambda each: each.id))
        likely = [step for step in allowed(chosen[0].state) if step in PERSON_STEPS]
        action = draw(st.sampled_from(likely) | st.sampled_from(sorted(PERSON_STEPS)))
        by = draw(st.sampled_from([ALICE, BOB, SERVICE]))
        record_decision(self.driver, action, *chosen, by=by, text="so", **self.details(action, chosen))

    def resolve(self) -> None:
        """One proposes, the other approves."""
        known, draw = [each for each in self.known() if each.state in ACTIVE], self.data.draw
        if known:
            chosen = draw(st.sampled_from(known))
            with exact():
                entry = str(chosen.amount * draw(st.sampled_from([D(1), D("0.25")])))
            record_decision(self.driver, "propose", chosen, cause="deposit", entry=entry)
            digest = "?" if chosen.proposal is None else chosen.proposal.digest
            record_decision(self.driver, "approve", chosen, by=BOB, digest=digest)

    def reopen(self) -> None:
        known = [each for each in self.known() if each.state in ("resolved", "accepted")]
        if known:
            record_decision(self.driver, "reopen", self.data.draw(st.sampled_from(known)), by=BOB)

    def details(self, action: str, chosen: list[Break]) -> dict[str, object]:
        draw, first = self.data.draw, chosen[0]
        match action:
            case "assign":
                return {"assignee": "carol"}
            case "propose":
                with exact():
                    half = first.amount * D("0.5")
                entry = draw(st.sampled_from([None, str(first.amount), str(half), str(-first.amount)]))
                return {"cause": draw(st.sampled_from(["deposit", "fee", "opening"])), "entry": entry}
            case "approve" | "reject":
                digests = [each.proposal.digest for each in chosen if each.proposal is not None]
                return {"digest": draw(st.sampled_from([joint_digest(digests) if digests else "?", "wrong"]))}
            case "accept":
                until = self.driver.now + timedelta(seconds=draw(st.integers(-1, 20)))
                return {"until": until.isoformat(), "amount": draw(st.sampled_from([None, str(abs(first.amount))]))}
            case _:
                return {}


STEPS = st.lists(
    st.sampled_from(
        ["trade", "tell", "poll", "poll", "wait", "wait", "drift", "gap", "resolve", "reopen", *["decide"] * 3]
    ),
    min_size=10,
    max_size=40,
)


def lives(driver: GatewayDriver) -> dict[str, list[tuple[str, BreakState]]]:
    found: dict[str, list[tuple[str, BreakState]]] = defaultdict(list)
    for each in driver.reconciler.transitions:
        found[each.break_.id].append((each.event, each.break_.state))
    return found


def remembered(fold: Fold) -> bytes:
    """Everything that a fold holds and would write, as one document."""
    engine, book = fold.reconciler, fold.ledger
    engine.store()
    return msgspec.json.encode(
        [
            [(key, comparison, book.units[key].unit) for key, comparison in sorted(engine.comparisons.items())],
            engine.transitions,
            book.changes.entries,
            book.changes.findings,
            book.accounts,
            book.clock,
        ]
    )


@steady(25)
@given(STEPS, st.data())
def test_a_life_never_leaves_the_table_and_the_books_add_up(steps: list[str], data: st.DataObject) -> None:
    flow = Deciding(data)
    for number, what in enumerate(["drift", "poll", *["wait", "poll"] * 8, *steps]):
        flow.step(what, number)
    for order in lives(flow.driver).values():
        state: BreakState | None = None
        for step, after in order:
            begins = state is None and (step, after) == ("opened", "open")
            assert begins or (state is not None and next_state(step, state) == after), (step, state, after)
            state = after
    book = Ledger("prod-eu", LedgerClock(), Rules())
    again = Fold(book, Reconciler(book))
    again.fold([decode_event(event) for event in flow.driver.log])
    assert remembered(again) == remembered(flow.driver.fold)


@steady(15)
@given(STEPS, st.data())
def test_the_books_hold_what_fills_and_approvals_brought_and_nothing_else(
    steps: list[str], data: st.DataObject
) -> None:
    """What nobody reported is explained as far as it was approved, and owned by open breaks for the rest."""
    flow = Deciding(data)
    for number, what in enumerate(["drift", "poll", *["wait", "poll"] * 8, *steps]):
        flow.step(what, number)
    flow.tell()
    for _ in range(45):
        flow.poll()
        flow.driver.wait(1)
    off = D("1e-9")
    for code in OPENINGS:
        value = flow.driver.unit(code).value
        assert value is not None
        approved = sum((each.amount for each in flow.driver.entries(code) if each.break_id is not None), D(0))
        assert abs(value - flow.venue[code] - approved) <= off
        left = residual(flow.driver, code)
        assert abs(left + approved - flow.drift[code]) <= off
        assert left == claimed(flow.driver.comparison(code)), "open breaks, and what is not posted yet, own all of it"
