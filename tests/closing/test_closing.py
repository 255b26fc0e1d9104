"""A closing from its facts: lines, coverage, judgement, document, and what differs between two."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.closing.calendar import Calendar
from recon.closing.closing import AccountFacts, Closing, Known, business_day, close, closing_of
from recon.closing.coverage import CoverageStretch, cover
from recon.closing.difference import differences
from recon.closing.document import amount_text, canonical
from recon.closing.lines import BreakFact, CloseLine, Day, Observed, UnitFigures, line_of
from recon.errors import DocumentRefused
from recon.exact import exact
from recon.ledger.rules import AccountRules, Tolerance

OPENS = datetime(2026, 11, 27, 17, tzinfo=UTC)
CUT_OFF = OPENS + timedelta(days=1)
RULES = AccountRules(cutoff_minute=17 * 60)
SECOND = timedelta(seconds=1)


def figures(unit: str = "USD", **changes: Any) -> UnitFigures:
    usual: dict[str, Any] = {
        "unit_kind": "asset",
        "unit": unit,
        "opened": True,
        "opening": Decimal(100),
        "movements": {"fill": Decimal(-30), "fee": Decimal("-0.5")},
        "observed": observed("69.5", "70", explained="-0.5"),
        "seen": Decimal("69.5"),
    }
    return UnitFigures(**{**usual, **changes})


def observed(reported: str, expected: str | None, verdict: str = "agreed", explained: str = "0") -> Observed:
    amount = None if expected is None else Decimal(expected)
    return Observed(CUT_OFF - 30 * SECOND, 7, Decimal(reported), amount, Decimal(explained), verdict)


def line(unit: UnitFigures, *breaks: BreakFact, whole: bool = True, known_until: datetime = CUT_OFF) -> CloseLine:
    with exact():
        return line_of(unit, breaks, Tolerance(), Day(Calendar("UTC", 17 * 60), CUT_OFF, whole, known_until))


def amounts(of: CloseLine) -> list[str | None]:
    """Return what is expected and reported, the timing and the drift."""
    figures = (of.expected, of.reported, of.timing, of.drift)
    return [None if figure is None else amount_text(figure) for figure in figures]


def break_(state: str = "open", over_at: datetime | None = None, origin_at: datetime = OPENS) -> BreakFact:
    return BreakFact("b1", "asset", "USD", "deposit", state, Decimal(10), origin_at, over_at)


def test_opening_and_movements_make_what_is_expected() -> None:
    found = line(figures())
    assert (found.opening, found.moved, found.expected) == (Decimal(100), Decimal("-30.5"), Decimal("69.5"))
    assert amounts(found) == ["69.5", "69.5", "0", "0"]
    assert found.verdict == "agreed"


def test_entries_after_the_report_are_timing() -> None:
    """A fill at 16:59:59.9 that the last balance had not seen rolls it forward."""
    unit = figures(
        movements={"fill": Decimal(-40)}, observed=observed("70", "70"), seen=Decimal(70), after=Decimal(-10)
    )
    found = line(unit)
    assert amounts(found) == ["60", "70", "-10", "0"]
    assert found.verdict == "agreed"


def test_a_deposit_that_is_found_late_takes_the_drift_away() -> None:
    drifting = figures(movements={}, observed=observed("110", "100", "break"), seen=Decimal(100))
    assert amounts(line(drifting)) == ["100", "110", "0", "10"]
    assert line(drifting, break_()).verdict == "break"
    told = msgspec.structs.replace(drifting, movements={"deposit": Decimal(10)})
    found = line(told, break_("explained", CUT_OFF + SECOND))
    assert amounts(found) == ["110", "110", "0", "0"]
    assert (found.verdict, found.breaks) == ("agreed", ())


def test_an_entry_of_just_before_the_report_counts_as_seen_where_they_then_agree() -> None:
    late: dict[str, Any] = {"movements": {"fill": Decimal(10)}, "seen": Decimal(100), "near": Decimal(10)}
    had_seen_it = line(figures(observed=observed("110", "100", "pending"), **late))
    had_not = line(figures(observed=observed("100", "100"), **late))
    assert amounts(had_seen_it) == ["110", "110", "0", "0"]
    assert amounts(had_not) == ["110", "100", "10", "0"]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"observed": None}, "unobserved"),
        ({"observed": observed("5", None, "unmodelled")}, "unmodelled"),
        ({"observed": observed("5", None, "pending")}, "pending"),
        ({"observed": observed("69.4", "69.5", "pending")}, "pending"),
        ({"opened": False, "opening": Decimal(0), "movements": {}}, "pending"),
    ],
)
def test_what_is_not_judged_is_not_agreed(changes: dict[str, Any], verdict: str) -> None:
    assert line(figures(**changes)).verdict == verdict


def test_a_report_of_a_gap_is_stale_until_the_gap_is_made_up_for() -> None:
    unit = figures(observed=observed("69.5", "69.5", "stale"))
    assert (line(unit, whole=False).verdict, line(unit).verdict) == ("stale", "agreed")


def test_where_a_source_is_demanded_no_unit_agrees_without_its_word() -> None:
    day = business_day(RULES, date(2026, 11, 28))
    rules = msgspec.structs.replace(RULES, require_source="custodian")
    told = figures("EUR", source="chain", source_at=CUT_OFF)
    facts = AccountFacts([figures(), told, figures("GBP", source="person", source_at=CUT_OFF)], (), [stretch(-9, None)])
    found = close("KRAKEN/JOHN", day, rules, Known("g", 50, "ab12", AFTER), facts)
    assert {line.unit: line.verdict for line in found.lines} == {"EUR": "agreed", "GBP": "pending", "USD": "pending"}
    assert found.reasons == ("2 units pending: GBP, USD",)


def test_a_break_is_open_if_it_was_at_the_cut_off() -> None:
    drifting = figures(movements={}, observed=observed("110", "100", "break"), seen=Decimal(100))
    for each, count in [
        (break_(), 1),
        (break_("cleared", CUT_OFF + SECOND), 1),
        (break_("cleared", CUT_OFF - SECOND), 0),
        (break_(origin_at=CUT_OFF), 0),
    ]:
        assert len(line(drifting, each).breaks) == count, each
    assert line(drifting, break_()).breaks[0].age == timedelta(days=1)
    early = line(drifting, break_(), known_until=OPENS + timedelta(hours=3))
    assert early.breaks[0].age == timedelta(hours=3), "a cut-off to come ages nothing"


@settings(deadline=None)
@given(st.decimals(-(10**9), 10**9, places=4), st.decimals(-(10**6), 10**6, places=8), st.decimals(-99, 99, places=2))
def test_reported_and_timing_are_expected_and_drift(opening: Decimal, fill: Decimal, late: Decimal) -> None:
    with exact():
        seen = opening + fill
        unit = figures(
            opening=opening,
            movements={"fill": fill, "deposit": late},
            observed=Observed(CUT_OFF, 9, seen, seen, Decimal(0), "agreed"),
            seen=seen,
        )
        found = line(unit)
        assert found.expected is not None
        assert found.reported is not None
        assert found.timing is not None
        assert found.reported + found.timing == found.expected + (found.drift or 0)
        assert found.drift == -late


def stretch(begin: int, until: int | None, state: str = "covered", *, made_up: bool = False) -> CoverageStretch:
    end = None if until is None else OPENS + timedelta(hours=until)
    return CoverageStretch(OPENS + timedelta(hours=begin), end, state, "disconnected", made_up)


AFTER = CUT_OFF + timedelta(minutes=1)


def test_coverage_is_whole_if_every_gap_was_made_up_for() -> None:
    gap = stretch(3, 4, "gap", made_up=True)
    found = cover([stretch(-9, 3), gap, stretch(4, None)], OPENS, CUT_OFF, AFTER)
    assert (found.whole, found.gaps, found.unobserved_us) == (True, 1, 3_600_000_000)
    lost = cover([stretch(-9, 3), stretch(3, 4, "gap"), stretch(4, None)], OPENS, CUT_OFF, AFTER)
    assert [(each.begin.hour, each.until.hour) for each in lost.missing] == [(20, 21)]
    assert "not made up for" in lost.missing[0].why


def test_coverage_begins_with_the_account_and_ends_with_the_log() -> None:
    begun = cover([stretch(5, None)], OPENS, CUT_OFF, AFTER)
    assert (begun.whole, begun.begin) == (True, OPENS + timedelta(hours=5))
    ended = cover([stretch(-9, None)], OPENS, CUT_OFF, CUT_OFF - timedelta(hours=2))
    assert [each.why for each in ended.missing] == ["the log ends before the cut-off"]
    unknown = cover([stretch(30, None)], OPENS, CUT_OFF, AFTER)
    assert (unknown.whole, unknown.missing[0].why) == (False, "nothing was known of the account yet")


def test_orders_that_are_not_accounted_for_are_missing_while_they_are_open() -> None:
    unresolved = stretch(3, None, "unresolved")
    assert not cover([stretch(-9, 3), unresolved], OPENS, CUT_OFF, AFTER).whole
    assert cover([stretch(-9, 3), stretch(3, 6, "unresolved"), stretch(6, None)], OPENS, CUT_OFF, AFTER).whole


def test_other_days_are_no_part_of_a_day() -> None:
    stretches = [stretch(-9, -2, "gap"), stretch(-2, 25), stretch(25, None, "gap")]
    assert cover(stretches, OPENS, CUT_OFF, AFTER).whole


def closing(*units: UnitFigures, breaks: tuple[BreakFact, ...] = (), seq: int = 50) -> Closing:
    day = business_day(RULES, date(2026, 11, 28))
    facts = AccountFacts(units, breaks, [stretch(-9, None)])
    return close("KRAKEN/JOHN", day, RULES, Known("g", seq, "ab12", AFTER), facts)


def test_a_closing_is_clean_if_nothing_speaks_against_it() -> None:
    assert closing(figures()).clean
    dirty = closing(figures(), figures("EUR", observed=None), breaks=(break_(),))
    assert dirty.reasons == ("1 break open", "1 unit never reported: EUR")
    assert [band.count for band in dirty.ageing] == [0, 0, 1, 0, 0]


def test_a_document_is_read_back_as_it_was() -> None:
    one = closing(figures(), figures("EUR", observed=None), breaks=(break_(),))
    text = canonical(one.document)
    again = closing_of(json.loads(text))
    assert (again, again.digest) == (one, one.digest)
    assert closing(figures(), figures("EUR", observed=None), breaks=(break_(),)).digest == one.digest


def test_the_order_and_scale_of_facts_do_not_matter() -> None:
    one, other = figures("EUR"), figures("USD", opening=Decimal("100.000"))
    assert closing(one, other).digest == closing(msgspec.structs.replace(other, opening=Decimal(100)), one).digest


def test_what_is_no_closing_is_refused() -> None:
    with pytest.raises(DocumentRefused, match="no closing"):
        closing_of({"version": 1})
    with pytest.raises(DocumentRefused, match="version 4"):
        closing_of({**json.loads(canonical(closing(figures()).document)), "version": 4})


def test_a_late_fact_is_the_difference() -> None:
    drifting = figures(movements={}, observed=observed("110", "100", "break"), seen=Decimal(100))
    before = closing(drifting, breaks=(break_(),))
    told = msgspec.structs.replace(drifting, movements={"deposit": Decimal(10)})
    after = closing(told, breaks=(break_("explained", CUT_OFF + SECOND),), seq=99)
    assert [(each.figure, each.was, each.now) for each in differences(before, after)] == [
        ("expected", "100", "110"),
        ("drift", "10", "0"),
        ("verdict", "break", "agreed"),
        ("breaks", "b1 10", None),
        ("deposit", None, "10"),
    ]
    assert differences(before, closing(drifting, breaks=(break_(),), seq=51)) == []


@pytest.mark.parametrize(
    ("amount", "text"), [("1E+3", "1000"), ("0.10", "0.1"), ("-0.00", "0"), ("100", "100"), ("1E-8", "0.00000001")]
)
def test_equal_amounts_have_one_text(amount: str, text: str) -> None:
    assert amount_text(Decimal(amount)) == text
