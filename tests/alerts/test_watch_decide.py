"""When recon tells that it does not see: after a wait, once in an interval, and its end only where it was told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recon.alerts.watch.alert import alert_id
from recon.alerts.watch.conditions import Condition
from recon.alerts.watch.decide import Key, Notice, Waits, Watched, decide

T0 = datetime(2026, 1, 5, 3, tzinfo=UTC)
WAIT, SETTLED, REPEAT = timedelta(seconds=15), timedelta(seconds=60), timedelta(seconds=600)
WAITS = Waits({"gateway.down": WAIT}, SETTLED, REPEAT)
DOWN = Condition("prod-eu", "gateway.down", "", "failing: refused")
STEP = 5


class Watch:
    """Looks every five seconds at a condition that is there (x), away (.), or covered by a larger one (c)."""

    def __init__(self) -> None:
        self.known: dict[Key, Watched] = {}
        self.now = T0
        self.notices: list[Notice] = []

    def look(self, what: str) -> Watch:
        for one in what:
            hidden = Condition(*DOWN.key, covered=True)
            held = {"x": [DOWN], ".": [], "c": [hidden]}[one]
            notices, self.known = decide(self.known, held, self.now, WAITS)
            self.notices += notices
            self.now += timedelta(seconds=STEP)
        return self

    @property
    def told(self) -> list[tuple[int, bool]]:
        return [(int((notice.at - T0).total_seconds()), notice.over) for notice in self.notices]


def test_it_is_told_after_its_wait_and_over_once_it_has_settled() -> None:
    watch = Watch().look("x" * 10 + "." * 20)
    assert watch.told == [(15, False), (45 + 60, True)]
    assert [notice.watched.detail for notice in watch.notices] == [DOWN.detail] * 2


def test_what_is_shorter_than_its_wait_is_never_told_nor_its_end() -> None:
    assert Watch().look("xxx" + "." * 200).told == []


def test_what_comes_and_goes_within_the_settling_is_one_message() -> None:
    watch = Watch().look("xx..x." * 100)
    assert [over for _, over in watch.told] == [False]
    assert watch.look("." * 20).notices[-1].over


def test_what_comes_and_goes_more_slowly_is_one_message_and_one_end_an_interval() -> None:
    watch = Watch().look(("x" * 5 + "." * 15) * 24)  # 40 minutes
    begins = [at for at, over in watch.told if not over]
    assert len(begins) == 4
    assert all(later - earlier >= 600 for earlier, later in pairwise(begins))
    assert watch.notices[2].watched.times > 1, "it says how often it came meanwhile"


def test_what_a_larger_condition_covers_is_neither_told_nor_over() -> None:
    assert Watch().look("c" * 200).told == []
    watch = Watch().look("x" * 10 + "c" * 100)
    assert watch.told == [(15, False)]
    assert watch.look("." * 20).told[-1][1], "and over once it is known to be"


def test_nothing_is_remembered_of_what_is_long_over() -> None:
    assert Watch().look("x" * 10 + "." * 300).known == {}


@given(st.text("x.c", max_size=500), st.lists(st.integers(0, 30), max_size=20))
def test_whatever_comes_and_goes_messages_are_few_and_each_end_has_its_beginning(story: str, runs: list[int]) -> None:
    watch = Watch()
    for index, length in enumerate(runs):
        watch.look(("x" if index % 2 else ".") * length)
    watch.look(story)
    ends = [over for _, over in watch.told]
    assert all(over == bool(index % 2) for index, over in enumerate(ends)), "begin, end, begin, end …"
    begins = [at for at, over in watch.told if not over]
    assert all(later - earlier >= REPEAT.total_seconds() for earlier, later in pairwise(begins))
    ids = [alert_id(notice.watched, over=notice.over) for notice in watch.notices]
    assert len(set(ids)) == len(ids)
    watch.look("x" * (int((WAIT + REPEAT).total_seconds()) // STEP + 1))
    assert not watch.notices[-1].over, "what lasts is told in the end"
    watch.look("." * (int(SETTLED.total_seconds()) // STEP + 1))
    assert watch.notices[-1].over
    assert alert_id(watch.notices[-1].watched, over=False) == alert_id(watch.notices[-2].watched, over=False)
