from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.errors import SimulationError
from recon.simulator.habits import Habits
from recon.simulator.instruments import Instrument, Side
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.ledger import Effect, Ledger, Unit
from recon.simulator.venues import binance, binance_futures, bitmex
from tests.support.observers import Leg

SPOT = binance("BINANCE", 1.0, Habits())
CONTRACTS = bitmex("BITMEX", 1.0, Habits())

sides = st.sampled_from(list(Side))
steps = st.integers(1, 400)
moves = st.integers(-500, 500)


def trades(account: AccountPlan) -> st.SearchStrategy[list[tuple[Instrument, Side, Decimal, Decimal]]]:
    def one(each: Instrument, side: Side, size: int, move: int) -> tuple[Instrument, Side, Decimal, Decimal]:
        return each, side, each.size_step * size, each.price + each.price_step * move

    return st.lists(st.builds(one, st.sampled_from(account.instruments), sides, steps, moves), max_size=40)


@given(trades(SPOT))
def test_spot_balances_are_the_opening_plus_every_entry_and_conserve_value(
    fills: list[tuple[Instrument, Side, Decimal, Decimal]],
) -> None:
    ledger = Ledger(SPOT.assets, SPOT.instruments, SPOT.balances)
    sums = {code: Fraction(ledger.balances[code]) for code in ledger.balances}
    for each, side, amount, price in fills:
        base, quote = ledger.fill(each, side, amount, price)
        assert base.unit == Unit("asset", each.base_row)
        assert Fraction(base.amount) * Fraction(price) == -Fraction(quote.amount)
        assert base.amount * side.sign > 0
        sums[each.base_row] += Fraction(base.amount)
        sums[each.quote_row] += Fraction(quote.amount)
    assert {code: Fraction(held) for code, held in ledger.balances.items()} == sums


@given(trades(CONTRACTS))
def test_contracts_realise_what_the_average_method_says(
    fills: list[tuple[Instrument, Side, Decimal, Decimal]],
) -> None:
    ledger = Ledger(CONTRACTS.assets, CONTRACTS.instruments, CONTRACTS.balances, CONTRACTS.positions)
    legs = {each.symbol: Leg() for each in CONTRACTS.instruments}
    known = {each.symbol: each for each in CONTRACTS.instruments}
    for opening in CONTRACTS.positions:
        signed = Fraction(opening.quantity) * opening.side.sign
        legs[opening.symbol].trade(known[opening.symbol], signed, Fraction(opening.entry_price))
    for each, side, amount, price in fills:
        entries = ledger.fill(each, side, amount, price)
        gain = legs[each.symbol].trade(each, Fraction(amount) * side.sign, Fraction(price))
        booked = sum((Fraction(entry.amount) for entry in entries if entry.unit.kind == "asset"), Fraction(0))
        assert abs(booked - gain) <= Fraction(1, 2 * 10**8) + Fraction(1, 10**30)
        assert Fraction(ledger.net(each.symbol)) == legs[each.symbol].position


@given(trades(SPOT), st.booleans())
def test_rounded_cash_is_off_by_less_than_a_quantum_each(
    fills: list[tuple[Instrument, Side, Decimal, Decimal]], truncated: bool
) -> None:
    cent = Decimal("0.01")
    ledger = Ledger(SPOT.assets, SPOT.instruments, SPOT.balances, cash_quantum=cent, cash_truncated=truncated)
    for each, side, amount, price in fills:
        _, quote = ledger.fill(each, side, amount, price)
        off = abs(Fraction(quote.amount)) - Fraction(amount) * Fraction(price)
        assert Fraction(quote.amount) % Fraction(cent) == 0
        assert -Fraction(cent) < off <= 0 if truncated else abs(off) <= Fraction(cent) / 2


def test_hedge_legs_open_and_close_apart() -> None:
    plan = binance_futures("BINANCEFTS", 1.0, Habits())
    ledger = Ledger(plan.assets, plan.instruments, plan.balances, plan.positions)
    each = plan.instruments[0]
    opened = ledger.fill(each, Side.BUY, Decimal("0.1"), Decimal(60000), Effect.OPEN)
    assert opened == (opened[0],)
    assert ledger.legs["BTCUSDT", Side.BUY].quantity == Decimal("1.0")
    assert ledger.legs["BTCUSDT", Side.SELL].quantity == Decimal("0.7")
    _, gain = ledger.fill(each, Side.BUY, Decimal("0.7"), Decimal(60000), Effect.CLOSE)
    assert gain.amount == Decimal(700)
    assert ledger.net("BTCUSDT") == Decimal(1)


def test_closing_more_than_is_held_is_an_error() -> None:
    plan = binance_futures("BINANCEFTS", 1.0, Habits())
    ledger = Ledger(plan.assets, plan.instruments, plan.balances, plan.positions)
    with pytest.raises(SimulationError, match="closes 1"):
        ledger.fill(plan.instruments[0], Side.BUY, Decimal(1), Decimal(60000), Effect.CLOSE)


def test_an_inverse_long_gains_coin_when_the_price_rises() -> None:
    ledger = Ledger(CONTRACTS.assets, CONTRACTS.instruments, CONTRACTS.balances)
    inverse = CONTRACTS.instruments[0]
    ledger.fill(inverse, Side.BUY, Decimal(60000), Decimal(60000))
    _, gain = ledger.fill(inverse, Side.SELL, Decimal(60000), Decimal(75000))
    assert gain.unit == Unit("asset", "XBT")
    assert gain.amount == Decimal("0.2")
