"""Rows that are taken for an unmapped asset's until the settings say (semantics 3.3; posting/assumed_rows.py)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from recon.ledger.rules import AccountRules, ContractTerms, Rules
from recon.reconciliation.model.shown_verdict import shown_verdict
from recon.testing import (
    PERPETUAL,
    GatewayDriver,
    OrderScript,
    Row,
    Symbol,
    balance_row,
    position_row,
    symbol_row,
)

D = Decimal
XBT_USD = Symbol("XBT/USD", "KRAKEN_SPOT_BTC_USD", "XBT", "USD")
TAKEN = "unmapped: taken for USD, which no setting says"


def kraken(*rows: Row, rules: AccountRules | None = None, quiet: float = 30) -> GatewayDriver:
    """Symbols say XBT and USD, CoinAPI BTC and USD; these are the balance rows."""
    driver = GatewayDriver(None if rules is None else Rules(defaults=rules))
    driver.open_session()
    driver.server_info()
    driver.snapshot("SYMBOLS_SNAPSHOT", [symbol_row(*XBT_USD, base_coinapi="BTC", quote_coinapi="USD")])
    driver.orders()
    driver.balances(*rows)
    driver.positions()
    driver.wait(quiet)
    return driver


def cash(code: str = "ZUSD", amount: str = "1000", coinapi: str | None = None) -> Row:
    return balance_row(code, amount, coinapi=coinapi)


COIN = balance_row("XXBT", "10", coinapi="BTC")


def buy(driver: GatewayDriver, key: str = "a", amount: str = "1", price: str = "100") -> None:
    placed_at = driver.now - timedelta(seconds=4)  # it fills in the fourth second
    driver.report(OrderScript(key, [(amount, price)], symbol=XBT_USD, placed_at=placed_at).report(1))


def verdict(driver: GatewayDriver, code: str) -> tuple[str, str | None]:
    account = driver.ledger.accounts[driver.account]
    ledger = driver.ledger
    rules, us = ledger.rules_of(driver.account), ledger.clock.last_us
    shown = shown_verdict(driver.unit(code), driver.comparison(code), account, us, rules)
    return shown.verdict, shown.reason


def test_semantics_3_3__the_one_row_spelled_alike_is_taken_for_the_assets_and_shown_as_not_judged() -> None:
    driver = kraken(COIN, cash())
    buy(driver)
    driver.poll("ZUSD", "900", 60, coinapi=None)
    driver.poll("XXBT", "11", 5, coinapi="BTC")
    assert not driver.has_unit("USD")
    assert (driver.value("ZUSD"), driver.opened_breaks()) == (D(900), [])
    assert verdict(driver, "ZUSD") == ("unmodelled", TAKEN)
    assert verdict(driver, "XXBT") == ("agreed", None)
    (finding,) = driver.findings("unmapped")
    assert finding.about == "USD"
    assert "ZUSD is spelled like it" in finding.message


def test_semantics_3_3__base_and_quote_are_taken_at_once_and_a_loss_in_them_is_a_break() -> None:
    driver = kraken(balance_row("XXBT", "10", coinapi=None), cash())
    buy(driver)
    driver.balance("ZUSD", "900", coinapi=None)
    driver.poll("XXBT", "11", 30, coinapi=None)
    driver.poll("ZUSD", "750", 60, coinapi=None)
    assert driver.opened_breaks() == [("ZUSD", D(-150))]
    assert {finding.about for finding in driver.findings("unmapped")} == {"XBT", "USD"}


def test_semantics_3_3__a_setting_that_says_the_same_ends_the_assumption_and_moves_nothing() -> None:
    driver = kraken(COIN, cash())
    buy(driver)
    driver.poll("ZUSD", "900", 30, coinapi=None)
    entries = driver.entries("ZUSD")
    driver.set_rules(Rules(defaults=AccountRules(assets={"USD": "ZUSD"})))
    driver.poll("ZUSD", "900", 30, coinapi=None)
    assert driver.entries("ZUSD") == entries
    assert verdict(driver, "ZUSD") == ("agreed", None)
    assert driver.opened_breaks() == []


def test_semantics_3_3__what_a_setting_says_to_be_another_rows_moves_there_at_once() -> None:
    driver = kraken(COIN, cash(), cash("CASH", "50"))
    buy(driver)
    driver.set_rules(Rules(defaults=AccountRules(assets={"USD": "CASH"})))
    assert (driver.value("ZUSD"), driver.value("CASH")) == (D(1000), D(-50))
    assert [finding.about for finding in driver.findings("rehomed")] == ["ZUSD"]
    buy(driver, "b")
    assert (driver.value("ZUSD"), driver.value("CASH")) == (D(1000), D(-150))
    assert driver.ledger.accounts[driver.account].mappings.traded_pairs == {"XBT/USD": ("XXBT", "CASH")}
    assert driver.unit("ZUSD").assumed is None


def test_semantics_3_3__a_setting_maps_what_was_kept_under_its_own_code_at_once() -> None:
    driver = kraken(COIN, cash("CASH"))
    buy(driver)
    assert driver.value("USD") == D(-100)
    driver.set_rules(Rules(defaults=AccountRules(assets={"USD": "CASH"})))
    assert (driver.value("USD"), driver.value("CASH")) == (D(0), D(900))
    driver.poll("CASH", "900", 60, coinapi=None)
    assert driver.breaks("CASH") == []


@pytest.mark.parametrize(
    ("rows", "rules"),
    [
        pytest.param([cash(), cash("usd")], None, id="several are spelled alike"),
        pytest.param([cash("ZUSD", coinapi="EUR")], None, id="CoinAPI says that it is another asset"),
        pytest.param([cash(), cash("USD.F", coinapi="USD"), cash("USD.M", coinapi="USD")], None, id="others are USD"),
        pytest.param([cash("XUSDT")], None, id="none is"),
        pytest.param([cash()], AccountRules(assets={"DOLLAR": "ZUSD"}), id="a setting names it for another asset"),
    ],
)
def test_semantics_3_3__no_row_is_taken_where(rows: list[Row], rules: AccountRules | None) -> None:
    driver = kraken(COIN, *rows, rules=rules)
    buy(driver)
    assert driver.value("USD") == D(-100)
    assert driver.ledger.accounts[driver.account].snapshots.assumed == {}


def test_semantics_3_3__a_row_that_fills_move_is_nobody_elses() -> None:
    driver = kraken(COIN, cash())
    driver.symbols(Symbol("XBTZUSD", "KRAKEN_SPOT_BTC_ZUSD", "XXBT", "ZUSD"))
    driver.report(OrderScript("z", [("1", "10")], symbol=Symbol("XBTZUSD", "", "", "")).report(1))
    buy(driver)
    assert (driver.value("ZUSD"), driver.value("USD")) == (D(990), D(-100))


def test_semantics_3_3__a_row_that_comes_later_is_taken_and_what_was_kept_moves() -> None:
    driver = kraken(COIN)
    buy(driver)
    assert driver.value("USD") == D(-100)
    driver.balance("ZUSD", "-100", coinapi=None)
    driver.poll("ZUSD", "-100", 60, coinapi=None)
    assert (driver.value("ZUSD"), driver.value("USD")) == (D(-100), D(0))
    assert verdict(driver, "ZUSD") == ("unmodelled", TAKEN)
    assert driver.breaks("ZUSD") == []


def test_semantics_3_3__the_coinapi_code_of_a_row_decides_once_it_is_told() -> None:
    same, other = (kraken(COIN, cash()) for _ in range(2))
    for driver, coinapi in ((same, "USD"), (other, "EUR")):
        buy(driver)
        driver.balance("ZUSD", "900", coinapi=coinapi)
        assert driver.unit("ZUSD").assumed is None
    assert (same.value("ZUSD"), same.has_unit("USD")) == (D(900), False)
    assert (other.value("ZUSD"), other.value("USD")) == (D(1000), D(-100))


def trade_in(driver: GatewayDriver, row: str, amounts: list[str]) -> Decimal:
    held = D(1000)
    for number, amount in enumerate(amounts):
        buy(driver, f"o{number}", amount)
        held -= D(amount) * 100
        driver.poll(row, held, 6, coinapi=None)
    driver.poll(row, held, 60, coinapi=None)
    return held


def test_semantics_3_3__a_row_that_moves_as_the_fills_do_is_taken_whatever_it_is_called() -> None:
    driver = kraken(COIN, cash("DOLLARS"), cash("LEO"), cash("POINTS"))
    driver.poll("POINTS", "1007", 1, coinapi=None)
    held = trade_in(driver, "DOLLARS", ["1", "0.5", "2", "0.3"])
    assert driver.opened_breaks() == [("POINTS", D(7))]
    assert (driver.value("DOLLARS"), verdict(driver, "DOLLARS")) == (held, ("unmodelled", TAKEN))
    assert driver.unit("LEO").assumed is None


def test_semantics_3_3__how_a_row_moves_comes_before_how_it_is_spelled() -> None:
    driver = kraken(COIN, cash("DOLLARS"), cash("ZUSD", "77"))
    held = trade_in(driver, "DOLLARS", ["1", "0.5", "2", "0.3"])
    assert (driver.value("DOLLARS"), driver.value("ZUSD")) == (held, D(77))
    assert (driver.unit("DOLLARS").assumed, driver.unit("ZUSD").assumed) == (TAKEN, None)
    assert driver.opened_breaks() == []


def test_semantics_3_3__a_deposit_beside_fills_is_told_at_once_in_a_row_that_may_be_anybodys() -> None:
    """Nothing is held back: another amount than that of the fills is a break like any other."""
    driver = kraken(COIN, cash("POINTS"))
    buy(driver)
    driver.poll("POINTS", "900.5", 30, coinapi=None)
    driver.poll("POINTS", "1400", 60, coinapi=None)
    assert driver.opened_breaks() == [("POINTS", D("499.5"))]


def test_semantics_3_3__a_deposit_that_is_one_of_many_fills_is_no_fill() -> None:
    """POINTS was not reported since many fills: what moves it would have to be all of them."""
    driver = kraken(COIN, cash("DOLLARS"), cash("POINTS"))
    for number, amount in enumerate(["1", "0.5", "2", "0.3"]):
        buy(driver, f"o{number}", amount)
        driver.wait(15)
    driver.poll("POINTS", "950", 60, coinapi=None)
    assert driver.opened_breaks() == [("POINTS", D(-50))]
    assert driver.unit("POINTS").assumed is None


def test_semantics_3_3__a_row_that_follows_its_fills_is_not_given_up_for_a_deposit_of_their_amount() -> None:
    driver = kraken(COIN, cash("ZUSD"), cash("POINTS"))
    driver.poll("POINTS", "1000", 1, coinapi=None)
    buy(driver)
    driver.balance("POINTS", "900", coinapi=None)
    driver.poll("ZUSD", "900", 60, coinapi=None)
    driver.poll("POINTS", "900", 5, coinapi=None)
    assert driver.opened_breaks() == [("POINTS", D(-100))]
    assert (driver.unit("ZUSD").assumed, driver.unit("POINTS").assumed) == (TAKEN, None)


@pytest.mark.parametrize("spelled", ["btcusdt-perp", "BTCUSDT_PERP"])
def test_semantics_3_1__a_position_of_a_contract_spelled_otherwise_is_that_contracts(spelled: str) -> None:
    symbol = Symbol("BTCUSDT.PERP", "BINANCE_PERP_BTC_USDT", "BTC", "USDT")
    driver = GatewayDriver()
    driver.start(balance_row("USDT", "1000"), symbols=[symbol])
    driver.report(OrderScript("a", [("2", "100")], symbol=symbol).report(1))
    row = {key: value for key, value in position_row("2", "BUY").items() if key != "symbol_id_coinapi"}
    driver.position(row | {"symbol_id_exchange": spelled})
    driver.wait(60)
    assert not driver.has_unit(spelled, "contract")
    assert driver.opened_breaks() == []
    assert "they are spelled alike" in driver.findings("symbol_spelled")[0].message


def test_semantics_3_5__a_row_spelled_like_the_asset_of_a_contract_without_terms_is_unmodelled() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("USDt", "1000", coinapi=None), symbols=[PERPETUAL], positions=[position_row("2", "BUY")])
    driver.poll("USDt", "960", 60, coinapi=None)
    assert driver.opened_breaks() == []
    assert driver.unit("USDt").unmodelled is not None
    terms = ContractTerms(multiplier=D(1), kind="linear", settlement_asset="USDt", realised="close", method="average")
    driver.set_rules(Rules(defaults=AccountRules(contracts={PERPETUAL.exchange: terms})))
    assert driver.unit("USDt").unmodelled is None
