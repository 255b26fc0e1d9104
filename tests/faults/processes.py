"""Plays and scores days, in two processes at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from tests.faults.days import Day
from tests.faults.play import played
from tests.faults.score import Score, score

PROCESSES: Final = 2


def scored(day: Day) -> tuple[Day, Score]:
    """Play a day and score what was said of it."""
    rows = played(day)
    said, clean = rows.said, day.programme is None
    result = score(rows.planted, said.steps, said.explained, said.uncertain, accounts=rows.accounts, clean=clean)
    result.state_bytes = rows.state_bytes
    result.clean_account_seconds = rows.accounts * day.seconds if clean else 0.0
    return day, result


def all_scored(days: Sequence[Day], processes: int = PROCESSES) -> Iterator[tuple[Day, Score]]:
    """Yield every day with its score, in the order given."""
    if processes == 1:
        yield from map(scored, days)
        return
    with ProcessPoolExecutor(max_workers=min(processes, PROCESSES)) as pool:
        yield from pool.map(scored, days)
