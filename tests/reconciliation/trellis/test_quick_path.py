"""The quick path never says another thing than the full search."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.fees.rate_table import RateTable
from recon.ledger.rules import FeeRule
from recon.reconciliation.trellis.amounts import ONE
from recon.reconciliation.trellis.column import AMOUNT, FEE, HOLDS, Column
from recon.reconciliation.trellis.column_search import _full_search, take_quick_path
from recon.reconciliation.trellis.entries import Entry
from recon.reconciliation.trellis.process import add_entry
from recon.reconciliation.trellis.rate_view import RateView
from recon.reconciliation.trellis.unit import UnitTrellis

WINDOW = 1_000_000
START = 1_000 * WINDOW
QUANTUM = 10**10
KEY = FeeKey("quote", -1, "post_only", "any")

_ENTRIES = st.lists(
    st.tuples(st.integers(0, 2 * WINDOW), st.integers(-3, 3), st.booleans(), st.sampled_from([0, 0, 0, ONE])),
    max_size=8,
)


def _unit(entries: list[tuple[int, int, bool, int]], tolerance: int) -> UnitTrellis:
    table = RateTable()
    table.tell([FeeRule(maker=Decimal("0.0002"), taker=Decimal("0.0005"))])
    unit = UnitTrellis(("desk", "asset", "USDT"), RateView(table), WINDOW)
    unit.quantum = unit.entries.quantum = QUANTUM
    unit.tolerance = tolerance
    for number, (stamp, amount, has_fee, unmodelled) in enumerate(entries):
        entry = Entry(START + stamp, START + stamp, 1, number, None, amount * 100 * ONE, rounded=has_fee)
        if has_fee:
            entry.turnover, entry.key = entry.amount, KEY
        entry.unmodelled = unmodelled if number == 7 else 0
        add_entry(unit, entry)
    unit.opened = START - 100 * WINDOW
    return unit


@settings(max_examples=400)
@given(
    _ENTRIES,
    st.integers(0, 8),
    st.integers(0, 8),
    st.lists(st.integers(-3 * QUANTUM, 3 * QUANTUM), min_size=1, max_size=2),
    st.sampled_from([0, 0, QUANTUM]),
)
def test_the_quick_path_takes_the_cheapest_state_of_the_full_search(
    entries: list[tuple[int, int, bool, int]], first: int, second: int, rests: list[int], tolerance: int
) -> None:
    unit = _unit(entries, tolerance)
    count = len(unit.entries.items)
    first = min(first, count)
    second = min(max(first, second), count)
    entries_of = unit.entries
    before = Column(START + WINDOW, 1, (entries_of.sums[first][AMOUNT],))
    before.states = {(first, 0, HOLDS, 0): (0, None, "opening", 0, 0)}
    exact = entries_of.net[second] + entries_of.sums[first][FEE]
    column = Column(START + 2 * WINDOW, 2, tuple(exact + rest for rest in rests))
    unit.columns = [before, column]
    if not take_quick_path(unit, 1):
        return
    ((state, value),) = column.states.items()
    full = _full_search(unit, 1)
    best = min(full, key=lambda each: (full[each][0], -each[0], each))
    assert best == state
    assert full[best][0] == column.rise
    assert full[best][1:] == value[1:]


def test_the_quick_path_takes_what_fits_exactly() -> None:
    unit = _unit([(0, 1, True, 0)], 0)
    before = Column(START - WINDOW, 1, (0,))
    before.states = {(0, 0, HOLDS, 0): (0, None, "opening", 0, 0)}
    column = Column(START + WINDOW // 2, 2, (100 * ONE - ONE // 50,))
    unit.columns = [before, column]
    assert take_quick_path(unit, 1)
    assert list(column.states) == [(1, 0, HOLDS, 0)]
    unit.columns[1] = Column(START + WINDOW // 2, 2, (100 * ONE,))
    assert not take_quick_path(unit, 1)
