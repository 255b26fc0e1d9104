"""Cash of derivatives against an independent model in fractions (semantics 3.5; recon/ledger/cost_basis.py)."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import exact
from recon.ledger.cost_basis import CASH_QUANTUM, CostBasis, add_trade, average_price, basis_of
from recon.ledger.rules import AccountRules, ContractTerms, Rules
from recon.testing import PERPETUAL, GatewayDriver, OrderScript, balance_row, position_row
from tests.support.properties import steady

D = Decimal
#: Signed quantity and price of each trade.
TRADES = st.lists(
    st.tuples(
        st.decimals("-20", "20", places=1).filter(bool),
        st.decimals("0.5", "70000", places=2),
    ),
    min_size=1,
    max_size=25,
)
Trades = list[tuple[Decimal, Decimal]]


def terms_of(kind: str, method: str, multiplier: str = "1") -> ContractTerms:
    return ContractTerms(
        multiplier=D(multiplier),
        kind=kind,  # type: ignore[arg-type]
        settlement_asset="USDT",
        realised="close",
        method=method,  # type: ignore[arg-type]
        balance_includes_unrealised=False,
    )


class Model:
    """A position as lots of (quantity, price), in fractions: what closing earns follows from the definition.

    Linear: (exit - entry) · closed; inverse: (1/entry - 1/exit) · closed; closed is positive for a long. Average:
    every open lot counts at the one price that gives the same value.
    """

    def __init__(self, kind: str, method: str, multiplier: Decimal) -> None:
        self.kind, self.method, self.multiplier = kind, method, Fraction(multiplier)
        self.lots: deque[tuple[Fraction, Fraction]] = deque()

    def worth(self, price: Fraction) -> Fraction:
        return -1 / price if self.kind == "inverse" else price

    def trade(self, quantity: Fraction, price: Fraction) -> Fraction:
        gain = Fraction(0)
        while quantity and self.lots and self.lots[0][0] * quantity < 0:
            size, entry = self.lots.popleft()
            closed = size if abs(size) <= abs(quantity) else -quantity
            gain += closed * (self.worth(price) - self.worth(entry))
            quantity += closed
            if size != closed:
                self.lots.appendleft((size - closed, entry))
        if quantity:
            self.lots.append((quantity, price))
        if self.method == "average" and len(self.lots) > 1:
            position = sum((size for size, _ in self.lots), Fraction(0))
            if self.kind == "inverse":
                entry = position / sum((size / price for size, price in self.lots), Fraction(0))
            else:
                entry = sum((size * price for size, price in self.lots), Fraction(0)) / position
            self.lots = deque([(position, entry)])
        return gain * self.multiplier


@pytest.mark.parametrize("method", ["average", "fifo"])
@pytest.mark.parametrize("kind", ["linear", "inverse"])
@steady(60)
@given(trades=TRADES)
def test_realised_cash_is_that_of_the_definition(kind: str, method: str, trades: Trades) -> None:
    """Each division may lose half of CASH_QUANTUM, and there are at most three a trade."""
    terms, model, basis = terms_of(kind, method, "2.5"), Model(kind, method, D("2.5")), CostBasis()
    total = truth = Fraction(0)
    for count, (quantity, price) in enumerate(trades, start=1):
        with exact():
            cash = add_trade(basis, quantity, abs(quantity) * price, terms)
        assert cash is not None
        total += Fraction(cash)
        truth += model.trade(Fraction(quantity), Fraction(price))
        lost = Fraction(CASH_QUANTUM) * 3 * count * Fraction("2.5")
        if method == "fifo":
            lost *= 2  # the parts of a lot are rounded one by one
        assert abs(total - truth) <= lost, (count, total, truth)
        with exact():
            assert basis.quantity() == sum(quantity for quantity, _ in trades[:count])


@pytest.mark.parametrize("method", ["average", "fifo"])
@steady(40)
@given(trades=TRADES)
def test_linear_cash_and_cost_are_conserved(method: str, trades: Trades) -> None:
    """What was realised is what was paid and taken plus what the open position cost: no cent is made or lost."""
    terms, basis = terms_of("linear", method), CostBasis()
    with exact():
        realised = sum((add_trade(basis, q, abs(q) * price, terms) or D(0) for q, price in trades), D(0))
        paid = sum((q * price for q, price in trades), D(0))
        assert realised == basis.value() - paid


@steady(40)
@given(trades=TRADES)
def test_average_price_is_that_of_the_model(trades: Trades) -> None:
    for kind in ("linear", "inverse"):
        terms, model, basis = terms_of(kind, "average"), Model(kind, "average", D(1)), CostBasis()
        for quantity, price in trades:
            with exact():
                add_trade(basis, quantity, abs(quantity) * price, terms)
            model.trade(Fraction(quantity), Fraction(price))
        with exact():
            price_now = average_price(basis, terms)
        if not model.lots:
            assert price_now is None
        else:
            assert price_now is not None
            assert abs(Fraction(price_now) / model.lots[0][1] - 1) < Fraction(1, 10**5)


def test_an_inverse_contract_earns_in_coin_what_the_price_moved() -> None:
    """100 contracts of 1 USD from 50000 to 60000: 100 · (1/50000 - 1/60000)."""
    terms = terms_of("inverse", "average")
    with exact():
        basis = basis_of(D(100), D(50000), terms)
        assert add_trade(basis, D(-100), D(100) * 60000, terms) == D("0.000333333333")
        short = basis_of(D(-100), D(50000), terms)
        assert add_trade(short, D(100), D(100) * 60000, terms) == D("-0.000333333333")


def test_a_fill_through_zero_closes_all_and_opens_the_rest_at_its_own_price() -> None:
    terms = terms_of("linear", "average")
    with exact():
        basis = basis_of(D(3), D(100), terms)
        assert add_trade(basis, D(-5), D(5) * 110, terms) == D(30)
        assert (basis.quantity(), average_price(basis, terms)) == (D(-2), D(110))


def test_an_entry_without_a_price_makes_the_cash_unknown_until_the_position_is_flat() -> None:
    terms = terms_of("linear", "average")
    with exact():
        basis = basis_of(D(3), None, terms)
        assert add_trade(basis, D(-1), D(100), terms) is None


@pytest.mark.parametrize(
    ("kind", "method", "cash"), [("linear", "average", "24"), ("linear", "fifo", "29"), ("premium", "average", "119")]
)
def test_semantics_3_5__the_cash_of_closing_goes_to_the_settlement_asset(kind: str, method: str, cash: str) -> None:
    """2 held at 100, 2 bought at 110, 3 sold at 113: average 3·8, fifo 2·13 + 1·3, premiums -220 + 339."""
    driver = GatewayDriver(Rules(defaults=AccountRules(contracts={PERPETUAL.exchange: terms_of(kind, method)})))
    driver.start(balance_row("USDT", "1000"), positions=[position_row("2", "BUY", price="100")])
    driver.report(OrderScript("a", [("2", "110")], symbol=PERPETUAL).report(1))
    driver.report(OrderScript("b", [("3", "113")], symbol=PERPETUAL, side="SELL").report(1))
    assert driver.value(PERPETUAL.exchange, "contract") == D(1)
    assert driver.value("USDT") == 1000 + D(cash)
    causes = {entry.cause for entry in driver.entries("USDT") if entry.cause != "opening"}
    assert causes == {"fill" if kind == "premium" else "realised"}
    assert driver.unit("USDT").unmodelled is None


@pytest.mark.parametrize(
    ("quantity", "price"), [("1", "60000"), ("1", "60000.5"), ("-3", "61234.5"), ("100000", "60000.5")]
)
def test_the_average_price_of_a_small_inverse_position_is_told_as_well_as_it_is_known(
    quantity: str, price: str
) -> None:
    """One dollar at 60,000 is 0.000016666667 bitcoin, which is not 59999.9988."""
    terms = terms_of("inverse", "average")
    with exact():
        basis = basis_of(D(quantity), D(price), terms)
        assert average_price(basis, terms) == D(price)
