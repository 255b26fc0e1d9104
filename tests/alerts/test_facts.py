"""The facts of an alert, read from a real engine that found and cleared a break."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.exact import ZERO, exact
from recon.ledger.ledger import Ledger
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.legs import Leg, Stamp
from recon.ledger.observations import Observation
from recon.ledger.rules import Rules
from recon.ledger.units import FILL, Posting, UnitState, post
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.reconciler import Reconciler
from recon.times import LogTime
from tests.support.alert_rows import T0_US

SECOND = 1_000_000


class Desk:
    """An account with one asset, whose balance is reported and filled by hand."""

    def __init__(self) -> None:
        self.book = Ledger("prod-eu", LedgerClock(), Rules())
        self.engine = Reconciler(self.book)
        self.seq = 0
        self.seconds = 0
        self.account = self.book.account("KRAKEN", self.pass_(0))
        self.account.coverage.state = "covered"
        self.held: UnitState = self.book.unit("KRAKEN", "asset", "ZUSD", "USD")

    def pass_(self, seconds: int) -> LogTime:
        self.seq += 1
        self.seconds += seconds
        us = T0_US + self.seconds * SECOND
        return LogTime(self.seq, us, self.book.clock.advance_to(us))

    def report(self, value: str, *, times: int = 1) -> None:
        for _ in range(times):
            at = self.pass_(2)
            self.engine.advance(at)
            self.engine.on_observation(self.held, Observation(at.seq, at.clock, at.us, (Decimal(value),)), at)

    def fill(self, amount: str, *, ago: int = 0) -> None:
        at = self.pass_(1)
        stamp = Stamp(at.us - ago * SECOND, 1_000)
        self.book.record_entry(post(self.held, Posting(Decimal(amount), FILL, stamp.us), at), self.held)
        self.engine.on_legs([(self.held, Leg(Decimal(amount), stamp, at.us, None))], at)

    def last(self, event: str) -> Transition:
        return [known for known in self.engine.transitions if known.event == event][-1]


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    with exact():
        desk.report("1000.00", times=10)
        desk.fill("-100.00")
        desk.report("900.00", times=5)
    return desk


def test_an_open_break_has_the_numbers_of_its_cut(desk: Desk) -> None:
    desk.held.unit.reported.rate_usd = Decimal("1.01")
    with exact():
        desk.report("889.50", times=20)
    opened = desk.last("opened")
    facts = opened.snapshot
    assert opened.break_.amount == Decimal("-10.50")
    assert (facts.reported, facts.expected, facts.drift) == (Decimal("889.50"), Decimal("900.00"), Decimal("-10.50"))
    assert (facts.opening, facts.explained, facts.unexplained) == (Decimal("1000.00"), ZERO, Decimal("-10.50"))
    assert (facts.in_flight, facts.coinapi, facts.verdict) == (ZERO, "USD", "break")
    assert (facts.rate_usd, facts.amount_usd) == (Decimal("1.01"), Decimal("-10.6050"))
    assert (facts.coverage, facts.coverage_reason) == ("covered", None)
    assert facts.books_us == opened.us
    assert facts.observed_us is not None
    assert facts.observed_us <= opened.us
    assert facts.cut_seq is not None
    assert facts.cut_seq <= opened.seq


def test_a_cleared_break_leaves_no_drift(desk: Desk) -> None:
    with exact():
        desk.report("889.50", times=20)
        desk.fill("-10.50", ago=40)
        desk.report("889.50", times=20)
    facts = desk.last("cleared").snapshot
    assert (facts.expected, facts.drift, facts.unexplained) == (Decimal("889.50"), ZERO, ZERO)
    assert facts.verdict != "break"
    assert facts.amount_usd is None, "no rate is not a rate of zero"


def test_what_was_never_observed_is_not_known() -> None:
    desk = Desk()
    desk.account.coverage.state, desk.account.coverage.reason = "gap", "disconnected"
    with exact():
        desk.fill("-5")
        desk.engine.contradict(desk.held, "overfill", "o1", Decimal(5), desk.pass_(1))
    facts = desk.last("opened").snapshot
    known = (facts.reported, facts.expected, facts.drift, facts.unexplained, facts.opening, facts.cut_seq)
    assert known == (None,) * 6
    assert (facts.verdict, facts.coverage, facts.coverage_reason) == ("unobserved", "gap", "disconnected")


def test_long_numbers_stay_exact() -> None:
    desk = Desk()
    amount = Decimal("98765432109.876543210987654320")
    with exact():
        desk.report("98765432109.876543210987654321", times=10)
        desk.report("98765432109.876543210987654320", times=5)
        desk.held.unit.reported.rate_usd = Decimal("1.000000000000000000000000000001")
        desk.engine.contradict(desk.held, "overfill", "o1", amount, desk.pass_(1))
    facts = desk.last("opened").snapshot
    assert facts.expected == Decimal("98765432109.876543210987654321")
    assert facts.drift == Decimal("-0.000000000000000001")
    with exact():
        assert facts.amount_usd == amount * desk.held.unit.reported.rate_usd
