"""What a receiver that shows the open alerts is told: nothing ends falsely, and everything ends."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from recon.alerts.channels.level import MORE, Habits, OpenAlert, Told, after, at_least, bounded, posts
from tests.support.level_receivers import FORGETFUL, LASTING, MINUTE, T0, MemoryLevel, case

A, B = case("a"), case("b")
STEP = timedelta(seconds=5)


class Story:
    """A receiver, and looks at the open set; every post reaches it unless the test says otherwise."""

    def __init__(self, habits: Habits = FORGETFUL) -> None:
        self.habits, self.receiver = habits, MemoryLevel(habits)
        self.memory: dict[str, Told] = {}
        self.now = T0

    def look(self, *alerts: OpenAlert, after_seconds: float = 5) -> list[str]:
        self.now += timedelta(seconds=after_seconds)
        told = []
        standing = {alert.key: alert for alert in alerts}
        for post in posts(self.memory, standing, self.now, self.habits):
            self.receiver.take(post, self.now)
            self.memory = after(self.memory, [post], self.now, self.habits)
            told.append(f"{post.kind} {post.identity[-1]}")
        self.memory = after(self.memory, [], self.now, self.habits)
        return told

    def restarts(self) -> None:
        self.memory = {}


def test_what_is_open_is_told_at_once_and_then_each_interval() -> None:
    story = Story()
    assert story.look(A, B) == ["fire a", "fire b"]
    told = [story.look(A, B) for _ in range(24)]
    assert [looks for looks in told if looks] == [["fire a", "fire b"]] * 2


def test_what_a_forgetful_receiver_is_told_before_its_end() -> None:
    story = Story()
    story.look(A)
    assert story.look() == ["fire a"], "so that one that was killed has something to end"
    assert [story.look() for _ in range(11)] == [[]] * 11
    assert story.look() == ["resolve a"]
    again = [look for _ in range(100) for look in story.look()]
    assert again == ["resolve a"] * 4, "for five minutes, each minute"
    assert story.memory == {}


def test_a_lasting_receiver_is_told_its_end_at_once() -> None:
    story = Story(LASTING)
    assert story.look(A) == ["fire a"]
    assert story.look() == ["resolve a"]


def test_what_opens_again_before_its_end_was_told_goes_on() -> None:
    story = Story()
    story.look(A)
    story.look()
    assert [story.look(A) for _ in range(11)] == [[]] * 11
    assert story.look(A) == ["fire a"]
    assert story.receiver.shows(story.now) == {A.key}


def test_what_opens_again_after_its_end_fires_at_once() -> None:
    story = Story(LASTING)
    story.look(A)
    story.look()
    assert story.look(A) == ["fire a"]
    assert story.look() == ["resolve a"]


def test_at_a_start_everything_is_told_again_and_what_ended_meanwhile_is_over() -> None:
    story = Story(LASTING)
    story.look(A, B)
    story.restarts()
    ended = case("b", ended_at=story.now)
    assert story.look(A, ended) == ["fire a", "resolve b"]
    assert story.look(A) == []


def test_that_somebody_has_it_is_told_once_and_after_a_start() -> None:
    story = Story(LASTING)
    assert story.look(A) == ["fire a"]
    taken = case("a", taken_up=True)
    assert story.look(taken) == ["take_up a"]
    assert story.look(taken) == []
    story.restarts()
    assert story.look(taken) == ["fire a", "take_up a"]
    assert story.look(taken, after_seconds=3600) == ["fire a"]


def test_that_somebody_has_it_is_told_again_if_only_the_fire_arrived() -> None:
    taken = case("a", taken_up=True)
    fire, _ = posts({}, {A.key: taken}, T0, LASTING)
    memory = after({}, [fire], T0, LASTING)
    assert [post.kind for post in posts(memory, {A.key: taken}, T0 + STEP, LASTING)] == ["take_up"]


def test_of_what_is_not_known_nothing_is_told() -> None:
    memory = after({}, posts({}, {A.key: A, B.key: B}, T0, FORGETFUL), T0, FORGETFUL)
    later = T0 + 2 * MINUTE
    assert [post.identity for post in posts(memory, {}, later, FORGETFUL, [A.key])] == [B.key]


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from("abc")), st.sampled_from(["look", "look", "look", "recon", "receiver"])),
        max_size=60,
    )
)
def test_whatever_is_restarted_the_receiver_comes_to_show_what_is_open(days: list[tuple[set[str], str]]) -> None:
    story = Story()
    for names, event in days:
        if event == "recon":
            story.restarts()
        elif event == "receiver":
            story.receiver.open.clear()
        story.look(*(case(name) for name in sorted(names)))
    names = days[-1][0] if days else set()
    for _ in range(13):  # a minute and a look
        story.look(*(case(name) for name in sorted(names)))
    assert story.receiver.shows(story.now) >= {case(name).key for name in names}, "nothing that is open is missing"
    for _ in range(5 * 12):
        story.look(*(case(name) for name in sorted(names)))
    assert story.receiver.shows(story.now) == {case(name).key for name in names}, "and nothing that is over lasts"


def test_a_storm_is_bounded() -> None:
    many = [case(f"{number:04}", began_at=T0 + timedelta(seconds=number)) for number in range(500)]
    down = case("x", kind="gateway.down", key="gateway.down/prod-eu/", began_at=T0 + timedelta(days=1))
    kept = bounded([*many, down], 10)
    assert [alert.key for alert in kept[:2]] == [down.key, many[0].key]
    assert len(kept) == 11
    assert kept[-1].key == MORE
    assert "and 491 more alerts are open" in kept[-1].summary
    assert bounded(many[:10], 10) == many[:10]


def test_severities_are_ordered_and_what_was_not_judged_is_the_least() -> None:
    assert at_least("critical", "high")
    assert at_least("high", "high")
    assert not at_least("medium", "high")
    assert at_least("", "info")
    assert not at_least("", "low")
