"""Log time by steady time: whatever either clock does, it never goes back and never stands still (semantics 9.1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.log.clock import AHEAD_US, JUMP_US, ClockJump, LogClock
from recon.times import microseconds

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clocks:
    """A machine, a database and steady time; `set` moves one clock."""

    def __init__(self, *, machine: timedelta = timedelta(), database: timedelta = timedelta()) -> None:
        self.steady = 1000.0
        self.machine, self.database = machine, database
        self.log = LogClock(lambda: T0 + self._passed + self.machine, lambda: self.steady)

    @property
    def _passed(self) -> timedelta:
        return timedelta(seconds=self.steady - 1000.0)

    def begin(self, log_time: datetime | None = None) -> None:
        self.log.begin(log_time, T0 + self._passed + self.database, asked=self.steady)

    def append(self, log_time: datetime | None = None) -> None:
        self.log.learn(log_time or self.log.now(), T0 + self._passed + self.database, asked=self.steady)

    def run(self, seconds: int) -> datetime:
        """Let time pass with an append each second; return the log time."""
        for _ in range(seconds):
            self.steady += 1
            before = self.log.now_us()
            assert before > self._last
            self._last = before
            self.append()
        return self.log.now()

    _last = 0

    def jumps(self) -> list[tuple[str, int]]:
        return [(jump.clock, round((jump.to_us - jump.from_us) / 1e6)) for jump in self.log.take_jumps()]


def ahead(clocks: Clocks) -> float:
    """Return how many seconds log time is ahead of a clock that nobody set."""
    return (clocks.log.now() - T0 - clocks._passed).total_seconds()


def test_it_is_the_machine_s_clock_while_that_is_steady() -> None:
    clocks = Clocks()
    clocks.begin(T0 - HOUR)
    assert clocks.run(100) == T0 + timedelta(seconds=100)
    assert clocks.jumps() == []


def test_both_clocks_jump_ahead_and_are_set_back() -> None:
    clocks = Clocks()
    clocks.begin()
    clocks.run(10)
    clocks.machine = clocks.database = HOUR
    clocks.run(10)
    assert ahead(clocks) == pytest.approx(3600)
    assert clocks.jumps() == [("machine", 3600), ("database", 3600)]
    clocks.machine = clocks.database = timedelta()
    began = clocks.log.now()
    assert (clocks.run(1000) - began).total_seconds() == pytest.approx(900, abs=2)
    assert clocks.jumps() == [("machine", -3600), ("database", -3600)]
    clocks.run(35_500)
    assert ahead(clocks) == pytest.approx(0)


def test_the_machine_s_clock_alone_jumps_ahead_and_is_set_back() -> None:
    clocks = Clocks()
    clocks.begin()
    clocks.run(10)
    clocks.machine = HOUR
    clocks.run(10)
    assert ahead(clocks) == pytest.approx(AHEAD_US / 1e6)
    clocks.machine = timedelta()
    clocks.run(605)
    assert ahead(clocks) == pytest.approx(0)
    assert clocks.jumps() == [("machine", 3600), ("machine", -3600)]


def test_the_machine_s_clock_alone_is_set_back_and_log_time_keeps_the_database_s() -> None:
    clocks = Clocks()
    clocks.begin()
    clocks.run(10)
    clocks.machine = -HOUR
    clocks.run(4000)
    assert ahead(clocks) == pytest.approx(0, abs=2)
    assert clocks.jumps() == [("machine", -3600)]


@pytest.mark.parametrize("way", [1, -1])
def test_the_database_s_clock_alone_jumps_and_log_time_keeps_the_machine_s(way: int) -> None:
    clocks = Clocks()
    clocks.begin()
    clocks.run(10)
    clocks.database = way * HOUR
    clocks.run(1000)
    assert ahead(clocks) == pytest.approx(0, abs=1)
    assert clocks.jumps() == [("database", way * 3600)]


@pytest.mark.parametrize(
    ("machine", "log", "expected"),
    [
        (HOUR, None, 60),  # a wrong clock begins a log: at most a minute ahead of the database's
        (HOUR, timedelta(), 60),
        (-HOUR, None, -3600),
        (-HOUR, timedelta(), 0),  # takes over from a machine whose clock was right
        (timedelta(), HOUR, 3600),  # takes over from a machine whose clock was ahead
    ],
)
def test_a_writer_that_begins(machine: timedelta, log: timedelta | None, expected: float) -> None:
    clocks = Clocks(machine=machine)
    clocks.begin(None if log is None else T0 + log)
    assert ahead(clocks) == pytest.approx(expected)
    clocks.run(10)
    assert ahead(clocks) == pytest.approx(expected, abs=1.1)


def test_taking_over_a_log_that_is_ahead_is_told() -> None:
    clocks = Clocks(machine=-HOUR)
    clocks.begin(T0)
    assert clocks.jumps() == [("machine", -3600)]


def test_another_writer_moves_log_time_ahead() -> None:
    clocks = Clocks(machine=-HOUR)
    clocks.begin()
    clocks.append(T0)
    clocks.run(100)
    assert ahead(clocks) == pytest.approx(0)


def test_a_slow_answer_of_the_database_is_no_jump() -> None:
    clocks = Clocks()
    clocks.begin()
    asked, clocks.steady = clocks.steady, clocks.steady + 20
    clocks.log.learn(T0, T0 + timedelta(seconds=19), asked=asked)
    asked, clocks.steady = clocks.steady, clocks.steady + 20
    clocks.log.learn(T0, T0 + timedelta(seconds=21), asked=asked)
    assert clocks.jumps() == []


def test_a_moment_by_the_steady_clock_has_its_log_time_across_a_jump() -> None:
    clocks = Clocks()
    clocks.begin()
    clocks.run(10)
    heard = clocks.steady
    clocks.steady += 3
    clocks.machine = clocks.database = HOUR
    clocks.append()
    now_us = clocks.log.now_us()
    assert now_us - clocks.log.us_at(heard) == 3_000_000


moves = st.tuples(
    st.floats(0.001, 100), st.sampled_from([-7200, -3600, -10, -1, 0, 0, 0, 1, 10, 3600, 7200]), st.booleans()
)


@given(st.lists(moves, max_size=40), st.sampled_from([None, -7200, 0, 7200]))
def test_it_advances_by_nine_tenths_of_steady_time_at_least(
    steps: list[tuple[float, int, bool]], log: int | None
) -> None:
    clocks = Clocks()
    clocks.begin(None if log is None else T0 + timedelta(seconds=log))
    clocks.log.take_jumps()
    last = clocks.log.now_us()
    for seconds, jump, which in steps:
        clocks.steady += seconds
        if which:
            clocks.machine += timedelta(seconds=jump)
        else:
            clocks.database += timedelta(seconds=jump)
        before, last = last, clocks.log.now_us()
        assert last - before >= int(seconds * 1e6) * 9 // 10 - 1
        clocks.append()
        told = clocks.log.take_jumps()
        # Readings are whole microseconds of a float, and a jump of a second stays below the bound.
        assert len(told) == (abs(jump) * 1_000_000 > JUMP_US)
        assert all(isinstance(each, ClockJump) for each in told)
    assert microseconds(clocks.log.now()) == clocks.log.now_us()
