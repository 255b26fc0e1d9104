"""Independent sources: what a custodian or a venue says was held, against the books of that time (semantics 5.12)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from recon.ledger.rule_changes import relaxations
from recon.ledger.rules import AccountRules, Rules
from recon.log import events
from recon.reconciliation.model.shown_verdict import shown_verdict
from recon.reconciliation.model.source_check import SourceCheck
from recon.testing import GatewayDriver, OrderScript, balance_row
from tests.support.facts_driver import FILE, fact_document, record_fact
from tests.support.trading_account import trading


def tell_balance(
    driver: GatewayDriver,
    unit: str,
    amount: str,
    *,
    at: datetime | None = None,
    source: str = "custodian",
    **more: object,
) -> None:
    """Let an independent source tell what was held at a time, by default now."""
    when = driver.now if at is None else at
    document = fact_document(
        "balance", f"{source}:{unit}:{when:%H%M%S%f}:{amount}", when, account=driver.account, unit=unit, amount=amount
    )
    payload = document | {"file": FILE, "source_class": source, "unit_kind": "asset"} | more
    driver.event(events.FACT, msgspec.json.encode(payload), account=driver.account)


def checks(driver: GatewayDriver) -> list[SourceCheck]:
    """Return every check as it stands."""
    changed, _ = driver.reconciler.sources.take_changed()
    return sorted(changed, key=lambda check: check.place)


def bought(driver: GatewayDriver, quantity: str = "1", price: str = "100", key: str = "o1") -> datetime:
    """Buy, and see the balances follow; return when it filled."""
    held = {code: driver.value(code) or Decimal(0) for code in ("BTC", "USDT")}
    order = OrderScript(key, [(quantity, price)], side="BUY", placed_at=driver.now - timedelta(seconds=4))
    driver.report(order.report(1))
    filled = driver.now
    driver.balance("BTC", held["BTC"] + Decimal(quantity))
    driver.balance("USDT", held["USDT"] - Decimal(quantity) * Decimal(price))
    driver.wait(60)
    return filled


def test_a_custodian_that_agrees_opens_nothing_and_is_named() -> None:
    driver = trading()
    bought(driver)
    tell_balance(driver, "BTC", "11")
    driver.wait(60)
    [check] = checks(driver)
    assert (check.verdict, check.expected, check.drift) == ("agreed", Decimal(11), Decimal(0))
    assert driver.breaks("BTC") == []
    assert driver.comparison("BTC").sources["custodian"].agreed_us == check.us


def test_a_custodian_that_differs_opens_a_break_of_its_own_that_a_later_check_clears() -> None:
    driver = trading()
    bought(driver)
    tell_balance(driver, "BTC", "10.5")
    driver.wait(60)
    [break_] = driver.breaks("BTC")
    assert (break_.cause, break_.amount, break_.source) == ("source_differs", Decimal("-0.5"), "custodian")
    assert not break_.owns_residual
    assert "custodian holds 10.5 BTC" in break_.evidence[0].text
    tell_balance(driver, "BTC", "10.5", source="venue")
    driver.wait(60)
    assert len(driver.breaks("BTC")) == 2
    tell_balance(driver, "BTC", "11")
    driver.wait(60)
    assert [each.source for each in driver.breaks("BTC")] == ["venue"]


def test_balances_of_a_time_long_past_are_held_against_the_books_of_that_time() -> None:
    driver = trading()
    before = driver.now
    driver.wait(30)
    bought(driver)
    bought(driver, key="o2")
    tell_balance(driver, "BTC", "10", at=before)
    assert [check.verdict for check in checks(driver)] == ["agreed"]
    tell_balance(driver, "BTC", "12", at=before)
    [check] = checks(driver)
    assert (check.verdict, check.drift) == ("break", Decimal(2))
    assert driver.findings("source_corrected")


def test_what_is_told_late_of_the_time_before_counts() -> None:
    driver = trading()
    bought(driver)
    then = driver.now
    driver.wait(30)
    bought(driver, key="o2")
    record_fact(driver, "deposit", "BTC", "3", "D1", ago=(driver.now - then).total_seconds() + 40)
    tell_balance(driver, "BTC", "14", at=then)
    assert [check.verdict for check in checks(driver)] == ["agreed"]


@pytest.mark.parametrize("seen", ["10", "11"])
def test_a_fill_at_the_very_time_may_be_in_the_cut_or_not(seen: str) -> None:
    driver = trading()
    filled = bought(driver)
    tell_balance(driver, "BTC", seen, at=filled)
    assert [check.verdict for check in checks(driver)] == ["agreed"]


def test_what_was_just_told_waits_for_entries_that_come_late() -> None:
    driver = trading()
    tell_balance(driver, "BTC", "11")
    assert [check.verdict for check in checks(driver)] == ["pending"]
    bought(driver)
    assert [check.verdict for check in checks(driver)] == ["agreed"]


def test_a_source_that_says_what_the_reports_say_bears_out_their_break() -> None:
    driver = trading()
    driver.wait(30)
    driver.poll("BTC", "12", 60)
    [break_] = driver.breaks("BTC")
    tell_balance(driver, "BTC", "12")
    driver.wait(60)
    [check] = checks(driver)
    assert (check.verdict, check.break_id) == ("break", break_.id)
    assert [each.id for each in driver.breaks("BTC")] == [break_.id]


def test_the_same_amount_told_again_changes_nothing() -> None:
    driver = trading()
    then = driver.now
    bought(driver)
    for _ in range(2):
        tell_balance(driver, "BTC", "9", at=then)
    assert len(checks(driver)) == 1
    assert len(driver.opened_breaks()) == 1


def test_an_amount_that_differed_is_told_again_and_agrees_once_the_books_have_learned_better() -> None:
    driver = trading()
    driver.balance("BTC", "11")
    at = driver.now
    driver.poll("BTC", "11", 60)
    tell_balance(driver, "BTC", "11", at=at + timedelta(seconds=20))
    [first] = checks(driver)
    assert first.verdict == "break"
    record_fact(driver, "deposit", "BTC", "1", "D-1", ago=70)
    tell_balance(driver, "BTC", "11", at=at + timedelta(seconds=20))
    [again] = checks(driver)
    assert (again.verdict, again.expected, again.seq > first.seq) == ("agreed", Decimal(11), True)
    tell_balance(driver, "BTC", "11", at=at + timedelta(seconds=20))
    assert checks(driver) == [], "what agreed is told for good"


def test_an_older_check_is_history_and_opens_no_break() -> None:
    driver = trading()
    then = driver.now
    bought(driver)
    tell_balance(driver, "BTC", "11", at=then + timedelta(seconds=30))
    tell_balance(driver, "BTC", "9", at=then)
    assert [check.verdict for check in checks(driver)] == ["agreed", "break"]
    assert driver.breaks("BTC") == []


def test_the_books_answer_for_no_time_before_their_opening() -> None:
    driver = trading()
    tell_balance(driver, "BTC", "10", at=driver.now - timedelta(days=3))
    [check] = checks(driver)
    assert check.verdict == "not_judged"
    assert "the books begin at" in (check.reason or "")
    assert driver.breaks("BTC") == []


def test_an_asset_that_the_reports_never_named_breaks_where_the_source_holds_it() -> None:
    driver = trading()
    driver.wait(60)
    tell_balance(driver, "DOGE", "5")
    tell_balance(driver, "SHIB", "0")
    driver.wait(60)
    assert {check.told_unit: check.verdict for check in checks(driver)} == {"DOGE": "break", "SHIB": "not_judged"}
    assert not driver.has_unit("SHIB")


def test_an_account_that_is_not_covered_is_not_judged_and_may_be_told_again() -> None:
    driver = trading()
    told = driver.now
    driver.close_session()
    tell_balance(driver, "BTC", "9", at=told)
    driver.wait(600, silent=[driver.account])
    [check] = checks(driver)
    assert check.verdict == "not_judged"
    assert "not covered" in (check.reason or "")
    driver.open_session("s2")
    driver.server_info("g2")
    driver.orders()
    driver.balances(balance_row("BTC", "10"), balance_row("ETH", "50"), balance_row("USDT", "100000"))
    driver.wait(30)
    tell_balance(driver, "BTC", "9", at=told)
    assert [each.verdict for each in checks(driver)] == ["break"]


def test_what_differs_again_after_a_person_resolved_it_reopens_and_counts() -> None:
    driver = trading()
    for amount in ("9", "10", "9"):
        tell_balance(driver, "BTC", amount)
        driver.wait(60)
    [break_] = driver.breaks("BTC")
    assert break_.occurrences == 2


def shown(driver: GatewayDriver, code: str) -> tuple[str, str | None]:
    state = driver.unit_state(code)
    account, rules = driver.ledger.accounts[driver.account], driver.ledger.rules_of(driver.account)
    us = driver.ledger.clock.last_us
    return shown_verdict(state.unit, driver.comparison(code), account, us, rules)


def test_an_account_that_requires_a_source_does_not_agree_without_one() -> None:
    driver = trading()
    rules = AccountRules(require_source="custodian", source_age_us=600_000_000)
    assert shown(driver, "BTC") == ("agreed", None)
    driver.set_rules(Rules(defaults=rules))
    driver.wait(60)
    assert shown(driver, "BTC") == ("pending", "no independent source has agreed yet; the settings require a custodian")
    tell_balance(driver, "BTC", "10", source="venue")
    driver.wait(60)
    assert shown(driver, "BTC") == ("pending", "the settings require a custodian, and only a venue has agreed")
    tell_balance(driver, "BTC", "10")
    driver.wait(60)
    assert shown(driver, "BTC") == ("agreed", None)
    assert shown(driver, "USDT")[0] == "pending"
    driver.wait(600)
    verdict, reason = shown(driver, "BTC")
    assert (verdict, "too long ago" in (reason or "")) == ("pending", True)
    assert driver.opened_breaks() == []


def test_to_ask_less_of_sources_is_a_relaxation() -> None:
    asked = AccountRules(require_source="custodian")
    for less in (
        AccountRules(),
        AccountRules(require_source="venue"),
        msgspec.structs.replace(asked, source_age_us=2**50),
    ):
        assert relaxations(Rules(defaults=asked), Rules(defaults=less))
    assert not relaxations(Rules(defaults=asked), Rules(defaults=AccountRules(require_source="chain")))
    assert not relaxations(Rules(), Rules(defaults=asked))


def test_what_an_account_asks_of_sources_is_stored_once_until_other_rules_ask() -> None:
    driver = trading()
    demands, accounts = driver.reconciler.sources.take_demands, driver.ledger.accounts
    assert [account.name for account in demands([])] == list(accounts)
    assert demands(accounts.values()) == []
    driver.ledger.rules = Rules()
    assert [account.name for account in demands([])] == list(accounts)
