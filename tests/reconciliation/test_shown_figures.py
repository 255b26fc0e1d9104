"""The figures that are shown of a unit are those of its last compared report: facts later than it are not in them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import exact
from recon.ledger.facts.external_fact import MANUAL
from recon.ledger.rules import AccountRules, FeeRule, Rules
from recon.ledger.units import OF_FILLS, Entry
from recon.testing import GatewayDriver, OrderScript, balance_row
from tests.support.decisions_driver import BOB, driver_with_break, record_decision, report
from tests.support.facts_driver import fact_effects, record_fact, record_trade
from tests.support.properties import steady
from tests.support.restarts import Restarts
from tests.support.trading_account import WINDOW, trading

D = Decimal
#: So that it is compared with whole numbers.
Figure: TypeAlias = Decimal | int
#: The id of a fact that a person told.
HAND = f"{MANUAL}1"


def shown(driver: GatewayDriver, code: str = "USDT") -> tuple[Figure, Figure, Figure]:
    """Return what is shown: expected, explained, and what neither tells of the report."""
    comparison, balance = driver.comparison(code), driver.unit(code).balance
    assert comparison.reported is not None
    assert balance.opening is not None
    with exact():
        fills = comparison.cut_total - comparison.cut_explained
        expected = balance.opening + fills
        return expected, comparison.cut_explained, comparison.reported - expected - comparison.cut_explained


def settled() -> GatewayDriver:
    """An account whose last reports agree, and are compared."""
    driver = trading()
    driver.poll("USDT", "100000", 3 * WINDOW)
    assert shown(driver) == (100000, 0, 0)
    return driver


@pytest.mark.parametrize(("kind", "amount"), [("deposit", "1000"), ("withdrawal", "-700"), ("fee", "-0.3")])
@pytest.mark.parametrize("external_id", ["L-1", HAND])
def test_a_fact_later_than_the_last_report_is_not_in_its_figures(kind: str, amount: str, external_id: str) -> None:
    driver = settled()
    record_fact(driver, kind, "USDT", amount, external_id)
    assert fact_effects(driver) == {external_id: "booked"}
    assert shown(driver) == (100000, 0, 0)
    assert driver.value("USDT") == 100000 + D(amount), "what the ledger says now has it"
    driver.wait(3 * WINDOW)
    assert shown(driver) == (100000, 0, 0), "as long as no report comes"
    driver.poll("USDT", 100000 + D(amount), 1)
    assert shown(driver) == (100000, D(amount), 0)
    driver.poll("USDT", 100000 + D(amount), 60)
    assert shown(driver) == (100000, D(amount), 0)
    assert not driver.transitions("opened")


def test_a_fact_between_two_reports_is_in_the_figures_of_the_later_one_alone() -> None:
    driver = settled()
    record_fact(driver, "deposit", "USDT", "1000", "L-1")
    driver.poll("USDT", "101000", 3 * WINDOW)
    record_fact(driver, "withdrawal", "USDT", "-300", "L-2")
    assert shown(driver) == (100000, 1000, 0), "the first is in the report, the second is not"
    driver.poll("USDT", "100700", 3 * WINDOW)
    assert shown(driver) == (100000, 700, 0)


def test_fills_and_facts_later_than_the_last_report_are_told_apart() -> None:
    driver = settled()
    driver.report(OrderScript("a", [("1", "100")], placed_at=driver.now).report(1))
    record_fact(driver, "deposit", "USDT", "1000", "L-1")
    assert shown(driver) == (100000, 0, 0)
    driver.poll("USDT", "100900", 3 * WINDOW)
    assert shown(driver) == (99900, 1000, 0)


def test_a_late_fact_is_not_in_the_reports_that_did_not_show_it() -> None:
    driver = settled()
    record_fact(driver, "fee", "USDT", "-5", "L-1", ago=10)
    assert fact_effects(driver) == {"L-1": "booked"}
    assert shown(driver) == (100000, 0, 0), "they came after it and lack it"
    driver.poll("USDT", "99995", 3 * WINDOW)
    assert shown(driver) == (100000, -5, 0)


def test_a_statement_that_replaces_a_fact_of_a_person_changes_no_figure() -> None:
    driver = settled()
    record_fact(driver, "deposit", "USDT", "1000", HAND)
    before = shown(driver)
    record_fact(driver, "deposit", "USDT", "1000", "L-1")
    assert fact_effects(driver) == {HAND: "booked", "L-1": "replaced"}
    assert shown(driver) == before == (100000, 0, 0)
    driver.poll("USDT", "101000", 3 * WINDOW)
    assert shown(driver) == (100000, 1000, 0)


@pytest.mark.parametrize("ahead", [0.0, 0.5, -2.0])
@pytest.mark.parametrize("rows", [[("1", "100")], [("0.4", "100"), ("0.6", "100")]], ids=["at once", "in parts"])
def test_a_trade_of_a_statement_that_a_report_takes_back_is_in_no_figure(
    ahead: float, rows: list[tuple[str, str]]
) -> None:
    """It was booked ahead of its report; once that comes, the fill stands in its place."""
    driver = settled()
    driver.poll("BTC", "10", 3 * WINDOW)
    order = OrderScript("a", rows, placed_at=driver.now + timedelta(seconds=ahead - 4))
    record_trade(driver, "T-1", "1", "100", order_id="X-a")
    assert fact_effects(driver) == {"T-1": "booked"}
    assert both_shown(driver) == [(10, 0, 0), (100000, 0, 0)]
    for count in range(1, len(rows) + 1):
        driver.report(order.report(count))
        assert both_shown(driver) == [(10, 0, 0), (100000, 0, 0)]
    assert driver.findings("told_ahead")
    for _ in range(3 * WINDOW):
        driver.balance("BTC", "11")
        driver.balance("USDT", "99900")
        driver.wait(1)
    assert both_shown(driver) == [(11, 0, 0), (99900, 0, 0)]


def both_shown(driver: GatewayDriver) -> list[tuple[Figure, Figure, Figure]]:
    return [shown(driver, code) for code in ("BTC", "USDT")]


def test_what_resolves_a_break_is_in_the_figures_at_once() -> None:
    driver, known = driver_with_break("1")
    assert shown(driver, "BTC") == (10, 0, -1)
    record_decision(driver, "propose", known, cause="withdrawal")
    assert known.proposal is not None
    record_decision(driver, "approve", known, by=BOB, digest=known.proposal.digest)
    assert shown(driver, "BTC") == (10, -1, 0)
    record_decision(driver, "reopen", known, by=BOB)
    assert shown(driver, "BTC") == (10, 0, -1)
    report(driver, "9")
    assert shown(driver, "BTC") == (10, 0, -1)


def test_what_a_fact_tells_beyond_a_break_is_in_the_figures_of_a_later_report() -> None:
    """The report may have seen the fill or not, so it shows 3 too much, or 2; a fact tells that it was 3."""
    driver = trading()
    driver.poll("BTC", "10", 10)
    driver.report(OrderScript("a", [("1", "100")], placed_at=driver.now).report(1))
    driver.balance("BTC", "13")
    driver.wait(5 * WINDOW)
    expected = shown(driver, "BTC")
    assert expected[2] in {2, 3}
    record_fact(driver, "deposit", "BTC", "3", "L-1", ago=5 * WINDOW)
    assert shown(driver, "BTC") == (expected[0], expected[2], 0)
    driver.poll("BTC", "14", 40)
    assert shown(driver, "BTC") == (11, 3, 0)


def test_a_restart_shows_the_same() -> None:
    driver = settled()
    restarts = Restarts(driver)
    restarts.restart()
    record_fact(driver, "deposit", "USDT", "1000", "L-1")
    for _ in range(2):  # from what it was told since its whole form, and from that form
        restarts.restart()
        assert shown(driver) == (100000, 0, 0)
        driver.reconciler.trellises.of(driver.account).rates_changed(driver.reconciler.advanced_to * 100_000)
        driver.poll("BTC", "10", 1)
    driver.poll("USDT", "101000", 3 * WINDOW)
    assert shown(driver) == (100000, 1000, 0)


class Audited:
    """An account in which each movement is another power of two, so that sums say what is in them.

    The venue tells balances that lack its latest movements now and then, and of some movements nobody tells in time.
    """

    def __init__(self) -> None:
        free = FeeRule(maker=D(0), taker=D(0))
        self.driver = GatewayDriver(Rules(defaults=AccountRules(fees=[free])))
        self.driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"), quiet=6 * WINDOW)
        self.restarts = Restarts(self.driver)
        self.moved: list[Decimal] = []
        #: What the venue moved, and nobody told yet: amount, and when.
        self.untold: list[tuple[Decimal, datetime]] = []
        self.judged = 0

    def play(self, what: str, number: int) -> None:
        """Play one step; `number` says more of it."""
        driver = self.driver
        match what:
            case "fact":
                self._move(number)
                self._tell(ago=number % 7)
            case "fill":
                amount = self._move(-1)  # a purchase
                driver.report(OrderScript(f"o{len(self.moved)}", [("1", str(-amount))], placed_at=driver.now).report(1))
            case "untold":
                self.untold.append((self._move(number), driver.now))
            case "told late" if self.untold:
                amount, at = self.untold.pop(number % len(self.untold))
                self._tell(amount, ago=(driver.now - at).total_seconds())
            case "poll":
                held = self.moved[: len(self.moved) - number % 3]
                driver.balance("USDT", 100000 + sum(held, D(0)))
            case "restart":
                self.restarts.restart()
            case _:
                driver.wait(number % 20)
        self.check()

    def _move(self, sign: int) -> Decimal:
        amount = D(2) ** len(self.moved)
        self.moved.append(-amount if sign % 2 else amount)
        return self.moved[-1]

    def _tell(self, amount: Decimal | None = None, *, ago: float) -> None:
        told = self.moved[-1] if amount is None else amount
        kind = "deposit" if told > 0 else "withdrawal"
        record_fact(self.driver, kind, "USDT", str(told), f"L-{abs(told)}", ago=ago)

    def check(self) -> None:
        """What is shown of the last compared report, and each new row of the history, is of the entries in its cut."""
        expected, explained, _ = shown(self.driver)
        self._check(expected, explained)
        rows = [row for row in self.driver.reconciler.judged[self.judged :] if row.unit == "USDT"]
        self.judged = len(self.driver.reconciler.judged)
        for row in rows:
            if row.expected is not None:
                self._check(row.expected, row.explained)

    def _check(self, expected: Figure, explained: Figure) -> None:
        entries = self.driver.entries("USDT")[1:]
        seen = _which(entries, expected - 100000 + explained)
        assert expected == 100000 + sum((each.amount for each in seen if each.cause in OF_FILLS), D(0))
        assert explained == sum((each.amount for each in seen if each.cause not in OF_FILLS), D(0))


def _which(entries: list[Entry], total: Figure) -> list[Entry]:
    """Return which of some entries come to a total; each is another power of two."""
    bits = int(total - sum((each.amount for each in entries if each.amount < 0), D(0)))
    found = [each for each in entries if bool(bits & int(abs(each.amount))) == (each.amount > 0)]
    assert sum((each.amount for each in found), D(0)) == total
    return found


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["fact", "fact", "fill", "untold", "told late", "poll", "poll", "poll", "restart", "wait", "wait"]
        ),
        st.integers(0, 40),
    ),
    max_size=30,
)


@steady(60)
@given(STEPS)
def test_what_is_shown_is_of_the_entries_in_the_cut(steps: list[tuple[str, int]]) -> None:
    audited = Audited()
    with exact():
        for what, number in steps:
            audited.play(what, number)
