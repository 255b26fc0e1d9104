"""The search that tells most jumps at once finds what explaining every edge finds."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.fees.rate_table import Evidence, RateTable
from recon.ledger.rules import FeeRule
from recon.ledger.units import UnitKey
from recon.reconciliation.trellis.amounts import ONE
from recon.reconciliation.trellis.column import FEE, HOLDS, PASSED, Column, StateKey, StateValue
from recon.reconciliation.trellis.costs import HOLD, JUMP, OPENING_JUMP
from recon.reconciliation.trellis.cuts import wide_sets
from recon.reconciliation.trellis.edge_search import EdgeSearch
from recon.reconciliation.trellis.edges import edge_between
from recon.reconciliation.trellis.entries import Entry
from recon.reconciliation.trellis.rate_view import RateView
from recon.reconciliation.trellis.unit import UnitTrellis

UNIT: UnitKey = ("desk", "asset", "USDT")
WINDOW = 1_000_000
CENT = ONE // 100
KEYS = [FeeKey("quote", 1, each, "any") for each in ("rested", "post_only", "immediate")]

COSTS = [0, 1, 30, 45, 120, 300, 301, 330]

#: A leg: cash in cents, its class, whether it is rounded, a shadow, or not modelled; whether it has the stamp before.
_LEGS = st.lists(
    st.tuples(
        st.integers(-300_000, 300_000), st.integers(0, 2), st.booleans(), st.booleans(), st.booleans(), st.booleans()
    ),
    min_size=1,
    max_size=7,
)
#: A state before: how many entries are in, its cost, what its level is off by in hundredths of a cent, passed over.
_SOURCES = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(COSTS), st.integers(-9, 9), st.booleans()),
    min_size=1,
    max_size=6,
)
_HINT = st.one_of(st.none(), st.integers(0, 30))
_OFF = st.one_of(st.just(0), st.integers(-9, 9), st.integers(-90_000, 90_000), st.integers(-(10**9), 10**9))


def _table(how: int) -> RateTable:
    table = RateTable()
    if how:
        table.tell([FeeRule(maker=Decimal("0.0002"), taker=Decimal("0.01" if how == 3 else "0.0005"))])
    if how == 2:
        table.adopt(KEYS[2], 4_000, 3_000, Evidence(2, 1_200))
        table.adopt(KEYS[1], -100, 2_000, Evidence(2, 1_200))
    return table


def _unit(legs: list[tuple[int, int, bool, bool, bool, bool]], how: int) -> UnitTrellis:
    unit = UnitTrellis(UNIT, RateView(_table(how)), WINDOW)
    unit.quantum, unit.tolerance = CENT, CENT // 3
    unit.entries.quantum = CENT
    stamp = 0
    for number, (cents, key, rounded, shadow, unmodelled, same) in enumerate(legs, start=1):
        stamp += 0 if same else 1_000
        entry = Entry(stamp, stamp, 1, number, f"o{number}", 0 if shadow else cents * CENT, cents * CENT, KEYS[key])
        entry.rounded, entry.shadow = rounded, int(shadow)
        entry.unmodelled = 5 * ONE if unmodelled else 0
        unit.entries.insert(entry)
    return unit


def _explaining_every_edge(unit: UnitTrellis, cut: int, later_in: int, base: int, level: int) -> StateValue | None:
    before, column = unit.columns
    soon = column.at - before.at <= HOLD * WINDOW
    discount = JUMP - OPENING_JUMP if soon and not unit.trimmed and unit.opened == before.at else 0
    ordered = sorted(before.states.items(), key=lambda item: (item[1][0], -item[0][0], item[0]))
    best: StateValue | None = None
    for key, value in ordered:
        inside = key[1]
        if key[0] > cut or (inside and (inside >> (cut - key[0])) & ~later_in):
            continue
        target: StateKey = cut, later_in, HOLDS, 0
        sums, reached = unit.totals(before, key), unit.totals(column, target)
        cost, kind, left = edge_between(unit.entries, (key, sums), (target, reached), level - value[4], unit.tolerance)
        cost += value[0] + base
        cost += JUMP if key[2] == PASSED and not soon else 0
        cost -= discount if kind == "jump" else 0
        if best is None or cost < best[0]:
            best = cost, key, kind, left, level
    return best


def _explained(unit: UnitTrellis) -> list[int]:
    """Return amounts that something explains: no fee, other rates of a fill, the tier that came later."""
    entries = unit.entries
    alternatives = [-amount for others, _ in entries.others for amount, _ in others]
    return [entries.sums[-1][FEE], entries.sums[1][FEE], *alternatives, -sum(later for _, later in entries.others)]


@settings(max_examples=600, deadline=None)
@given(_LEGS, _SOURCES, _OFF, st.integers(0, 3), st.sampled_from([500_000, 9_000_000]), st.booleans(), _HINT)
def test_the_cheapest_edge_is_that_of_all(
    legs: list[tuple[int, int, bool, bool, bool, bool]],
    sources: list[tuple[int, int, int, bool]],
    off: int,
    how: int,
    later: int,
    trimmed: bool,
    hint: int | None,
) -> None:
    unit = _unit(legs, how)
    entries, last = unit.entries, len(legs)
    before, column = Column(10_000, 1, (0,)), Column(10_000 + later, 2, (0,))
    unit.columns, unit.opened, unit.trimmed = [before, column], before.at, trimmed
    for count, cost, hundredths, passed in sources:
        first = min(count, last)
        key = first, 0, PASSED if passed else HOLDS, 0
        before.states[key] = cost, None, "exact", 0, hundredths * CENT // 100 - entries.sums[first][FEE]
    for first, inside, cost, totals in wide_sets(entries, 0, last):
        column.sets[first, inside] = before.sets[first, inside] = totals
        before.states[first, inside, HOLDS, 0] = cost, None, "exact", 0, -totals[1]
    search = EdgeSearch(unit, 1)
    targets = [(cut, 0) for cut in range(last + 1)] + list(column.sets)
    left = off * CENT // 100 if hint is None else _explained(unit)[hint % len(_explained(unit))]
    for cut, later_in in targets:
        level = left - unit.totals(column, (cut, later_in, HOLDS, 0))[1]
        found = search.cheapest(cut, later_in, 3 * cut, level)
        assert found == _explaining_every_edge(unit, cut, later_in, 3 * cut, level)
