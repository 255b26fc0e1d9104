"""Which entries a report may hold, and what that costs."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.fees.rate_table import RateTable
from recon.reconciliation.trellis.column import HOLDS
from recon.reconciliation.trellis.costs import DEAREST_SWAPS, FUTURE, LAG, SWAP
from recon.reconciliation.trellis.cuts import added, candidates, lag, swap, wide_sets
from recon.reconciliation.trellis.entries import Entry
from recon.reconciliation.trellis.process import add_entry
from recon.reconciliation.trellis.rate_view import RateView
from recon.reconciliation.trellis.unit import UnitTrellis

WINDOW = 1_000_000
START = 100 * WINDOW


def _unit(*entries: Entry) -> UnitTrellis:
    unit = UnitTrellis(("desk", "asset", "BTC"), RateView(RateTable()), WINDOW)
    for entry in entries:
        add_entry(unit, entry)
    return unit


def _at(number: int, stamp: int, *, arrived: int | None = None, resolution: int = 1, order: str | None = None) -> Entry:
    return Entry(START + stamp, START + (stamp if arrived is None else arrived), resolution, number, order, 1 << number)


def test_a_report_may_hold_what_happened_up_to_a_quarter_of_a_window_after_it() -> None:
    unit = _unit(*(_at(number, number * WINDOW // 8) for number in range(1, 33)))
    at = START + 2 * WINDOW
    low, high = candidates(unit, at)
    assert (low, high) == (8, 18)
    unit.blind = True
    assert candidates(unit, at) == (8, 22)


def test_the_longer_an_entry_is_missing_the_dearer() -> None:
    unit = _unit(_at(1, 0), _at(2, WINDOW // 2))
    entries = unit.entries
    assert lag(entries, 0, START + WINDOW) == LAG
    assert lag(entries, 1, START + WINDOW) == LAG // 2
    assert lag(entries, 2, START + WINDOW) == 0
    assert lag(entries, 0, START + 50 * WINDOW) == LAG
    assert lag(entries, 2, START + WINDOW // 4) == FUTURE + LAG // 4


def test_only_equal_stamps_of_different_orders_change_places() -> None:
    unit = _unit(_at(1, 0, order="a"), _at(2, 0, order="b"), _at(3, 0, order="a"), _at(4, 1, order="c"))
    assert swap(unit.entries, 0, 1) == SWAP
    assert swap(unit.entries, 0, 2) is None
    assert swap(unit.entries, 0, 3) is None


def test_without_a_stamp_entries_change_places_within_half_a_window() -> None:
    unit = _unit(_at(1, 0, resolution=0), _at(2, WINDOW // 2, resolution=0), _at(3, WINDOW, resolution=0))
    assert swap(unit.entries, 0, 1) == SWAP + 50
    assert swap(unit.entries, 0, 2) is None


@given(st.lists(st.integers(0, 2), min_size=1, max_size=7))
def test_wide_sets_are_those_that_some_order_allows(stamps: list[int]) -> None:
    stamps.sort()
    unit = _unit(*(_at(number, stamp) for number, stamp in enumerate(stamps)))
    count = len(stamps)
    found = {}
    for first_out, later_in, cost, totals in wide_sets(unit.entries, 0, count):
        inside = frozenset(range(first_out)) | {first_out + bit for bit in range(count) if later_in >> bit & 1}
        assert later_in & 1 == 0
        assert totals[0] == sum(1 << each for each in inside)
        found[inside] = cost
    expected = {}
    for size in range(count + 1):
        for chosen in combinations(range(count), size):
            inside = frozenset(chosen)
            pairs = [(out, each) for each in inside for out in range(each) if out not in inside]
            cost = SWAP * len(pairs)
            if pairs and cost <= DEAREST_SWAPS and all(stamps[out] == stamps[each] for out, each in pairs):
                expected[inside] = cost
    assert found == expected


@given(st.integers(0, 4), st.integers(0, 7), st.integers(0, 3), st.integers(0, 7))
def test_what_is_added_is_what_the_second_set_has_more(first: int, first_in: int, more: int, later_in: int) -> None:
    first_in, later_in = first_in & ~1, later_in & ~1

    def members(cut: int, bits: int) -> set[int]:
        return set(range(cut)) | {cut + bit for bit in range(8) if bits >> bit & 1}

    source, target = members(first, first_in), members(first + more, later_in)
    if source <= target:
        indices = added((first, first_in, HOLDS, 0), (first + more, later_in, HOLDS, 0))
        assert set(indices) == target - source
        assert len(indices) == len(target - source)
