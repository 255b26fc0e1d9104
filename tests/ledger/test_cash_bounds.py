"""What a contract's fill may have moved where its cash cannot be worked out (recon/ledger/cash_bounds.py)."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import ZERO, exact
from recon.ledger.cash_bounds import cash_bound
from recon.ledger.cost_basis import CostBasis, Lot, add_trade, entry_value
from recon.ledger.legs import UNBOUNDED
from recon.ledger.rules import ContractTerms, FeeRule

D = Decimal
TERMS = ContractTerms(D(1), "linear", "USDT", "close", method="average")


@pytest.mark.parametrize(
    ("rule", "rate"),
    [
        (None, "0.006"),
        (FeeRule(), "0.006"),
        (FeeRule(maker=D("0.0002"), taker=D("0.0005")), "0.0005"),
        (FeeRule(maker=D("-0.001"), taker=D("0.0005")), "0.001"),
    ],
)
def test_it_is_the_distance_from_the_average_price_with_the_greatest_fee_and_a_move(
    rule: FeeRule | None, rate: str
) -> None:
    bound = cash_bound(D(-3), D(110), [D(100), D(109)], TERMS, rule)
    assert bound == 330 * (D("0.1") + D(rate) + D("0.003"))


@pytest.mark.parametrize("price", [None, ZERO])
def test_there_is_none_without_a_price(price: Decimal | None) -> None:
    assert cash_bound(D(1), price, [D(100)], TERMS, None) == UNBOUNDED
    assert cash_bound(D(1), D(100), [], TERMS, None) == UNBOUNDED


def test_a_premium_is_paid_as_a_whole() -> None:
    terms = msgspec.structs.replace(TERMS, kind="premium", multiplier=D(10))
    assert cash_bound(D(2), D(5), [], terms, FeeRule(maker=ZERO)) == 100 * D("1.003")


PRICES = st.integers(50, 200).map(Decimal)


@given(
    st.sampled_from(["linear", "inverse"]),
    st.integers(1, 9).map(Decimal),
    st.integers(-9, 9).filter(bool).map(Decimal),
    PRICES,
    PRICES,
    st.sampled_from([D("0.01"), D(1), D(100)]),
)
def test_no_close_of_a_position_at_that_price_moves_more(
    kind: Literal["linear", "inverse"],
    held: Decimal,
    quantity: Decimal,
    average: Decimal,
    price: Decimal,
    size: Decimal,
) -> None:
    terms = msgspec.structs.replace(TERMS, kind=kind, multiplier=size)
    with exact():
        basis = CostBasis([Lot(held, entry_value(held, held * average, terms))])
        cash = add_trade(basis, quantity, abs(quantity) * price, terms)
        assert cash is not None
        assert abs(cash) <= cash_bound(quantity, price, [average], terms, None)
