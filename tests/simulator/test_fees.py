"""Fees as a habit of the venue: what no report tells is what the schedule says, fill by fill."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from recon.errors import SimulationError
from recon.simulator.habits import CROSSING
from recon.simulator.instruments import Instrument, Kind
from recon.simulator.plan import GatewayPlan, Plan
from recon.simulator.scenarios import plan_settings
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.fees import RECEIVED, Fees, Tier
from recon.simulator.venues import binance, bitmex, fee_rules, kraken, with_fees
from tests.simulator.test_faults import unexplained
from tests.support.observers import Message, Played, played, reports

D = Decimal
FREE = Tier(maker=D(0), taker=D(0))


def day_of(account: AccountPlan, *, duration: float = 40.0) -> Played:
    gateway = GatewayPlan(name="sim", seed=5, accounts=(account,), duration=duration, warm_up=0.0)
    return played(gateway, duration + 3)


def legs(each: Instrument, row: Message) -> tuple[Fraction, Fraction]:
    """What an order's fills moved in all: amount, and cash."""
    amount = Fraction(row["amount_filled"])
    fills = [(Fraction(fill["amount"]), Fraction(fill["price"])) for fill in row["fills"]]
    cash = sum((size / price if each.kind is Kind.INVERSE else size * price for size, price in fills), Fraction(0))
    return amount, cash


def ended(day: Played, account: AccountPlan) -> list[tuple[Instrument, Message]]:
    known = {each.symbol: each for each in account.instruments}
    last = {row["client_order_id"]: row for _, row in reports(day, account.account)}
    return [(known[row["symbol_id_exchange"]], row) for row in last.values() if row["amount_filled"]]


def takes(row: Message) -> bool:
    return bool(row["time_in_force"] == "IMMEDIATE_OR_CANCEL")


def assert_taken(day: Played, account: AccountPlan, expected: dict[str, Fraction]) -> None:
    drift = {code: amount for (kind, code), amount in unexplained(day, account.account).items() if kind == "asset"}
    fills = sum(len(row["fills"]) for _, row in ended(day, account))
    assert fills > 20
    assert drift.keys() == expected.keys()
    for code, amount in expected.items():
        assert abs(drift[code] + amount) < Fraction(fills, 10**8), code


def test_quote_fees_go_by_the_liquidity_of_the_order() -> None:
    account = with_fees(
        kraken("KRAKEN", 2.0, CROSSING), Fees(tiers=(Tier(maker=D("0.0016"), taker=D("0.0026")),)), post_only=0.3
    )
    day = day_of(account)
    due: dict[str, Fraction] = defaultdict(Fraction)
    shares = set()
    for each, row in ended(day, account):
        rate = Fraction("0.0026") if takes(row) else Fraction("0.0016")
        shares.add((takes(row), row["exec_inst"] == ["MAKER_OR_CANCEL"]))
        due["ZUSD"] += legs(each, row)[1] * rate
    assert shares == {(True, False), (False, False), (False, True)}
    assert_taken(day, account, due)


def test_fees_can_be_taken_from_what_is_received() -> None:
    account = with_fees(
        binance("BINANCE", 2.0, CROSSING), Fees(tiers=(Tier(maker=D("0.001"), taker=D("0.001")),), taken_in=RECEIVED)
    )
    day = day_of(account)
    due: dict[str, Fraction] = defaultdict(Fraction)
    for each, row in ended(day, account):
        amount, cash = legs(each, row)
        code, leg = (each.base_row, amount) if row["side"] == "BUY" else (each.quote_row, cash)
        due[code] += leg / 1000
    assert set(due) == {"BTC", "ETH", "SOL", "USDT"}
    assert_taken(day, account, due)


def test_fees_can_be_taken_in_a_third_asset_at_its_price() -> None:
    account = with_fees(
        binance("BINANCE", 2.0, CROSSING), Fees(tiers=(Tier(maker=D("0.00075"), taker=D("0.00075")),), taken_in="BNB")
    )
    day = day_of(account)
    rates = {asset.code: Fraction(asset.rate_usd or 1) for asset in account.assets}
    cash = sum((legs(each, row)[1] for each, row in ended(day, account)), Fraction(0))
    assert_taken(day, account, {"BNB": cash * Fraction("0.00075") * rates["USDT"] / rates["BNB"]})


def test_makers_are_paid_where_the_rate_is_negative() -> None:
    account = with_fees(
        bitmex("BITMEX", 2.0, CROSSING), Fees(tiers=(Tier(maker=D("-0.0001"), taker=D("0.0005")),)), post_only=0.5
    )
    day = day_of(account)
    due: dict[str, Fraction] = defaultdict(Fraction)
    for each, row in ended(day, account):
        due[each.settlement_row] += legs(each, row)[1] * (Fraction(5, 10**4) if takes(row) else Fraction(-1, 10**4))
    assert due["XBT"] < 0
    assert_taken(day, account, due)


def test_a_tier_can_change_in_the_middle_of_the_day() -> None:
    tiers = (FREE, Tier(since=20.0, maker=D("0.002"), taker=D("0.002")))
    account = with_fees(binance("BINANCE", 2.0, CROSSING), Fees(tiers=tiers))
    whole = unexplained(day_of(account), "BINANCE")
    first_half = unexplained(day_of(account, duration=19.0), "BINANCE")
    assert first_half == {}
    assert set(whole) == {("asset", "USDT")}
    assert whole["asset", "USDT"] < -1


@pytest.mark.parametrize(("crossing", "rate"), [(0.0, Fraction(0)), (1.0, Fraction(1, 1000))])
def test_resting_orders_may_cross(crossing: float, rate: Fraction) -> None:
    fees = Fees(tiers=(Tier(maker=D(0), taker=D("0.001")),), crossing=crossing)
    account = with_fees(binance("BINANCE", 2.0, CROSSING), fees)
    day = day_of(account)
    cash = sum(
        (legs(each, row)[1] * (Fraction(1, 1000) if takes(row) else rate) for each, row in ended(day, account)),
        Fraction(0),
    )
    assert_taken(day, account, {"USDT": cash})


def test_the_engine_is_told_the_first_tier_or_nothing() -> None:
    fees = Fees(tiers=(Tier(maker=D("-0.0001"), taker=D("0.0005")), FREE), taken_in="BNB")
    account = replace(with_fees(binance("BINANCE", 2.0, CROSSING), fees), funding_every=20.0)
    gateway = GatewayPlan(name="sim", seed=1, accounts=(account,), duration=10.0)
    told = plan_settings(Plan(name="fees", seed=1, gateways=(gateway,), duration=10.0), {"sim": "ws://x/"})
    assert told["gateways"] == {
        "sim": {
            "urls": ["ws://x/"],
            "recovery": {"enabled": False, "history": False, "cross_check": "0s"},
            "accounts": {
                "BINANCE": {
                    "fees": [{"maker": "-0.0001", "taker": "0.0005", "asset": "BNB"}],
                    "funding": {"every": "20s", "within": "5s"},
                }
            },
        }
    }
    assert fee_rules(replace(account, fees=replace(fees, published=False))) == []


def test_fees_in_an_asset_that_the_account_lacks_are_refused() -> None:
    account = replace(binance("BINANCE", 2.0, CROSSING), fees=Fees(tiers=(FREE,), taken_in="GOLD"))
    with pytest.raises(SimulationError, match="Fees are taken in GOLD"):
        day_of(account)
