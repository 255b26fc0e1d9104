"""Folding a log that is there: following it into the current edition, and rebuilding it into another."""

from __future__ import annotations

import time
from statistics import median

from sqlalchemy import Engine

from recon.db.engine import create_engine
from recon.projection.rebuild import rebuild
from recon.projection.step import step
from recon.projection.working_set import WorkingSet
from tests.bench.appending import append_all
from tests.bench.figures import Figures
from tests.bench.load import new_events
from tests.bench.stage import Stage


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


def _rebuild(stage: Stage, gateway: str) -> float:
    stage.settle()
    began = time.perf_counter()
    result = rebuild(stage.service_url, gateway)
    whole = time.perf_counter() - began
    if not (result.same and result.switched):
        raise RuntimeError(f"the rebuild of {gateway} did not give the same books: {result}")
    return result.events / whole
