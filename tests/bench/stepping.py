"""Small steps: what a step of a few events costs, in processor time of this process and of Postgres.

A service that keeps up folds few events at a time, so what a step costs whatever it folds decides how busy it is. The
log's times are 1 ms apart. The first half has the openings of all units, the second half none.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Final, NamedTuple

from sqlalchemy import Engine

from recon.db.engine import create_engine
from recon.projection.step import step
from recon.projection.working_set import WorkingSet
from tests.bench.appending import append_all
from tests.bench.figures import Figures
from tests.bench.load import new_events
from tests.bench.processor_time import family_seconds
from tests.bench.stage import Stage

#: Events of a step, and microseconds between them.
STEP_EVENTS: Final = 50
APART_US: Final = 1_000


class _Spent(NamedTuple):
    """Processor time up to a moment, in seconds."""

    ours: float
    postgres: float


def measure(stage: Stage, figures: Figures, events: int) -> None:
    """Fold a log of so many events in small steps."""
    load, gateway = new_events(events, apart_us=APART_US), stage.new_gateway()
    append_all(stage.service_url, gateway, load, STEP_EVENTS)
    stage.settle()
    engine = create_engine(stage.service_url, "recon bench")
    try:
        halves = _halves(stage, engine, gateway, len(load))
    finally:
        engine.dispose()
    note = f"of {len(load):,} events, {STEP_EVENTS} a step, {1_000_000 // APART_US:,} a second by their times"
    for number, (half, spent) in enumerate(zip(("first", "second"), halves, strict=True), start=1):
        for who, seconds in (("service", spent.ours), ("postgres", spent.postgres)):
            cost = 1e6 * seconds / (len(load) / 2)
            figures.add(f"steps_{number}_{who}", f"small steps, {half} half: {who}", cost, "µs an event", note)


def _halves(stage: Stage, engine: Engine, gateway: str, events: int) -> list[_Spent]:
    """Fold the whole log; return what each half of it took."""
    working: WorkingSet | None = None
    marks = [_spent(stage)]
    while len(marks) < 3:
        with engine.begin() as connection:
            done = step(connection, gateway, working, limit=STEP_EVENTS)
        working = done.working_set
        if not done.folded or (len(marks) == 1 and done.seq >= events // 2):
            marks.append(_spent(stage))
    return [_Spent(b.ours - a.ours, b.postgres - a.postgres) for a, b in pairwise(marks)]


def _spent(stage: Stage) -> _Spent:
    return _Spent(time.process_time(), family_seconds(stage.server.pid or 0))
