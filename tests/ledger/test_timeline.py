"""The timeline: running totals, cuts and what is kept of them (recon/ledger/timeline.py, rules 1 to 4)."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import ZERO, exact
from recon.ledger.timeline import KEPT_BEHIND, MAX_KEPT, Timeline, Uncertainty, leg_uncertainty
from recon.ledger.units import FEE, FILL, FillRef, Posting, Unit, UnitState
from tests.support.properties import steady

D = Decimal
ENTRIES = st.lists(
    st.tuples(st.integers(0, 5), st.decimals("-9", "9", places=3), st.booleans(), st.integers(0, 1)), max_size=40
)
Entries = list[tuple[int, Decimal, bool, int]]


def built(entries: Entries, base: Decimal = ZERO) -> tuple[Timeline, list[int]]:
    """A timeline of these entries (time since the one before, amount, explains, rounded), and their clocks."""
    line, clock, clocks = Timeline(total=base), 0, []
    with exact():
        for index, (passed, amount, explains, rounded) in enumerate(entries, start=1):
            clock += passed
            clocks.append(clock)
            line.append(index, 10 * index, clock, clock, amount, Uncertainty(rounded, D("0.001")), explains=explains)
    return line, clocks


@steady(60)
@given(ENTRIES, st.decimals("-5", "5", places=2))
def test_rule_2__totals_are_exact_sums_of_all_entries_up_to_a_position(entries: Entries, base: Decimal) -> None:
    line, _ = built(entries, base)
    assert line.totals == list(accumulate((amount for _, amount, _, _ in entries), initial=base))
    explained = (amount if explains else D(0) for _, amount, explains, _ in entries)
    assert line.explained == list(accumulate(explained, initial=D(0)))
    assert line.last() == len(entries)


@steady(80)
@given(ENTRIES, st.integers(-1, 60), st.integers(0, 20))
def test_rule_3__cuts_hold_every_entry_before_the_window_and_none_after_it(
    entries: Entries, at: int, window: int
) -> None:
    line, clocks = built(entries)
    first, last = line.first_cut(at - window), line.last_cut(at + window)
    assert all(clock >= at - window for clock in clocks[first:]), "what is before the window is in every cut"
    assert first == 0 or clocks[first - 1] < at - window
    assert all(clock > at + window for clock in clocks[last:])
    assert all(clock <= at + window for clock in clocks[:last])


@steady(60)
@given(ENTRIES)
def test_a_cut_is_found_by_the_number_of_its_last_entry(entries: Entries) -> None:
    line, _ = built(entries)
    assert [line.position_of(number) for number in range(len(entries) + 1)] == list(range(len(entries) + 1))
    assert line.position_of(len(entries) + 5) == line.last()


@steady(60)
@given(ENTRIES, st.integers(0, 40), st.integers(0, 40))
def test_what_may_be_lost_between_two_cuts_is_half_a_quantum_an_entry_and_the_blur(
    entries: Entries, first: int, second: int
) -> None:
    line, _ = built(entries)
    line.quantum = D("0.01")
    early, late = sorted(min(position, line.last()) for position in (first, second))
    rounded = sum(entry[3] for entry in entries[early:late])
    with exact():
        assert line.rounding_since(line.uncertainty_at(early), late) == rounded * D("0.005") + (late - early) * D(
            "0.001"
        )
        assert line.rounding_since(line.uncertainty_at(late), early) == 0


def test_rule_4__at_most_so_many_entries_are_kept_and_what_falls_out_is_in_every_cut() -> None:
    entries: Entries = [(1, D(1), False, 0)] * (3 * MAX_KEPT)
    line, _ = built(entries)
    assert len(line.numbers) <= 2 * MAX_KEPT
    assert line.totals[-1] == 3 * MAX_KEPT
    assert line.totals[0] == line.numbers[0] > 0
    assert line.position_of(1) == 0


def test_trimming_keeps_what_a_breaks_origin_needs() -> None:
    exactly, lazily = (built([(1, D(1), False, 0)] * 400)[0] for _ in range(2))
    exactly.trim_exactly(300)
    assert exactly.numbers[0] == 300 - KEPT_BEHIND
    lazily.trim(100)
    assert lazily.numbers[0] == 0, "too little to be worth it"
    lazily.trim(300)
    assert lazily.numbers[0] == 300 - KEPT_BEHIND
    assert lazily.totals[lazily.position_of(350)] == 350


# -- a fill and its fee ---------------------------------------------------------------------------------------------

SMALL = st.decimals("-9", "9", places=3)
#: A fill's amount, what it may lose and moves, its fee if it has one, and whether the fee names another order.
TRADES = st.lists(
    st.tuples(SMALL, st.integers(0, 1), st.one_of(st.none(), st.tuples(SMALL, SMALL)), st.booleans()), max_size=25
)
Trades = list[tuple[Decimal, int, tuple[Decimal, Decimal] | None, bool]]


class Booked(NamedTuple):
    """One entry as it went into a unit: what the timeline is checked against."""

    cause: str
    amount: Decimal
    uncertainty: Uncertainty


def put(state: UnitState, entries: list[Booked], entry: Booked, order: str, ordinal: int = 1) -> None:
    entries.append(entry)
    number = len(entries)
    fill = FillRef(order, ordinal, number)
    posting = Posting(entry.amount, entry.cause, number, uncertainty=entry.uncertainty, fill=fill)
    state.append(number, posting, seq=10 * number, clock=number)


def traded(trades: Trades) -> tuple[UnitState, list[Booked]]:
    """A unit of these fills with their fees, and its entries."""
    state, entries = UnitState(Unit("A", "asset", "USDT"), Timeline()), list[Booked]()
    for index, (amount, rounded, fee, foreign) in enumerate(trades):
        put(
            state,
            entries,
            Booked(FILL, amount, leg_uncertainty(amount, rounded=rounded, price_error=D("0.001"))),
            f"o{index}",
        )
        if fee is not None:
            cost, spread = fee
            uncertainty = Uncertainty(1, D("1e-12"), rate_spread=spread)
            put(state, entries, Booked(FEE, cost, uncertainty), "another" if foreign else f"o{index}")
    return state, entries


@steady(80)
@given(TRADES)
def test_rule_2__a_fee_joins_the_step_of_its_fill_and_every_sum_stays_that_of_all_entries_up_to_there(
    trades: Trades,
) -> None:
    with exact():
        state, entries = traded(trades)
        line = state.timeline
        foreign_fees = sum(1 for _, _, fee, foreign in trades if fee is not None and foreign)
        assert line.last() == len(trades) + foreign_fees, "a step for each fill, and for each fee of another order"
        for position, number in enumerate(line.numbers):
            until = entries[:number]
            assert line.totals[position] == sum((entry.amount for entry in until), ZERO)
            assert line.explained[position] == sum((entry.amount for entry in until if entry.cause == FEE), ZERO)
            total = reduce(Uncertainty.plus, (entry.uncertainty for entry in until), Uncertainty())
            assert msgspec.structs.replace(line.uncertainty_at(position), rate_spread=total.rate_spread) == total
        assert line.numbers[-1] == len(entries)


@steady(40)
@given(TRADES)
def test_the_fees_in_doubt_and_the_legs_of_fills_are_told_step_by_step(trades: Trades) -> None:
    with exact():
        state, _ = traded(trades)
        line = state.timeline
        spreads = [fee[1] for _, _, fee, _ in trades if fee is not None and fee[1]]
        assert line.spreads_since(0, line.last()) == spreads
        legs, booked = line.fills_between(0, line.last())
        paid = [(amount, fee[0] if fee is not None and not foreign else ZERO) for amount, _, fee, foreign in trades]
        assert legs == tuple(amount for amount, _ in paid if amount)
        assert booked == -sum((cost for amount, cost in paid if amount), ZERO)


def test_no_cut_lies_between_a_fill_and_its_fee() -> None:
    state, _ = traded([(D(500), 1, (D("-0.5"), ZERO), False)] * 2)
    assert state.timeline.numbers == [0, 2, 4]
    assert state.timeline.totals == [ZERO, D("499.5"), D(999)]
    assert state.timeline.position_of(3) == 1, "an entry within a step is in no cut before the step is whole"


def test_what_follows_another_fill_or_ordinal_or_comes_a_second_time_does_not_join() -> None:
    state, entries = UnitState(Unit("A", "asset", "USDT"), Timeline()), list[Booked]()
    fill, fee = Booked(FILL, D(5), Uncertainty()), Booked(FEE, D(-1), Uncertainty())
    put(state, entries, fill, "o1")
    put(state, entries, fee, "o1", ordinal=2)
    assert state.timeline.last() == 2, "the fee of another fill of the order"
    put(state, entries, fee, "o1")
    assert state.timeline.last() == 3, "its fill is not the newest step any more"
    put(state, entries, fill, "o2")
    put(state, entries, fee, "o2")
    put(state, entries, fee, "o2")
    assert state.timeline.numbers == [0, 1, 2, 3, 5, 6], "one fee is a fill's; a second is a step of its own"


def test_an_entry_between_a_fill_and_a_fee_keeps_them_apart() -> None:
    """What explains a break is in every cut: it takes a number, and no step."""
    state, entries = UnitState(Unit("A", "asset", "USDT"), Timeline()), list[Booked]()
    put(state, entries, Booked(FILL, D(5), Uncertainty()), "o1")
    state.append(3, Posting(D(-1), FEE, 3, uncertainty=Uncertainty(), fill=FillRef("o1", 1, 3)), seq=30, clock=3)
    assert state.timeline.numbers == [0, 1, 3]


def test_what_is_trimmed_counts_steps_and_keeps_sums() -> None:
    state, _ = traded([(D(5), 1, (D(-1), D("0.5")), False)] * 400)
    line = state.timeline
    line.trim_exactly(600)
    assert line.numbers[0] == 2 * (300 - KEPT_BEHIND)
    assert line.totals[-1] == 1600
    lost = line.uncertainty_at(line.last())
    assert (lost.rounded_postings, lost.price_error) == (800, 400 * (D("0.001") + D("1e-12")))
    assert (lost.received, lost.paid) == (D(2000), ZERO)
    assert line.spreads_since(790, line.last()) == [D("0.5")] * 5
    assert line.totals[line.position_of(700)] == 1400


def test_fees_in_doubt_that_would_cancel_are_told_all_the_same() -> None:
    """A purchase may cost less than is booked and a sale as much more: neither is certain for that."""
    state, _ = traded([(D(-500), 1, (D("-0.5"), D("0.4")), False), (D(500), 1, (D("-0.1"), D("-0.4")), False)])
    assert state.timeline.spreads_since(0, state.timeline.last()) == [D("0.4"), D("-0.4")]
