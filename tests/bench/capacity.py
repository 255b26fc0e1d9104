"""What a rate of frames and a number of accounts need: processor time, memory of the service, and room on the disk.

Each case is a stream at an offered rate through the real service, with the venue's times as far apart as its frames.
Processor time is that of the processes, so other work on the machine blurs it little. Room is what the tables with
their indexes have grown by: the log grows with frames, and so do the rows of orders and fills in the books.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import psycopg

from recon.db.engine import libpq_url
from recon.simulator.load import FRAMES_PER_ORDER
from tests.bench.figures import Figures
from tests.bench.load import write_frames
from tests.bench.stage import Stage
from tests.bench.streaming import MB, run

_MICROSECONDS: Final = 1_000_000
#: Bytes of the log's tables, and of all others.
_SIZES: Final = """
    SELECT coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relname LIKE 'log\\_%%'), 0)::bigint,
           coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relname NOT LIKE 'log\\_%%'), 0)::bigint
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'recon_store' AND c.relkind = 'r'
"""


def _sizes(stage: Stage) -> tuple[int, int]:
    with psycopg.connect(libpq_url(stage.service_url)) as connection:
        row = connection.execute(_SIZES).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def measure(stage: Stage, figures: Figures, cases: Iterable[tuple[int, int, int]]) -> None:
    """Measure each case: accounts, frames a second, seconds."""
    for accounts, rate, seconds in cases:
        name = f"{accounts} accounts, {rate}/s"
        key = f"capacity_{accounts}_{rate}"
        order_us = _MICROSECONDS * FRAMES_PER_ORDER // rate
        load = write_frames(stage.place / f"{key}.frames", rate * seconds, accounts=accounts, order_us=order_us)
        before = _sizes(stage)
        done = run(stage, load, float(rate))
        done.add_cost(figures, key, name)
        note = f"{load.frames:,} frames of {load.bytes_ // load.frames} bytes"
        for what, size, former in zip(("log", "books"), _sizes(stage), before, strict=True):
            figures.add(f"{key}_{what}", f"{name}: {what}", (size - former) / load.frames, "bytes a frame", note)
        figures.add(f"{key}_memory", f"{name}: memory", done.memory.peak / MB, "MB", "peak of the service")
        times = done.latencies(done.stamps.projected)
        late = times[min(len(times) - 1, len(times) * 99 // 100)]
        figures.add(f"{key}_p99", f"{name}: projected, p99", late, "ms", note)
