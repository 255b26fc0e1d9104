"""Identity, cases and recurrence of breaks, through the fold (semantics 8)."""

from __future__ import annotations

from decimal import Decimal

from recon.reconciliation.model.break_ import Break
from recon.testing import GatewayDriver, OrderScript, balance_row
from tests.support.claims import residual
from tests.support.trading_account import late_order, report_balances, report_bought, trading

D = Decimal


def test_semantics_8_1__a_second_fault_on_a_unit_is_a_second_break_with_its_own_origin() -> None:
    driver = trading()
    driver.poll("BTC", "10", 10)
    driver.poll("BTC", "10.5", 40)
    driver.poll("BTC", "12.5", 40)
    assert driver.opened_breaks() == [("BTC", D("0.5")), ("BTC", D(2))]
    first, second = driver.breaks("BTC")
    assert first.id != second.id
    assert first.until_seq < second.until_seq
    assert residual(driver, "BTC") == D("2.5")


def test_semantics_8_1__identity_is_deterministic_and_of_account_unit_and_origin() -> None:
    ids = []
    for code in ("BTC", "BTC", "ETH"):
        driver = trading()
        base = {"BTC": "10", "ETH": "50"}[code]
        driver.poll(code, base, 10)
        driver.poll(code, D(base) + 1, 40)
        ids.append(driver.breaks(code)[0].id)
    assert ids[0] == ids[1] != ids[2]


def test_semantics_8_2__a_missed_spot_fill_is_one_case_of_base_and_quote() -> None:
    driver = trading()
    report_bought(driver, "known")
    for _ in range(60):
        driver.wait(1)
        report_balances(driver, "9", "100120")
    btc, usdt = driver.breaks("BTC"), driver.breaks("USDT")
    assert [each.amount for each in (*btc, *usdt)] == [D(-2), D(220)]
    assert btc[0].case_id == usdt[0].case_id


def test_semantics_8_2__steps_of_one_sign_or_far_apart_are_two_cases() -> None:
    driver = trading()
    report_bought(driver, "known")
    for _ in range(60):
        driver.wait(1)
        report_balances(driver, "12", "99950")
    assert driver.breaks("BTC")[0].case_id != driver.breaks("USDT")[0].case_id

    driver = trading()
    report_bought(driver, "known")
    for btc, usdt in (("12", "99900"), ("12", "99800")):
        for _ in range(60):
            driver.wait(1)
            report_balances(driver, btc, usdt)
    assert driver.opened_breaks() == [("BTC", D(1)), ("USDT", D(-100))]
    assert driver.breaks("BTC")[0].case_id != driver.breaks("USDT")[0].case_id


def missed_for_a_while(driver: GatewayDriver, key: str, total: Decimal, *, side: str = "BUY") -> None:
    """A fill that is told of forty seconds late."""
    order = late_order(driver, key, side=side)
    driver.wait(1)
    driver.poll("BTC", total, 40)
    driver.report(order.report(1))
    driver.poll("BTC", total, 40)
    assert not driver.breaks("BTC")


def of_btc(driver: GatewayDriver, event: str) -> list[Break]:
    return [each.break_ for each in driver.transitions(event) if each.unit == "BTC"]


def test_semantics_8_3__a_recurrence_reopens_and_counts() -> None:
    """A report that comes late, twice: the second time it is the same break again."""
    driver = trading()
    missed_for_a_while(driver, "late1", D(11))
    missed_for_a_while(driver, "late2", D(12))
    assert len({each.id for each in of_btc(driver, "opened")}) == 1
    assert [each.occurrences for each in of_btc(driver, "opened")] == [1, 2]
    assert len(of_btc(driver, "cleared")) == 2


def test_semantics_8_3__another_sign_is_no_recurrence() -> None:
    driver = trading()
    missed_for_a_while(driver, "late1", D(11))
    missed_for_a_while(driver, "late2", D(10), side="SELL")
    assert len({each.id for each in of_btc(driver, "opened")}) == 2
    assert [each.occurrences for each in of_btc(driver, "opened")] == [1, 1]


def _note_of_a_lone_break(*, in_batches: bool) -> str:
    """Return why a break opened while a later report of the other asset of its pair waited for its window."""
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    driver.report(OrderScript("a", [("1", "100")]).report(1))
    driver.balance("BTC", "11")
    driver.poll("USDT", "900", 60)
    driver.report(OrderScript("b", [("0.5", "100")]).report(0))
    driver.balance("BTC", "11.5")
    for second in range(60):
        if in_batches:
            driver.reconciler.store()
        driver.balance("BTC", "11.5", after=0.5)
        driver.balance("USDT", "900" if second < 17 else "899", after=0.5)
        if driver.breaks("BTC"):
            return driver.breaks("BTC")[0].note
    raise AssertionError("no break opened")


def test_semantics_8__a_cause_does_not_depend_on_how_events_come_in_batches() -> None:
    note = _note_of_a_lone_break(in_batches=False)
    assert "USDT is not decided yet" in note
    assert _note_of_a_lone_break(in_batches=True) == note
