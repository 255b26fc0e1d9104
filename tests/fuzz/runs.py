"""Runs: a level is tried until its count or its time is used up; each new failure is made small and kept."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tests.fuzz import seeds
from tests.fuzz.episodes import MAX_BATCH_EVENTS, batches, verdict
from tests.fuzz.failures import Failure, Level, failure_of, sign_of
from tests.fuzz.frames import FrameLevel
from tests.fuzz.ground import Players
from tests.fuzz.mutations import Mutator, rendered
from tests.fuzz.players import Batch
from tests.fuzz.seeds import members_of
from tests.fuzz.shrinking import MAX_ATTEMPTS, shrunk
from tests.fuzz.streams import Planned, Stream

#: Events of one episode: mostly short ones, so that a failure is small, and some long ones.
EPISODE_EVENTS: Final = (400, 1000, 1000, 1000, 4000)
#: Events whose payload is made smaller too.
MAX_SMALLER: Final = 4
#: Where the events of an episode end and their payloads begin to be shrunk, in attempts by level.
ATTEMPTS: Final = {"fold": MAX_ATTEMPTS, "postgres": 60}


@dataclass
class Budget:
    """What a level may use: a count of frames or events, or seconds; None is without bound."""

    count: int | None = None
    seconds: float | None = None
    _began: float = field(default_factory=time.monotonic)

    def left(self, used: int) -> bool:
        """True if there is more to use."""
        if self.count is not None and used >= self.count:
            return False
        return self.seconds is None or time.monotonic() - self._began < self.seconds


@dataclass
class Report:
    """The result of a level."""

    level: Level
    count: int = 0
    seconds: float = 0.0
    failures: dict[str, Failure] = field(default_factory=dict)

    def note(self, failure: Failure, smaller: Callable[[Failure], None]) -> None:
        """Add a failure; one of a known cause is only counted."""
        known = self.failures.get(failure.sign)
        if known is not None:
            known.count += 1
            return
        self.failures[failure.sign] = failure
        smaller(failure)


def run_frames(seed: int, budget: Budget) -> Report:
    """Read frames and bodies until the budget is used up."""
    level, report, began = FrameLevel(Mutator(seeds.frames())), Report("decode"), time.monotonic()
    while budget.left(report.count):
        name = f"{seed}:{report.count}"
        report.count += 1
        what, content = level.drawn(name)
        try:
            level.read(what, content)
        except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
            failure = failure_of("decode", name, error)
            failure.what, failure.frame = what, content
            report.note(failure, lambda found: _smaller_frame(level, found))
    report.seconds = time.monotonic() - began
    return report


def run_episodes(level: Level, seed: int, budget: Budget, players: Players) -> Report:
    """Play episodes until the budget is used up."""
    mutator, report, began = Mutator(seeds.frames()), Report(level), time.monotonic()
    number = 0
    while budget.left(report.count):
        name = f"{seed}:{level}:{number}"
        number += 1
        draw = random.Random(name)
        count = draw.choice(EPISODE_EVENTS)
        stream = Stream(mutator, draw, shared=draw.random() < 0.5)
        taken: list[Batch] = []
        with players() as (player, alone):
            planned = batches(stream, draw, player, _at_most(count, budget, report), MAX_BATCH_EVENTS[level])
            error = verdict(planned, player, alone, taken)
        report.count += sum(len(batch.events) for batch in taken)
        if error is not None:
            failure = failure_of(level, name, error)
            failure.batches = taken
            report.note(failure, lambda found: _smaller(found, players))
    report.seconds = time.monotonic() - began
    return report


def replay(failure: Failure, players: Players | None) -> Exception | None:
    """Play a saved case again; return what did not hold, if anything still does not."""
    if players is None:
        try:
            FrameLevel(Mutator(seeds.frames())).read(failure.what, failure.frame)
        except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
            return error
        return None
    with players() as (player, alone):
        return verdict(failure.batches, player, alone, [])


def _at_most(count: int, budget: Budget, report: Report) -> int:
    return count if budget.count is None else min(count, budget.count - report.count)


def _smaller_frame(level: FrameLevel, failure: Failure) -> None:
    def fails(content: list[int]) -> bool:
        try:
            level.read(failure.what, bytes(content))
        except Exception as error:  # noqa: BLE001 - the same failure is looked for
            return sign_of(error) == failure.sign
        return False

    kept: list[int] = shrunk(list(failure.frame), fails)
    failure.frame = bytes(kept)


def _smaller(failure: Failure, players: Players) -> None:
    """Empty events, leave the empty ones out, and leave members of the others out, as far as it still fails."""
    needs_alone = failure.sign.startswith("NotAsAlone")
    attempts = ATTEMPTS[failure.level]

    def fails(tried: list[Batch]) -> bool:
        with players() as (player, alone):
            error = verdict(tried, player, alone if needs_alone else None, [])
        return error is not None and sign_of(error) == failure.sign

    places = [(number, place) for number, batch in enumerate(failure.batches) for place in range(len(batch.events))]
    kept = set(shrunk(places, lambda some: fails(_only(failure.batches, set(some))), attempts))
    smaller = _only(failure.batches, kept)
    if not fails(smaller):
        return  # the failure does not follow from the events alone; the whole episode is kept
    failure.batches = smaller
    compact = _numbered(failure.batches, kept)
    if fails(compact):
        failure.batches = compact
        for batch in compact:
            for place in range(len(batch.events)) if len(kept) <= MAX_SMALLER else ():
                _smaller_payload(batch.events, place, lambda: fails(compact), attempts)


def _smaller_payload(planned: list[Planned], place: int, fails: Callable[[], bool], attempts: int) -> None:
    """Leave out members of an event's payload, in place."""
    whole = planned[place]
    try:
        members = members_of(whole.event.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return

    def still(some: list[tuple[bytes, bytes]]) -> bool:
        planned[place] = _with_payload(whole, rendered(some))
        return fails()

    planned[place] = _with_payload(whole, rendered(shrunk(members, still, attempts // 4)))


def _with_payload(planned: Planned, payload: bytes) -> Planned:
    return Planned(msgspec.structs.replace(planned.event, payload=payload), planned.origin)


def _only(played: list[Batch], kept: set[tuple[int, int]]) -> list[Batch]:
    """Return batches with all events but those kept replaced by such that say nothing."""
    return [
        batch._replace(
            events=[each if (number, place) in kept else each.without() for place, each in enumerate(batch.events)]
        )
        for number, batch in enumerate(played)
    ]


def _numbered(played: list[Batch], kept: set[tuple[int, int]]) -> list[Batch]:
    """Return the kept events alone, numbered anew."""
    result: list[Batch] = []
    seq = 0
    for number, batch in enumerate(played):
        chosen: list[Planned] = []
        for place, each in enumerate(batch.events):
            if (number, place) in kept:
                seq += 1
                chosen.append(Planned(msgspec.structs.replace(each.event, seq=seq), each.origin))
        if chosen:
            result.append(batch._replace(events=chosen))
    return result
