"""Units and how a fill finds its balance, through the fold (semantics 3)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.rules import AccountRules, ContractTerms, Rules
from tests.support.gateway_driver import (
    BTC_USDT,
    PERPETUAL,
    Desk,
    Life,
    Row,
    balance_row,
    position_row,
    steady,
    symbol_row,
)

D = Decimal
XBT_USD = ("XBT/USD", "KRAKEN_SPOT_BTC_USD", "XBT", "USD")
KRAKEN_ROW = symbol_row(*XBT_USD, base_coinapi="BTC", quote_coinapi="USD")
LINEAR = ContractTerms(
    multiplier=D(1),
    kind="linear",
    settlement_asset="USDT",
    realised="close",
    method="average",
    balance_includes_unrealised=False,
)


def kraken(rules: AccountRules | None = None, *rows: Row) -> Desk:
    """Symbols say XBT and USD; balance rows XXBT (BTC) and ZUSD (no CoinAPI code), and more if given."""
    desk = Desk(None if rules is None else Rules(defaults=rules))
    desk.open()
    desk.info()
    desk.snapshot("SYMBOLS_SNAPSHOT", [KRAKEN_ROW])
    desk.orders()
    desk.balances(
        balance_row("XXBT", "10", coinapi="BTC"),
        balance_row("ZUSD", "1000", coinapi=None),
        *rows,
    )
    desk.positions()
    desk.wait(30)
    return desk


def buy(key: str = "a", amount: str = "1", price: str = "100") -> Life:
    return Life(key, [(amount, price)], of=XBT_USD)


def test_semantics_3_1__a_spot_fill_is_two_entries_and_sell_is_reversed() -> None:
    desk = Desk()
    desk.begin(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    desk.report(Life("a", [("2", "100")]).report(1))
    desk.report(Life("b", [("3", "110")], side="SELL").report(1))
    assert [(each.unit, each.amount) for each in desk.book.changes.entries if each.cause == "fill"] == [
        ("BTC", D(2)),
        ("USDT", D(-200)),
        ("BTC", D(-3)),
        ("USDT", D(330)),
    ]


def test_semantics_3_1__a_derivative_fill_is_one_entry_in_the_contract() -> None:
    desk = Desk()
    desk.begin(balance_row("USDT", "1000"))
    desk.report(Life("a", [("2", "100")], of=PERPETUAL, side="SELL").report(1))
    filled = [(each.kind, each.unit, each.amount) for each in desk.book.changes.entries if each.cause == "fill"]
    assert filled == [("contract", PERPETUAL[0], D(-2))]


def test_semantics_3_1__an_asset_and_a_contract_of_one_code_are_two_units() -> None:
    desk = Desk()
    same = ("BTC", "BINANCE_PERP_BTC_USDT", "BTC", "USDT")
    desk.begin(balance_row("BTC", "10"), symbols=[same])
    desk.report(Life("a", [("2", "100")], of=same).report(1))
    assert (desk.value("BTC"), desk.value("BTC", "contract")) == (D(10), D(2))


def test_semantics_3_2__the_type_comes_from_the_second_term_of_the_coinapi_id_alone() -> None:
    """An asset may itself be called PERP."""
    desk = Desk()
    odd = ("PERPUSDT", "BINANCE_SPOT_PERP_USDT", "PERP", "USDT")
    desk.begin(balance_row("USDT", "1000"), symbols=[odd])
    desk.report(Life("a", [("2", "1")], of=odd).report(1))
    assert (desk.value("PERP"), desk.value("USDT")) == (D(2), D(998))


def test_semantics_3_2__a_tagged_account_knows_what_its_bare_exchange_knows() -> None:
    desk = Desk(account="BINANCE/DESK")
    desk.begin(balance_row("BTC", "10"), balance_row("USDT", "1000"), symbols=[])
    desk.symbols(BTC_USDT, account="BINANCE")
    desk.report(Life("a", [("1", "100")]).report(1, exchange_id="BINANCE/DESK"))
    assert desk.value("BTC") == D(11)


def test_semantics_3_2__a_fill_of_an_unknown_instrument_waits_visibly_and_is_booked_when_it_is_known() -> None:
    desk = Desk()
    desk.begin(balance_row("BTC", "10"), balance_row("USDT", "1000"), symbols=[])
    life = Life("a", [("1", "100"), ("1", "102")], listed=False)
    desk.report(life.report(1))
    desk.report(life.report(2))
    assert desk.value("BTC") == D(10)
    assert [(each.kind, each.about) for each in desk.findings()] == [("instrument_unknown", "c:a")]
    desk.symbols(BTC_USDT)
    assert (desk.value("BTC"), desk.value("USDT")) == (D(12), D(798))
    desk.symbols(BTC_USDT)
    assert desk.value("BTC") == D(12), "once"


def test_semantics_3_3__a_configured_alias_is_the_home() -> None:
    desk = kraken(AccountRules(assets={"XBT": "XXBT", "USD": "ZUSD"}))
    desk.report(buy().report(1))
    assert (desk.value("XXBT"), desk.value("ZUSD")) == (D(11), D(900))
    assert not desk.findings()


def test_semantics_3_3__the_only_row_of_the_same_coinapi_asset_is_the_home_and_the_other_leg_is_unmapped() -> None:
    """ZUSD has no CoinAPI code: nothing tells that USD is kept there, and it says so."""
    desk = kraken()
    desk.report(buy().report(1))
    assert (desk.value("XXBT"), desk.value("ZUSD"), desk.value("USD")) == (D(11), D(1000), D(-100))
    assert [(each.kind, each.about) for each in desk.findings()] == [("unmapped", "USD")]


def test_semantics_3_3__what_moves_in_a_row_that_unmapped_legs_may_belong_to_names_that_as_the_cause() -> None:
    desk = kraken(None, balance_row("XBT.F", "5", coinapi="BTC"))
    desk.report(buy().report(1))
    desk.poll("XXBT", "11", 60, coinapi="BTC")
    (known,) = desk.breaks("XXBT")
    assert (known.amount, known.cause) == (D(1), "unmapped")


def test_semantics_3_3__two_rows_of_one_asset_are_never_merged_by_guessing() -> None:
    desk = kraken(None, balance_row("XBT.F", "5", coinapi="BTC"))
    desk.report(buy().report(1))
    assert (desk.value("XXBT"), desk.value("XBT.F"), desk.value("XBT")) == (D(10), D(5), D(1))
    assert {each.about for each in desk.findings("unmapped")} == {"XBT", "USD"}
    assert "XBT.F, XXBT" in desk.findings("unmapped")[0].message


def test_semantics_3_3__a_pool_reconciles_the_sum_of_its_rows() -> None:
    rules = AccountRules(pools=[["XXBT", "XBT.F"]], assets={"XBT": "XXBT", "USD": "ZUSD"})
    desk = kraken(rules, balance_row("XBT.F", "5", coinapi="BTC"))
    assert desk.value("XXBT") == D(15)
    assert not desk.has_unit("XBT.F")
    desk.report(buy().report(1))
    desk.balance("XBT.F", "6", coinapi="BTC")
    assert desk.comparison("XXBT").reported == D(16)
    desk.wait(40)
    assert not desk.opened()
    desk.balance("XXBT", "4", coinapi="BTC")
    desk.balance("XBT.F", "12", coinapi="BTC")
    desk.wait(40)
    assert not desk.opened(), "what moves within a pool is nobody's break"


def test_semantics_3_3__a_home_that_is_known_later_re_homes_the_legs_visibly() -> None:
    desk = kraken()
    rows = balance_row("XETH", "3", coinapi="ETH")
    desk.snapshot("SYMBOLS_SNAPSHOT", [symbol_row("ETH/USD", "KRAKEN_SPOT_ETH_USD", "ETH", "USD")])
    desk.report(Life("e", [("2", "10")], of=("ETH/USD", "KRAKEN_SPOT_ETH_USD", "", "")).report(1))
    assert desk.value("ETH") == D(2)
    desk.balance("XETH", "2", coinapi="ETH")
    assert [(each.unit, each.amount) for each in desk.book.changes.entries if each.cause == "rehomed"] == [
        ("ETH", D(-2)),
        ("XETH", D(2)),
    ]
    assert [each.about for each in desk.findings("rehomed")] == ["ETH"]
    assert rows["asset_id_exchange"] == "XETH"
    desk.wait(40)
    assert (desk.value("ETH"), desk.value("XETH")) == (D(0), D(2))
    desk.report(Life("f", [("1", "10")], of=("ETH/USD", "KRAKEN_SPOT_ETH_USD", "", "")).report(1))
    assert (desk.value("ETH"), desk.value("XETH")) == (D(0), D(3))
    assert not [unit for unit, _ in desk.opened() if "ETH" in unit]


def test_semantics_3_4__hedge_rows_are_netted_through_the_fold() -> None:
    desk = Desk()
    desk.begin(balance_row("USDT", "1000"), positions=[position_row("5", "BUY"), position_row("2", "SELL")])
    assert desk.value(PERPETUAL[0], "contract") == D(3)
    desk.report(Life("a", [("4", "100")], of=PERPETUAL, side="SELL").report(1))
    desk.position(position_row("6", "SELL"))
    desk.wait(40)
    assert (desk.value(PERPETUAL[0], "contract"), desk.comparison(PERPETUAL[0], "contract").reported) == (D(-1), D(-1))
    assert not desk.opened()


def test_semantics_3_4__one_way_rows_replace_each_other() -> None:
    desk = Desk()
    desk.begin(balance_row("USDT", "1000"), positions=[position_row("5", "BUY")])
    desk.report(Life("a", [("7", "100")], of=PERPETUAL, side="SELL").report(1))
    desk.position(position_row("2", "SELL"))
    desk.wait(40)
    assert desk.unit(PERPETUAL[0], "contract").position_mode == "one_way"
    assert desk.comparison(PERPETUAL[0], "contract").reported == D(-2)
    assert not desk.opened()


def test_semantics_3_4__the_settings_override_what_rows_seem_to_say() -> None:
    """The second side appears by an update while the first is still held: only the settings can tell."""
    reported = {}
    for mode in ("hedge", "one_way"):
        desk = Desk(Rules(defaults=AccountRules(position_mode=mode)))
        desk.begin(balance_row("USDT", "1000"), positions=[position_row("5", "BUY")])
        desk.position(position_row("2", "SELL"))
        desk.wait(40)
        reported[mode] = desk.comparison(PERPETUAL[0], "contract").reported
    assert reported == {"hedge": D(3), "one_way": D(-2)}


def test_semantics_3_5__without_terms_the_balances_a_contract_touches_are_shown_not_judged() -> None:
    desk = Desk()
    desk.begin(balance_row("USDT", "1000"), balance_row("ETH", "3"), positions=[position_row("2", "BUY")])
    assert desk.unit("USDT").unmodelled is not None
    assert desk.unit("ETH").unmodelled is None
    desk.poll("USDT", "900", 40)
    assert desk.comparison("USDT").reported == D(900), "shown"
    assert not desk.transitions(), "not judged"


@steady(12)
@given(st.sampled_from(["multiplier", "kind", "settlement_asset", "realised", "method"]), st.booleans())
def test_semantics_3_5__one_missing_term_is_enough(missing: str, unrealised: bool) -> None:
    terms = (
        msgspec.structs.replace(LINEAR, **{missing: None})
        if not unrealised
        else msgspec.structs.replace(LINEAR, balance_includes_unrealised=True)
    )
    desk = Desk(Rules(defaults=AccountRules(contracts={PERPETUAL[0]: terms})))
    desk.begin(balance_row("USDT", "1000"), positions=[position_row("2", "BUY")], settle=1)
    assert desk.unit("USDT").unmodelled is not None


def test_semantics_3_5__a_contract_that_is_neither_held_nor_traded_touches_nothing() -> None:
    desk = Desk()
    desk.begin(balance_row("USDT", "1000"), positions=[position_row("0", "BUY")])
    assert desk.unit("USDT").unmodelled is None


@pytest.mark.parametrize("opened_before", [False, True])
def test_semantics_3_5__terms_that_come_later_open_a_cash_book_then_and_there(opened_before: bool) -> None:
    """The past is not drift: an opening now, or an entry of its own; and from there on the balance is judged."""
    held = [position_row("2", "BUY", price="100")]
    desk = Desk()
    desk.begin(balance_row("USDT", "1000"), positions=[] if opened_before else held)
    if opened_before:
        desk.report(Life("o", [("2", "100")], of=PERPETUAL).report(1))
        desk.position(held[0])
    desk.report(Life("a", [("1", "110")], of=PERPETUAL, side="SELL").report(1))
    desk.position(position_row("1", "BUY", price="100"))
    desk.poll("USDT", "1010", 30)
    desk.rules(Rules(defaults=AccountRules(contracts={PERPETUAL[0]: LINEAR})))
    assert desk.unit("USDT").unmodelled is None
    desk.poll("USDT", "1010", 30)
    assert not desk.transitions("opened")
    got = [(each.cause, each.amount) for each in desk.entries("USDT")]
    assert got == ([("opening", D(1000)), ("unmodelled", D(10))] if opened_before else [("opening", D(1010))])
    desk.report(Life("b", [("1", "130")], of=PERPETUAL, side="SELL").report(1))
    assert desk.value("USDT") == D(1040)
    desk.position(position_row("0", "BUY", price=None))
    desk.poll("USDT", "1025", 40)
    assert desk.opened() == [("USDT", D(-15))]
