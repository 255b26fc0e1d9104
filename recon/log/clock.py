"""Log time: it advances by steady time, whatever the clocks of this machine and of the database do (semantics 9.1).

1. Log time never goes back, and never stands still. It follows this machine's clock, at most AHEAD_US beyond the
   database's.
2. Log time that is ahead of both clocks runs a tenth slower, until they have caught up.
3. Log time that is ahead of this machine's clock alone runs on by steady time: the database's clock agrees with it.
4. A clock that went another way than steady time, by more than JUMP_US, has jumped. Each jump is told once.

Pure: both clocks are readings that the caller hands in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from recon.times import microseconds, to_datetime

#: How far log time may be set ahead of the database's clock, in microseconds; append holds the same bound.
AHEAD_US: Final = 60_000_000
#: How far a clock may go another way than steady time between two readings, in microseconds.
JUMP_US: Final = 2_000_000
#: Most jumps that wait to be recorded.
MAX_JUMPS: Final = 16
#: The share of steady time by which log time advances while it is ahead of both clocks.
SLOWER: Final = (9, 10)

Clock: TypeAlias = Literal["machine", "database"]


class ClockJump(msgspec.Struct, frozen=True):
    """One jump of a clock: from what it should have shown by steady time, to what it showed, in microseconds."""

    clock: Clock
    from_us: int
    to_us: int


def jump_payload(jump: ClockJump) -> bytes:
    """Return the payload of the event that records a jump."""
    return msgspec.json.encode(jump)


class _DatabaseReading(msgspec.Struct, frozen=True):
    """What the database's clock showed, at some moment between two readings of the steady clock."""

    us: int
    asked: float
    answered: float


class LogClock:
    """The log time of one writer, from its clock (`wall`) and its steady clock in seconds (`steady`)."""

    def __init__(self, wall: Callable[[], datetime], steady: Callable[[], float]) -> None:
        """Begin at the present time of the machine's clock."""
        self.wall = wall
        self.steady = steady
        self._at = steady()
        self._wall_us = self._us = microseconds(wall())
        self._database: _DatabaseReading | None = None
        self._jumps: list[ClockJump] = []

    def now(self) -> datetime:
        """Return the present log time."""
        return to_datetime(self.now_us())

    def now_us(self) -> int:
        """Return the present log time in microseconds since the epoch."""
        at, wall_us = self.steady(), microseconds(self.wall())
        elapsed = _us(at - self._at)
        self._note("machine", self._wall_us + elapsed, wall_us)
        # Before the first answer nothing is known of the database's clock; it is asked before the first append.
        database_us = self._database_us(at, wall_us)
        steady_us = self._us + elapsed
        wanted_us = wall_us if steady_us - wall_us <= JUMP_US else max(wall_us, database_us)
        if steady_us > wanted_us:
            steady_us = max(self._us + elapsed * SLOWER[0] // SLOWER[1], wanted_us)
        self._us = max(steady_us, min(wall_us, database_us + AHEAD_US))
        self._at, self._wall_us = at, wall_us
        return self._us

    def us_at(self, steady: float) -> int:
        """Return the log time of a recent moment by the steady clock, such as the receipt of a frame."""
        return self.now_us() - _us(self._at - steady)

    def begin(self, log_time: datetime | None, database: datetime, *, asked: float) -> None:
        """Take over a log: go on from its log time (None: it is empty).

        A log time ahead of this machine's clock means that another writer's clock differed, or that ours was set back.
        """
        self._us = min(self.now_us(), microseconds(database) + AHEAD_US)
        if log_time is not None:
            self._note("machine", max(microseconds(log_time), self._wall_us), self._wall_us)
        self.learn(log_time, database, asked=asked)

    def learn(self, log_time: datetime | None, database: datetime, *, asked: float) -> None:
        """Learn from an answer of the database: the log's time, and what the database's clock showed since `asked`."""
        reading = _DatabaseReading(microseconds(database), asked, self.steady())
        if (before := self._database) is not None:
            earliest = before.us + _us(asked - before.answered)
            latest = before.us + _us(reading.answered - before.asked)
            self._note("database", min(max(reading.us, earliest), latest), reading.us)
        self._database = reading
        if log_time is not None:
            # Another writer may have moved log time ahead.
            self._us = max(self._us, microseconds(log_time))

    def take_jumps(self) -> list[ClockJump]:
        """Return the jumps since the last call."""
        jumps, self._jumps = self._jumps, []
        return jumps

    def _note(self, clock: Clock, expected_us: int, shown_us: int) -> None:
        if abs(shown_us - expected_us) > JUMP_US and len(self._jumps) < MAX_JUMPS:
            self._jumps.append(ClockJump(clock, expected_us, shown_us))

    def _database_us(self, at: float, unknown: int) -> int:
        reading = self._database
        return unknown if reading is None else reading.us + _us(at - reading.answered)


def _us(seconds: float) -> int:
    """Return seconds of the steady clock as whole microseconds."""
    return round(seconds * 1_000_000)
