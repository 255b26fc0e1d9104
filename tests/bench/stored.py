"""Time grows with what comes in, in Postgres too: the hostile loads, appended, folded and stored at three sizes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final
from uuid import uuid4

import psycopg
from sqlalchemy import Engine

from recon.db.engine import create_engine, libpq_url
from recon.db.roles import OWNER
from recon.log.events import TICK, Event
from recon.log.verify import verify
from recon.projection.editions import delete_edition, new_edition
from recon.projection.step import step
from recon.projection.store.digest import digest_of
from recon.projection.working_set import WorkingSet
from recon.times import microseconds
from tests.bench.figures import Figures
from tests.bench.growth_loads import LOADS, Feed, Load
from tests.bench.stage import Stage

#: Events in one append: a frame of 16,000 rows has some megabytes.
APPEND_EVENTS: Final = 200
#: What is timed of a load, in this order: the steps that fold it, and what reads or deletes the whole gateway after.
PHASES: Final = ("steps", "load", "digest", "verify", "delete")

#: Loads of which the other phases are measured too: many units, entries and fills, and many breaks.
READ_ALL: Final = ("fills in many pairs", "facts and breaks")
_APPEND: Final = "SELECT recon_store.append_any(%s, %s, %s, %s, %s, %s, %s, %s, %s, %b)"


def measure(stage: Stage, figures: Figures, sizes: Sequence[int]) -> None:
    """Measure every load at every size; the figure is the time a row at the largest, over that at the smallest."""
    engine = create_engine(stage.service_url, "recon bench")
    try:
        for name, load in LOADS.items():
            found = [times(stage, engine, load, rows) for rows in sizes]
            at = ", ".join(f"{rows // load.share:,}" for rows in sizes)
            for phase in PHASES if name in READ_ALL else PHASES[:1]:
                costs = [each[phase] * 1e6 for each in found]
                note = f"{', '.join(f'{cost:,.0f}' for cost in costs)} µs a row at {at} rows"
                growth = costs[-1] / max(costs[0], 1e-9)
                figures.add(f"stored.{phase}.{name}", f"stored, {phase}: {name}", growth, "x", note)
    finally:
        engine.dispose()


def times(stage: Stage, engine: Engine, load: Load, rows: int) -> dict[str, float]:
    """Return how long each phase takes for a load of so many rows, in seconds a row of the load."""
    gateway = stage.new_gateway()
    feed = Feed(gateway)
    load.write(feed, max(rows // load.share, 1))
    _append(stage, gateway, feed.events[: feed.prepared])
    working_set = _follow(engine, gateway, None)
    _append(stage, gateway, feed.events[feed.prepared :])
    spent = {"steps": _seconds(lambda: _follow(engine, gateway, working_set))}
    spent["load"] = _seconds(lambda: _follow(engine, gateway, None))
    with engine.connect() as connection:
        spent["digest"] = _seconds(lambda: digest_of(connection, gateway, 1))
        spent["verify"] = _seconds(lambda: verify(connection, gateway))
        connection.rollback()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE recon_store.editions SET state = 'retired' WHERE state = 'current'")
        new_edition(connection, gateway, "building")
    spent["delete"] = _seconds(lambda: delete_edition(engine, gateway, 1))
    return {phase: seconds / feed.rows for phase, seconds in spent.items()}


def _append(stage: Stage, gateway: str, events: Sequence[Event]) -> None:
    """Append as the owner does, for whom the log takes facts and decisions as they stand."""
    with psycopg.connect(libpq_url(stage.server.url(OWNER)), autocommit=True) as connection:
        writer = uuid4()
        for number, some in enumerate(_batches(events), start=1):
            times = [microseconds(each.received_at) for each in some]
            arguments = (
                gateway,
                writer,
                number,
                times[-1],
                [each.kind for each in some],
                [each.account for each in some],
                [each.session for each in some],
                times,
                [False] * len(some),
                [each.payload for each in some],
            )
            connection.execute(_APPEND, arguments, binary=True)


def _batches(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    """Cut before each tick: all events of an append have one log time."""
    starts = [at for at, event in enumerate(events) if event.kind == TICK]
    for begin, end in pairwise([0, *starts, len(events)]):
        for start in range(begin, end, APPEND_EVENTS):
            yield events[start : min(start + APPEND_EVENTS, end)]


def _follow(engine: Engine, gateway: str, working_set: WorkingSet | None) -> WorkingSet:
    """Fold what is logged, as the projector does."""
    while True:
        with engine.begin() as connection:
            done = step(connection, gateway, working_set)
        working_set = done.working_set
        if not done.folded:
            return working_set


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
