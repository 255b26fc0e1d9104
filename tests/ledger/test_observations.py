"""Readings of positions in hedge mode (semantics 3.4; recon/ledger/observations.py, rules 1 to 3)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ems.protocol.messages import PositionRow
from recon.ledger.observations import is_authoritative, read_position, read_positions, signed_quantity
from recon.ledger.units import Unit
from tests.support.properties import steady

D = Decimal
QUANTITIES = st.decimals("0", "50", places=1)
HELD = st.decimals("0.1", "50", places=1)


def row(quantity: str | Decimal | None, side: str | None) -> PositionRow:
    return PositionRow(symbol="P", quantity=None if quantity is None else D(quantity), side=side)


def contract() -> Unit:
    return Unit(account="A", kind="contract", code="P")


@pytest.mark.parametrize(
    ("quantity", "side", "net"),
    [
        ("3", "BUY", "3"),
        ("3", None, "3"),
        ("3", "SELL", "-3"),
        ("-3", "SELL", "-3"),
        ("-3", "BUY", "-3"),
        ("-3", None, "-3"),
        ("0", "SELL", "0"),
        (None, "BUY", None),
    ],
)
def test_semantics_3_4__a_negative_quantity_with_side_sell_counts_once(
    quantity: str | None, side: str | None, net: str | None
) -> None:
    assert signed_quantity(row(quantity, side)) == (None if net is None else D(net))


@steady(50)
@given(QUANTITIES, QUANTITIES)
def test_semantics_3_4__two_sides_that_are_not_zero_in_one_snapshot_mean_hedge_mode(
    long: Decimal, short: Decimal
) -> None:
    unit = contract()
    assert read_positions(unit, [row(long, "BUY"), row(short, "SELL")], None) == (long - short,)
    assert unit.contract.position_mode == ("hedge" if long and short else None)


@steady(50)
@given(HELD, HELD)
def test_semantics_3_4__while_undecided_both_readings_of_an_update_are_tried(long: Decimal, short: Decimal) -> None:
    unit = contract()
    read_position(unit, row(long, "BUY"), None)
    readings = read_position(unit, row(short, "SELL"), None)
    assert readings[0] == -short, "the likelier: a row replaces the other"
    assert set(readings) == {-short, long - short}


@steady(50)
@given(QUANTITIES)
def test_semantics_3_4__an_empty_row_of_a_side_never_seen_means_that_nothing_is_held(long: Decimal) -> None:
    """A venue that keeps one row may put a flat position on either side."""
    unit = contract()
    read_position(unit, row(long, "BUY"), None)
    assert read_position(unit, row("0", "SELL"), None) == (D(0),)
    assert read_position(unit, row("7", "BUY"), None) == (D(7),)
    assert read_position(unit, row("0", "SELL"), None) == (D(0),), "once told, it is still not beside the other"


def test_semantics_3_4__an_empty_row_of_a_side_that_was_listed_beside_the_other_or_held_offers_both_readings() -> None:
    listed, one_sided = contract(), contract()
    read_positions(listed, [row("0", "SELL"), row("5", "BUY")], None)
    read_positions(one_sided, [row("3", "SELL")], None)
    assert read_position(one_sided, row("5", "BUY"), None) == (D(5), D(2))
    for unit in (listed, one_sided):
        assert read_position(unit, row("0", "SELL"), None) == (D(0), D(5))


def test_semantics_3_4__the_settings_decide_where_they_say() -> None:
    for mode, net in (("hedge", "3"), ("one_way", "-2")):
        unit = contract()
        read_position(unit, row("5", "BUY"), mode)
        assert read_position(unit, row("2", "SELL"), mode) == (D(net),)
    unit = contract()
    read_positions(unit, [row("5", "BUY"), row("2", "SELL")], "one_way")
    assert unit.contract.position_mode is None


def test_semantics_3_4__known_hedge_mode_keeps_each_side_until_its_own_row_replaces_it() -> None:
    unit = contract()
    read_positions(unit, [row("5", "BUY"), row("2", "SELL")], None)
    assert read_position(unit, row("7", "SELL"), None) == (D(-2),)
    assert read_position(unit, row("0", "BUY"), None) == (D(-7),)
    assert read_positions(unit, [row("1", "BUY")], None) == (D(1),), "a snapshot replaces all sides"


def test_a_row_without_a_quantity_is_no_observation() -> None:
    unit = contract()
    assert read_position(unit, row(None, "BUY"), None) == ()
    assert read_positions(unit, [row(None, "BUY")], None) == ()
    assert unit.contract.sides == {}


def test_semantics_4_1__what_is_authoritative() -> None:
    values = ("EXCHANGE", None, "BALANCE_MANAGER", "INITIALIZATION", "")
    assert [is_authoritative(value, trust_balance_manager=False) for value in values] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert [is_authoritative(value, trust_balance_manager=True) for value in values] == [True, True, True, False, False]
