"""The timeline: running totals of the recent steps (recon/ledger/timeline.py, rules 1 to 4)."""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from recon.exact import ZERO, exact
from recon.ledger.timeline import MAX_KEPT, Timeline
from recon.ledger.units import FEE, FILL, FillRef, Posting, Unit, UnitState
from tests.support.properties import steady

D = Decimal
SMALL = st.decimals("-9", "9", places=3)
ENTRIES = st.lists(st.tuples(SMALL, st.booleans()), max_size=40)
Entries = list[tuple[Decimal, bool]]


def built(entries: Entries, base: Decimal = ZERO) -> Timeline:
    """A timeline of these entries: the amount of each, and whether it explains."""
    line = Timeline(total=base)
    with exact():
        for index, (amount, explains) in enumerate(entries, start=1):
            line.append(index, 10 * index, index, amount, ZERO, explains=explains)
    return line


@steady(60)
@given(ENTRIES, st.decimals("-5", "5", places=2))
def test_rule_2__totals_are_exact_sums_of_all_entries_up_to_a_position(entries: Entries, base: Decimal) -> None:
    line = built(entries, base)
    assert line.totals == list(accumulate((amount for amount, _ in entries), initial=base))
    assert line.explained == list(
        accumulate((amount if explains else D(0) for amount, explains in entries), initial=D(0))
    )
    assert line.last() == len(entries)


@steady(60)
@given(ENTRIES)
def test_a_step_is_found_by_the_number_of_its_last_entry(entries: Entries) -> None:
    line = built(entries)
    assert [line.position_of(number) for number in range(len(entries) + 1)] == list(range(len(entries) + 1))
    assert line.position_of(len(entries) + 5) == line.last()


def test_rule_3__an_explanation_shifts_all_totals() -> None:
    line = built([(D(1), False), (D(2), True)])
    line.shift(D(10))
    assert (line.totals, line.explained) == ([D(10), D(11), D(13)], [D(10), D(10), D(12)])


@steady(20)
@given(st.integers(1, 4 * MAX_KEPT), st.integers(0, MAX_KEPT))
def test_rule_4__what_may_be_read_does_not_depend_on_when_the_unit_was_loaded(count: int, loaded: int) -> None:
    """A unit that was loaded has the steps that are read, and some before them; the base has the rest."""
    whole = built([(D(1), False)] * count)
    known = max(count - MAX_KEPT - loaded, 0)
    restored = Timeline(known, D(known))
    for number in range(known + 1, count + 1):
        restored.append(number, 10 * number, number, D(1), ZERO, explains=False)
    assert len(whole.numbers) <= 2 * MAX_KEPT

    def read(line: Timeline) -> list[tuple[int, int, Decimal]]:
        places = range(line.first(), line.last() + 1)
        return [(line.numbers[at], line.seqs[at], line.totals[at] - line.totals[at - 1]) for at in places]

    assert read(whole) == read(restored)
    assert len(read(whole)) == min(count, MAX_KEPT)
    assert whole.totals[-1] == restored.totals[-1] == count


# -- a fill and its fee ---------------------------------------------------------------------------------------------

#: A fill's amount, its fee if it has one, and whether the fee names another order.
TRADES = st.lists(st.tuples(SMALL, st.one_of(st.none(), SMALL), st.booleans()), max_size=25)
Trades = list[tuple[Decimal, Decimal | None, bool]]


class Booked(NamedTuple):
    """One entry as it went into a unit: what the timeline is checked against."""

    cause: str
    amount: Decimal
    turnover: Decimal = ZERO


def put(state: UnitState, entries: list[Booked], entry: Booked, order: str, ordinal: int = 1) -> None:
    entries.append(entry)
    number = len(entries)
    fill = FillRef(order, ordinal, number)
    state.append(
        number, Posting(entry.amount, entry.cause, number, turnover=entry.turnover, fill=fill), seq=10 * number
    )


def traded(trades: Trades) -> tuple[UnitState, list[Booked]]:
    """A unit of these fills with their fees, and its entries."""
    state, entries = UnitState(Unit("A", "asset", "USDT"), Timeline()), list[Booked]()
    for index, (amount, fee, foreign) in enumerate(trades):
        put(state, entries, Booked(FILL, amount), f"o{index}")
        if fee is not None:
            put(state, entries, Booked(FEE, fee), "another" if foreign else f"o{index}")
    return state, entries


@steady(80)
@given(TRADES)
def test_rule_1__a_fee_joins_the_step_of_its_fill_and_every_sum_stays_that_of_all_entries_up_to_there(
    trades: Trades,
) -> None:
    with exact():
        state, entries = traded(trades)
        line = state.timeline
        foreign_fees = sum(1 for _, fee, foreign in trades if fee is not None and foreign)
        assert line.last() == len(trades) + foreign_fees, "a step for each fill, and for each fee of another order"
        for position, number in enumerate(line.numbers):
            until = entries[:number]
            assert line.totals[position] == sum((entry.amount for entry in until), ZERO)
            assert line.explained[position] == sum((entry.amount for entry in until if entry.cause == FEE), ZERO)
        assert line.numbers[-1] == len(entries)


def test_the_turnover_of_a_fill_is_its_amount_unless_it_names_another() -> None:
    state, entries = UnitState(Unit("A", "asset", "USDT"), Timeline()), list[Booked]()
    put(state, entries, Booked(FILL, D(5)), "o1")
    put(state, entries, Booked(FEE, D(-1)), "o1")
    put(state, entries, Booked(FILL, D(3), D(300)), "o2")
    put(state, entries, Booked(FEE, D(-1)), "o3")
    assert state.timeline.turnovers == [ZERO, D(5), D(300), ZERO]


def test_nothing_lies_between_a_fill_and_its_fee() -> None:
    state, _ = traded([(D(500), D("-0.5"), False)] * 2)
    assert state.timeline.numbers == [0, 2, 4]
    assert state.timeline.totals == [ZERO, D("499.5"), D(999)]
    assert state.timeline.position_of(3) == 1, "an entry within a step is in none before the step is whole"


def test_what_follows_another_fill_or_ordinal_or_comes_a_second_time_does_not_join() -> None:
    state, entries = UnitState(Unit("A", "asset", "USDT"), Timeline()), list[Booked]()
    fill, fee = Booked(FILL, D(5)), Booked(FEE, D(-1))
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
    put(state, entries, Booked(FILL, D(5)), "o1")
    state.append(3, Posting(D(-1), FEE, 3, fill=FillRef("o1", 1, 3)), seq=30)
    assert state.timeline.numbers == [0, 1, 3]
