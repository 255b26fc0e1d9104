"""The timeline: running totals, cuts and what is kept of them (books/timeline.py 1 to 4)."""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from recon.books.timeline import KEPT_BEHIND, MAX_KEPT, Slack, Timeline
from recon.exact import ZERO, exact
from tests.books.desk import steady

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
            line.append(index, 10 * index, clock, clock, amount, Slack(rounded, D("0.001")), explains=explains)
    return line, clocks


@steady(60)
@given(ENTRIES, st.decimals("-5", "5", places=2))
def test_2__totals_are_exact_sums_of_all_entries_up_to_a_position(entries: Entries, base: Decimal) -> None:
    line, _ = built(entries, base)
    assert line.totals == list(accumulate((amount for _, amount, _, _ in entries), initial=base))
    explained = (amount if explains else D(0) for _, amount, explains, _ in entries)
    assert line.explained == list(accumulate(explained, initial=D(0)))
    assert line.last() == len(entries)


@steady(80)
@given(ENTRIES, st.integers(-1, 60), st.integers(0, 20))
def test_3__cuts_hold_every_entry_before_the_window_and_none_after_it(entries: Entries, at: int, window: int) -> None:
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
    assert [line.at(number) for number in range(len(entries) + 1)] == list(range(len(entries) + 1))
    assert line.at(len(entries) + 5) == line.last()


@steady(60)
@given(ENTRIES, st.integers(0, 40), st.integers(0, 40))
def test_what_may_be_lost_between_two_cuts_is_half_a_quantum_an_entry_and_the_blur(
    entries: Entries, one: int, other: int
) -> None:
    line, _ = built(entries)
    line.quantum = D("0.01")
    early, late = sorted(min(each, line.last()) for each in (one, other))
    rounded = sum(each[3] for each in entries[early:late])
    with exact():
        assert line.lost_since(line.slack(early), late) == rounded * D("0.005") + (late - early) * D("0.001")
        assert line.lost_since(line.slack(late), early) == 0


def test_4__at_most_so_many_entries_are_kept_and_what_falls_out_is_in_every_cut() -> None:
    entries: Entries = [(1, D(1), False, 0)] * (3 * MAX_KEPT)
    line, _ = built(entries)
    assert len(line.numbers) <= 2 * MAX_KEPT
    assert line.totals[-1] == 3 * MAX_KEPT
    assert line.totals[0] == line.numbers[0] > 0
    assert line.at(1) == 0


def test_trimming_keeps_what_a_breaks_origin_needs() -> None:
    exactly, lazily = (built([(1, D(1), False, 0)] * 400)[0] for _ in range(2))
    exactly.trim_exactly(300)
    assert exactly.numbers[0] == 300 - KEPT_BEHIND
    lazily.trim(100)
    assert lazily.numbers[0] == 0, "too little to be worth it"
    lazily.trim(300)
    assert lazily.numbers[0] == 300 - KEPT_BEHIND
    assert lazily.totals[lazily.at(350)] == 350
