"""Whatever happens in a day: what is reported is what is booked and what is claimed, exactly (semantics 7)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import ZERO, exact
from recon.ledger.rules import AccountRules, FeeRule
from recon.reconciliation.model.break_ import Break
from recon.testing import OrderScript
from tests.support.claims import claimed, residual
from tests.support.decisions_driver import BOB, record_decision
from tests.support.facts_driver import record_fact
from tests.support.fee_venue import RATE, Venue
from tests.support.properties import steady
from tests.support.restarts import Restarts

D = Decimal
UNITS: Final = ("BTC", "USDT")
RULES: Final = {
    "told": AccountRules(fees=[FeeRule(maker=RATE, taker=RATE)]),
    "learnt": AccountRules(),
}
Step = tuple[str, int, int]
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from(
            ["trade", "trade", "trade", "rest", "miss", "tell", "move", "odd", "approve", "reopen", "fact", "glitch"]
        ),
        st.integers(-9, 9).filter(bool),
        st.integers(0, 12),
    ),
    min_size=3,
    max_size=18,
)


class Day:
    """A day of trading with faults, and people who decide; a restart may come after each step."""

    def __init__(self, rules: AccountRules, *, restarts: bool, digits: int) -> None:
        self.venue = Venue(rules, digits=digits)
        self.driver = self.venue.driver
        self.restarts = Restarts(self.driver) if restarts else None
        self.missed: list[OrderScript] = []

    def play(self, steps: list[Step]) -> None:
        for what, size, seconds in steps:
            self._play(what, size, seconds)
            if self.restarts is not None:
                self.restarts.restart()
        for _ in range(12):
            self.venue.report_balances()
            self.driver.wait(8)
            if self.restarts is not None:
                self.restarts.restart()

    def _play(self, what: str, size: int, seconds: int) -> None:
        venue, driver = self.venue, self.driver
        side = "BUY" if size > 0 else "SELL"
        match what:
            case "trade":
                venue.trade(side, f"{50000 + 7 * size}.00", quiet=seconds)
            case "odd":
                venue.trade(side, f"{50000 + 7 * size}.00", extra=D(abs(size)) / 10, quiet=seconds)
            case "miss":
                self.missed.append(venue.fill(side, f"{50000 + 7 * size}.00"))
                venue.report_balances()
            case "tell" if self.missed:
                driver.report(self.missed.pop(0).report(1))
            case "move":
                venue.move("USDT", size * 1000)
                venue.report_balances()
            case "glitch":
                driver.balance("USDT", venue.usdt + size * 500)
                venue.report_balances()
            case "fact":
                record_fact(driver, "deposit", "USDT", str(abs(size) * 1000), f"F-{len(driver.log)}", ago=seconds)
            case "approve":
                self._approve()
            case "reopen":
                for known in self._over()[:1]:
                    record_decision(driver, "reopen", known, by=BOB)
        driver.wait(seconds)

    def _approve(self) -> None:
        for unit in UNITS:
            for known in self.driver.breaks(unit)[:1]:
                record_decision(self.driver, "propose", known, cause="deposit")
                digest = "?" if known.proposal is None else known.proposal.digest
                record_decision(self.driver, "approve", known, by=BOB, digest=digest)

    def _over(self) -> list[Break]:
        closed = (known for unit in UNITS for known in self.driver.comparison(unit).closed)
        return [known for known in closed if known.state in {"explained", "resolved"}]

    def told(self) -> Iterator[tuple[object, ...]]:
        """Yield everything that was said and booked."""
        for each in self.driver.transitions():
            yield each.unit, each.event, each.us, each.break_.id, each.break_.amount, each.break_.state
        for unit in UNITS:
            for entry in self.driver.entries(unit):
                yield unit, entry.seq, entry.cause, entry.amount, entry.break_id
        yield from ((found.kind, found.about, found.message) for found in self.driver.findings())


@pytest.mark.parametrize("rules", RULES)
@steady(40)
@given(steps=STEPS, digits=st.sampled_from([2, 8]))
def test_reported_is_what_is_booked_and_what_is_claimed(rules: str, steps: list[Step], digits: int) -> None:
    day = Day(RULES[rules], restarts=False, digits=digits)
    day.play(steps)
    with exact():
        for unit in UNITS:
            driver = day.driver
            held, comparison, balance = driver.value(unit), driver.comparison(unit), driver.unit(unit).balance
            assert held == sum((entry.amount for entry in driver.entries(unit)), ZERO)
            assert balance.opening is not None
            assert comparison.reported == balance.opening + comparison.cut_total + claimed(comparison)
            assert residual(driver, unit) == claimed(comparison)
            assert len({known.id for known in comparison.breaks}) == len(comparison.breaks)


@steady(25)
@given(steps=STEPS, digits=st.sampled_from([2, 8]))
def test_a_restart_after_any_step_changes_nothing(steps: list[Step], digits: int) -> None:
    through = Day(RULES["learnt"], restarts=False, digits=digits)
    restarted = Day(RULES["learnt"], restarts=True, digits=digits)
    through.play(steps)
    restarted.play(steps)
    assert list(restarted.told()) == list(through.told())
    for unit in UNITS:
        one, two = through.driver.comparison(unit), restarted.driver.comparison(unit)
        assert (one.breaks, one.closed, one.pending, one.accrual) == (two.breaks, two.closed, two.pending, two.accrual)
