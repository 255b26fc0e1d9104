"""Tolerance of a comparison (semantics 6; recon/reconciliation/model/tolerance.py, rules 1 and 2)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import exact
from recon.ledger.rules import ROUNDING_QUANTA_PER_DAY, AccountRules, FeeRule, Rules, Tolerance, UnitRules
from recon.reconciliation.model.tolerance import computed_tolerance, largest_tolerance, total_tolerance
from recon.testing import PERPETUAL, GatewayDriver, OrderScript, balance_row, position_row
from tests.support.claims import claimed, residual
from tests.support.properties import steady

D = Decimal
AMOUNTS = st.decimals("-1000000", "1000000", places=6)
SMALL = st.decimals("0", "100", places=6)
#: The schedule says that nothing is charged, so that whatever is left over is rounding.
NO_FEES = AccountRules(fees=[FeeRule(maker=D(0), taker=D(0))], learn_fees_up_to=D(0))


@steady(150)
@given(
    AMOUNTS,
    AMOUNTS,
    SMALL,
    SMALL,
    st.decimals("0", "1", places=6),
    SMALL,
    st.none() | st.decimals("0.01", "9", places=2),
)
def test_total_is_the_largest_of_computed_absolute_relative_and_usd(
    reported: Decimal,
    expected: Decimal,
    slack: Decimal,
    absolute: Decimal,
    relative: Decimal,
    usd: Decimal,
    rate: Decimal | None,
) -> None:
    """Total = max(computed, absolute, relative · |expected|, usd / rate); with no rate usd counts as 0."""
    with exact():
        bound = total_tolerance(
            Tolerance(absolute=absolute, relative=relative, usd=usd),
            reported=reported,
            expected=expected,
            slack=slack,
            rate_usd=rate,
        )
    own = 32 * Fraction(abs(reported)) / 2**52 + Fraction(slack)
    others = [own, Fraction(absolute), Fraction(relative) * abs(Fraction(expected))]
    if rate is not None:
        others.append(Fraction(usd) / Fraction(rate))
    assert abs(Fraction(bound) - max(others)) < Fraction(1, 10**40), "half of the fiftieth digit, where it was divided"


def test_a_rate_of_zero_is_no_rate() -> None:
    with exact():
        bound = total_tolerance(Tolerance(usd=D(5)), reported=D(0), expected=D(0), slack=D(0), rate_usd=D(0))
    assert bound == 0


def test_negative_slack_takes_nothing_away() -> None:
    with exact():
        assert computed_tolerance(D(1), D(-5)) == computed_tolerance(D(1), D(0)) == D(32) / 2**52


def trading(account: AccountRules | None = None, usdt: str = "100000.00") -> GatewayDriver:
    driver = GatewayDriver(None if account is None else Rules(defaults=account))
    driver.start(balance_row("BTC", "10"), balance_row("USDT", usdt))
    return driver


def fill(driver: GatewayDriver, key: str, amount: str, price: str, side: str = "BUY") -> None:
    driver.report(OrderScript(key, [(amount, price)], side=side, placed_at=driver.now).report(1))


@pytest.mark.parametrize(("reported", "breaks"), [("10.00000001", True), ("10.000000000000001", False)])
def test_semantics_6__base_quantities_have_no_tolerance_but_the_resolution_of_the_number(
    reported: str, breaks: bool
) -> None:
    driver = trading()
    driver.poll("BTC", reported, 60)
    assert bool(driver.opened_breaks()) is breaks


def test_semantics_6__positions_have_no_tolerance() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("USDT", "1000"), positions=[position_row("5", "BUY")])
    for _ in range(60):
        driver.position(position_row("5.0001", "BUY"), after=1)
    assert driver.opened_breaks() == [(PERPETUAL.exchange, D("0.0001"))]


def test_semantics_1_2__a_number_has_the_resolution_of_a_double() -> None:
    """98765432109.87654321 arrives as 98765432109.87654."""
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "98765432109.87654321"), balance_row("USDT", "1000"))
    driver.poll("BTC", "98765432109.87654", 60)
    assert not driver.transitions("opened")


def test_semantics_6__cash_may_lose_half_a_quantum_an_entry_since_the_last_agreement() -> None:
    """The quantum is the finest scale seen in the asset's reports: cents."""
    driver = trading()
    for number in range(3):
        fill(driver, f"o{number}", "0.001", "100.0004", "SELL")
    driver.balance("BTC", "9.997")
    driver.poll("USDT", "100000.31", 60)
    # Booked 0.3000012; reported 0.31: within 3 times half a cent.
    assert not driver.opened_breaks()
    driver.poll("USDT", "100000.33", 60)
    assert [code for code, _ in driver.opened_breaks()] == ["USDT"], "nothing was traded since: no more slack"


