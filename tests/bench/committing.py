"""Many committers at once, each on a gateway's log of its own: without NOTIFY, with it in the commit, with it after."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Final
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import TupleRow

from recon.db.engine import libpq_url
from recon.log.append import append
from recon.log.events import NewEvent
from recon.log.hints import LOG_CHANNEL, hint
from tests.bench.figures import Figures
from tests.bench.load import new_events
from tests.bench.sizes import Sizes
from tests.bench.stage import Stage

#: What each committer does beside the append: inside its transaction, and after its commit.
Extra = Callable[[psycopg.Connection[TupleRow], str], None]


def _nothing(_: psycopg.Connection[TupleRow], __: str) -> None:
    pass


def _notify(connection: psycopg.Connection[TupleRow], gateway: str) -> None:
    connection.execute("SELECT pg_notify(%s, %s)", (LOG_CHANNEL, gateway))


def _hint(connection: psycopg.Connection[TupleRow], gateway: str) -> None:
    hint(connection, [gateway])


#: The ways, by their key: as recon appends, as it did once, and as people's commands do.
WAYS: Final[Mapping[str, tuple[str, Extra, Extra]]] = {
    "plain": ("no NOTIFY", _nothing, _nothing),
    "inside": ("NOTIFY in the transaction", _notify, _nothing),
    "after": ("NOTIFY after the commit", _nothing, _hint),
}


def measure(stage: Stage, figures: Figures, sizes: Sizes) -> None:
    """Measure each way in turn, so that whatever else the machine does meets all; then say their ratios."""
    for committers in sizes.committers:
        rates: dict[str, list[float]] = {key: [] for key in WAYS}
        for _ in range(sizes.repeats):
            for key, (_, inside, after) in WAYS.items():
                stage.settle()
                rates[key].append(_rate(stage, committers, sizes.commits, inside, after))
        for key, (name, _, _) in WAYS.items():
            note = f"{committers} logs, {sizes.commits:,} commits of one event each, median of {sizes.repeats}"
            figures.add(f"{key}_{committers}", f"{committers} committers, {name}", median(rates[key]), "/s", note)
        figures.ratio(f"notify_{committers}", f"plain_{committers}", f"inside_{committers}")


def _rate(stage: Stage, committers: int, commits: int, inside: Extra, after: Extra) -> float:
    """Return the commits a second of so many connections at once, after each has begun its log."""
    start = threading.Barrier(committers + 1)
    events = new_events(1)

    def commit(gateway: str) -> None:
        writer = uuid4()
        with psycopg.connect(libpq_url(stage.service_url)) as connection:
            _append(connection, gateway, writer_batch=(writer, 1), events=events)
            connection.commit()
            start.wait()
            for number in range(2, commits + 2):
                _append(connection, gateway, writer_batch=(writer, number), events=events)
                inside(connection, gateway)
                connection.commit()
                after(connection, gateway)

    gateways = [stage.new_gateway() for _ in range(committers)]
    with ThreadPoolExecutor(committers) as pool:
        done = [pool.submit(commit, gateway) for gateway in gateways]
        start.wait()
        began = time.perf_counter()
        for each in done:
            each.result()
        return committers * commits / (time.perf_counter() - began)


def _append(
    connection: psycopg.Connection[TupleRow], gateway: str, *, writer_batch: tuple[UUID, int], events: list[NewEvent]
) -> None:
    writer, batch = writer_batch
    append(connection, gateway=gateway, writer=writer, batch=batch, now=events[-1].received_at, events=events)
