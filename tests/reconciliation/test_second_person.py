"""Facts that one person tells: what is material waits for a second one, and nobody's word alone is exact."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from recon.ledger.facts.external_fact import MANUAL
from recon.log import events
from recon.testing import GatewayDriver, balance_row
from tests.support.decisions_driver import BOB, driver_with_break, record_decision, state_of
from tests.support.facts_driver import (
    BY,
    FILE,
    SECOND,
    approve_waiting,
    decide_facts,
    fact_effects,
    record_fact,
    record_trade,
    waiting_facts,
)

D = Decimal
SHARED: dict[str, object] = {"login": "recon_service", "authenticated": False, "name": "Alice"}
#: Bitcoin at 90,000 USD, so that seven are 630,000 USD and the default limit of 10,000 USD is a ninth of one.
RATE = 90_000


def stolen(amount: str = "7") -> GatewayDriver:
    """Return an account from which bitcoin vanished; the break is open."""
    return driver_with_break(amount, rate=RATE)[0]


def tell(driver: GatewayDriver, amount: str, external_id: str = f"{MANUAL}1", **more: object) -> None:
    record_fact(driver, "withdrawal", "BTC", amount, external_id, approved=False, **more)  # type: ignore[arg-type]


def still_open(driver: GatewayDriver) -> bool:
    return [state_of(known) for known in driver.breaks("BTC")] == ["open"] and driver.value("BTC") == 10


def test_one_person_alone_explains_no_material_break() -> None:
    driver = stolen()
    tell(driver, "-7")
    assert still_open(driver)
    assert fact_effects(driver) == {}
    (waiting,) = waiting_facts(driver)
    assert (waiting.usd, waiting.fact.by.login) == (D(630_000), "alice")
    (found,) = driver.findings("fact_waits")
    assert "waits for a second person" in found.message
    assert "comes to 630,000.00 USD, above 10,000.00 USD" in found.message


@pytest.mark.parametrize("amount", ["-7", "7", "-0.12", "0.12"])
def test_a_fact_in_either_direction_waits(amount: str) -> None:
    driver = stolen()
    tell(driver, amount)
    assert still_open(driver)
    assert len(waiting_facts(driver)) == 1


def test_who_told_it_may_not_approve_it_nor_a_shared_login() -> None:
    driver = stolen()
    tell(driver, "-7")
    for by in (BY, SHARED):
        decide_facts(driver, "approve_facts", waiting_facts(driver), by=by)
        assert still_open(driver)
    assert len(driver.findings("decision_refused")) == 2


def test_an_approval_binds_to_the_facts_that_are_meant() -> None:
    driver = stolen()
    tell(driver, "-7")
    (waiting,) = waiting_facts(driver)
    decide_facts(driver, "approve_facts", [waiting], digest="0" * 64)
    assert still_open(driver)
    decide_facts(driver, "approve_facts", [waiting, msgspec.structs.replace(waiting, seq=1)])
    assert still_open(driver)
    assert len(driver.findings("decision_refused")) == 2


@pytest.mark.parametrize(("external_id", "certainty"), [(f"{MANUAL}1", "inferred"), ("L-1", "exact")])
def test_an_approved_fact_takes_effect_and_only_a_statements_row_is_exact(external_id: str, certainty: str) -> None:
    driver = stolen()
    tell(driver, "-7", external_id)
    (waiting,) = waiting_facts(driver)
    approve_waiting(driver)
    assert fact_effects(driver) == {external_id: "explained"}
    assert (driver.value("BTC"), driver.breaks("BTC")) == (D(3), [])
    assert driver.entries("BTC")[-1].certainty == certainty
    assert driver.comparison("BTC").closed[-1].certainty == certainty
    (recorded,) = driver.ledger.changes.facts
    assert (recorded.seq, recorded.approved_seq) == (waiting.seq, len(driver.log))
    approve_waiting(driver)
    decide_facts(driver, "approve_facts", [waiting])
    assert driver.value("BTC") == 3, "once is once"


def test_a_rejected_fact_changes_nothing_and_can_be_told_again() -> None:
    driver = stolen()
    tell(driver, "-7")
    decide_facts(driver, "reject_facts", waiting_facts(driver), by=BY, text="a typing error")
    assert still_open(driver)
    assert waiting_facts(driver) == []
    assert "a typing error" in driver.findings("facts_rejected")[0].message
    tell(driver, "-7")
    approve_waiting(driver)
    assert driver.value("BTC") == 3


def test_what_a_shared_login_told_needs_two_persons() -> None:
    driver = stolen()
    tell(driver, "-7", by=SHARED)
    approve_waiting(driver, by=SECOND)
    assert still_open(driver)
    approve_waiting(driver, by=SECOND)
    assert still_open(driver), "the same person twice is one person"
    approve_waiting(driver, by=BY)
    assert driver.value("BTC") == 3


def test_the_same_fact_told_again_waits_once_and_approves_nothing() -> None:
    driver = stolen()
    tell(driver, "-7")
    tell(driver, "-7", ago=0.01)
    tell(driver, "-7", ago=0.02, by=SECOND)
    assert still_open(driver)
    assert len(waiting_facts(driver)) == 1


def test_an_immaterial_fact_goes_through_at_once_and_is_inferred() -> None:
    driver = stolen("0.1")
    tell(driver, "-0.1", "L-1")
    assert (fact_effects(driver), driver.value("BTC")) == ({"L-1": "explained"}, D("9.9"))
    assert driver.entries("BTC")[-1].certainty == "inferred"
    assert driver.comparison("BTC").closed[-1].certainty == "inferred"


def test_slices_count_by_the_day_of_the_account() -> None:
    driver = stolen("0.2")
    for number in range(4):
        tell(driver, "-0.05", f"{MANUAL}{number}", ago=number, by=BY if number % 2 else SECOND)
    assert len(fact_effects(driver)) == 2, "4,500 USD each, of two persons"
    assert len(waiting_facts(driver)) == 2
    driver.wait(10)
    assert driver.account in waiting_facts(driver)[0].reason


def test_slices_count_by_the_day_of_the_login_over_all_accounts() -> None:
    driver = stolen("0.1")
    for name in ("KRAKEN", "OKX"):
        driver.server_info(account=name)
        driver.orders(account=name)
        driver.balances(balance_row("BTC", "5", rate_usd=RATE), account=name)
    driver.wait(30)
    record_fact(driver, "withdrawal", "BTC", "-0.1", "A", approved=False)
    record_fact(driver, "withdrawal", "BTC", "-0.1", "B", account="KRAKEN", approved=False)
    assert list(fact_effects(driver)) == ["A"]
    assert "login alice" in waiting_facts(driver)[0].reason
    record_fact(driver, "withdrawal", "BTC", "-0.1", "C", account="OKX", by=SECOND, approved=False)
    assert list(fact_effects(driver)) == ["A", "C"]


def test_facts_and_approvals_of_a_day_count_together() -> None:
    driver = stolen("0.08")
    (known,) = driver.breaks("BTC")
    record_fact(driver, "reward", "BTC", "0.1", f"{MANUAL}0", approved=False, ago=1)
    assert driver.value("BTC") == D("10.1")
    record_decision(driver, "propose", known, cause="withdrawal")
    record_decision(driver, "approve", known, digest=known.proposal.digest if known.proposal else "")
    assert "above 10,000.00 USD" in driver.findings("decision_refused")[0].message
    record_decision(driver, "approve", known, by=BOB, digest=known.proposal.digest if known.proposal else "")
    assert driver.value("BTC") == D("10.02")


def test_a_file_counts_as_a_whole() -> None:
    driver = stolen("0.2")
    for number in range(2):
        tell(driver, "-0.05", f"L-{number}", ago=number, file={**FILE, "usd": "18000"})
    tell(driver, "-0.05", "L-9", file={**FILE, "usd": None})
    assert len(waiting_facts(driver)) == 3
    assert "file" in waiting_facts(driver)[0].reason
    assert still_open(driver)


def test_a_fact_without_a_usd_value_is_material() -> None:
    driver = driver_with_break("1", rate=None)[0]
    tell(driver, "-0.000001")
    assert "no USD value" in waiting_facts(driver)[0].reason


def test_an_invented_trade_waits_and_a_trade_that_reports_contain_does_not() -> None:
    driver = stolen()
    driver.poll("USDT", "100000", 10, rate_usd=1)
    record_trade(driver, "T-1", "1", "90000", side="SELL", approved=False)
    (waiting,) = waiting_facts(driver)
    assert waiting.usd == 180_000
    assert driver.value("BTC") == 10


def test_a_payload_that_says_that_it_is_approved_is_not() -> None:
    driver = stolen()
    tell(driver, "-7", "L-1", told_seq=1, approved_seq=1, certainty="exact")
    assert still_open(driver)


@pytest.mark.parametrize("facts", [[0], [-1], [2**63], [10**30], ["1"], [1.5], list(range(1, 502))])
def test_a_decision_on_what_can_be_no_position_is_a_finding(facts: list[object]) -> None:
    driver = stolen()
    payload = {"by": SECOND, "action": "approve_facts", "facts": facts, "digest": "d"}
    driver.event(events.DECISION, msgspec.json.encode(payload))
    assert driver.findings("unreadable")
    assert still_open(driver)


def test_a_unit_of_which_only_the_name_is_known_is_not_before_its_opening() -> None:
    driver = GatewayDriver()
    driver.open_session()
    driver.server_info()
    # It changes nothing, so it waits for nobody; the unit is known from now on, and not open yet.
    record_fact(driver, "deposit", "FOO", "0", f"{MANUAL}1", approved=False)
    driver.start(balance_row("BTC", "10"), quiet=5)
    record_fact(driver, "deposit", "FOO", "1000000", f"{MANUAL}2", approved=False)
    assert fact_effects(driver) == {f"{MANUAL}1": "before_opening"}
    (waiting,) = waiting_facts(driver)
    assert waiting.reason.startswith("no USD value")
