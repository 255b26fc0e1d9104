"""Time grows with what comes in, and not faster: each hostile load at three sizes, folded in memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Final

from recon.testing.log import new_fold
from tests.bench import growth_breaks, growth_fills, growth_people, growth_rows
from tests.bench.figures import Figures
from tests.bench.growth_loads import LOADS, Feed, Load, fold_pages

#: The modules whose loads are measured: to import them registers the loads.
MODULES: Final = (growth_rows, growth_fills, growth_breaks, growth_people)


def cost(load: Load, rows: int, run: Callable[[Callable[[], None]], float]) -> float:
    """Return what `run` tells of folding a load, for each row; what the load prepares does not count."""
    feed, fold = Feed(), new_fold("bench")
    load.write(feed, max(rows // load.share, 1))
    fold_pages(fold, feed.events[: feed.prepared])
    return run(lambda: fold_pages(fold, feed.events[feed.prepared :])) / feed.rows


def seconds(work: Callable[[], None]) -> float:
    """Return the CPU seconds that work takes."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(figures: Figures, sizes: Sequence[int]) -> None:
    """Measure every load at every size; the figure is the time a row at the largest, over that at the smallest."""
    for name, load in LOADS.items():
        costs = [cost(load, rows, seconds) * 1e6 for rows in sizes]
        at = ", ".join(f"{rows // load.share:,}" for rows in sizes)
        note = f"{', '.join(f'{each:,.0f}' for each in costs)} µs a row at {at} rows"
        figures.add(f"linear.{name}", f"growth: {name}", costs[-1] / max(costs[0], 1e-9), "x", note)
