"""Meters: what a part of the service has counted and timed since it began. Pure.

1. A meter has one owner, who alone writes to it, in the Trio thread. Whoever reads takes what is there.
2. Nothing is noted for each frame: a batch, a step, a routing and an attempt are noted once, at their end.
3. A spread counts values by bounds, so its size does not grow, whatever comes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final, Protocol

#: Bounds of times, in seconds, and of sizes, in events; what is beyond the last one is counted too.
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
EVENTS: Final = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0)


class Spread:
    """How values spread over bounds, with their number and their sum."""

    __slots__ = ("_counts", "bounds", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """Begin with nothing; `bounds` rise."""
        self.bounds = bounds
        self.total = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def note(self, value: float) -> None:
        """Count a value; a bound belongs to the values below it."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        """Return how many values there were."""
        return sum(self._counts)

    def cumulative(self) -> list[int]:
        """Return for each bound how many values are not above it, and last how many there are."""
        sums, reached = [], 0
        for count in self._counts:
            reached += count
            sums.append(reached)
        return sums


class AppendMeter:
    """What the recorder of one gateway appended."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.frames = 0
        self.bytes = 0
        self.batches = Spread(EVENTS)
        self.seconds = Spread(SECONDS)
        self.failures = 0
        self.leases = 0
        #: Log time of the last event that was appended, in microseconds; 0: none was.
        self.head_us = 0

    def note(self, events: int, frames: int, size: int, seconds: float, head_us: int) -> None:
        """Count a batch that is in the log: its events, the frames among them, its bytes, and how long it took."""
        self.frames += frames
        self.bytes += size
        self.batches.note(events)
        self.seconds.note(seconds)
        self.head_us = head_us


class StepNotes(Protocol):
    """Where the steps of a projector are noted: on a meter, or told to the process that has it."""

    def note(self, events: int, refused: int, seconds: float, computed: float) -> None:
        """Count a step that folded events: how long it took, and what its thread computed, in seconds."""
        ...

    def note_failure(self) -> None:
        """Count a step that failed."""
        ...


class StepMeter:
    """What the projector of one gateway folded."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.refused = 0
        self.failures = 0
        #: What the threads of the steps have computed, in seconds.
        self.computed_seconds = 0.0
        self.events = Spread(EVENTS)
        self.seconds = Spread(SECONDS)

    def note(self, events: int, refused: int, seconds: float, computed: float) -> None:
        """Count a step that folded events."""
        self.refused += refused
        self.computed_seconds += computed
        self.events.note(events)
        self.seconds.note(seconds)

    def note_failure(self) -> None:
        """Count a step that failed."""
        self.failures += 1


class RoutingMeter:
    """What the router took and queued."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.signals = 0
        self.messages = 0
        self.seconds = Spread(SECONDS)

    def note(self, signals: int, messages: int, seconds: float) -> None:
        """Count a routing that took or queued something."""
        self.signals += signals
        self.messages += messages
        self.seconds.note(seconds)


class DeliveryMeter:
    """What became of the attempts of one channel."""

    #: Each outcome of an attempt.
    OUTCOMES: Final = ("delivered", "failed", "given_up")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._outcomes = dict.fromkeys(self.OUTCOMES, 0)
        self.seconds = Spread(SECONDS)

    def note(self, outcome: str, seconds: float) -> None:
        """Count an attempt by its outcome."""
        self._outcomes[outcome] += 1
        self.seconds.note(seconds)

    @property
    def outcomes(self) -> Mapping[str, int]:
        """Return how many attempts had each outcome."""
        return self._outcomes


class Pulse:
    """When a part last moved, by the clock of its loop; a part that stands still does not say so itself."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        """Begin before the first move."""
        self.at: float | None = None

    def beat(self, now: float) -> None:
        """Note a move."""
        self.at = now

    def stillness(self, now: float) -> float:
        """Return for how long it has not moved, in seconds; a part that never moved has not begun."""
        return 0.0 if self.at is None else max(0.0, now - self.at)
