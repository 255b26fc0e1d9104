"""What a person told by hand and a statement tells later is one happening (semantics 10.3)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.exact import exact
from recon.ledger.external_facts import BY_HAND, BY_HAND_WITHIN_US
from recon.reconciliation.breaks.resolution import explain
from recon.reconciliation.model.break_ import Break
from tests.support.facts_driver import effects, tell
from tests.support.gateway_driver import Desk
from tests.support.trading_account import trading

D = Decimal
HAND = f"{BY_HAND}1"
HOUR = 3600
DAY = BY_HAND_WITHIN_US / 1_000_000


def conserved(desk: Desk) -> bool:
    """What the dollars are now is the sum of their entries."""
    return desk.value("USDT") == sum((entry.amount for entry in desk.entries("USDT")), D(0))


def old() -> Desk:
    """An account that has been open for days; most of the time nobody listened."""
    desk = trading()
    desk.event("frame", b"{}", after=3 * DAY)
    desk.wait(2 * HOUR)
    return desk


def stepped(desk: Desk, value: str = "101000") -> Break:
    desk.poll("USDT", value, 40)
    (known,) = desk.breaks("USDT")
    return known


@pytest.mark.parametrize("kind", ["deposit", "transfer", "funding", "interest", "adjustment"])
def test_a_deposit_that_explained_a_break_counts_once(kind: str) -> None:
    desk = old()
    known = stepped(desk)
    tell(desk, kind, "USDT", "1000", HAND, ago=40)
    tell(desk, kind, "USDT", "1000.00", "L-1", ago=38)
    assert effects(desk) == {HAND: "explained", "L-1": "replaced"}
    assert (desk.value("USDT"), desk.breaks("USDT")) == (D(101000), [])
    assert conserved(desk)
    last = desk.entries("USDT")[-1]
    assert (last.amount, last.certainty, last.fact, last.break_id) == (D(1000), "exact", "L-1", known.id)
    first = next(entry for entry in desk.entries("USDT") if entry.fact == HAND)
    assert last.occurred_us - first.occurred_us == 2_010_000, "the statement knows when"
    assert sum(entry.amount for entry in desk.entries("USDT") if entry.fact == HAND) == 1000
    (found,) = desk.findings("fact_told_before")
    assert found.about == "L-1"
    assert HAND in found.message
    desk.poll("USDT", "101000", 60)
    assert desk.opened() == [("USDT", D(1000))]


def test_one_that_was_booked_late_counts_once() -> None:
    desk = old()
    tell(desk, "withdrawal", "USDT", "-5", HAND, ago=30)
    tell(desk, "withdrawal", "USDT", "-5", "L-1", ago=3600)
    assert effects(desk) == {HAND: "booked", "L-1": "replaced"}
    desk.poll("USDT", "99995", 60)
    assert (desk.value("USDT"), desk.opened()) == (D(99995), [])


def test_each_is_matched_once_and_the_nearest_in_time_first() -> None:
    desk = old()
    for number, ago in enumerate((7200, 60)):
        tell(desk, "deposit", "USDT", "100", f"{BY_HAND}{number}", ago=ago)
    tell(desk, "deposit", "USDT", "100", "L-1", ago=100)
    tell(desk, "deposit", "USDT", "100", "L-2", ago=7000)
    tell(desk, "deposit", "USDT", "100", "L-3", ago=100)
    assert list(effects(desk).values()) == ["booked", "booked", "replaced", "replaced", "booked"]
    taken = [found.message.split("told by hand as ")[1].split(",")[0] for found in desk.findings("fact_told_before")]
    assert taken == [f"{BY_HAND}1", f"{BY_HAND}0"]
    assert desk.value("USDT") == 100300


@pytest.mark.parametrize(
    ("kind", "amount", "ago"),
    [
        ("transfer", "100", 60.0),
        ("deposit", "101", 60.0),
        ("withdrawal", "-100", 60.0),
        ("deposit", "100", 60.0 + DAY + 1),
    ],
)
def test_what_differs_is_another(kind: str, amount: str, ago: float) -> None:
    desk = old()
    tell(desk, "deposit", "USDT", "100", HAND, ago=60)
    tell(desk, kind, "USDT", amount, "L-1", ago=ago)
    assert effects(desk)["L-1"] == "booked"
    assert desk.value("USDT") == 100100 + D(amount)


def test_a_person_who_tells_two_means_two() -> None:
    desk = old()
    tell(desk, "deposit", "USDT", "100", HAND, ago=60)
    tell(desk, "deposit", "USDT", "100", f"{BY_HAND}2", ago=50)
    assert effects(desk) == {HAND: "booked", f"{BY_HAND}2": "booked"}
    tell(desk, "deposit", "USDT", "100", HAND, ago=60 + 0.02)
    assert desk.value("USDT") == 100200


def test_fees_are_told_by_their_fills() -> None:
    desk = old()
    tell(desk, "fee", "USDT", "-1", HAND, ago=60)
    tell(desk, "fee", "USDT", "-1", "L-1", ago=60)
    assert desk.value("USDT") == 99998


def test_what_a_person_told_of_an_inferred_entry_gives_way_too() -> None:
    desk = old()
    known = stepped(desk)
    subject = desk.engine._subject(desk.held("USDT"), desk.book.now)  # type: ignore[arg-type]
    with exact():
        explain(subject, known, D(1000), cause="deposit", step="explained", reason="so", certainty="inferred")
    tell(desk, "deposit", "USDT", "1000", HAND, ago=40)
    tell(desk, "withdrawal", "USDT", "-1000", "L-0", ago=40)
    assert effects(desk) == {HAND: "replaced", "L-0": "booked"}, "what was taken back is nobody's withdrawal"
    tell(desk, "deposit", "USDT", "1000", "L-1", ago=40)
    tell(desk, "deposit", "USDT", "1000", "L-2", ago=40)
    assert (effects(desk)["L-1"], effects(desk)["L-2"]) == ("replaced", "booked")
    assert desk.value("USDT") == 101000
    assert conserved(desk)


def test_a_break_that_the_statement_tells_of_comes_before_what_was_told_of_another_day() -> None:
    desk = old()
    first = stepped(desk)
    tell(desk, "deposit", "USDT", "1000", HAND, ago=40)
    assert first.state == "explained"
    desk.wait(3600)
    desk.poll("USDT", "101000", 10)
    second = stepped(desk, "102000")
    tell(desk, "deposit", "USDT", "1000", "L-2", ago=40)
    assert effects(desk)["L-2"] == "explained"
    assert second.state == "explained"
    tell(desk, "deposit", "USDT", "1000", "L-1", ago=3700)
    assert effects(desk)["L-1"] == "replaced"
    assert (desk.value("USDT"), desk.breaks("USDT")) == (D(102000), [])


def test_what_was_told_comes_before_a_break_of_another_time() -> None:
    desk = old()
    stepped(desk)
    tell(desk, "deposit", "USDT", "1000", HAND, ago=40)
    desk.wait(3600)
    desk.poll("USDT", "101000", 10)
    second = stepped(desk, "102000")
    tell(desk, "deposit", "USDT", "1000", "L-1", ago=3700)
    assert effects(desk)["L-1"] == "replaced"
    assert desk.breaks("USDT") == [second], "it is still to be explained"
