"""A comparison that was stored and restored goes on as if it had not been; its stored form is small."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.ledger.fees.rate_table import RateTable
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.column import Report
from recon.reconciliation.trellis.journal import MIN_CALLS
from recon.reconciliation.trellis.steps import Told
from recon.reconciliation.trellis.stored_unit import UnknownVersion
from tests.reconciliation.trellis.kept import Kept
from tests.reconciliation.trellis.synthetic_day import (
    BASE,
    QUOTE,
    SECOND,
    WINDOW,
    Day,
    Habits,
    Loss,
    feed,
    make_day,
    play,
    told_rates,
)

DAYS = {
    "losses": Habits(fills_per_second=1.5, losses=(Loss(BASE, 20 * SECOND, Decimal("0.37")),)),
    "loss near the opening": Habits(seconds=40, losses=(Loss(QUOTE, 3 * SECOND, Decimal("77.7")),)),
    "loss right after the opening": Habits(
        seconds=40, fills_per_second=0.1, poll_us=SECOND, losses=(Loss(QUOTE, 4_200_000, Decimal("77.7")),)
    ),
    "seconds": Habits(seconds=40, resolution_us=SECOND, losses=(Loss(QUOTE, 20 * SECOND, Decimal(500)),)),
    "no stamps": Habits(seconds=40, resolution_us=0),
    "new tier": Habits(seconds=70, tier_at=30 * SECOND),
    "busy": Habits(seconds=14, fills_per_second=10, losses=(Loss(BASE, 9 * SECOND, Decimal("0.37")),), latest=60_000),
    "late fill": Habits(seconds=60, late_fill=(8, 40 * SECOND), fills_per_second=0.5),
}


def _play_stored(day: Day, table: RateTable, cuts: set[int]) -> list[Told]:
    stored, told = Kept(table), list[Told]()
    stored.save(AccountTrellis("desk", table, WINDOW))
    trellis = stored.load()
    for number, (at, key, event) in enumerate(day.events):
        feed(trellis, at, key, event)
        if number in cuts:
            told += trellis.advance(at)
            stored.save(trellis)
            trellis = stored.load()
    return told + trellis.advance(day.events[-1][0] + 4_000 * SECOND)


def _table(habits: Habits, *, told: bool) -> RateTable:
    return told_rates(habits) if told else RateTable()


@pytest.mark.parametrize("name", DAYS)
@pytest.mark.parametrize("told", [True, False])
def test_restored_after_each_event_it_says_the_same(name: str, told: bool) -> None:
    habits = DAYS[name]
    day = make_day(5, habits)
    whole = play(AccountTrellis("desk", _table(habits, told=told), WINDOW), day)
    assert _play_stored(day, _table(habits, told=told), set(range(len(day.events)))) == whole


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sorted(DAYS)), st.booleans(), st.sets(st.integers(0, 300), max_size=12))
def test_restored_between_any_two_events_it_says_the_same(seed: int, name: str, told: bool, cuts: set[int]) -> None:
    habits = DAYS[name]
    day = make_day(seed, habits)
    whole = play(AccountTrellis("desk", _table(habits, told=told), WINDOW), day)
    assert _play_stored(day, _table(habits, told=told), cuts) == whole


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sorted(DAYS)), st.sampled_from([50_000, 700_000, 5_000_000]))
def test_calls_cut_differently_say_the_same(seed: int, name: str, every_us: int) -> None:
    habits = DAYS[name]
    day = make_day(seed, habits)
    whole = play(AccountTrellis("desk", RateTable(), WINDOW), day)
    assert play(AccountTrellis("desk", RateTable(), WINDOW), day, every_us=every_us) == whole


def test_a_quiet_unit_takes_some_hundred_bytes() -> None:
    habits = Habits(fills_per_second=2)
    trellis = AccountTrellis("desk", told_rates(habits), WINDOW)
    play(trellis, make_day(1, habits))
    stored = trellis.store()
    assert set(stored.units) == {BASE, QUOTE}
    assert max(map(len, stored.units.values())) < 600
    assert stored.shared is not None
    assert len(stored.shared) < 1_000


def test_only_units_that_changed_are_stored_again() -> None:
    habits = Habits(seconds=10)
    day = make_day(1, habits)
    trellis = AccountTrellis("desk", told_rates(habits), WINDOW)
    play(trellis, day)
    trellis.store()
    assert trellis.store() == ([], None, {}, None)


def test_another_version_is_not_read() -> None:
    trellis = AccountTrellis("desk", RateTable(), WINDOW)
    stored = trellis.store().shared
    assert stored is not None
    other = msgspec.msgpack.encode([99, *msgspec.msgpack.decode(stored)[1:]])
    with pytest.raises(UnknownVersion):
        AccountTrellis.restore("desk", RateTable(), WINDOW, other, {})


def test_a_busy_account_is_stored_whole_now_and_then() -> None:
    """Between that, only what it was told is stored, which is short whatever it keeps."""
    habits = Habits(seconds=60, fills_per_second=3)
    day, kept = make_day(1, habits), Kept(told_rates(habits))
    trellis = AccountTrellis("desk", kept.table, WINDOW)
    for at, key, event in day.events:
        feed(trellis, at, key, event)
        trellis.advance(at)
        kept.save(trellis)
    assert 2 <= kept.wholes <= 1 + len(day.events) // MIN_CALLS
    assert kept.added >= len(day.events) - kept.wholes
    assert max(map(len, kept.calls.values())) < 300


@pytest.mark.parametrize(
    "change",
    [
        lambda trellis, _: trellis.forget(BASE),
        lambda trellis, at: trellis.set_window(2 * WINDOW, at),
        lambda trellis, at: trellis.rates_changed(at),
        lambda trellis, at: trellis.open_at(BASE, 1, at, Decimal(3)),
        lambda trellis, _: trellis.drop_reports(BASE),
        lambda trellis, _: trellis.pause(on=True),
    ],
)
def test_what_is_no_call_has_the_account_stored_whole(change: Callable[[AccountTrellis, int], None]) -> None:
    habits = Habits(seconds=10)
    day, trellis = make_day(1, habits), AccountTrellis("desk", told_rates(habits), WINDOW)
    for at, key, event in day.events:
        feed(trellis, at, key, event)
    trellis.store()
    change(trellis, at)
    trellis.report(BASE, Report(10_000, at + 1, (Decimal(7),)))
    assert trellis.store().shared is not None


def test_calls_of_an_earlier_whole_form_are_over() -> None:
    habits = Habits(seconds=10)
    day, kept = make_day(1, habits), Kept(told_rates(habits))
    trellis = AccountTrellis("desk", kept.table, WINDOW)
    kept.save(trellis)
    for at, key, event in day.events:
        feed(trellis, at, key, event)
        trellis.advance(at)
        kept.save(trellis)
    left_over = dict(kept.calls)
    assert len(left_over) > 10
    trellis.rates_changed(at)
    trellis.advance(at)
    kept.save(trellis)
    again = kept.load()
    assert kept.calls == left_over
    assert again.advance(at + 60 * SECOND) == trellis.advance(at + 60 * SECOND)
