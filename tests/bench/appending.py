"""Appending alone: `recon.log.append` on one connection, each batch a durable commit of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from uuid import uuid4

import psycopg

from recon.db.engine import libpq_url
from recon.log.append import append
from recon.log.events import NewEvent
from tests.bench.figures import Figures
from tests.bench.load import new_events
from tests.bench.sizes import Sizes
from tests.bench.stage import Stage


def append_all(url: str, gateway: str, events: Sequence[NewEvent], batch: int) -> float:
    """Append events in batches of one size; return events per second."""
    writer = uuid4()
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        began = time.perf_counter()
        for number, start in enumerate(range(0, len(events), batch), start=1):
            some = events[start : start + batch]
            append(connection, gateway=gateway, writer=writer, batch=number, now=some[-1].received_at, events=some)
        return len(events) / (time.perf_counter() - began)


@contextmanager
def open_snapshot(url: str) -> Iterator[None]:
    """Keep an analyst's transaction open, with a snapshot that every later row version has to outlive."""
    with psycopg.connect(libpq_url(url)) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = connection.execute("SELECT count(*) FROM recon.gateways").fetchone()
        yield
        # Had the server ended the transaction meanwhile, this would fail.
        if connection.execute("SELECT count(*) FROM recon.gateways").fetchone() != before:
            raise RuntimeError("the analyst's snapshot did not last")
        connection.rollback()


def measure(stage: Stage, figures: Figures, sizes: Sizes) -> None:
    """Append in batches of several sizes, and in batches of 100 while an analyst's snapshot is open."""
    events = new_events(max(sizes.appended.values()))
    append_all(stage.service_url, stage.new_gateway(), events, 1000)
    for batch, amount in sizes.appended.items():
        stage.settle()
        rates, harmed = [], []
        for _ in range(sizes.repeats):
            rates.append(append_all(stage.service_url, stage.new_gateway(), events[:amount], batch))
            if batch == 100:
                # In turn with the plain ones, so that whatever else the machine does meets both.
                with open_snapshot(stage.analyst_url):
                    harmed.append(append_all(stage.service_url, stage.new_gateway(), events[:amount], batch))
        note = f"{amount:,} events, median of {sizes.repeats}"
        figures.add(f"append_{batch}", f"append, {batch:,} a commit", median(rates), "/s", note)
        if harmed:
            note += "; in turn with the line above"
            figures.add("append_snapshot", f"append, {batch:,} a commit, snapshot open", median(harmed), "/s", note)
