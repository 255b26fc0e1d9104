"""What a rate is a rate of (recon/ledger/fees/fee_key.py)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.ledger.fees.fee_key import FeeKey, certain, line_label, market_of, role_of, third
from recon.ledger.rules import FeeRule

D = Decimal
PERPETUALS = FeeRule(instrument="PERPETUAL", maker=D("0.0002"), taker=D("0.0005"))
BITCOIN = FeeRule(symbol="BTC/USDT", instrument="SPOT", maker=D(0))
REST = FeeRule(maker=D("0.001"), asset="BNB")


def test_a_market_is_the_first_line_that_matches_or_else_the_type_of_the_instrument() -> None:
    schedule = [PERPETUALS, BITCOIN, REST]
    assert market_of(schedule, "BTCUSDT", "PERP") == "PERPETUAL"
    assert market_of(schedule, "BTC/USDT", "SPOT") == "SPOT BTC/USDT"
    assert market_of(schedule, "ETH/USDT", "SPOT") == "any"
    assert market_of([PERPETUALS], "ETH/USDT", "SPOT") == "SPOT"
    assert market_of([], None, None) == ""


def test_a_label_stays_when_the_rates_or_the_place_of_a_line_change() -> None:
    assert (
        line_label(FeeRule(symbol="BTC/USDT", taker=D(1))) == line_label(FeeRule(symbol="BTC/USDT")) == "any BTC/USDT"
    )


def test_lines_that_select_other_fills_have_other_labels() -> None:
    lines = [FeeRule(symbol, instrument) for symbol in (None, "BTC", "ETH") for instrument in (None, "SPOT", "OPTION")]
    assert len({line_label(line) for line in lines}) == len(lines)


def test_a_leg_in_the_asset_that_a_line_names_by_its_code_is_of_that_asset() -> None:
    assert role_of(REST, "base", "BNB") == third("BNB") == "third:BNB"
    assert role_of(REST, "quote", "USDT") == "quote"
    assert role_of(None, "base", "BNB") == "base"


@pytest.mark.parametrize(
    ("order_class", "is_certain"), [("post_only", True), ("immediate", True), ("rested", False), ("other", False)]
)
def test_only_some_classes_are_certain_to_make_or_to_take(order_class: str, is_certain: bool) -> None:
    assert certain(FeeKey("quote", 1, order_class, "SPOT")) is is_certain
