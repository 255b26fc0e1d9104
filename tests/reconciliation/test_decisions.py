"""What people decide about breaks, through the fold (semantics 10)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from recon.ledger.rules import AccountRules, Rules
from recon.reconciliation.breaks.decisions import joint_digest, proposal_digest
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.verdict import verdict_of
from recon.testing import BTC_USDT, GatewayDriver, OrderScript, balance_row
from tests.support.claims import claimed, residual
from tests.support.decisions_driver import (
    ALICE,
    BOB,
    SERVICE,
    driver_with_break,
    record_decision,
    refusals,
    report,
    state_of,
)
from tests.support.trading_account import late_order, report_bought, trading, verdict

D = Decimal


def proposed(driver: GatewayDriver, known: Break, *, by: str = ALICE, **more: object) -> str:
    record_decision(driver, "propose", known, **{"by": by, "cause": "withdrawal", **more})  # type: ignore[arg-type]
    assert known.proposal is not None
    return known.proposal.digest


def history(driver: GatewayDriver, known: Break) -> list[tuple[str, str, str | None]]:
    return [(each.event, each.break_.state, each.actor) for each in driver.transitions() if each.break_.id == known.id]


def test_a_break_is_worked_on_and_stays_a_break_until_it_is_over() -> None:
    driver, known = driver_with_break()
    record_decision(driver, "comment", known, text="looks like the cold wallet")
    record_decision(driver, "assign", known, assignee="carol")
    record_decision(driver, "investigate", known)
    digest = proposed(driver, known, text="see the ledger", evidence=["tx 7f"])
    assert verdict(driver, "BTC") == "break"
    record_decision(driver, "approve", known, by=BOB, digest=digest)
    assert history(driver, known)[1:] == [
        ("comment", "open", "alice"),
        ("assign", "assigned", "alice"),
        ("investigate", "investigating", "alice"),
        ("propose", "proposed", "alice"),
        ("approve", "resolved", "bob"),
    ]
    assert known.assignee == "carol"
    assert any(told.text == "tx 7f" for told in known.evidence)
    report(driver, "9")
    assert verdict(driver, "BTC") == "agreed"
    assert refusals(driver) == []


@pytest.mark.parametrize(("step", "taken"), [("assign", "assigned"), ("investigate", "investigating")])
def test_what_was_taken_up_is_given_back_by_reopening(step: str, taken: str) -> None:
    driver, known = driver_with_break()
    record_decision(driver, step, known, **({"assignee": "carol"} if step == "assign" else {}))
    record_decision(driver, "reopen", known, by=BOB, text="carol is ill")
    assert history(driver, known)[1:] == [(step, taken, "alice"), ("reopen", "open", "bob")]
    assert known.assignee is None
    assert verdict(driver, "BTC") == "break"
    assert refusals(driver) == []


def test_an_approval_books_an_exact_entry_and_what_was_owned_is_explained() -> None:
    driver, known = driver_with_break()
    record_decision(driver, "approve", known, by=BOB, digest=proposed(driver, known))
    (entry,) = [each for each in driver.entries("BTC") if each.break_id == known.id]
    assert (entry.cause, entry.certainty, entry.amount) == ("withdrawal", "exact", D(-1))
    assert entry.occurred_us == known.seen_us
    comparison = driver.comparison("BTC")
    assert (residual(driver, "BTC"), comparison.cut_explained, driver.value("BTC")) == (D(0), D(-1), D(9))
    assert comparison.reported == D(10) + comparison.cut_total, "explained at once, not with the next report"
    assert (known.cause, known.certainty, known.amount, known.explained_amount) == ("withdrawal", "exact", D(-1), D(-1))


def test_what_is_over_stays_over_while_reports_and_fills_race() -> None:
    """Reports that have not seen the latest fill fit as they did before: an explanation changes no cut."""
    driver, known = driver_with_break()
    digest = proposed(driver, known)
    report_bought(driver, "racing")
    record_decision(driver, "approve", known, by=BOB, digest=digest)
    driver.balance("BTC", "9", rate_usd=100)
    driver.balance("BTC", "10", rate_usd=100)
    report(driver, "10")
    assert driver.opened_breaks() == [("BTC", D(-1))]
    assert verdict(driver, "BTC") == "agreed"


def test_a_step_under_way_is_judged_as_if_nothing_had_been_said() -> None:
    driver, known = driver_with_break()
    digest = proposed(driver, known)
    report(driver, "6", 8)
    assert [step.amount for step in driver.comparison("BTC").pending] == [-3]
    record_decision(driver, "approve", known, by=BOB, digest=digest)
    report(driver, "6", 30)
    assert driver.opened_breaks() == [("BTC", D(-1)), ("BTC", D(-3))]
    assert [each.amount for each in driver.breaks("BTC")] == [-3]
    assert residual(driver, "BTC") == -3


def test_a_part_that_is_explained_leaves_the_rest_open() -> None:
    driver, known = driver_with_break("3")
    record_decision(driver, "approve", known, by=BOB, digest=proposed(driver, known, entry="-2"))
    assert (state_of(known), known.amount, known.explained_amount, known.proposal) == ("open", D(-1), D(-2), None)
    assert history(driver, known)[-1] == ("reduced", "open", "bob")
    assert driver.transitions()[-1].reason.endswith("-1 is left")
    report(driver, "7")
    assert verdict(driver, "BTC") == "break"
    record_decision(driver, "approve", known, by=BOB, digest=proposed(driver, known, cause="fee"))
    assert (state_of(known), known.amount, known.explained_amount, known.cause) == ("resolved", D(-3), D(-3), "fee")
    record_decision(driver, "reopen", known, text="it was another one")
    assert (state_of(known), known.amount, known.explained_amount) == ("open", D(-3), D(0))
    by_cause = {cause: [e.amount for e in driver.entries("BTC") if e.cause == cause] for cause in ("withdrawal", "fee")}
    assert by_cause == {"withdrawal": [-2, 2], "fee": [-1, 1]}
    report(driver, "7")
    assert residual(driver, "BTC") == -3
    assert driver.opened_breaks() == [("BTC", D(-3))]


def test_within_tolerance_a_rest_is_nothing() -> None:
    driver = GatewayDriver(Rules(defaults=AccountRules()))
    driver.start(balance_row("BTC", "10", rate_usd=100))
    report(driver, "10", 10)
    report(driver, "8.99999999999999999", 40)
    (known,) = driver.breaks("BTC")
    record_decision(driver, "approve", known, by=BOB, digest=proposed(driver, known, entry="-1"))
    assert state_of(known) == "resolved"
    assert residual(driver, "BTC") == claimed(driver.comparison("BTC")) == D("-1e-17")
    record_decision(driver, "reopen", known)
    assert known.amount == residual(driver, "BTC") == claimed(driver.comparison("BTC")) == D("-1.00000000000000001")


@pytest.mark.parametrize(
    ("entry", "why"),
    [("0", "at most"), ("1", "at most"), ("-2", "at most"), ("NaN", None), ("-1e999", None)],
)
def test_an_entry_explains_at_most_the_break(entry: str, why: str | None) -> None:
    driver, known = driver_with_break()
    record_decision(driver, "propose", known, cause="withdrawal", entry=entry)
    assert (state_of(known), known.proposal) == ("open", None)
    if why is None:
        assert driver.findings("unreadable")
    else:
        assert why in refusals(driver)[0].message


@pytest.mark.parametrize("cause", [None, "", "opening", "fill", "Some Cause", "x" * 60])
def test_a_proposal_names_a_cause_that_is_not_the_books_own(cause: str | None) -> None:
    driver, known = driver_with_break()
    record_decision(driver, "propose", known, cause=cause)
    assert state_of(known) == "open"
    assert "does not name a cause" in refusals(driver)[0].message


def test_an_approval_binds_to_the_digest_of_what_is_proposed() -> None:
    driver, known = driver_with_break()
    first = proposed(driver, known, evidence=["one"])
    assert first == proposal_digest(known.id, "withdrawal", D(-1), ["one"])
    second = proposed(driver, known, evidence=["two"])
    record_decision(driver, "approve", known, by=BOB, digest=first)
    assert state_of(known) == "proposed"
    assert second in refusals(driver)[0].message
    record_decision(driver, "reject", known, by=BOB, digest=first)
    assert state_of(known) == "proposed"
    record_decision(driver, "reject", known, by=BOB, digest=second)
    assert (state_of(known), known.proposal) == ("investigating", None)


def test_a_proposal_whose_digest_is_of_something_else_is_refused() -> None:
    driver, known = driver_with_break()
    record_decision(driver, "propose", known, cause="withdrawal", digest="00")
    assert state_of(known) == "open"
    assert "changed meanwhile" in refusals(driver)[0].message


def test_many_at_once_are_proposed_and_approved_under_one_digest() -> None:
    driver = trading()
    for _ in range(60):
        driver.wait(1)
        driver.balance("BTC", "9", rate_usd=100)
        driver.balance("USDT", "100110", rate_usd=1)
    known = [*driver.breaks("BTC"), *driver.breaks("USDT")]
    record_decision(driver, "propose", *known, cause="missed_fill")
    digests = [each.proposal.digest for each in known if each.proposal is not None]
    record_decision(driver, "approve", *known, by=BOB, digest=digests[0])
    assert [each.state for each in known] == ["proposed", "proposed"]
    record_decision(driver, "approve", *reversed(known), by=BOB, digest=joint_digest(digests))
    assert [each.state for each in known] == ["resolved", "resolved"]
    assert (driver.value("BTC"), driver.value("USDT")) == (D(9), D(100110))


def test_what_is_immaterial_one_person_decides_even_under_a_shared_login() -> None:
    driver, known = driver_with_break(rate=100)
    record_decision(
        driver, "approve", known, by=SERVICE, name="Dora", digest=proposed(driver, known, by=SERVICE, name="Dora")
    )
    assert state_of(known) == "resolved"
    assert history(driver, known)[-1][2] == "Dora (asserted, login recon_service)"


@pytest.mark.parametrize(
    ("proposer", "approver", "why"),
    [
        (ALICE, ALICE, "who proposed it may not approve it"),
        (ALICE, SERVICE, "a login that people share"),
        (SERVICE, ALICE, "proposed under a login that people share"),
        (ALICE, BOB, None),
    ],
)
@pytest.mark.parametrize("rate", [20_000, None])
def test_what_is_material_takes_two_authenticated_logins(
    proposer: str, approver: str, why: str | None, rate: int | None
) -> None:
    driver, known = driver_with_break(rate=rate)
    record_decision(driver, "approve", known, by=approver, digest=proposed(driver, known, by=proposer))
    assert state_of(known) == ("resolved" if why is None else "proposed")
    messages = [each.message for each in refusals(driver)]
    assert len(messages) == (why is not None)
    assert all(str(why) in message for message in messages)


def test_the_day_s_approvals_of_an_account_add_up() -> None:
    driver, first = driver_with_break(rate=6_000)
    record_decision(driver, "approve", first, digest=proposed(driver, first))
    report(driver, "8", 40, rate=6_000)
    (second,) = driver.breaks("BTC")
    digest = proposed(driver, second)
    record_decision(driver, "approve", second, digest=digest)
    assert state_of(second) == "proposed"
    assert "the account's approvals of the day are 12,000.00 USD, above 10,000.00 USD" in refusals(driver)[0].message
    driver.event("frame", b"{}", after=86_400)
    record_decision(driver, "approve", second, digest=digest)
    assert state_of(second) == "resolved"


def test_a_step_that_the_table_does_not_allow_says_what_it_allows() -> None:
    driver, known = driver_with_break()
    record_decision(driver, "reject", known, by=BOB)
    (finding,) = refusals(driver)
    assert finding.about == known.id
    assert finding.message.startswith(f"bob asked to reject break {known.id}, refused: it is open; allowed now:")
    assert {"assign", "comment", "investigate", "propose", "accept"} <= set(
        finding.message.rpartition("allowed now: ")[2].split(", ")
    )
    assert state_of(known) == "open"


def test_a_decision_about_a_break_that_is_not_there_is_a_finding() -> None:
    driver, known = driver_with_break()
    record_decision(driver, "comment", known, text="x", breaks=[known.id, "gone"])
    assert [each.about for each in driver.findings("decision_without_break")] == ["gone"]
    assert history(driver, known)[-1][0] == "comment"


@pytest.mark.parametrize("payload", [b"{}", b'{"by":{"login":"a","authenticated":true},"action":"dance"}', b"[]"])
def test_what_is_no_decision_is_a_finding(payload: bytes) -> None:
    driver, _ = driver_with_break()
    driver.event("decision", payload)
    assert [each.about for each in driver.findings("unreadable")] == ["decision"]


def accepted(driver: GatewayDriver, known: Break, *, seconds: float = 3600, amount: str | None = None) -> None:
    until = (driver.now + timedelta(seconds=seconds)).isoformat()
    record_decision(driver, "accept", known, until=until, **({} if amount is None else {"amount": amount}))


def test_an_accepted_break_is_still_a_break_and_comes_back_when_its_time_is_over() -> None:
    driver, known = driver_with_break()
    accepted(driver, known, seconds=60)
    assert state_of(known) == "accepted"
    report(driver, "9", 50)
    assert (state_of(known), verdict(driver, "BTC")) == ("accepted", "break")
    driver.tick(after=10)
    assert (state_of(known), known.acceptance) == ("open", None)
    assert history(driver, known)[-1] == ("expired", "open", None)


def test_an_accepted_break_comes_back_when_the_drift_grows_beyond_what_was_accepted() -> None:
    driver, known = driver_with_break()
    accepted(driver, known, amount="1.5")
    report(driver, "8.6", 40)
    assert state_of(known) == "accepted", "1.4 is within 1.5"
    report(driver, "8.4", 40)
    assert state_of(known) == "open"
    assert "1.6" in driver.transitions("expired")[0].reason


def test_nothing_is_accepted_that_is_over_or_too_large_already() -> None:
    driver, known = driver_with_break()
    accepted(driver, known, seconds=-1)
    accepted(driver, known, amount="0.5")
    record_decision(driver, "accept", known)
    assert state_of(known) == "open"
    assert len(refusals(driver)) == 3
    accepted(driver, known)
    record_decision(driver, "reopen", known)
    assert (state_of(known), known.acceptance) == ("open", None)


def test_a_break_that_is_cleared_by_data_is_cleared_whoever_works_on_it() -> None:
    driver = trading()
    order = late_order(driver, "late")
    driver.wait(1)
    driver.poll("BTC", "11", 40)
    (known,) = driver.breaks("BTC")
    proposed(driver, known, cause="deposit")
    driver.report(order.report(1))
    driver.poll("BTC", "11", 40)
    assert state_of(known) == "cleared"
    record_decision(driver, "approve", known, by=BOB, digest="x")
    assert state_of(known) == "cleared"
    assert "it is cleared" in refusals(driver)[0].message


def test_a_late_report_of_what_was_explained_shows_and_a_reopening_mends_it() -> None:
    driver = trading()
    order = late_order(driver, "late")
    driver.wait(1)
    report(driver, "11", 40)
    (known,) = driver.breaks("BTC")
    record_decision(driver, "approve", known, by=BOB, digest=proposed(driver, known, cause="missed_fill"))
    report(driver, "11", 5)
    driver.report(order.report(1))
    report(driver, "11", 7)
    record_decision(driver, "reopen", known, text="the report came after all")
    report(driver, "11", 30)
    assert state_of(known) == "cleared"
    assert driver.breaks("BTC") == []
    assert driver.value("BTC") == 11


def test_a_recurrence_reopens_what_was_resolved_and_counts() -> None:
    driver, known = driver_with_break()
    record_decision(driver, "approve", known, by=BOB, digest=proposed(driver, known, cause=known.cause))
    report(driver, "9", 30)
    report(driver, "8", 40)
    assert [each.id for each in driver.breaks("BTC")] == [known.id]
    assert (state_of(known), known.occurrences, known.explained_amount, known.proposal) == ("open", 2, D(0), None)
    record_decision(driver, "approve", known, by=BOB, digest=proposed(driver, known))
    record_decision(driver, "reopen", known)
    assert driver.value("BTC") == 9, "only what explained the second time is taken back"


def test_a_contradiction_of_reports_is_settled_without_an_entry() -> None:
    driver = trading()
    driver.poll("BTC", "10", 10, rate_usd=100)
    order = OrderScript("o", [("1", "100"), ("1", "100")], placed_at=driver.now)
    driver.report(order.report(2))
    history = [[status, "2026-01-05T09:01:00.0000000Z"] for status in ("NEW", "FILLED", "CANCELED") * 4]
    driver.report(order.report(1) | {"status": "CANCELED", "status_history": history})
    (known,) = [
        each for held in driver.reconciler.comparisons.values() for each in held.breaks if not each.owns_residual
    ]
    record_decision(driver, "propose", known, cause="inconsistent_report", entry="1")
    assert "no part of the drift" in refusals(driver)[0].message
    record_decision(driver, "propose", known, cause="inconsistent_report")
    assert known.proposal is not None
    record_decision(driver, "approve", known, by=BOB, digest=known.proposal.digest)
    assert state_of(known) == "resolved"
    assert driver.value(BTC_USDT[2]) == 12
    record_decision(driver, "reopen", known)
    assert state_of(known) == "open"
    assert verdict_of(driver.unit("BTC"), driver.comparison("BTC")) == "break"


def test_a_person_settles_an_order_that_is_not_accounted_for() -> None:
    driver = trading()
    driver.report(OrderScript("lost", [("1", "100")], amount="2", placed_at=driver.now).report(1))
    driver.close_session()
    driver.wait(2, silent=[driver.account])
    driver.open_session("s2")
    driver.server_info()
    driver.orders()
    driver.balances(balance_row("BTC", "11"), balance_row("ETH", "50"), balance_row("USDT", "99900"))
    key = driver.order("c:lost").key
    assert list(driver.unit("BTC").withheld) == [key]
    record_decision(driver, "settle_order", account=driver.account, order="c:other", outcome="?")
    assert len(refusals(driver)) == 1
    record_decision(driver, "settle_order", account=driver.account, order=key, outcome="canceled by the venue")
    assert list(driver.unit("BTC").withheld) == []
    assert driver.coverage() == ("covered", None)
    assert "canceled by the venue" in driver.findings("order_settled")[0].message
    driver.orders()
    assert driver.coverage() == ("covered", None), "and it is not lost sight of again"
    driver.report(OrderScript("lost", [("1", "100")], amount="2", placed_at=driver.now).report(1))
    assert not driver.order("c:lost").flags.settled_by_person, "but a report of it speaks for itself"
