"""What the numbers shown mean (semantics 7)."""

from __future__ import annotations

from decimal import Decimal

from tests.support.gateway_driver import BTC_USDT, Desk, Life, balance_row
from tests.support.trading_account import bought, trading, verdict

D = Decimal


def test_semantics_7__numbers_of_a_break_add_up_at_its_cut() -> None:
    desk = trading()
    bought(desk, "a")
    desk.poll("BTC", "11.5", 60)
    facts = desk.transitions("opened")[-1].facts
    assert (facts.opening, facts.expected, facts.reported) == (D(10), D(11), D("11.5"))
    assert (facts.drift, facts.explained, facts.unexplained) == (D("0.5"), D(0), D("0.5"))
    assert (facts.in_flight, facts.judgement, facts.coverage) == (D(0), "break", "covered")


def test_semantics_7__fills_after_the_cut_are_in_flight() -> None:
    desk = trading()
    desk.balance("BTC", "10")
    bought(desk, "a")
    comparison = desk.comparison("BTC")
    assert (comparison.cut_total, desk.unit("BTC").fills) == (D(0), D(1))
    assert comparison.cut_seq is not None
    assert comparison.cut_seq < len(desk.log)
    assert desk.value("BTC") == D(11), "the balance is what the books say now"


def test_semantics_7__verdicts_in_their_order() -> None:
    desk = Desk()
    desk.open()
    desk.info()
    desk.symbols(BTC_USDT)
    desk.orders()
    desk.balances(balance_row("USDT", "1000"))
    desk.report(Life("a", [("1", "100")], began=desk.now).report(1))
    assert (verdict(desk, "BTC"), verdict(desk, "USDT")) == ("unobserved", "pending")
    desk.balance("BTC", "1")
    desk.balance("USDT", "900")
    desk.wait(60)
    assert (verdict(desk, "BTC"), verdict(desk, "USDT")) == ("agreed", "agreed")
    desk.poll("BTC", "3", 60)
    assert verdict(desk, "BTC") == "break"
    desk.balance("BTC", "7")
    assert verdict(desk, "BTC") == "break", "a break goes before what is pending"
