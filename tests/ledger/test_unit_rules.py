"""Units and how a fill finds its balance, through the fold (semantics 3)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.rules import AccountRules, ContractTerms, Rules
from recon.testing import (
    BTC_USDT,
    PERPETUAL,
    GatewayDriver,
    OrderScript,
    Row,
    Symbol,
    balance_row,
    position_row,
    symbol_row,
)
from tests.support.properties import steady

D = Decimal
XBT_USD = Symbol("XBT/USD", "KRAKEN_SPOT_BTC_USD", "XBT", "USD")
KRAKEN_ROW = symbol_row(*XBT_USD, base_coinapi="BTC", quote_coinapi="USD")
LINEAR = ContractTerms(
    multiplier=D(1),
    kind="linear",
    settlement_asset="USDT",
    realised="close",
    method="average",
    balance_includes_unrealised=False,
)


def kraken(rules: AccountRules | None = None, *rows: Row) -> GatewayDriver:
    """Symbols say XBT and USD; balance rows XXBT (BTC) and ZUSD (no CoinAPI code), and more if given."""
    driver = GatewayDriver(None if rules is None else Rules(defaults=rules))
    driver.open_session()
    driver.server_info()
    driver.snapshot("SYMBOLS_SNAPSHOT", [KRAKEN_ROW])
    driver.orders()
    driver.balances(
        balance_row("XXBT", "10", coinapi="BTC"),
        balance_row("ZUSD", "1000", coinapi=None),
        *rows,
    )
    driver.positions()
    driver.wait(30)
    return driver


def buy(key: str = "a", amount: str = "1", price: str = "100") -> OrderScript:
    return OrderScript(key, [(amount, price)], symbol=XBT_USD)


def test_semantics_3_1__a_spot_fill_is_two_entries_and_sell_is_reversed() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    driver.report(OrderScript("a", [("2", "100")]).report(1))
    driver.report(OrderScript("b", [("3", "110")], side="SELL").report(1))
    assert [(entry.unit, entry.amount) for entry in driver.ledger.changes.entries if entry.cause == "fill"] == [
        ("BTC", D(2)),
        ("USDT", D(-200)),
        ("BTC", D(-3)),
        ("USDT", D(330)),
    ]


def test_semantics_3_1__a_derivative_fill_is_one_entry_in_the_contract() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("USDT", "1000"))
    driver.report(OrderScript("a", [("2", "100")], symbol=PERPETUAL, side="SELL").report(1))
    filled = [
        (entry.kind, entry.unit, entry.amount) for entry in driver.ledger.changes.entries if entry.cause == "fill"
    ]
    assert filled == [("contract", PERPETUAL.exchange, D(-2))]


def test_semantics_3_1__an_asset_and_a_contract_of_one_code_are_two_units() -> None:
    driver = GatewayDriver()
    same = Symbol("BTC", "BINANCE_PERP_BTC_USDT", "BTC", "USDT")
    driver.start(balance_row("BTC", "10"), symbols=[same])
    driver.report(OrderScript("a", [("2", "100")], symbol=same).report(1))
    assert (driver.value("BTC"), driver.value("BTC", "contract")) == (D(10), D(2))


def test_semantics_3_2__the_type_comes_from_the_second_term_of_the_coinapi_id_alone() -> None:
    """An asset may itself be called PERP."""
    driver = GatewayDriver()
    odd = Symbol("PERPUSDT", "BINANCE_SPOT_PERP_USDT", "PERP", "USDT")
    driver.start(balance_row("USDT", "1000"), symbols=[odd])
    driver.report(OrderScript("a", [("2", "1")], symbol=odd).report(1))
    assert (driver.value("PERP"), driver.value("USDT")) == (D(2), D(998))


def test_semantics_3_2__a_tagged_account_knows_what_its_bare_exchange_knows() -> None:
    driver = GatewayDriver(account="BINANCE/DESK")
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"), symbols=[])
    driver.symbols(BTC_USDT, account="BINANCE")
    driver.report(OrderScript("a", [("1", "100")]).report(1, exchange_id="BINANCE/DESK"))
    assert driver.value("BTC") == D(11)


def test_semantics_3_2__a_fill_of_an_unknown_instrument_waits_visibly_and_is_booked_when_it_is_known() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"), symbols=[])
    order = OrderScript("a", [("1", "100"), ("1", "102")], lists_fills=False)
    driver.report(order.report(1))
    driver.report(order.report(2))
    assert driver.value("BTC") == D(10)
    assert [(finding.kind, finding.about) for finding in driver.findings()] == [("instrument_unknown", "c:a")]
    driver.symbols(BTC_USDT)
    assert (driver.value("BTC"), driver.value("USDT")) == (D(12), D(798))
    driver.symbols(BTC_USDT)
    assert driver.value("BTC") == D(12), "once"


def test_semantics_3_3__a_configured_alias_is_the_home() -> None:
    driver = kraken(AccountRules(assets={"XBT": "XXBT", "USD": "ZUSD"}))
    driver.report(buy().report(1))
    assert (driver.value("XXBT"), driver.value("ZUSD")) == (D(11), D(900))
    assert not driver.findings()


def test_semantics_3_3__the_only_row_of_the_same_coinapi_asset_is_the_home_and_one_spelled_alike_is_assumed() -> None:
    """ZUSD has no CoinAPI code: nothing tells that USD is kept there, and it says so."""
    driver = kraken()
    driver.report(buy().report(1))
    assert (driver.value("XXBT"), driver.value("ZUSD"), driver.has_unit("USD")) == (D(11), D(900), False)
    assert (driver.unit("XXBT").assumed, driver.unit("ZUSD").assumed is None) == (None, False)
    assert [(finding.kind, finding.about) for finding in driver.findings()] == [("unmapped", "USD")]


def test_semantics_3_3__what_moves_in_a_row_that_unmapped_legs_may_belong_to_names_that_as_the_cause() -> None:
    driver = kraken(None, balance_row("XBT.F", "5", coinapi="BTC"))
    driver.report(buy().report(1))
    driver.poll("XXBT", "11", 60, coinapi="BTC")
    (break_,) = driver.breaks("XXBT")
    assert (break_.amount, break_.cause) == (D(1), "unmapped")


def test_semantics_3_3__two_rows_of_one_asset_are_never_merged_by_guessing() -> None:
    driver = kraken(None, balance_row("XBT.F", "5", coinapi="BTC"))
    driver.report(buy().report(1))
    assert (driver.value("XXBT"), driver.value("XBT.F"), driver.value("XBT")) == (D(10), D(5), D(1))
    assert {finding.about for finding in driver.findings("unmapped")} == {"XBT", "USD"}
    assert "XBT.F, XXBT" in driver.findings("unmapped")[0].message


def test_semantics_3_3__a_pool_reconciles_the_sum_of_its_rows() -> None:
    rules = AccountRules(pools=[["XXBT", "XBT.F"]], assets={"XBT": "XXBT", "USD": "ZUSD"})
    driver = kraken(rules, balance_row("XBT.F", "5", coinapi="BTC"))
    assert driver.value("XXBT") == D(15)
    assert not driver.has_unit("XBT.F")
    driver.report(buy().report(1))
    driver.balance("XBT.F", "6", coinapi="BTC")
    assert driver.comparison("XXBT").reported == D(16)
    driver.wait(40)
    assert not driver.opened_breaks()
    driver.balance("XXBT", "4", coinapi="BTC")
    driver.balance("XBT.F", "12", coinapi="BTC")
    driver.wait(40)
    assert not driver.opened_breaks(), "what moves within a pool is nobody's break"


def test_semantics_3_3__a_home_that_is_known_later_re_homes_the_legs_visibly() -> None:
    driver = kraken()
    driver.snapshot("SYMBOLS_SNAPSHOT", [symbol_row("ETH/USD", "KRAKEN_SPOT_ETH_USD", "ETH", "USD")])
    driver.report(OrderScript("e", [("2", "10")], symbol=Symbol("ETH/USD", "KRAKEN_SPOT_ETH_USD", "", "")).report(1))
    assert driver.value("ETH") == D(2)
    driver.balance("XETH", "2", coinapi="ETH")
    assert [(entry.unit, entry.amount) for entry in driver.ledger.changes.entries if entry.cause == "rehomed"] == [
        ("ETH", D(-2)),
        ("XETH", D(2)),
    ]
    assert [finding.about for finding in driver.findings("rehomed")] == ["ETH"]
    driver.wait(41)
    assert (driver.value("ETH"), driver.value("XETH")) == (D(0), D(2))
    driver.report(OrderScript("f", [("1", "10")], symbol=Symbol("ETH/USD", "KRAKEN_SPOT_ETH_USD", "", "")).report(1))
    assert (driver.value("ETH"), driver.value("XETH")) == (D(0), D(3))
    assert not [unit for unit, _ in driver.opened_breaks() if "ETH" in unit]


def test_semantics_3_4__hedge_rows_are_netted_through_the_fold() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("USDT", "1000"), positions=[position_row("5", "BUY"), position_row("2", "SELL")])
    assert driver.value(PERPETUAL.exchange, "contract") == D(3)
    driver.report(OrderScript("a", [("4", "100")], symbol=PERPETUAL, side="SELL").report(1))
    driver.position(position_row("6", "SELL"))
    driver.wait(40)
    assert (
        driver.value(PERPETUAL.exchange, "contract"),
        driver.comparison(PERPETUAL.exchange, "contract").reported,
    ) == (D(-1), D(-1))
    assert not driver.opened_breaks()


def test_semantics_3_4__one_way_rows_replace_each_other() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("USDT", "1000"), positions=[position_row("5", "BUY")])
    driver.report(OrderScript("a", [("7", "100")], symbol=PERPETUAL, side="SELL").report(1))
    driver.position(position_row("2", "SELL"))
    driver.wait(40)
    assert driver.unit(PERPETUAL.exchange, "contract").contract.position_mode == "one_way"
    assert driver.comparison(PERPETUAL.exchange, "contract").reported == D(-2)
    assert not driver.opened_breaks()


def test_semantics_3_4__the_settings_override_what_rows_seem_to_say() -> None:
    """The second side appears by an update while the first is still held: only the settings can tell."""
    reported = {}
    for mode in ("hedge", "one_way"):
        driver = GatewayDriver(Rules(defaults=AccountRules(position_mode=mode)))
        driver.start(balance_row("USDT", "1000"), positions=[position_row("5", "BUY")])
        driver.position(position_row("2", "SELL"))
        driver.wait(40)
        reported[mode] = driver.comparison(PERPETUAL.exchange, "contract").reported
    assert reported == {"hedge": D(3), "one_way": D(-2)}


def test_semantics_3_5__without_terms_the_balances_a_contract_touches_are_shown_not_judged() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("USDT", "1000"), balance_row("ETH", "3"), positions=[position_row("2", "BUY")])
    assert driver.unit("USDT").unmodelled is not None
    assert driver.unit("ETH").unmodelled is None
    driver.poll("USDT", "900", 40)
    assert driver.comparison("USDT").reported == D(900), "shown"
    assert not driver.transitions(), "not judged"


@steady(12)
@given(st.sampled_from(["multiplier", "kind", "settlement_asset", "realised", "method"]), st.booleans())
def test_semantics_3_5__one_missing_term_is_enough(missing: str, unrealised: bool) -> None:
    terms = (
        msgspec.structs.replace(LINEAR, **{missing: None})
        if not unrealised
        else msgspec.structs.replace(LINEAR, balance_includes_unrealised=True)
    )
    driver = GatewayDriver(Rules(defaults=AccountRules(contracts={PERPETUAL.exchange: terms})))
    driver.start(balance_row("USDT", "1000"), positions=[position_row("2", "BUY")], quiet=1)
    assert driver.unit("USDT").unmodelled is not None


def test_semantics_3_5__a_contract_that_is_neither_held_nor_traded_touches_nothing() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("USDT", "1000"), positions=[position_row("0", "BUY")])
    assert driver.unit("USDT").unmodelled is None


@pytest.mark.parametrize("opened_before", [False, True])
def test_semantics_3_5__terms_that_come_later_open_a_cash_book_then_and_there(opened_before: bool) -> None:
    """The past is not drift: an opening now, or an entry of its own; and from there on the balance is judged."""
    position = [position_row("2", "BUY", price="100")]
    driver = GatewayDriver()
    driver.start(balance_row("USDT", "1000"), positions=[] if opened_before else position)
    if opened_before:
        driver.report(OrderScript("o", [("2", "100")], symbol=PERPETUAL).report(1))
        driver.position(position[0])
    driver.report(OrderScript("a", [("1", "110")], symbol=PERPETUAL, side="SELL").report(1))
    driver.position(position_row("1", "BUY", price="100"))
    driver.poll("USDT", "1010", 30)
    driver.set_rules(Rules(defaults=AccountRules(contracts={PERPETUAL.exchange: LINEAR})))
    assert driver.unit("USDT").unmodelled is None
    driver.poll("USDT", "1010", 30)
    assert not driver.transitions("opened")
    posted = [(entry.cause, entry.amount) for entry in driver.entries("USDT")]
    assert posted == ([("opening", D(1000)), ("unmodelled", D(10))] if opened_before else [("opening", D(1010))])
    driver.report(OrderScript("b", [("1", "130")], symbol=PERPETUAL, side="SELL").report(1))
    assert driver.value("USDT") == D(1040)
    driver.position(position_row("0", "BUY", price=None))
    driver.poll("USDT", "1025", 40)
    assert driver.opened_breaks() == [("USDT", D(-15))]
