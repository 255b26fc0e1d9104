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

#: Each is measured so often, with comparison and without in turn, once the one first and once the other.
TURNS: Final = 5
#: The load in which something is to be classified: the last report of one order in so many is lost.
LOST_EVERY: Final = 500
#: Its events are so far apart, in microseconds, that chains of the default window come to an end in it.
APART_US: Final = 2_000
#: Events of one append, which share their log time.
BATCH: Final = 100


class InTurn(NamedTuple):
    """What each turn cost, in seconds per event: with comparison and classification, and with books alone."""

    whole: list[float]
    alone: list[float]

    def add(self, figures: Figures, key: str, name: str, note: str) -> None:
        """Tell the median share of the turns: whatever else the machine does meets both sides of one."""
        shares = [1 - alone / whole for whole, alone in zip(self.whole, self.alone, strict=True)]
        told = ", ".join(f"{share:.2f}" for share in sorted(shares))
        figures.add(key, f"{name}: comparing and classifying", median(shares), "x", f"{note}; median of {told}")


def in_turn(cost: Callable[[bool], float]) -> InTurn:
    """Measure both sides TURNS times; `cost` is told whether to keep books alone."""
    turns = InTurn([], [])
    for turn in range(TURNS):
        for alone in (False, True) if turn % 2 else (True, False):
            (turns.alone if alone else turns.whole).append(cost(alone))
    return turns


def measure(stage: Stage, figures: Figures, load: FrameFile) -> None:
    """Measure the fold of a log, where all agrees and where something is lost, and the whole pipeline."""
    clean = new_events(load.frames // 2)
    lossy = new_events(load.frames // 2, lost_every=LOST_EVERY, apart_us=APART_US)
    _fold(stage, figures, "fold", "fold", clean)
    _fold(stage, figures, "lossy", f"fold, one report of {LOST_EVERY} orders lost", lossy)
    _stream(stage, figures, load)


def _fold(stage: Stage, figures: Figures, key: str, name: str, events: list[NewEvent]) -> None:
    engine = create_engine(stage.service_url, "recon bench")
    breaks = 0

    def cost(alone: bool) -> float:  # of `in_turn`
        nonlocal breaks
        gateway = stage.new_gateway()
        append_all(stage.service_url, gateway, events, BATCH)
        stage.settle()
        began = time.process_time()
        with books_alone() if alone else nullcontext():
            folded = follow(engine, gateway)
        spent = time.process_time() - began
        breaks = max(breaks, _breaks(engine, gateway))
        return spent / folded

    try:
        turns = in_turn(cost)
    finally:
        engine.dispose()
    note = f"{len(events):,} events, {breaks} breaks; time of this process"
    figures.add(f"{key}_whole", f"{name}, compared and classified", 1e6 * median(turns.whole), "µs an event", note)
    figures.add(
        f"{key}_alone", f"{name}, books alone", 1e6 * median(turns.alone), "µs an event", "the same rows written"
    )
    turns.add(figures, f"{key}_share", name, "of the whole")


def _stream(stage: Stage, figures: Figures, load: FrameFile) -> None:
    def cost(alone: bool) -> float:  # of `in_turn`
        return 1 / streaming.run(stage, load, options=("--books-alone",) if alone else ()).rate

    turns = in_turn(cost)
    note = f"{load.frames:,} frames, saturated"
    figures.add("stream_whole", "end to end, compared and classified", 1 / median(turns.whole), "/s", note)
    figures.add("stream_alone", "end to end, books alone", 1 / median(turns.alone), "/s", note)
    turns.add(figures, "stream_share", "end to end", "of the throughput of books alone")


def _breaks(engine: DatabaseEngine, gateway: str) -> int:
    with engine.connect() as connection:
        query = text("SELECT count(*) FROM recon_store.breaks WHERE gateway = :gateway")
        return int(connection.scalar(query, {"gateway": gateway}) or 0)
