"""The entries of a unit: their totals do not depend on the order in which they come."""

from __future__ import annotations

from collections.abc import Sized
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.fees.rate_table import RateTable
from recon.ledger.rules import FeeRule
from recon.ledger.units import UnitKey
from recon.reconciliation.trellis.amounts import ONE
from recon.reconciliation.trellis.entries import Entries, Entry
from recon.reconciliation.trellis.rate_view import RateView
from tests.reconciliation.trellis.desk import Desk
from tests.reconciliation.trellis.synthetic_day import BASE

WINDOW = 1_000_000
KEYS = (FeeKey("quote", -1, "post_only", "any"), FeeKey("base", 1, "immediate", "any"), None)

_ENTRY = st.tuples(
    st.integers(0, 5) | st.integers(0, 10**7),
    st.integers(-3, 3),
    st.sampled_from(KEYS),
    st.booleans(),
    st.sampled_from([0, 0, ONE]),
    st.sampled_from([0, 1, 1_000]),
    st.sampled_from([0, 0, 3]),
)


def _entries(*, told: bool) -> Entries:
    table = RateTable()
    if told:
        table.tell([FeeRule(maker=Decimal("0.0002"), taker=Decimal("0.0005"))])
    entries = Entries(RateView(table), WINDOW)
    entries.quantum = 10**10
    return entries


def _totals(entries: Entries) -> list[Sized]:
    return [entries.stamp, entries.sums, entries.net, entries.limit, entries.others]


def _lists(entries: Entries) -> list[object]:
    return [getattr(entries, name) for name in Entries.__slots__ if name not in {"items", "rates", "window"}]


@given(st.lists(_ENTRY, max_size=25), st.booleans(), st.integers(0, 4))
def test_entries_that_come_late_leave_the_totals_of_those_that_came_in_order(
    given_entries: list[tuple[int, int, FeeKey | None, bool, int, int, int]], told: bool, forgotten: int
) -> None:
    each_alone, at_once = _entries(told=told), _entries(told=told)
    made = []
    for number, (stamp, amount, key, rounded, extra, resolution, explained) in enumerate(given_entries):
        entry = Entry(stamp, stamp + 5, resolution, number, None, amount * ONE, rounded=rounded)
        entry.explained = explained
        entry.turnover, entry.key, entry.unmodelled, entry.booked_fee = amount * ONE, key, extra, extra // 7
        made.append(entry)
        index = each_alone.insert(entry)
        assert each_alone.items[index] is entry
    at_once.replace(made)
    assert _lists(each_alone) == _lists(at_once)
    assert all(len(total) == len(made) + 1 for total in _totals(each_alone))

    if made:
        each_alone.book(made[forgotten % len(made)], 9)
        at_once.rebuild()
        assert _lists(each_alone) == _lists(at_once)

    count = min(forgotten, len(made))
    for entries in (each_alone, at_once):
        entries.forget(count)
    each_alone.rebuild()
    assert _lists(each_alone) == _lists(at_once)
    assert each_alone.explaining == sum(1 for entry in each_alone.items if entry.explained)


@given(st.lists(st.sampled_from([0, 0, 1, 2]), max_size=8), st.integers(0, 8), st.integers(0, 255))
def test_what_is_explained_outside_a_set_is_that_of_the_entries_that_are_not_in_it(
    explained: list[int], first_out: int, later_in: int
) -> None:
    entries = _entries(told=False)
    for number, amount in enumerate(explained):
        entries.insert(Entry(number, number, 1, number, None, 5, explained=amount << number))
    inside = [first_out > number or bool(later_in >> (number - first_out) & 1) for number in range(len(explained))]
    expected = sum(amount << number for number, amount in enumerate(explained) if not inside[number])
    assert entries.explained_after(first_out, later_in) == expected


@given(st.lists(st.tuples(st.sampled_from([-2, 0, 1, 3]), st.booleans()), max_size=6), st.integers(-6, 6))
def test_what_is_taken_back_is_explained_no_more_and_the_rest_is(told: list[tuple[int, bool]], amount: int) -> None:
    entries = _entries(told=False)
    for number, (explained, of_trade) in enumerate(told):
        entries.insert(Entry(number, number, 1, number, "t:1" if of_trade else None, explained, explained=explained))
    left = entries.take_back(amount)
    assert sum(entry.explained for entry in entries.items) + left == sum(each for each, _ in told) + amount
    assert entries.explaining == sum(1 for entry in entries.items if entry.explained)
    undone = [each for each, of_trade in told if of_trade and each * amount < 0]
    assert abs(left) == max(abs(amount) - abs(sum(undone)), 0)
    if -amount in undone:
        changed = [number for number, entry in enumerate(entries.items) if entry.explained != told[number][0]]
        assert changed == [max(number for number, each in enumerate(told) if each == (-amount, True))]


def test_fees_assumed_in_an_asset_end_at_once_when_fills_move_it() -> None:
    coin: UnitKey = ("desk", "asset", "BNB")
    desk = Desk()
    for second in range(40):
        if second == 10:
            desk.leg(9.5, coin, "-1", arrived=10)
        desk.report(second, coin, "100" if second < 10 else "99", price="500")
        if second > 12:
            desk.fill(second + 0.2, "0.1", "-3000", f"o{second}")
    desk.report(41, BASE, "4")
    desk.advance(41.5)
    before = desk.trellis.figures(coin)
    desk.leg(41.6, coin, "5", order="own", role="base")
    desk.advance(42.1)  # the report of another asset is due then, and none of this one
    after = desk.trellis.figures(coin)
    assert before is not None
    assert after is not None
    assert (after.seq, after.value, after.amount_after) == (before.seq, before.value, Decimal(5))
