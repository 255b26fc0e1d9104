"""Facts from outside: what they explain, what they make surer, and when they change nothing (semantics 10.3)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import exact
from recon.ledger.rules import AccountRules, ContractTerms, Rules
from recon.ledger.units import Posting
from recon.reconciliation.breaks.resolution import explain
from recon.reconciliation.model.break_ import Break
from recon.testing import BTC_USDT, PERPETUAL, GatewayDriver, OrderScript, Symbol, balance_row, position_row
from tests.support.claims import claimed, residual
from tests.support.facts_driver import day_with_fees, fact_effects, record_fact, record_trade
from tests.support.properties import steady
from tests.support.trading_account import WINDOW, report_balances, report_bought, trading, verdict

D = Decimal


def only_break(driver: GatewayDriver, code: str, kind: str = "asset") -> Break:
    (known,) = driver.breaks(code, kind)
    return known


def with_break(amount: str = "1000") -> GatewayDriver:
    """An account whose dollars have stepped without a report."""
    driver = trading()
    driver.poll("USDT", D(100000) + D(amount), 40)
    assert only_break(driver, "USDT").amount == D(amount)
    return driver


def conserved(driver: GatewayDriver, code: str, kind: str = "asset") -> bool:
    unit = driver.unit(code, kind)
    entries = driver.entries(code, kind)
    return unit.value == sum((entry.amount for entry in entries), D(0))


def test_a_fact_explains_the_break_of_its_amount() -> None:
    driver = with_break()
    known = only_break(driver, "USDT")
    record_fact(driver, "deposit", "USDT", "1000", "L-1", ago=40)
    assert fact_effects(driver) == {"L-1": "explained"}
    assert (known.state, known.cause, known.certainty) == ("explained", "deposit", "exact")
    assert residual(driver, "USDT") == 0
    (told,) = driver.transitions("explained")
    assert "told by statement as L-1" in told.reason
    entry = driver.entries("USDT")[-1]
    assert (entry.cause, entry.certainty, entry.break_id, entry.fact) == ("deposit", "exact", known.id, "L-1")
    assert verdict(driver, "USDT") == "agreed"
    driver.poll("USDT", "101000", 40)
    assert not driver.breaks("USDT")
    assert driver.value("USDT") == 101000
    assert not driver.findings("late_fact")


def test_the_same_fact_again_changes_nothing_and_another_content_is_found() -> None:
    driver = with_break()
    record_fact(driver, "deposit", "USDT", "1000", "L-1", ago=40)
    entries = list(driver.entries("USDT"))
    record_fact(driver, "deposit", "USDT", "1000.00", "L-1", ago=40 + 0.01)
    assert driver.entries("USDT") == entries
    assert not driver.findings("fact_conflict")
    record_fact(driver, "deposit", "USDT", "1001", "L-1", ago=40 + 0.02)
    (found,) = driver.findings("fact_conflict")
    assert found.about == "L-1"
    assert driver.entries("USDT") == entries


def test_a_statement_that_knows_but_the_day_explains_an_equal_break() -> None:
    driver = with_break()
    record_fact(driver, "deposit", "USDT", "1000", "B-1", ago=8 * 3600)
    assert fact_effects(driver) == {"B-1": "before_opening"}, "before recon began to count it is part of the opening"
    assert only_break(driver, "USDT").amount == 1000
    assert driver.findings("fact_before_opening")
    record_fact(driver, "deposit", "USDT", "1000", "B-2")
    assert fact_effects(driver)["B-2"] == "explained", "recorded now, without its time"


def test_a_fact_that_is_a_part_of_a_break_leaves_the_rest_of_it() -> None:
    driver = with_break("1000")
    known = only_break(driver, "USDT")
    record_fact(driver, "deposit", "USDT", "1300", "L-1", ago=40)
    assert (known.amount, known.state) == (D(-300), "open")
    record_fact(driver, "withdrawal", "USDT", "-100", "L-2", ago=40)
    assert known.amount == -200
    driver.poll("USDT", "101000", 40)
    assert driver.breaks("USDT") == [known]
    record_fact(driver, "withdrawal", "USDT", "-200", "L-3", ago=80)
    assert (known.state, driver.breaks("USDT")) == ("explained", [])
    assert known.amount == 1000, "what is over shows the whole step again"
    driver.poll("USDT", "101000", 40)
    assert not driver.breaks("USDT")


def test_a_fact_explains_what_is_not_a_break_yet() -> None:
    driver = trading()
    driver.poll("USDT", "101000", WINDOW + 3)
    assert [step.amount for step in driver.comparison("USDT").pending] == [1000]
    record_fact(driver, "deposit", "USDT", "1000", "L-1", ago=9)
    assert fact_effects(driver) == {"L-1": "explained"}
    assert [(each.break_.state, each.break_.amount) for each in driver.transitions()] == [("explained", D(1000))]
    assert not driver.comparison("USDT").pending
    driver.poll("USDT", "101000", 60)
    assert not driver.breaks("USDT")
    assert not driver.transitions("opened")
    assert driver.value("USDT") == 101000


def test_a_fact_as_it_happens_is_a_cut_like_a_fill() -> None:
    driver = trading()
    record_fact(driver, "deposit", "USDT", "1000", "L-1")
    assert not driver.findings("late_fact")
    driver.poll("USDT", "100000", 2)
    driver.poll("USDT", "101000", 60)
    assert not driver.transitions("opened")
    assert verdict(driver, "USDT") == "agreed"


def test_a_late_fact_corrects_history_and_reports_tell_whether_they_agree() -> None:
    driver = trading()
    driver.poll("USDT", "100000", 40)
    record_fact(driver, "fee", "USDT", "-5", "L-1", ago=30)
    assert fact_effects(driver) == {"L-1": "booked"}
    (found,) = driver.findings("late_fact")
    assert "corrects history" in found.message
    driver.poll("USDT", "100000", 60)
    assert only_break(driver, "USDT").amount == 5, "reports had agreed without it"


def inferred(driver: GatewayDriver, amount: str = "1000", cause: str = "deposit") -> Break:
    """A break that was explained by inference, within stated limits."""
    known = only_break(driver, "USDT")
    subject = driver.reconciler._context(driver.unit_state("USDT"), driver.ledger.event.at)  # type: ignore[arg-type]
    with exact():
        posting = Posting(D(amount), cause, known.seen_us, "inferred")
        explain(subject, known, posting, step="explained", reason="fits the grid")
    return known


def test_a_surer_fact_takes_the_place_of_the_inferred_entry() -> None:
    driver = with_break()
    known = inferred(driver)
    first = driver.entries("USDT")[-1]
    driver.poll("USDT", "101000", 60)
    record_fact(driver, "deposit", "USDT", "1000", "L-1", ago=90)
    assert fact_effects(driver) == {"L-1": "replaced"}
    back, exact_ = driver.entries("USDT")[-2:]
    assert (back.amount, back.cause, back.certainty, back.replaces) == (D(-1000), "deposit", "inferred", first.number)
    assert (exact_.amount, exact_.certainty, exact_.replaces) == (D(1000), "exact", first.number)
    assert exact_.break_id == known.id
    assert driver.value("USDT") == 101000
    driver.poll("USDT", "101000", 60)
    assert not driver.breaks("USDT")
    record_fact(driver, "deposit", "USDT", "1000", "L-2", ago=90)
    assert fact_effects(driver)["L-2"] == "booked", "what was replaced once is not replaced again"


def test_another_kind_of_fact_replaces_nothing() -> None:
    driver = with_break()
    inferred(driver, cause="interest")
    record_fact(driver, "deposit", "USDT", "1000", "L-1", ago=40)
    assert fact_effects(driver) == {"L-1": "booked"}
    record_fact(driver, "reward", "USDT", "1000", "L-2", ago=40)
    assert fact_effects(driver)["L-2"] == "replaced"


def test_of_several_amounts_that_fitted_a_fact_tells_which_it_was() -> None:
    """The report may have seen the fill or not, so it shows 3 too much, or 2; the fact tells which."""
    driver = trading()
    driver.poll("BTC", "10", 10)
    report_bought(driver, "a", "1")
    driver.balance("BTC", "13")
    driver.wait(5 * WINDOW)
    known = only_break(driver, "BTC")
    assert set(known.candidates) == {D(2), D(3)}
    record_fact(driver, "deposit", "BTC", "3", "L-1", ago=5 * WINDOW)
    assert fact_effects(driver) == {"L-1": "explained"}
    assert driver.value("BTC") == 14
    driver.poll("BTC", "14", 40)
    assert (known.state, known.amount, known.cause) == ("explained", D(3), "deposit")
    assert not driver.breaks("BTC")
    assert residual(driver, "BTC") == claimed(driver.comparison("BTC")) == 0


def test_a_transfer_is_booked_on_each_account_of_the_gateway() -> None:
    driver = trading()
    driver.server_info(account="KRAKEN")
    driver.orders(account="KRAKEN")
    driver.balances(balance_row("USDT", "500"), account="KRAKEN")
    driver.wait(30)
    driver.poll("USDT", "99900", 40)
    driver.snapshot("BALANCE_SNAPSHOT", [balance_row("USDT", "600")], account="KRAKEN")
    driver.wait(40)
    record_fact(driver, "transfer", "USDT", "-100", "T-1", ago=80, counter_account="KRAKEN")
    assert [(fact.account, fact.effect) for fact in driver.ledger.changes.facts] == [
        ("BINANCE", "explained"),
        ("KRAKEN", "explained"),
    ]
    with exact():
        assert driver.unit("USDT", account="KRAKEN").value == 600
    record_fact(driver, "transfer", "USDT", "100", "T-1", ago=80.01, account="KRAKEN", counter_account="BINANCE")
    assert len(driver.ledger.changes.facts) == 2, "the other side's statement tells the same"
    assert not driver.findings("fact_conflict")
    record_fact(driver, "transfer", "USDT", "-1", "T-2", counter_account="ELSEWHERE")
    assert len(driver.ledger.changes.facts) == 3


def test_an_account_that_nobody_named_is_found() -> None:
    driver = trading()
    record_fact(driver, "deposit", "USDT", "1", "L-1", account="KRAKN")
    assert driver.findings("fact_without_account")
    assert "KRAKN" not in driver.ledger.accounts


def test_a_unit_that_no_complete_snapshot_held_begins_at_zero() -> None:
    driver = trading()
    driver.wait(60)
    record_fact(driver, "deposit", "DOGE", "1000", "L-1", ago=50)
    record_fact(driver, "withdrawal", "DOGE", "-400", "L-2", ago=40)
    assert driver.value("DOGE") == 600
    assert [entry.cause for entry in driver.entries("DOGE")] == ["opening", "deposit", "withdrawal"]


def test_a_code_that_only_the_statement_uses_finds_its_row() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("XXBT", "10", coinapi="BTC"), quiet=30)
    record_fact(driver, "deposit", "BTC", "1", "L-1")
    assert driver.value("XXBT") == 11


@pytest.mark.parametrize(
    "wrong",
    [
        {"fact": "gift"},
        {"external_id": ""},
        {"unit": None},
        {"occurred_at": "2026-01-05T09:00:00"},
        {"amount": "NaN"},
        {"amount": "1E+99"},
        {"fact": "trade"},
        {"fact": "trade", "symbol": "S", "side": "BUY", "quantity": "-1"},
        {"fact": "trade", "symbol": "S", "side": "BUY", "quantity": "1", "fee": "1"},
    ],
)
def test_what_is_not_a_fact_is_found(wrong: dict[str, str | None]) -> None:
    driver = trading()
    right = {"fact": "fee", "account": "BINANCE", "external_id": "1", "occurred_at": "2026-01-05T09:00:00Z"}
    right |= {"unit": "USDT", "amount": "-1"}
    driver.event("fact", msgspec.json.encode(right | wrong))
    assert [found.about for found in driver.findings("unreadable")] == ["fact"]
    assert not driver.ledger.changes.facts


# -- trades --------------------------------------------------------------------------------------------------------


def test_a_trade_that_reports_told_adds_its_fee_alone() -> None:
    driver = trading()
    report_bought(driver, "a")
    report_balances(driver, "11", "99900")
    driver.wait(10)
    record_trade(driver, "T-1", "1", "100", ago=10, order_id="X-a", fee="0.1", fee_asset="USDT")
    assert fact_effects(driver) == {"T-1": "matched"}
    assert [entry.cause for entry in driver.entries("BTC")] == ["opening", "fill"]
    assert driver.value("USDT") == D("99899.9")
    assert driver.entries("USDT")[-1].order == "c:a"


def test_trades_without_an_order_id_are_matched_one_to_one() -> None:
    driver = trading()
    for key in ("a", "b"):
        report_bought(driver, key)
    for number in (1, 2, 3):
        record_trade(driver, f"T-{number}", "1", "100", ago=0.01 * number)
    assert fact_effects(driver) == {"T-1": "matched", "T-2": "matched", "T-3": "booked"}
    assert driver.value("BTC") == 13
    assert [entry.cause for entry in driver.entries("BTC")] == ["opening", "fill", "fill", "missed_fill"]


def test_a_trade_that_no_report_told_explains_both_legs() -> None:
    driver = trading()
    for _ in range(40):
        report_balances(driver, "11", "99899.9")
        driver.wait(1)
    assert {code: only_break(driver, code).amount for code in ("BTC", "USDT")} == {"BTC": 1, "USDT": D("-100.1")}
    record_trade(driver, "T-1", "1", "100", ago=40, fee="0.1", fee_asset="USDT")
    assert fact_effects(driver) == {"T-1": "explained"}
    assert not driver.breaks("BTC")
    assert not driver.breaks("USDT")
    causes = [entry.cause for entry in driver.entries("USDT") if entry.cause != "opening"]
    assert causes == ["missed_fill", "fee"]
    for _ in range(40):
        report_balances(driver, "11", "99899.9")
        driver.wait(1)
    assert not driver.breaks("BTC")
    assert not driver.breaks("USDT")


def test_a_report_after_the_statement_is_booked_once() -> None:
    driver = trading()
    order = OrderScript("a", [("1", "100"), ("2", "100")], placed_at=driver.now)
    driver.report(order.report(1))
    record_trade(driver, "T-1", "1", "100", order_id="X-a")
    record_trade(driver, "T-2", "2", "100", order_id="X-a")
    assert fact_effects(driver) == {"T-1": "matched", "T-2": "booked"}
    assert (driver.value("BTC"), driver.value("USDT")) == (D(13), D(99700))
    driver.report(order.report(2))
    assert (driver.value("BTC"), driver.value("USDT")) == (D(13), D(99700))
    assert driver.findings("told_ahead")
    for _ in range(20):
        report_balances(driver, "13", "99700")
        driver.wait(1)
    assert not driver.transitions("opened")


def test_trades_of_an_order_that_vanished_account_for_it() -> None:
    driver = trading()
    driver.report(OrderScript("a", [("1", "100"), ("2", "100")], placed_at=driver.now).report(1))
    report_balances(driver, "11", "99900")
    driver.wait(10)
    driver.close_session()
    driver.open_session("s2", after=30)
    driver.server_info()
    driver.orders()
    driver.balances(balance_row("BTC", "13"), balance_row("ETH", "50"), balance_row("USDT", "99700"))
    assert driver.order("c:a").flags.missing
    record_trade(driver, "T-1", "1", "100", order_id="X-a", ago=45)
    record_trade(driver, "T-2", "2", "100", order_id="X-a", ago=20)
    assert not driver.order("c:a").flags.missing
    assert driver.coverage() == ("covered", None)
    for _ in range(30):
        report_balances(driver, "13", "99700")
        driver.wait(1)
    driver.orders()
    assert driver.coverage() == ("covered", None)
    assert not driver.breaks("BTC")


def test_a_trade_of_an_unknown_symbol_may_be_told_again() -> None:
    driver = trading()
    record_trade(driver, "T-1", "1", "100", symbol="DOGEUSDT")
    assert driver.findings("fact_without_instrument")
    driver.symbols(BTC_USDT, Symbol("DOGEUSDT", "BINANCE_SPOT_DOGE_USDT", "DOGE", "USDT"))
    record_trade(driver, "T-1", "1", "100", symbol="DOGEUSDT")
    assert fact_effects(driver) == {"T-1": "booked"}


def perpetual(held: str, price: str, method: str = "average") -> GatewayDriver:
    """An account that holds a contract whose profit is paid when it is closed."""
    terms = ContractTerms(
        multiplier=D(1),
        kind="linear",
        settlement_asset="USDT",
        realised="close",
        method=method,  # type: ignore[arg-type]
        balance_includes_unrealised=False,
    )
    driver = GatewayDriver(Rules(defaults=AccountRules(contracts={PERPETUAL.exchange: terms})))
    side = "SELL" if held.startswith("-") else "BUY"
    driver.start(balance_row("USDT", "1000"), positions=[position_row(held.lstrip("-"), side, price=price)])
    driver.position(position_row(held.lstrip("-"), side, price=price))
    driver.poll("USDT", "1000", 60)
    return driver


@pytest.mark.parametrize("method", ["average", "fifo"])
@pytest.mark.parametrize(
    ("side", "told", "held", "cost", "cash"),
    [
        ("BUY", "10", "20", "75", "1000"),  # bought at 100 on top of 10 at 50
        ("BUY", "4", "20", "75", "1000"),  # a part is told
        ("SELL", "10", "0", None, "1500"),  # 10 at 50 sold at 100
        ("SELL", "4", "0", None, "1500"),
    ],
)
def test_a_fill_told_ahead_of_its_report_makes_no_profit_of_its_own(
    method: str, side: str, told: str, held: str, cost: str | None, cash: str
) -> None:
    driver = perpetual("10", "50", method)
    order = OrderScript("a", [("10", "100")], side=side, symbol=PERPETUAL, placed_at=driver.now)
    driver.report(order.report(0))
    record_trade(driver, "T-1", told, "100", side=side, order_id="X-a", symbol=PERPETUAL.exchange)
    driver.report(order.report(1))
    unit = driver.unit(PERPETUAL.exchange, "contract")
    assert (driver.value(PERPETUAL.exchange, "contract"), driver.value("USDT")) == (D(held), D(cash))
    assert unit.contract.cost_basis is not None
    basis = unit.contract.cost_basis
    assert (basis.quantity(), basis.value()) == (D(held), D(held) * D(cost or 0))
    row = position_row(held, "BUY", price=cost)
    driver.position(row)
    driver.poll("USDT", cash, 60)
    assert not driver.transitions("opened")


def test_a_missed_fill_of_a_contract_realises_its_cash() -> None:
    terms = ContractTerms(
        multiplier=D(1),
        kind="linear",
        settlement_asset="USDT",
        realised="close",
        method="average",
        balance_includes_unrealised=False,
    )
    driver = GatewayDriver(Rules(defaults=AccountRules(contracts={PERPETUAL.exchange: terms})))
    driver.start(balance_row("USDT", "1000"), positions=[position_row("2", "BUY", price="100")])
    driver.position(position_row("1", "BUY", price="100"))
    driver.poll("USDT", "1010", 80)
    assert only_break(driver, PERPETUAL.exchange, "contract").amount == -1
    record_trade(driver, "T-1", "1", "110", side="SELL", ago=80, symbol=PERPETUAL.exchange)
    assert fact_effects(driver) == {"T-1": "explained"}
    assert driver.value(PERPETUAL.exchange, "contract") == 1
    assert driver.value("USDT") == 1010
    driver.poll("USDT", "1010", 40)
    assert not driver.breaks("USDT")


@pytest.mark.parametrize(("rates", "count"), [(("0.001",), 30), (("0.001", "0.002"), 60), (("0.001",), 4)])
def test_fees_of_a_statement_take_the_place_of_what_was_inferred(rates: tuple[str, ...], count: int) -> None:
    driver = day_with_fees(rates, count)
    assert not driver.breaks("USDT")
    assert not driver.findings("late_fact"), "reports had agreed with the fees that were inferred"
    fees = [entry for entry in driver.entries("USDT") if entry.cause == "fee"]
    with exact():
        assert sum(entry.amount for entry in fees if entry.certainty == "inferred") == 0
        exactly = sum(entry.amount for entry in fees if entry.certainty == "exact")
        traded = sum(entry.amount for entry in driver.entries("USDT") if entry.cause == "fill")
        assert driver.value("USDT") == 100000 + traded + exactly == driver.comparison("USDT").reported
        assert abs(residual(driver, "USDT")) <= 1, "what a mixture of rates leaves within its tolerance"


# -- properties ----------------------------------------------------------------------------------------------------


@steady(60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["move", "tell", "again", "both"]), st.integers(-9, 9).filter(bool)),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_is_told_books_are_sums_of_entries_and_end_in_agreement(steps: list[tuple[str, int]]) -> None:
    """What is told one by one leaves no break; a fact that sums up several movements is none of them."""
    driver = trading()
    driver.poll("USDT", D(100000), 60)  # the opening is sure: what moves from here on is no part of it
    venue, untold, number, moves, summed = D(100000), D(0), 0, 0, False
    for what, size in steps:
        amount = D(size * 100)
        if what in {"move", "both"}:
            venue += amount
            untold, moves = untold + amount, moves + 1
            driver.poll("USDT", venue, 30)
        if what in {"tell", "both"} and untold:
            number, summed, moves = number + 1, summed or moves > 1, 0
            record_fact(driver, "adjustment", "USDT", str(untold), f"L-{number}", ago=2)
            untold = D(0)
        if what == "again" and number:
            before = driver.value("USDT")
            record_fact(driver, "adjustment", "USDT", "1", f"L-{number}", ago=2)
            assert driver.value("USDT") == before
        assert conserved(driver, "USDT")
    if untold:
        summed = summed or moves > 1
        record_fact(driver, "adjustment", "USDT", str(untold), "L-last", ago=2)
    driver.poll("USDT", venue, 150)
    assert driver.value("USDT") == venue
    assert residual(driver, "USDT") == claimed(driver.comparison("USDT"))
    if not summed and not (moves and not untold):
        assert not [known for known in driver.breaks("USDT") if known.offset_by is None]


# --- what a fact does not explain


@pytest.mark.parametrize("step", ["1000", "-1000"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_fee_beside_a_break_belongs_to_its_fill(step: str, whole: bool) -> None:
    driver = trading()
    report_bought(driver, "a", "1", "2400")
    for _ in range(60):
        report_balances(driver, "11", str(D("97600") + D(step)))
        driver.wait(1)
    known = only_break(driver, "USDT")
    assert known.amount == D(step)
    if whole:
        record_trade(driver, "T-1", "1", "2400", order_id="X-a", fee="2.4", fee_asset="USDT", ago=60)
    else:
        record_fact(driver, "fee", "USDT", "-2.4", "F-1", ago=60)
    assert (known.state, known.amount) == ("open", D(step))
    assert (driver.entries("USDT")[-1].break_id, driver.entries("USDT")[-1].amount) == (None, D("-2.4"))


@pytest.mark.parametrize("amount", ["-2.4", "-1000", "2001"])
def test_a_fact_of_another_sign_or_size_explains_no_break(amount: str) -> None:
    driver = with_break("1000")
    known = only_break(driver, "USDT")
    record_fact(driver, "adjustment", "USDT", amount, "L-1", ago=40)
    assert fact_effects(driver) == {"L-1": "booked"}
    assert (known.state, known.amount) == ("open", D(1000))
