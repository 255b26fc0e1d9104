"""Fees that no report carries: learned from agreements, then booked with every fill (reconciliation/learning.py)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.books.rules import AccountRules, FeeRule, Rules
from recon.exact import ZERO
from recon.reconciliation.suspense import SUSPENSE_WINDOWS
from tests.books.desk import Desk, Life, balance_row

D = Decimal
RATE = D("0.001")


class Venue:
    """A venue with balances of its own that takes a fee no report mentions."""

    def __init__(self, rules: AccountRules | None = None, *, received: bool = False) -> None:
        self.desk = Desk(Rules(defaults=rules or AccountRules()))
        self.received = received
        self.btc, self.usdt = D("10.00000000"), D("100000.00000000")
        self.desk.begin(balance_row("BTC", str(self.btc)), balance_row("USDT", str(self.usdt)))
        for _ in range(3):
            self.tell()
            self.desk.wait(5)
        self.trades = 0

    def tell(self) -> None:
        self.desk.balance("BTC", self.btc)
        self.desk.balance("USDT", self.usdt)

    def trade(self, side: str, price: str, *, rate: Decimal = RATE, extra: Decimal = ZERO) -> None:
        """Trade one hundredth, tell of it, and of the balances a moment later."""
        amount, sign = D("0.01"), 1 if side == "BUY" else -1
        cash = amount * D(price)
        self.btc += sign * amount
        self.usdt -= sign * cash + extra
        if self.received and side == "BUY":
            self.btc -= amount * rate
        else:
            self.usdt -= cash * rate
        self.trades += 1
        life = Life(f"o{self.trades}", [("0.01", price)], side=side, began=self.desk.now)
        self.desk.report(life.report(1))
        self.desk.wait(0.1)
        self.tell()
        self.desk.wait(8)

    def days_work(self, rate: Decimal = RATE, rounds: int = 8) -> None:
        for number in range(rounds):
            self.trade("BUY", f"{50000 + 10 * number}.00", rate=rate)
            self.trade("SELL", f"{50005 + 10 * number}.00", rate=rate)


def fees(desk: Desk, unit: str) -> list[Decimal]:
    return [entry.amount for entry in desk.entries(unit) if entry.cause == "fee"]


@pytest.mark.parametrize("received", [False, True], ids=["taken in quote", "taken in what is received"])
def test_2_a_rate_is_learned_exactly_and_every_fill_is_booked_with_its_fee(received: bool) -> None:
    venue = Venue(received=received)
    venue.days_work()
    desk = venue.desk
    assert not desk.opened(), "learning alerts nobody"
    model = desk.unit("USDT").fee
    assert model.learned
    assert model.gained is not None
    assert model.gained.share == RATE
    assert model.given is not None
    assert model.given.share == (0 if received else RATE)
    before = len(fees(desk, "USDT"))
    venue.trade("SELL", "51000.00")
    assert fees(desk, "USDT")[before:] == [D("-0.51")]
    assert (desk.value("BTC"), desk.value("USDT")) == (venue.btc, venue.usdt), "the books hold what the venue holds"


def test_1_what_is_learned_from_stays_visible_as_fees_and_all_adds_up() -> None:
    venue = Venue()
    venue.days_work()
    desk, unit = venue.desk, venue.desk.unit("USDT")
    assert unit.opening is not None
    assert unit.opening + unit.fills + unit.explained == venue.usdt
    assert unit.explained == sum(fees(desk, "USDT"), ZERO)
    assert {entry.certainty for entry in desk.entries("USDT") if entry.cause == "fee"} == {"inferred"}


def test_a_venue_without_fees_is_learned_to_take_none() -> None:
    venue = Venue()
    venue.days_work(rate=ZERO)
    model = venue.desk.unit("USDT").fee
    assert model.learned
    assert not model.unsure
    assert not fees(venue.desk, "USDT")
    assert not venue.desk.opened()


def test_3_one_odd_fee_is_a_break() -> None:
    venue = Venue()
    venue.days_work()
    venue.trade("SELL", "50000.00", extra=D("0.75"))
    assert not venue.desk.opened(), "another like it would bear out a rate"
    venue.days_work(rounds=3)
    venue.desk.wait(SUSPENSE_WINDOWS * 5)
    assert venue.desk.opened() == [("USDT", D("-0.75"))]
    (known,) = venue.desk.breaks("USDT")
    assert known.seen_us < known.opened_us - 250_000_000, "its origin is when it was first seen"


def test_3_another_tier_is_taken_over_and_said() -> None:
    venue = Venue()
    venue.days_work()
    venue.days_work(rate=D("0.0008"), rounds=6)
    desk = venue.desk
    model = desk.unit("USDT").fee
    assert model.gained is not None
    assert model.gained.share == D("0.0008")
    assert [found.about for found in desk.findings("fee_changed")] == ["USDT"]
    assert not desk.opened()
    assert desk.value("USDT") == venue.usdt


def test_nothing_is_learned_where_the_settings_say_so() -> None:
    venue = Venue(AccountRules(learn_fees_up_to=ZERO))
    venue.trade("SELL", "50000.00")
    venue.desk.wait(40)
    venue.tell()
    venue.desk.wait(40)
    assert venue.desk.opened() == [("USDT", D("-0.50000"))]


def test_a_schedule_is_booked_from_the_first_fill_on() -> None:
    rules = AccountRules(fees=[FeeRule(symbol="BTCUSDT", maker=RATE, taker=RATE)], learn_fees_up_to=ZERO)
    venue = Venue(rules)
    venue.trade("SELL", "50000.00")
    assert fees(venue.desk, "USDT") == [D("-0.5")]
    venue.days_work(rounds=2)
    assert not venue.desk.opened()
    assert venue.desk.value("USDT") == venue.usdt
    venue.trade("SELL", "50000.00", extra=D("0.75"))
    venue.desk.wait(60)
    venue.tell()
    venue.desk.wait(60)
    assert venue.desk.opened() == [("USDT", D("-0.75"))]


def test_a_schedule_may_take_the_fee_from_what_is_received() -> None:
    venue = Venue(AccountRules(fees=[FeeRule(taker=RATE, asset="received")], learn_fees_up_to=ZERO), received=True)
    venue.days_work(rounds=2)
    assert len(fees(venue.desk, "BTC")) == len(fees(venue.desk, "USDT")) == 2
    assert not venue.desk.opened()
    assert (venue.desk.value("BTC"), venue.desk.value("USDT")) == (venue.btc, venue.usdt)


def test_where_the_schedule_leaves_open_which_rate_it_was_either_agrees_and_is_booked() -> None:
    rules = AccountRules(fees=[FeeRule(maker=D("0.0002"), taker=RATE)], learn_fees_up_to=ZERO)
    venue = Venue(rules)
    for rate in (RATE, D("0.0002"), RATE):
        venue.trade("SELL", "50000.00", rate=rate)
    for _ in range(3):
        venue.desk.wait(8)
        venue.tell()
    assert not venue.desk.opened()
    held = venue.desk.value("USDT")
    assert held is not None
    assert abs(held - venue.usdt) < D("0.01")


def test_1_what_a_chain_says_exactly_is_no_fee() -> None:
    """Some bought unseen; of the sales after it one report is near the cut before it, but for what a fee might be."""
    desk = Desk(Rules())
    desk.begin(balance_row("BTC", "22.34"), balance_row("USDT", "100000"))
    desk.poll("BTC", "26.49", 3)
    sales = Life("o1", [("3.83", "100"), ("1.10", "100"), ("4.17", "100"), ("1.36", "100")], side="SELL")
    sales.began = desk.now
    for count, reported in enumerate(("22.66", "21.56", "17.39", "16.03"), start=1):
        desk.balance("BTC", reported, after=0.3)
        desk.report(sales.report(count), after=0.1)
    desk.wait(60)
    assert [amount for unit, amount in desk.opened() if unit == "BTC"] == [D("4.15")]