def test_semantics_6_3__what_roundings_leave_over_is_booked_as_rounding() -> None:
    """It is booked once it is more than half a quantum; until then it is shown as what it is."""
    driver = trading(NO_FEES)
    fill(driver, "a", "1", "100.004", "SELL")
    driver.balance("BTC", "9")
    driver.poll("USDT", "100100.00", 60)
    assert not booked_as_rounding(driver)
    assert residual(driver, "USDT") == claimed(driver.comparison("USDT")) == D("-0.004")
    fill(driver, "b", "1", "100.003", "SELL")
    driver.balance("BTC", "8")
    driver.poll("USDT", "100200.00", 60)
    rounding = [each for each in driver.entries("USDT") if each.cause == "rounding"]
    assert [(each.amount, each.certainty) for each in rounding] == [(D("-0.007"), "inferred")]
    assert (driver.value("USDT"), driver.unit("USDT").balance.explained) == (D(100200), D("-0.007"))
    assert not driver.opened_breaks()


def test_semantics_6__the_resolution_of_avg_px_is_tolerated_times_the_amount() -> None:
    """100.01 for 1000 units is anything from 100005 to 100015."""
    driver = trading(usdt="900000.00000000")
    driver.report(
        OrderScript(
            "a", [("500", "100.01"), ("500", "100.014")], lists_fills=False, price_digits=2, placed_at=driver.now
        ).report(2)
    )
    driver.balance("BTC", "1010")
    driver.poll("USDT", "799988.00000000", 60)
    assert not driver.opened_breaks()
    other = trading(AccountRules(learn_fees_up_to=D(0)), usdt="900000.00000000")
    other.report(
        OrderScript(
            "a", [("500", "100.01"), ("500", "100.014")], lists_fills=False, price_digits=2, placed_at=other.now
        ).report(2)
    )
    other.balance("BTC", "1010")
    other.poll("USDT", "799984.00000000", 60)
    assert other.opened_breaks() == [("USDT", D(-6))]


def test_semantics_6__the_quantum_may_come_from_the_settings() -> None:
    """The venue prints eight digits but books cents: its reports alone would tell another quantum."""
    opened = {}
    for quantum in (None, D("0.01")):
        rules = AccountRules(units={"USDT": UnitRules(quantum=quantum)}, learn_fees_up_to=D(0))
        driver = trading(rules, usdt="100000.12345678")
        fill(driver, "a", "1", "100.004", "SELL")
        driver.balance("BTC", "9")
        driver.poll("USDT", "100100.12345678", 60)
        opened[quantum] = driver.opened_breaks()
    assert opened == {None: [("USDT", D("-0.004"))], D("0.01"): []}


@pytest.mark.parametrize(
    "rules",
    [
        AccountRules(tolerance=Tolerance(absolute=D("0.6"))),
        AccountRules(tolerance=Tolerance(relative=D("0.05"))),
        AccountRules(tolerance=Tolerance(usd=D(30001))),
        AccountRules(units={"BTC": UnitRules(tolerance=Tolerance(absolute=D("0.6")))}),
    ],
    ids=["absolute", "relative", "usd", "of the unit"],
)
def test_semantics_6__configured_tolerance(rules: AccountRules) -> None:
    driver = GatewayDriver(Rules(defaults=rules))
    driver.start(balance_row("BTC", "10", rate_usd=D(60000)), balance_row("USDT", "1000"))
    driver.poll("BTC", "10.5", 60, rate_usd=D(60000))
    assert not driver.opened_breaks()
    driver.poll("BTC", "10.7", 60, rate_usd=D(60000))
    assert driver.opened_breaks() == [("BTC", D("0.7"))], "what is tolerated step by step is not, in sum"
    assert (driver.value("BTC"), residual(driver, "BTC")) == (D(10), D("0.7")), "and nothing of it is posted"


def test_semantics_6__usd_counts_as_nothing_without_a_rate() -> None:
    driver = trading(AccountRules(tolerance=Tolerance(usd=D(30001))))
    driver.poll("BTC", "10.5", 60)
    assert driver.opened_breaks() == [("BTC", D("0.5"))]


