"""Fee rates as people read them (recon/ledger/fees/shown_rate.py)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import exact
from recon.ledger.fees.fee_key import RATES, FeeKey
from recon.ledger.fees.rate_table import Evidence, RateTable
from recon.ledger.fees.shown_rate import ShownRate, shown_rates
from recon.ledger.rules import FeeRule
from recon.times import microseconds

D = Decimal
MORNING = datetime(2026, 1, 5, 9, 0, 0, 1, tzinfo=UTC)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
RESTED = FeeKey("quote", 1, "rested", "SPOT")


def test_nothing_is_shown_of_an_empty_table() -> None:
    assert shown_rates(RateTable()) == []


def test_a_line_is_shown_by_its_makers_and_its_takers() -> None:
    table = RateTable()
    table.tell([FeeRule(instrument="SPOT", maker=D("0.0002"), taker=D("0.0010")), FeeRule(maker=D(0), asset="BNB")])
    assert shown_rates(table) == [
        ShownRate("quote", None, "any", "SPOT", D("0.0002"), "told"),
        ShownRate("quote", None, "immediate", "SPOT", D("0.001"), "told"),
        ShownRate("BNB", None, "any", "any", D(0), "told"),
    ]


def test_a_fee_taken_of_what_is_received_says_so() -> None:
    table = RateTable()
    table.tell([FeeRule(maker=D("0.0002"), asset="received")])
    assert shown_rates(table) == [ShownRate("received", "received", "any", "any", D("0.0002"), "told")]


def test_tiers_are_shown_with_their_times_and_their_evidence() -> None:
    table = RateTable()
    key = FeeKey("third:BNB", 0, "post_only", "")
    table.adopt(key, 7_500, microseconds(MORNING), Evidence(3, 2_625))
    table.adopt(key, -250, microseconds(NOON), Evidence(2, 1_310))
    assert shown_rates(table) == [
        ShownRate("BNB", None, "post_only", "", D("0.00075"), "learned", MORNING, NOON, 3, D("26.25")),
        ShownRate("BNB", None, "post_only", "", D("-0.000025"), "learned", NOON, None, 2, D("13.1")),
    ]


def test_of_a_changed_rate_what_was_told_is_shown_by_its_line_alone() -> None:
    table = RateTable()
    table.tell([FeeRule(instrument="SPOT", maker=D("0.0002"))])
    table.adopt(RESTED, 1_500, microseconds(NOON), Evidence(2, 1_300))
    assert [(row.order_class, row.source, row.rate) for row in shown_rates(table)] == [
        ("any", "told", D("0.0002")),
        ("rested", "learned", D("0.00015")),
    ]


def test_mixed_rates_stand_beside_the_expected_one() -> None:
    table = RateTable()
    table.adopt(RESTED, 2_000, microseconds(MORNING), Evidence(2, 1_300))
    table.mix(RESTED, 7_000, microseconds(NOON), Evidence(4, 2_000))
    assert [(row.rate, row.source, row.since, row.edges) for row in shown_rates(table)] == [
        (D("0.0002"), "learned", MORNING, 2),
        (D("0.0007"), "mixed", NOON, 4),
    ]


def test_a_mixture_by_habit_has_no_bits() -> None:
    table = RateTable()
    table.tell([FeeRule(instrument="SPOT", maker=D("0.0002"), taker=D("0.001"))])
    table.mix_alternatives(RESTED, microseconds(NOON), 3)
    *_, row = shown_rates(table)
    assert row == ShownRate("quote", "received", "rested", "SPOT", D("0.001"), "mixed", NOON, None, 3, None)


@given(st.integers(-RATES, RATES))
def test_a_rate_is_shown_exactly_and_as_json(rate: int) -> None:
    table = RateTable()
    with exact():
        table.adopt(RESTED, rate, microseconds(NOON), Evidence(2, 1_300))
        (row,) = shown_rates(table)
        assert row.rate * RATES == rate
    assert msgspec.json.decode(msgspec.json.encode(row), type=ShownRate) == row
