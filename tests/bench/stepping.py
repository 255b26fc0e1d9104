"""Small steps: what a step of a few events costs, in processor time of this process and of Postgres.

A service that keeps up folds few events at a time, so what a step costs whatever it folds decides how busy it is. The
log's times are 1 ms apart. The first half has the openings of all units, the second half none.

The fixed cost is told by steps of several sizes, taken in turn: what a line through their means begins with.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import cycle, repeat
from statistics import linear_regression, mean
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
#: Events of the steps that tell the fixed cost, and how much of the log is folded before, as a divisor.
SIZES: Final = (1, 5, 20, 50, 100)
BEFORE: Final = 6


class _Cost(NamedTuple):
    """What one step took of the processor, in seconds, with the events it folded and the last of their positions."""

    events: int
    seq: int
    service: float
    postgres: float


#: Who takes what.
PARTIES: Final = _Cost._fields[2:]


def measure(stage: Stage, figures: Figures, events: int) -> None:
    """Fold a log of so many events in small steps, and once more in steps of several sizes."""
    load, gateways = new_events(events, apart_us=APART_US), (stage.new_gateway(), stage.new_gateway())
    for gateway in gateways:
        append_all(stage.service_url, gateway, load, STEP_EVENTS)
    stage.settle()
    engine = create_engine(stage.service_url, "recon bench")
    try:
        alike = list(_steps(stage, engine, gateways[0], repeat(STEP_EVENTS)))
        in_turn = list(_steps(stage, engine, gateways[1], cycle(SIZES)))
    finally:
        engine.dispose()
    _tell_halves(figures, alike, len(load))
    _tell_fixed(figures, [each for each in in_turn if each.seq - each.events >= len(load) // BEFORE])


def _tell_halves(figures: Figures, steps: list[_Cost], events: int) -> None:
    """Tell what an event cost in each half of the log."""
    note = f"of {events:,} events, {STEP_EVENTS} a step, {1_000_000 // APART_US:,} a second by their times"
    for number, half in enumerate(("first", "second"), start=1):
        of_half = [each for each in steps if (each.seq > events // 2) == (number == 2)]
        for who in PARTIES:
            cost = 1e6 * sum(getattr(each, who) for each in of_half) / (events / 2)
            figures.add(f"steps_{number}_{who}", f"small steps, {half} half: {who}", cost, "µs an event", note)


def _tell_fixed(figures: Figures, steps: list[_Cost]) -> None:
    """Tell what a step cost whatever it folded, and what an event cost beyond that."""
    by_size = {size: [each for each in steps if each.events == size] for size in SIZES}
    note = f"steps of {', '.join(map(str, SIZES))} events in turn, {len(by_size[SIZES[0]])} each; a line by the means"
    for who in PARTIES:
        costs = [1e3 * mean(getattr(each, who) for each in by_size[size]) for size in SIZES]
        line = linear_regression(SIZES, costs)
        figures.add(f"steps_fixed_{who}", f"small steps, fixed: {who}", line.intercept, "ms a step", note)
        figures.add(f"steps_each_{who}", f"small steps, beyond that: {who}", 1e3 * line.slope, "µs an event", note)


def _steps(stage: Stage, engine: Engine, gateway: str, sizes: Iterator[int]) -> Iterator[_Cost]:
    """Fold a whole log in steps of these sizes, and yield what each took."""
    working: WorkingSet | None = None
    while True:
        before, began = family_seconds(stage.server.pid or 0), time.process_time()
        with engine.begin() as connection:
            done = step(connection, gateway, working, limit=next(sizes))
        ours = time.process_time() - began
        working = done.working_set
        if not done.folded:
            return
        yield _Cost(done.folded, done.seq, ours, family_seconds(stage.server.pid or 0) - before)
