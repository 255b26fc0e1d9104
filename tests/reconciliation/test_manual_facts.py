"""What a person told by hand and a statement tells later is one happening (semantics 10.3)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.exact import exact
from recon.ledger.facts.external_fact import MANUAL
from recon.ledger.facts.matching import MANUAL_WITHIN_US
from recon.ledger.units import Posting
from recon.reconciliation.breaks.resolution import explain
from recon.reconciliation.model.break_ import Break
from recon.testing import GatewayDriver
from tests.support.facts_driver import fact_effects, record_fact
from tests.support.trading_account import trading

D = Decimal
HAND = f"{MANUAL}1"
HOUR = 3600
DAY = MANUAL_WITHIN_US / 1_000_000


def conserved(driver: GatewayDriver) -> bool:
    """What the dollars are now is the sum of their entries."""
    return driver.value("USDT") == sum((entry.amount for entry in driver.entries("USDT")), D(0))


def old() -> GatewayDriver:
    """An account that has been open for days; most of the time nobody listened."""
    driver = trading()
    driver.event("frame", b"{}", after=3 * DAY)
    driver.wait(2 * HOUR)
    return driver


def stepped(driver: GatewayDriver, value: str = "101000") -> Break:
    driver.poll("USDT", value, 40)
    (known,) = driver.breaks("USDT")
    return known


@pytest.mark.parametrize("kind", ["deposit", "transfer", "funding", "interest", "adjustment"])
def test_a_deposit_that_explained_a_break_counts_once(kind: str) -> None:
    driver = old()
    known = stepped(driver)
    record_fact(driver, kind, "USDT", "1000", HAND, ago=40)
    record_fact(driver, kind, "USDT", "1000.00", "L-1", ago=38)
    assert fact_effects(driver) == {HAND: "explained", "L-1": "replaced"}
    assert (driver.value("USDT"), driver.breaks("USDT")) == (D(101000), [])
    assert conserved(driver)
    last = driver.entries("USDT")[-1]
    assert (last.amount, last.certainty, last.fact, last.break_id) == (D(1000), "exact", "L-1", known.id)
    first = next(entry for entry in driver.entries("USDT") if entry.fact == HAND)
    assert last.occurred_us - first.occurred_us == 2_010_000, "the statement knows when"
    assert sum(entry.amount for entry in driver.entries("USDT") if entry.fact == HAND) == 1000
    (found,) = driver.findings("fact_told_before")
    assert found.about == "L-1"
    assert HAND in found.message
    driver.poll("USDT", "101000", 60)
    assert driver.opened_breaks() == [("USDT", D(1000))]


def test_one_that_was_booked_late_counts_once() -> None:
    driver = old()
    record_fact(driver, "withdrawal", "USDT", "-5", HAND, ago=30)
    record_fact(driver, "withdrawal", "USDT", "-5", "L-1", ago=3600)
    assert fact_effects(driver) == {HAND: "booked", "L-1": "replaced"}
    driver.poll("USDT", "99995", 60)
    assert (driver.value("USDT"), driver.opened_breaks()) == (D(99995), [])


def test_each_is_matched_once_and_the_nearest_in_time_first() -> None:
    driver = old()
    for number, ago in enumerate((7200, 60)):
        record_fact(driver, "deposit", "USDT", "100", f"{MANUAL}{number}", ago=ago)
    record_fact(driver, "deposit", "USDT", "100", "L-1", ago=100)
    record_fact(driver, "deposit", "USDT", "100", "L-2", ago=7000)
    record_fact(driver, "deposit", "USDT", "100", "L-3", ago=100)
    assert list(fact_effects(driver).values()) == ["booked", "booked", "replaced", "replaced", "booked"]
    taken = [found.message.split("the manual fact ")[1].split(",")[0] for found in driver.findings("fact_told_before")]
    assert taken == [f"{MANUAL}1", f"{MANUAL}0"]
    assert driver.value("USDT") == 100300


@pytest.mark.parametrize(
    ("kind", "amount", "ago"),
    [
        ("transfer", "100", 60.0),
        ("deposit", "101", 60.0),
        ("withdrawal", "-100", 60.0),
        ("deposit", "100", 60.0 + DAY + 1),
    ],
)
def test_what_differs_is_another(kind: str, amount: str, ago: float) -> None:
    driver = old()
    record_fact(driver, "deposit", "USDT", "100", HAND, ago=60)
    record_fact(driver, kind, "USDT", amount, "L-1", ago=ago)
    assert fact_effects(driver)["L-1"] == "booked"
    assert driver.value("USDT") == 100100 + D(amount)


def test_a_person_who_tells_two_means_two() -> None:
    driver = old()
    record_fact(driver, "deposit", "USDT", "100", HAND, ago=60)
    record_fact(driver, "deposit", "USDT", "100", f"{MANUAL}2", ago=50)
    assert fact_effects(driver) == {HAND: "booked", f"{MANUAL}2": "booked"}
    record_fact(driver, "deposit", "USDT", "100", HAND, ago=60 + 0.02)
    assert driver.value("USDT") == 100200


def test_fees_are_told_by_their_fills() -> None:
    driver = old()
    record_fact(driver, "fee", "USDT", "-1", HAND, ago=60)
    record_fact(driver, "fee", "USDT", "-1", "L-1", ago=60)
    assert driver.value("USDT") == 99998


def test_what_a_person_told_of_an_inferred_entry_gives_way_too() -> None:
    driver = old()
    known = stepped(driver)
    subject = driver.reconciler._context(driver.unit_state("USDT"), driver.ledger.event.at)  # type: ignore[arg-type]
    with exact():
        posting = Posting(D(1000), "deposit", known.seen_us, "inferred")
        explain(subject, known, posting, step="explained", reason="so")
    record_fact(driver, "deposit", "USDT", "1000", HAND, ago=40)
    record_fact(driver, "withdrawal", "USDT", "-1000", "L-0", ago=40)
    assert fact_effects(driver) == {HAND: "replaced", "L-0": "booked"}, "what was taken back is nobody's withdrawal"
    record_fact(driver, "deposit", "USDT", "1000", "L-1", ago=40)
    record_fact(driver, "deposit", "USDT", "1000", "L-2", ago=40)
    assert (fact_effects(driver)["L-1"], fact_effects(driver)["L-2"]) == ("replaced", "booked")
    assert driver.value("USDT") == 101000
    assert conserved(driver)


def test_a_break_that_the_statement_tells_of_comes_before_what_was_told_of_another_day() -> None:
    driver = old()
    first = stepped(driver)
    record_fact(driver, "deposit", "USDT", "1000", HAND, ago=40)
    assert first.state == "explained"
    driver.wait(3600)
    driver.poll("USDT", "101000", 10)
    second = stepped(driver, "102000")
    record_fact(driver, "deposit", "USDT", "1000", "L-2", ago=40)
    assert fact_effects(driver)["L-2"] == "explained"
    assert second.state == "explained"
    record_fact(driver, "deposit", "USDT", "1000", "L-1", ago=3700)
    assert fact_effects(driver)["L-1"] == "replaced"
    assert (driver.value("USDT"), driver.breaks("USDT")) == (D(102000), [])


def test_what_was_told_comes_before_a_break_of_another_time() -> None:
    driver = old()
    stepped(driver)
    record_fact(driver, "deposit", "USDT", "1000", HAND, ago=40)
    driver.wait(3600)
    driver.poll("USDT", "101000", 10)
    second = stepped(driver, "102000")
    record_fact(driver, "deposit", "USDT", "1000", "L-1", ago=3700)
    assert fact_effects(driver)["L-1"] == "replaced"
    assert driver.breaks("USDT") == [second], "it is still to be explained"
