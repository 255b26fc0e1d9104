"""What comparing and classifying cost: the same pipeline with them and with books alone, in turn in one run.

With them is the service as it is; without them `BooksAlone` stands in the engine's place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from statistics import median
from typing import Final, NamedTuple

from sqlalchemy import Engine as DatabaseEngine
from sqlalchemy import text

from recon.db.engine import create_engine
from recon.log.events import NewEvent
from tests.bench import streaming
from tests.bench.alone import books_alone
from tests.bench.appending import append_all
from tests.bench.figures import Figures
from tests.bench.folding import follow
from tests.bench.load import FrameFile, new_events
from tests.bench.stage import Stage

#: The load in which something is to be classified: the last report of one order in so many is lost.
LOST_EVERY: Final = 500
#: Its events are so far apart, in microseconds, that chains of the default window come to an end in it.
APART_US: Final = 2_000
#: Events of one append, which share their log time.
BATCH: Final = 100


class InTurn(NamedTuple):
    """The cost of each turn, in seconds per event: with comparison and classification, and with books alone."""

    whole: list[float]
    alone: list[float]

    def add(self, figures: Figures, key: str, name: str, note: str) -> None:
        """Add the median share of the turns: other work on the machine slows both sides of a turn."""
        shares = [1 - alone / whole for whole, alone in zip(self.whole, self.alone, strict=True)]
        told = ", ".join(f"{share:.2f}" for share in sorted(shares))
        figures.add(key, f"{name}: comparing and classifying", median(shares), "x", f"{note}; median of {told}")


class Comparing:
    """Measures with comparison and without, `turns` times in turn."""

    def __init__(self, stage: Stage, figures: Figures, turns: int) -> None:
        self._stage = stage
        self._figures = figures
        self._turns = turns

    def fold(self, key: str, name: str, events: list[NewEvent]) -> None:
        """Measure the fold of a log, by the time of this process."""
        engine = create_engine(self._stage.service_url, "recon bench")
        breaks = 0

        def cost(alone: bool) -> float:  # of `in_turn`
            nonlocal breaks
            gateway = self._stage.new_gateway()
            append_all(self._stage.service_url, gateway, events, BATCH)
            self._stage.settle()
            began = time.process_time()
            with books_alone() if alone else nullcontext():
                folded = follow(engine, gateway)
            spent = time.process_time() - began
            breaks = max(breaks, _breaks(engine, gateway))
            return spent / folded

        try:
            costs = self._in_turn(cost)
        finally:
            engine.dispose()
        note = f"{len(events):,} events, {breaks} breaks; time of this process"
        whole, alone = 1e6 * median(costs.whole), 1e6 * median(costs.alone)
        self._figures.add(f"{key}_whole", f"{name}, compared and classified", whole, "µs an event", note)
        self._figures.add(f"{key}_alone", f"{name}, books alone", alone, "µs an event", "the same rows written")
        costs.add(self._figures, f"{key}_share", name, "of the whole")

    def stream(self, load: FrameFile) -> None:
        """Measure the whole pipeline, saturated."""

        def cost(alone: bool) -> float:  # of `in_turn`
            return 1 / streaming.run(self._stage, load, options=("--books-alone",) if alone else ()).rate

        costs = self._in_turn(cost)
        note = f"{load.frames:,} frames, saturated"
        self._figures.add("stream_whole", "end to end, compared and classified", 1 / median(costs.whole), "/s", note)
        self._figures.add("stream_alone", "end to end, books alone", 1 / median(costs.alone), "/s", note)
        costs.add(self._figures, "stream_share", "end to end", "of the throughput of books alone")

    def _in_turn(self, cost: Callable[[bool], float]) -> InTurn:
        """Measure both sides, the one first and the other first in turn; `cost(True)` keeps books alone."""
        costs = InTurn([], [])
        for turn in range(self._turns):
            for alone in (False, True) if turn % 2 else (True, False):
                (costs.alone if alone else costs.whole).append(cost(alone))
        return costs


def measure(stage: Stage, figures: Figures, load: FrameFile, turns: int) -> None:
    """Measure the fold of a log, where all agrees and where something is lost, and the whole pipeline."""
    comparing = Comparing(stage, figures, turns)
    comparing.fold("fold", "fold", new_events(load.frames // 2))
    lossy = new_events(load.frames // 2, lost_every=LOST_EVERY, apart_us=APART_US)
    comparing.fold("lossy", f"fold, one report of {LOST_EVERY} orders lost", lossy)
    comparing.stream(load)


def _breaks(engine: DatabaseEngine, gateway: str) -> int:
    with engine.connect() as connection:
        query = text("SELECT count(*) FROM recon_store.breaks WHERE gateway = :gateway")
        return int(connection.scalar(query, {"gateway": gateway}) or 0)
