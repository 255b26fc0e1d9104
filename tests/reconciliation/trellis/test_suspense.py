"""Fees at rates that are not known: learnt, held in suspense, parked, and told in the end."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.ledger.fees.fee_key import FeeKey, OrderClass, third
from recon.ledger.fees.rate_table import RateTable
from recon.ledger.legs import Leg, Stamp
from recon.ledger.rules import FeeRule
from recon.reconciliation.trellis.steps import Opened
from tests.reconciliation.trellis.desk import Desk, steps
from tests.reconciliation.trellis.synthetic_day import BASE, MARKET, QUOTE, SECOND, START

COIN = ("desk", "asset", "BNB")
PAID = FeeKey("quote", -1, "post_only", MARKET)


def _told_table() -> RateTable:
    table = RateTable()
    table.tell([FeeRule(maker=Decimal("0.0002"), taker=Decimal("0.0005"))])
    return table


class _Trader:
    """Buys for cash, and reports the balance of cash half a second later."""

    def __init__(self, table: RateTable) -> None:
        self.desk = Desk(table)
        self.cash = Decimal(1_000_000)
        self.desk.report(0, QUOTE, str(self.cash))
        self.number = 0

    def buy(self, second: float, cash: str, rate: str, loss: str = "0") -> int:
        self.number += 1
        spent = Decimal(cash)
        self.desk.leg(second, QUOTE, str(-spent), order=f"o{self.number}", role="quote")
        self.cash -= spent + (spent * Decimal(rate)).quantize(Decimal("0.00000001")) + Decimal(loss)
        return self.desk.report(second + 0.5, QUOTE, str(self.cash))


def test_a_rate_is_learnt_and_later_fees_are_exact() -> None:
    table = RateTable()
    trader = _Trader(table)
    for number in range(20):
        trader.buy(20 + 3 * number, f"{1_000 + 37 * number}.17", "0.00025")
    trader.desk.advance(200)
    assert [each.rate for each in table.known[PAID]] == [2_500]
    assert steps(trader.desk.told) == []


def test_a_new_tier_is_learnt_before_its_first_fee_is_a_break() -> None:
    table = _told_table()
    trader = _Trader(table)
    for number in range(40):
        trader.buy(20 + 3 * number, f"{1_000 + 37 * number}.17", "0.0002" if number < 15 else "0.00016")
    trader.desk.advance(4_000)
    assert [each.rate for each in table.rates(PAID)] == [2_000, 1_600]
    assert steps(trader.desk.told) == []


def test_a_new_tier_begins_where_the_old_rate_ended_though_its_first_reports_hold_many_fills() -> None:
    """The rates are learnt from later reports of one fill each; the first ones hold ten fills of two classes."""
    table = _told_table()
    trader = _Trader(table)
    for number in range(15):
        trader.buy(20 + 3 * number, f"{1_000 + 37 * number}.17", "0.0002")
    for number in range(3):
        for fill in range(10):
            spent = Decimal(f"{1_000 + 41 * fill + 7 * number}.13")
            second, taken = 70 + 3 * number + fill / 10, fill % 2
            of: OrderClass = "immediate" if taken else "post_only"
            trader.desk.leg(second, QUOTE, str(-spent), order=f"m{number}.{fill}", role="quote", order_class=of)
            fee = (spent * Decimal("0.0004" if taken else "0.00016")).quantize(Decimal("0.00000001"))
            trader.cash -= spent + fee
        trader.desk.report(72 + 3 * number, QUOTE, str(trader.cash))
    for number in range(15):
        trader.buy(90 + 3 * number, f"{1_000 + 37 * number}.17", "0.00016")
    trader.desk.advance(4_000)
    assert table.expected(PAID, START + 70 * SECOND) == 1_600
    assert steps(trader.desk.told) == []


def test_a_loss_of_the_size_of_a_fee_is_told_once_its_suspense_is_over() -> None:
    trader = _Trader(_told_table())
    seqs = []
    for number in range(40):
        second = 20 + 3 * number
        seqs.append(trader.buy(second, f"{1_000 + 37 * number}.17", "0.0002", "0.53" if number == 15 else "0"))
        trader.desk.advance(second + 0.5)
        assert bool(steps(trader.desk.told)) == (second + 0.5 >= 65.5 + 60)
    (step,) = [each.step for each in trader.desk.told if isinstance(each, Opened)]
    assert (step.kind, step.seq) == ("novel", seqs[15])
    assert abs(step.amount + Decimal("0.53")) < Decimal("0.000001")


def test_a_fee_that_nothing_follows_is_parked_and_told_after_an_hour() -> None:
    trader = _Trader(_told_table())
    for number in range(10):
        trader.buy(20 + 3 * number, f"{1_000 + 37 * number}.17", "0.0006" if number == 9 else "0.0002")
    trader.desk.reports(range(60, 3_640, 10), QUOTE, str(trader.cash))
    trader.desk.advance(3_640)
    assert steps(trader.desk.told) == []
    assert len(trader.desk.trellis._parts.units[QUOTE].parked) == 1
    trader.desk.advance(3_700)
    assert [what for what, *_ in steps(trader.desk.told)] == ["Opened"]


def test_two_fees_of_a_tier_far_apart_are_learnt_together() -> None:
    table = _told_table()
    trader = _Trader(table)
    for number in range(6):
        trader.buy(20 + 3 * number, f"{1_000 + 37 * number}.17", "0.0002")
    trader.buy(100, "3517.21", "0.00013")
    trader.desk.reports(range(110, 1_000, 10), QUOTE, str(trader.cash))
    trader.desk.advance(1_000)
    assert len(trader.desk.trellis._parts.units[QUOTE].parked) == 1
    trader.buy(1_001, "2917.83", "0.00013")
    trader.desk.reports(range(1_010, 1_100, 10), QUOTE, str(trader.cash))
    trader.desk.advance(5_000)
    assert [each.rate for each in table.rates(PAID)] == [2_000, 1_300]
    assert trader.desk.trellis._parts.units[QUOTE].parked == []
    assert steps(trader.desk.told) == []


def test_fees_in_an_asset_that_no_fill_moves_are_learnt() -> None:
    table = RateTable()
    desk = Desk(table)
    coins = Decimal(100)
    for key, value, price in ((QUOTE, "1000000", "1"), (BASE, "10", "50000"), (COIN, "100", "500")):
        desk.report(0, key, value, price=price)
    cash, held = Decimal(1_000_000), Decimal(10)
    for number in range(30):
        second, spent = 20 + 3 * number, Decimal(1_000 + 41 * number)
        desk.fill(second, "0.02", str(-spent), f"o{number}")
        cash, held = cash - spent, held + Decimal("0.02")
        coins -= (spent * Decimal("0.0008") / 500).quantize(Decimal("0.00000001"))
        for unit, amount in ((QUOTE, cash), (BASE, held), (COIN, coins)):
            desk.report(second + 0.5, unit, str(amount))
    desk.advance(4_000)
    fee_key = FeeKey(third("BNB"), 0, "post_only", MARKET)
    assert [each.rate for each in table.known[fee_key]] == [8_000]
    assert steps(desk.told) == []


def test_nothing_is_judged_while_cash_is_awaited() -> None:
    desk = Desk(_told_table())
    desk.reports(range(20), QUOTE, "1000")
    desk.leg(20, BASE, "1", order="o", role="base")
    desk.reports(range(21, 40), QUOTE, "900")
    desk.advance(40)
    assert steps(desk.told) == []
    desk.reports(range(40, 120), QUOTE, "900")
    desk.advance(120)
    assert steps(desk.told) == [("Opened", "USDT", Decimal(-100))]


def test_a_schedule_that_is_told_later_explains_fees() -> None:
    table = RateTable()
    trader = _Trader(table)
    for number in range(3):
        trader.buy(20 + 3 * number, f"{1_000 + 37 * number}.17", "0.0002")
    trader.desk.advance(29)
    table.tell([FeeRule(maker=Decimal("0.0002"), taker=Decimal("0.0005"))])
    trader.desk.trellis.rates_changed(START + 29 * SECOND)
    trader.desk.advance(30)
    assert trader.desk.trellis._parts.units[QUOTE].odd() == []


@pytest.mark.parametrize(("loss", "told"), [("0.00000002", 0), ("0.00000003", 1)])
def test_what_cutting_cash_and_fee_may_come_to_is_no_break(loss: str, told: int) -> None:
    trader = _Trader(_told_table())
    for number in range(40):
        trader.buy(20 + 3 * number, f"{1_000 + 50 * number}", "0.0002", loss if number == 15 else "0")
    trader.desk.advance(4_000)
    assert len(steps(trader.desk.told)) == told


@pytest.mark.parametrize(("turnover", "told"), [("0.02", 0), ("0.01", 1)])
def test_a_fee_that_is_reported_before_its_fill_is_a_race_if_the_fill_undoes_it(turnover: str, told: int) -> None:
    desk = Desk(_told_table())
    desk.reports(range(30), COIN, "5")
    desk.reports(range(30, 32), COIN, "4.999996")
    us = START + round(31.3 * SECOND)
    key = FeeKey("quote", 1, "post_only", MARKET)
    leg = Leg(Decimal(0), Stamp(us, 1), us + SECOND // 2, "o1", Decimal(turnover), key)
    desk.trellis.add_leg(COIN, leg, leg.arrived_us)
    desk.reports(range(32, 50), COIN, "4.999996")
    desk.advance(55)
    assert len(steps(desk.told)) == told
