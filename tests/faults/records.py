"""Scores on disk: one line of JSON a day, so that a run is kept, and two runs are compared without playing again."""

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