def test_semantics_7__an_agreed_row_may_show_a_tiny_unexplained_remainder_and_it_is_the_true_number() -> None:
    driver = trading(AccountRules(tolerance=Tolerance(absolute=D("0.6"))))
    driver.poll("BTC", "10.5", 20)
    comparison = driver.comparison("BTC")
    assert comparison.reported == D("10.5")
    assert (driver.value("BTC"), comparison.cut_total) == (D(10), D(0)), "nothing is plugged"


def truncating(driver: GatewayDriver, sales: int, balance: Decimal, first: int = 0) -> Decimal:
    """A venue that truncates the cash of each sale to cents: 100.0049 comes as 100.00."""
    for number in range(first, first + sales):
        fill(driver, f"s{number}", "0.01", "10000.49", "SELL")
        balance += 100
        driver.balance("USDT", balance, after=0.2)
        driver.wait(0.8)
    return balance


def settle(driver: GatewayDriver, balance: Decimal) -> None:
    """Let everything become final."""
    driver.poll("USDT", balance, 60)


def booked_as_rounding(driver: GatewayDriver) -> Decimal:
    return sum((each.amount for each in driver.entries("USDT") if each.cause == "rounding"), D(0))


def rounding_of(driver: GatewayDriver) -> Decimal:
    """Return all rounding, booked and not."""
    with exact():
        return booked_as_rounding(driver) + driver.comparison("USDT").accrual.rounding


def test_semantics_6__rounding_is_booked_within_the_daily_budget_and_beyond_it_a_finding() -> None:
    """Truncation is not rounding: a persistent sign is a fee, and says so once a day."""
    driver = trading(NO_FEES)
    budget = D("0.01") * ROUNDING_QUANTA_PER_DAY
    balance = truncating(driver, 190, D("100000.00"))
    settle(driver, balance)
    assert booked_as_rounding(driver) == rounding_of(driver) == D("-0.0049") * 190
    assert not driver.findings("rounding_budget")
    settle(driver, truncating(driver, 17, balance, first=190))
    assert abs(booked_as_rounding(driver)) <= budget
    assert rounding_of(driver) == D("-0.0049") * 207
    assert residual(driver, "USDT") == claimed(driver.comparison("USDT")), "what is not booked is claimed"
    assert len(driver.findings("rounding_budget")) == 1
    assert not [code for code, _ in driver.opened_breaks() if code == "USDT"]


def test_semantics_6__a_small_trade_reported_early_is_not_taken_for_rounding() -> None:
    """After many cash entries the slack is more than a small trade: its cash must come as its own entry."""
    driver = trading(NO_FEES)
    balance = truncating(driver, 20, D("100000.00")) + D("0.05")
    driver.balance("USDT", balance, after=0.1)
    fill(driver, "small", "0.01", "5.00", "SELL")
    settle(driver, balance)
    assert rounding_of(driver) == D("-0.0049") * 20
    assert driver.value("USDT") == balance


def test_semantics_6__the_budget_of_a_day_is_not_renewed_by_spending_it() -> None:
    driver = trading(NO_FEES)
    budget = D("0.01") * ROUNDING_QUANTA_PER_DAY
    truncating(driver, 300, D("100000.00"))
    assert abs(booked_as_rounding(driver)) <= budget
    assert len(driver.findings("rounding_budget")) == 1


def test_semantics_6__another_day_has_a_budget_of_its_own() -> None:
    driver = trading(NO_FEES)
    balance = truncating(driver, 200, D("100000.00"))
    settle(driver, balance)
    driver.tick(after=timedelta(days=1).total_seconds())
    balance = truncating(driver, 20, balance, first=200)
    settle(driver, balance)
    assert booked_as_rounding(driver) == D("-0.0049") * 220
    assert driver.value("USDT") == balance
    assert not driver.findings("rounding_budget")


@pytest.mark.parametrize(
    ("configured", "of"),
    [
        (Tolerance(), "computed"),
        (Tolerance(absolute=D(3), relative=D("0.01"), usd=D(5)), "absolute"),
        (Tolerance(absolute=D(1), relative=D("0.05"), usd=D(5)), "relative"),
        (Tolerance(absolute=D(1), relative=D("0.01"), usd=D(50)), "usd"),
    ],
)
def test_a_tolerance_says_which_value_it_is(configured: Tolerance, of: str) -> None:
    values = {"reported": D(100), "expected": D(100), "slack": D(0), "rate_usd": D(10)}
    with exact():
        bound = largest_tolerance(configured, **values)
        assert bound == (total_tolerance(configured, **values), of)
