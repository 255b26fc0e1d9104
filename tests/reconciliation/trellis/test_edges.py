"""What an edge between two reports costs, and what it needs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.fees.rate_table import Evidence, RateTable
from recon.ledger.rules import FeeRule
from recon.reconciliation.trellis.amounts import ONE, digits_of, to_decimal, to_int
from recon.reconciliation.trellis.column import HOLDS
from recon.reconciliation.trellis.costs import FAR, JUMP, MANY_WAYS, MOVED, NOVEL, OTHER_RATE, TIER, UNKNOWN, UNMODELLED
from recon.reconciliation.trellis.edges import Edge, cost_of_other_rates, edge_between
from recon.reconciliation.trellis.entries import Entries, Entry
from recon.reconciliation.trellis.rate_view import RateView

KEY = FeeKey("quote", -1, "rested", "any")
TAKER = FeeKey("quote", -1, "immediate", "any")
QUANTUM = 10**10


def _table(maker: str = "0.0002", taker: str = "0.0005") -> RateTable:
    table = RateTable()
    table.tell([FeeRule(maker=Decimal(maker), taker=Decimal(taker))])
    return table


def _entries(table: RateTable, *entries: Entry) -> Entries:
    found = Entries(RateView(table), 1_000_000)
    found.quantum = QUANTUM
    found.replace(entries)
    return found


def _fill(number: int, cash: int, key: FeeKey | None = KEY, **more: int) -> Entry:
    entry = Entry(number * 1_000, number * 1_000, 1, number, f"o{number}", -cash, -cash if key else 0, key)
    entry.rounded = True
    for name, value in more.items():
        setattr(entry, name, value)
    return entry


def _edge(entries: Entries, delta: int, tolerance: int = 0, cut: int | None = None) -> Edge:
    last = len(entries.items) if cut is None else cut
    before, after = (0, 0, HOLDS, 0), (last, 0, HOLDS, 0)
    return edge_between(entries, (before, entries.sums[0]), (after, entries.sums[last]), delta, tolerance)


def test_nothing_costs_nothing() -> None:
    assert _edge(_entries(_table()), 0) == (0, "exact", 0)


def test_the_expected_fee_is_exact() -> None:
    entries = _entries(_table(), _fill(1, 1_000 * ONE))
    assert _edge(entries, -ONE // 5) == (0, "exact", 0)
    assert _edge(entries, -ONE // 5 + QUANTUM // 2)[:2] == (1, "exact")


def test_roundings_that_seldom_add_up_so_far_are_dearer() -> None:
    entries = _entries(_table(), *(_fill(number, 1_000 * ONE) for number in range(1, 21)))
    assert _edge(entries, -4 * ONE + 20 * QUANTUM // 2)[:2] == (FAR, "exact")


def test_an_unknown_rate_explains_any_fee() -> None:
    entries = _entries(RateTable(), _fill(1, 1_000 * ONE))
    assert _edge(entries, -3 * ONE)[:2] == (UNKNOWN, "unknown")
    assert _edge(entries, -7 * ONE)[1] == "jump"
    assert _edge(entries, ONE)[:2] == (UNKNOWN, "unknown")
    assert _edge(entries, 2 * ONE)[1] == "jump"


def test_another_rate_of_the_class_costs_what_speaks_against_it() -> None:
    entries = _entries(_table(), _fill(1, 1_000 * ONE), _fill(2, 700 * ONE))
    assert _edge(entries, -ONE // 2 - ONE * 14 // 100)[:2] == (OTHER_RATE["same_class"], "other_rate")
    assert _edge(entries, -ONE // 2 - ONE * 35 // 100)[:2] == (2 * OTHER_RATE["same_class"], "other_rate")


def test_the_last_fills_may_pay_a_tier_that_came_later() -> None:
    table = _table()
    for rate, since in ((4_000, 8_000), (1_000, 9_000)):
        table.adopt(TAKER, rate, since, Evidence(2, 1_200))
    entries = _entries(table, *(_fill(number, (900 + number) * ONE, TAKER) for number in range(1, 8)))
    paid = sum((900 + number) * 1_000 for number in range(1, 8))
    assert _edge(entries, -paid * ONE // 10**7)[:2] == (TIER, "tier")
    last_two = sum((900 + number) * (1_000 if number > 5 else 5_000) for number in range(1, 8))
    assert _edge(entries, -last_two * ONE // 10**7)[:2] == (2 * OTHER_RATE["same_class"], "other_rate")


def test_an_unmodelled_entry_explains_what_it_may_have_moved_and_no_more() -> None:
    entries = _entries(_table(), _fill(1, 0, None, unmodelled=10 * ONE))
    assert _edge(entries, 9 * ONE)[:2] == (UNMODELLED, "unmodelled")
    assert _edge(entries, -9 * ONE)[:2] == (UNMODELLED, "unmodelled")
    assert _edge(entries, 11 * ONE)[1] == "jump"


def test_a_fee_at_no_known_rate_is_novel() -> None:
    entries = _entries(_table(), _fill(1, 1_000 * ONE))
    assert _edge(entries, -ONE * 33 // 100)[:2] == (NOVEL, "novel")
    assert _edge(entries, -10 * ONE)[1] == "jump"


def test_a_rate_that_a_like_key_changed_to_is_nearer_than_any_other_new_one() -> None:
    table = _table()
    post_only = FeeKey("quote", -1, "post_only", "any")
    table.adopt(KEY, 1_000, 5_000, Evidence(4, 2_000))
    entries = _entries(table, _fill(4, 1_000 * ONE, post_only), _fill(6, 500 * ONE, post_only))
    assert _edge(entries, -ONE * 25 // 100)[:2] == (MOVED, "novel"), "0.2 of the first, 0.05 of the second"
    assert _edge(entries, -ONE * 20 // 100)[:2] == (NOVEL, "novel"), "the first is from before the change"
    taker = _entries(table, _fill(6, 500 * ONE, TAKER))
    assert _edge(taker, -ONE * 5 // 100)[:2] == (NOVEL, "novel"), "takers paid another rate before"


def test_a_key_that_changed_itself_follows_no_other() -> None:
    table = _table()
    post_only = FeeKey("quote", -1, "post_only", "any")
    table.adopt(KEY, 1_000, 5_000, Evidence(4, 2_000))
    table.adopt(post_only, 1_500, 5_000, Evidence(4, 2_000))
    entries = _entries(table, _fill(6, 500 * ONE, post_only))
    assert _edge(entries, -ONE * 5 // 100)[:2] == (NOVEL, "novel")


def test_a_jump_of_more_digits_is_dearer() -> None:
    entries = _entries(_table())
    assert _edge(entries, 5 * ONE) == (JUMP + 1, "jump", 5 * ONE)
    assert _edge(entries, to_int(Decimal("1.2345"))) == (JUMP + 5, "jump", to_int(Decimal("1.2345")))


def test_a_tolerance_widens_what_is_exact() -> None:
    entries = _entries(_table())
    assert _edge(entries, 5, tolerance=4)[1] == "jump"
    assert _edge(entries, 5, tolerance=5) == (1, "exact", 5)


def test_too_many_ways_to_pay_other_rates_cost_a_fixed_sum() -> None:
    fills = [[(3**number, 50), (5 * 7**number, 90)] for number in range(12)]
    assert cost_of_other_rates(fills, 10, 1) == MANY_WAYS
    assert cost_of_other_rates(fills, 10**30, 1) == 0
    assert cost_of_other_rates([[(7, 50)], [(11, 50)]], 18, 0) == 100
    assert cost_of_other_rates([[(7, 50)], [(11, 50)]], 17, 0) == 0


@pytest.mark.parametrize("text", ["0", "1", "-1.5", "0.000000000000000001", "123456789012345678901.5", "-1000"])
def test_amounts_go_to_integers_and_back(text: str) -> None:
    assert to_decimal(to_int(Decimal(text))) == Decimal(text)


def test_significant_digits() -> None:
    assert [digits_of(each) for each in (0, 5, -500, 1_050)] == [0, 1, 1, 3]
