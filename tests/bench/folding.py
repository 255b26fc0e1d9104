"""Folding a log that is there: following it into the current edition, and rebuilding it into another."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Final

from sqlalchemy import Engine

from recon.cli.beside.answers import Answers
from recon.cli.beside.task import Rebuild
from recon.db.engine import create_engine
from recon.log.events import NewEvent
from recon.projection.rebuild import RebuildResult, rebuild
from recon.projection.step import step
from recon.projection.working_set import WorkingSet
from tests.bench.appending import append_all
from tests.bench.figures import Figures
from tests.bench.load import new_events
from tests.bench.processor_time import family_seconds
from tests.bench.stage import Stage

#: Gateways that are rebuilt at once, and one after the other.
TOGETHER: Final = 2


def follow(engine: Engine, gateway: str) -> int:
    """Fold a gateway's log into its current edition as the projector does; return the events folded."""
    working: WorkingSet | None = None
    while True:
        with engine.begin() as connection:
            done = step(connection, gateway, working)
        working = done.working_set
        if not done.folded:
            return done.seq


def measure(stage: Stage, figures: Figures, events: int, repeats: int) -> None:
    """Follow and rebuild a log of so many events; each repetition has a gateway of its own."""
    load = new_events(events)
    engine = create_engine(stage.service_url, "recon bench")
    followed, rebuilt = [], []
    try:
        for _ in range(repeats):
            gateway = stage.new_gateway()
            append_all(stage.service_url, gateway, load, 1000)
            stage.settle()
            began = time.perf_counter()
            folded = follow(engine, gateway)
            followed.append(folded / (time.perf_counter() - began))
            rebuilt.append(_rebuild(stage, gateway))
        together = _rebuild_together(stage, engine, load)
    finally:
        engine.dispose()
    note = f"{len(load):,} events, median of {repeats}"
    figures.add(
        "projection",
        "projection, catching up",
        median(followed),
        "/s",
        f"{note}; 1,000 a transaction, not waiting for the disk",
    )
    figures.add("rebuild", "rebuild", median(rebuilt), "/s", f"{note}; folded, compared by digest, switched")
    for jobs, spent in zip((1, TOGETHER), together, strict=True):
        how = "one after the other" if jobs == 1 else "at once, each by a worker"
        name = f"rebuild of {TOGETHER}, {how}"
        note = f"{len(load):,} events each"
        figures.add(f"rebuild_{jobs}_of_{TOGETHER}", name, spent.rate, "/s", note)
        figures.add(f"rebuild_{jobs}_service", f"{name}: recon", spent.ours_us, "µs an event", "processor time")
        figures.add(f"rebuild_{jobs}_postgres", f"{name}: postgres", spent.postgres_us, "µs an event", "processor time")


class _Spent:
    """What a number of events took: events a second, and microseconds of processor time an event."""

    rate = ours_us = postgres_us = 0.0

    @contextmanager
    def measured(self, stage: Stage, events: int) -> Iterator[None]:
        """Measure what is done meanwhile."""
        pid = stage.server.pid or 0
        began, ours, postgres = time.perf_counter(), sum(os.times()[:4]), family_seconds(pid)
        yield
        self.rate = events / (time.perf_counter() - began)
        self.ours_us = 1e6 * (sum(os.times()[:4]) - ours) / events
        self.postgres_us = 1e6 * (family_seconds(pid) - postgres) / events


def _rebuild_together(stage: Stage, engine: Engine, load: Sequence[NewEvent]) -> list[_Spent]:
    """Rebuild gateways one after the other, then at once."""
    names = [stage.new_gateway() for _ in range(TOGETHER)]
    for name in names:
        append_all(stage.service_url, name, load, 1000)
        follow(engine, name)
    tasks = [Rebuild(stage.service_url, name, None) for name in names]
    found = []
    for jobs in (1, TOGETHER):
        stage.settle()
        answers = Answers(RebuildResult, lambda _: lambda _done, _total: None)
        spent = _Spent()
        with spent.measured(stage, TOGETHER * len(load)):
            answers.collect(tasks, jobs)
        if [each.same for each in answers.answered.values()] != [True] * TOGETHER:
            raise RuntimeError(f"the rebuilds of {names} did not give the same books: {answers.failed}")
        found.append(spent)
    return found


def _rebuild(stage: Stage, gateway: str) -> float:
    stage.settle()
    began = time.perf_counter()
    result = rebuild(stage.service_url, gateway)
    whole = time.perf_counter() - began
    if not (result.same and result.switched):
        raise RuntimeError(f"the rebuild of {gateway} did not give the same books: {result}")
    return result.events / whole
