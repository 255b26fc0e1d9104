"""Fees at one of two rates at a cut (recon/reconciliation/matching/cuts.py, rules 3 and 4)."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import ZERO, exact
from recon.ledger.observations import Observation
from recon.ledger.rules import Tolerance
from recon.ledger.timeline import Timeline, Uncertainty, leg_uncertainty
from recon.ledger.units import FEE, FILL, FillRef, Posting, Unit, UnitBalance, UnitState
from recon.reconciliation.matching.cuts import fit, matching_spreads
from recon.reconciliation.model.hypothesis import MAX_DOUBTS
from tests.support.properties import steady

D = Decimal
NOTHING_LOST = D("1e-9")
DOUBTS = st.lists(st.integers(-30, 30).filter(bool).map(lambda each: D(each) / 10), min_size=1, max_size=MAX_DOUBTS)


def filled(doubts: list[Decimal], amount: str = "100", *, start: int = 0) -> UnitState:
    """A unit with a sale for each of these fees in doubt, a second apart, each booked with a fee of a tenth."""
    held = UnitState(Unit("A", "asset", "USDT", balance=UnitBalance(opening=D(1000))), Timeline())
    for index, doubt in enumerate(doubts):
        clock = start + 1_000_000 * (index + 1)
        for number, cause, moved, slack in (
            (2 * index + 1, FILL, D(amount), leg_uncertainty(D(amount))),
            (2 * index + 2, FEE, D("-0.1"), Uncertainty(1, rate_spread=doubt)),
        ):
            posting = Posting(moved, cause, clock, uncertainty=slack, fill=FillRef(f"o{index}", 1, clock))
            held.append(number, posting, seq=number, clock=clock)
    held.unit.balance.entry_count = 2 * len(doubts)
    return held


def fewest(doubts: list[Decimal], rest: Decimal, tolerance: Decimal) -> int | None:
    """How many of some fees had their other rate at least, by trying every choice; None where none leaves a rest."""
    for count in range(len(doubts) + 1):
        if any(abs(rest - sum(chosen, ZERO)) <= tolerance for chosen in combinations(doubts, count)):
            return count
    return None


@steady(150)
@given(DOUBTS, st.integers(-120, 120).map(lambda each: D(each) / 20), st.sampled_from(["0", "0.01", "0.1"]))
def test_rule_4__a_rest_is_that_of_the_fewest_fees_at_their_other_rate_or_of_none(
    doubts: list[Decimal], rest: Decimal, within: str
) -> None:
    with exact():
        line, tolerance = filled(doubts).timeline, D(within)
        count = fewest(doubts, rest, tolerance)
        found = matching_spreads(line, 0, line.last(), rest, tolerance)
        if count is None:
            assert found is None
        elif not count:
            assert found == (0, ZERO), "what rounding may be is no fee"
        else:
            assert found == (count, rest), "what rounding leaves of it is theirs"


@steady(60)
@given(DOUBTS, st.data())
def test_rule_4__whichever_fees_had_their_other_rate_the_rest_fits(doubts: list[Decimal], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(doubts))), unique=True))
    with exact():
        line = filled(doubts).timeline
        rest = sum((doubts[index] for index in chosen), ZERO)
        found = matching_spreads(line, 0, line.last(), rest, ZERO)
        assert found is not None
        assert found[0] <= len(chosen)
        assert found[1] == rest


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("-0.4", (1, "-0.4")),
        ("-0.8", (2, "-0.8")),
        ("-0.2", None),
        ("-0.6", None),
        ("-1.2", None),
        ("0.4", None),
        ("-0.395", (1, "-0.395")),
        ("-0.405", (1, "-0.405")),
        ("-0.394", None),
        ("0.005", (0, "0")),
    ],
)
def test_rule_4__between_the_one_and_the_other_rate_nothing_fits_but_for_rounding(
    rest: str, found: tuple[int, str] | None
) -> None:
    line = filled([D("-0.4"), D("-0.4")]).timeline
    wanted = None if found is None else (found[0], D(found[1]))
    assert matching_spreads(line, 0, line.last(), D(rest), D("0.005")) == wanted


def test_only_fees_after_the_entry_agreed_up_to_are_open() -> None:
    line = filled([D("-0.4"), D("-0.7"), D("-1.1")]).timeline
    assert matching_spreads(line, 0, 1, D("-0.4"), NOTHING_LOST) == (1, D("-0.4"))
    assert matching_spreads(line, 2, 2, D("-0.4"), NOTHING_LOST) is None
    assert matching_spreads(line, 2, 3, D("-1.8"), NOTHING_LOST) == (2, D("-1.8"))
    assert matching_spreads(line, 6, 3, D("-1.1"), NOTHING_LOST) is None
    assert matching_spreads(line, 2, 1, D("-0.4"), NOTHING_LOST) is None, "a cut before what is agreed with has none"


def test_fewer_fees_are_preferred_to_more() -> None:
    line = filled([D("-0.1"), D("-0.2"), D("-0.3")]).timeline
    assert matching_spreads(line, 0, line.last(), D("-0.3"), NOTHING_LOST) == (1, D("-0.3"))
    assert matching_spreads(line, 0, line.last(), D("-0.6"), NOTHING_LOST) == (3, D("-0.6"))


@pytest.mark.parametrize(
    ("rest", "fits"), [("-3.6", True), ("-1.23", True), ("0.75", True), ("-3.62", False), ("0.77", False)]
)
def test_of_more_fees_than_are_tried_anything_between_all_and_none_is_allowed(rest: str, fits: bool) -> None:
    line = filled([D("-0.4")] * (MAX_DOUBTS + 1) + [D("0.25")] * 3).timeline
    found = matching_spreads(line, 0, line.last(), D(rest), D("0.01"))
    assert found == ((MAX_DOUBTS + 4, D(rest)) if fits else None)


def test_up_to_as_many_as_are_tried_are_told_one_from_the_other() -> None:
    line = filled([D("-0.4")] * MAX_DOUBTS).timeline
    assert matching_spreads(line, 0, line.last(), D("-3.2"), ZERO) == (MAX_DOUBTS, D("-3.2"))
    assert matching_spreads(line, 0, line.last(), D("-1.23"), D("0.01")) is None


# -- the cut that is taken -------------------------------------------------------------------------------------------


def held_against(held: UnitState, value: str, *, at: float = 10.0, seldom: bool = True) -> tuple[int, Decimal] | None:
    seen = Observation(99, int(at * 1_000_000), 0, (D(value),))
    return fit(
        held, seen, residual=ZERO, low=0, window=60_000_000, slack=Uncertainty(), rules=Tolerance(), seldom=seldom
    )


def test_rule_3__a_cut_that_fits_exactly_goes_before_an_earlier_one_with_a_fee_at_its_other_rate() -> None:
    held = filled([D("-0.4"), D("-0.3"), D("-0.4")])
    assert held_against(held, "1199.8") == (2, D("1199.8"))
    assert held_against(held, "1199.5") == (2, D("1199.5"))
    assert held_against(held, "1199.1") == (2, D("1199.1")), "both of them"
    assert held_against(held, "1199.3") is None


def test_rule_4__of_the_cuts_that_fit_the_one_with_the_fewest_seldom_fees_is_taken() -> None:
    """The cut of two fills holds with two fees at the other rate what that of three does with one."""
    held = filled([D("0.2"), D("0.2"), D("0.2")], "0.3")
    assert held.timeline.totals == [ZERO, D("0.2"), D("0.4"), D("0.6")]
    assert held_against(held, "1000.8") == (3, D("1000.8"))
    assert held_against(held, "1000.6") == (3, D("1000.6")), "exactly"
    assert held_against(held, "1001.2") == (3, D("1001.2")), "all three"
    assert held_against(held, "1001.4") is None


@pytest.mark.parametrize("doubts", [["0.1", "0.1", "-0.5"], ["0.5", "-0.5"], ["-0.5", "0.4"]])
def test_rule_4__fees_whose_other_rates_lie_either_way_are_told_apart_too(doubts: list[str]) -> None:
    """One side's fills may cost less than is expected now and then, those of the other side more."""
    held = filled([D(doubt) for doubt in doubts])
    booked = 1000 + held.timeline.totals[-1]
    value = str(booked - D("0.5"))
    assert held_against(held, value) == (len(doubts), D(value))


def test_rule_4__rates_that_are_seldom_taken_may_be_left_out_for_now() -> None:
    held = filled([D("-0.4"), D("-0.4")])
    assert held_against(held, "1199.4") == (2, D("1199.4"))
    assert held_against(held, "1199.4", seldom=False) is None
    assert held_against(held, "1199.8", seldom=False) == (2, D("1199.8")), "what is booked fits either way"
