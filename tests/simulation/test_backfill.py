"""Days with gaps, caught up with over REST: afterwards the books are the simulator's own, in every account.

Gaps last from 0.1 s to hours; there are restarts and failovers; REST has troubles and odd shapes. Where there is no
order history, every order that nobody could recover lies in a stretch that says so.
"""

from __future__ import annotations

import dataclasses
from collections import Counter

import msgspec
import pytest

from recon.backfill import plan
from recon.exact import exact
from recon.log.events import CATCH_UP_BEGUN, CATCH_UP_ENDED, REST_ANSWER, Event
from recon.projection.fold import Fold, decode_event
from recon.simulator.rest_habits import RestHabits, Trouble
from recon.testing import new_fold
from tests.support.gap_days import Gap, GapDay, Played, play, problems, random_day

#: Seeds of the days; without order history from SEEDS_WITHOUT on.
SEEDS = range(1, 421)
SEEDS_WITHOUT = range(1001, 1101)
FAST = (1, 2, 4, 9, 12, 63, 101)
FAST_WITHOUT = (1001, 1002, 1003)
#: Days of the slow proof that run as one test.
AT_ONCE = 20


def parts(seeds: range) -> list[range]:
    return [seeds[start : start + AT_ONCE] for start in range(0, len(seeds), AT_ONCE)]


def check(seed: int, *, history: bool) -> None:
    day = random_day(seed, history=history)
    played = play(day)
    assert not problems(day, played), f"seed {seed}"
    assert_is_bounded(played)
    if history:
        assert not played.opened(), f"seed {seed}: a break was opened, and nothing was wrong"


def assert_is_bounded(played: Played) -> None:
    """A run asks three questions an account, and bounded numbers of orders and windows; each at most a few times."""
    accounts = len(played.gateway.accounts)
    most = 3 * accounts + plan.MAX_STATUS_REQUESTS + 2 * plan.MAX_WINDOWS
    runs = Counter(
        msgspec.json.decode(event.payload)["run"] for event in played.log.events if event.kind == REST_ANSWER
    )
    assert all(count <= most for count in runs.values())
    begun = sum(event.kind == CATCH_UP_BEGUN for event in played.log.events)
    ended = sum(event.kind == CATCH_UP_ENDED for event in played.log.events)
    assert begun - ended in {0, 1}, "a run that is begun is ended, but for one that the end of the day cut off"


@pytest.mark.parametrize("seed", FAST)
def test_after_catching_up_the_books_are_those_of_the_venue(seed: int) -> None:
    check(seed, history=True)


@pytest.mark.parametrize("skew", [300.0, -300.0])
@pytest.mark.parametrize("seed", [4, 9, 63])
def test_clocks_that_differ_by_minutes_hide_no_order(seed: int, skew: float) -> None:
    """The order history is dated by the EMS's clock, and asked for by what was measured of it."""
    day = dataclasses.replace(random_day(seed), skew=skew)
    played = play(day)
    assert not problems(day, played)
    assert not played.opened()


@pytest.mark.parametrize("seed", FAST_WITHOUT)
def test_without_an_order_history_each_lost_order_lies_in_a_stretch_that_says_so(seed: int) -> None:
    check(seed, history=False)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", parts(SEEDS), ids=str)
def test_many_days_with_order_history(seeds: range) -> None:
    for seed in seeds:
        check(seed, history=True)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", parts(SEEDS_WITHOUT), ids=str)
def test_many_days_without_order_history(seeds: range) -> None:
    for seed in seeds:
        check(seed, history=False)


def state(fold: Fold) -> dict[str, object]:
    with exact():
        return {
            "units": {
                key: (held.unit.value, held.unit.balance.fills) for key, held in sorted(fold.ledger.units.items())
            },
            "orders": {
                key: (order.reported.amount_filled, order.reported.status)
                for key, order in sorted(fold.ledger.orders.items())
            },
            "accounts": {
                name: (each.coverage.state, each.coverage.reason) for name, each in sorted(fold.ledger.accounts.items())
            },
        }


def folded(log: list[Event]) -> Fold:
    fold = new_fold("sim")
    fold.fold([decode_event(event) for event in log])
    return fold


@pytest.mark.parametrize("seed", [2, 4])
def test_folded_anew_the_log_gives_the_same(seed: int) -> None:
    played = play(random_day(seed))
    anew = folded(played.log.events)
    assert state(anew) == state(played.log.fold)
    assert [each.break_.id for each in anew.reconciler.transitions] == [
        each.break_.id for each in played.log.fold.reconciler.transitions
    ]


@pytest.mark.parametrize("seed", [3, 9, 45])
def test_the_same_rest_answer_twice_changes_nothing(seed: int) -> None:
    played = play(random_day(seed))
    doubled: list[Event] = []
    for event in played.log.events:
        for _ in range(2 if event.kind == REST_ANSWER else 1):
            doubled.append(msgspec.structs.replace(event, seq=len(doubled) + 1))
    # A run tells of its accounts by log positions, which move when events are told twice.
    moved = {event.seq: 0 for event in played.log.events}
    seq = 0
    for event in played.log.events:
        seq += 1
        moved[event.seq] = seq
        seq += event.kind == REST_ANSWER
    rewritten = [_moved(event, moved) for event in doubled]
    assert state(folded(rewritten)) == state(played.log.fold)


def _moved(event: Event, moved: dict[int, int]) -> Event:
    if event.kind not in {CATCH_UP_BEGUN, CATCH_UP_ENDED}:
        return event
    content = msgspec.json.decode(event.payload)
    content["accounts"] = {name: moved[until] for name, until in content["accounts"].items()}
    return msgspec.structs.replace(event, payload=msgspec.json.encode(content))


def test_a_rest_api_that_is_down_leaves_open_questions_and_is_asked_again() -> None:
    down = RestHabits(always=Trouble.DOWN)
    day = GapDay(seed=5, gaps=(Gap(20.0, 8.0, "cut"),), duration=60.0, rate=1.0, rest=down, tail=400.0)
    played = play(day)
    accounts = played.log.book.accounts
    assert {each.coverage.state for each in accounts.values()} == {"unresolved"}
    assert {each.state for each in played.backfills()} == {"open"}
    assert all("could not be read" in " ".join(each.open) for each in played.backfills())
    runs = [event for event in played.log.events if event.kind == CATCH_UP_BEGUN]
    assert len(runs) > 1, "open questions are asked again"
    assert {each.kind for each in played.log.book.changes.findings} >= {"rest_failed"}


def test_a_rest_api_that_hangs_ends_the_run_within_its_bound() -> None:
    hangs = RestHabits(always=Trouble.HUNG)
    day = GapDay(seed=6, gaps=(Gap(20.0, 3.0, "cut"),), duration=40.0, rate=0.5, rest=hangs, tail=400.0)
    played = play(day)
    begun = [event for event in played.log.events if event.kind == CATCH_UP_BEGUN]
    ended = [event for event in played.log.events if event.kind == CATCH_UP_ENDED]
    assert ended
    assert (ended[0].recorded_at - begun[0].recorded_at).total_seconds() <= 245
    assert not any(each.coverage.backfilling for each in played.log.book.accounts.values()), "nobody waits for ever"
