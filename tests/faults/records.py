"""Scores on disk: one line of JSON a day, so that a run is kept, and two runs are compared without playing again.

A record holds a whole score. Counts hold the figures alone: they are small, and what is published of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tests.faults.days import Day
from tests.faults.score import Score


class Record(msgspec.Struct):
    """A day's score: `day` is its code, `engine` the name of the engine."""

    day: str
    engine: str
    score: Score


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


def append(path: Path, day: Day, engine: str, score: Score) -> None:
    """Add a day's score to a file."""
    with path.open("ab") as file:
        file.write(_encode(Record(day.code, engine, score)) + b"\n")


def read(paths: Iterable[Path]) -> Iterator[tuple[Day, Score]]:
    """Yield the days of files with their scores, in the order written."""
    for path in paths:
        for line in path.read_bytes().splitlines():
            record = _decode(line)
            yield Day.of(record.day), record.score


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a day; delays are seconds from planting to finding, of detectable steps, in order."""

    day: str
    engine: str
    clean_account_days: int
    clean_alarms: int
    openings: int
    false_alarms: int
    found: int
    missed: int
    uncertain: int
    uncertain_alarms: int
    identifiable: int
    rightly_labelled: int
    ambiguous: int
    honestly_labelled: int
    intervals: int
    intervals_held: int
    state_bytes: int
    delays: list[float]


def counts(record: Record) -> Counts:
    """Return the figures of a record."""
    score = record.score
    return Counts(
        day=record.day,
        engine=record.engine,
        clean_account_days=score.clean_account_days,
        clean_alarms=len(score.clean_alarms),
        openings=score.openings,
        false_alarms=len(score.false_alarms),
        found=len(score.detectable),
        missed=len(score.missed),
        uncertain=len(score.uncertain),
        uncertain_alarms=len(score.uncertain_alarms),
        identifiable=len(score.identifiable),
        rightly_labelled=score.rightly_labelled,
        ambiguous=len(score.ambiguous),
        honestly_labelled=score.honestly_labelled,
        intervals=len(score.intervals),
        intervals_held=sum(score.intervals),
        state_bytes=score.state_bytes,
        delays=sorted(round(each.delay.total_seconds(), 1) for each in score.detectable),
    )


def publish(paths: Iterable[Path], target: Path) -> None:
    """Write the figures of all days of files, a line each."""
    lines = [_encode(counts(_decode(line))) for path in paths for line in path.read_bytes().splitlines()]
    target.write_bytes(b"".join(line + b"\n" for line in lines))
