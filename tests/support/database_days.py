"""A simulated day in a real database, appended as by the recorder and folded as by the projector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID, uuid4

import psycopg

from recon.db.engine import create_engine, libpq_url
from recon.db.raw import driver_connection
from recon.log import append as appending
from recon.log.events import NewEvent
from recon.projection.step import OnTransitions, step
from recon.simulator.day import Gateway
from recon.simulator.plan import Plan
from recon.testing import recorded_events, without_rest
from recon.times import microseconds

#: Longest time of one batch of frames, in microseconds.
BATCH_US = 50_000
#: Seconds without trading after the day, until the engine has decided everything.
QUIET = 15.0

#: The one writer of events that people told.
_WRITER: Final = UUID(int=1)
_APPEND_ANY: Final = "SELECT recon_store.append_any(%s, %s, %s, %s, %s, %s, %s, %s, %s, %b)"


def write_day(
    service_url: str, plan: Plan, *, ends_at: datetime | None = None, on_transitions: OnTransitions | None = None
) -> list[Gateway]:
    """Append and fold a plan that ends about now (or at `ends_at`); return its gateways."""
    end = ends_at or datetime.now(UTC)
    start = end - timedelta(seconds=plan.duration + QUIET)
    plan, gateways = without_rest(plan), []
    for gateway_plan in plan.gateways:
        gateway = Gateway(gateway_plan, start)
        write_events(service_url, gateway_plan.name, recorded_events(plan, gateway, until=end, start=start))
        fold(service_url, gateway_plan.name, on_transitions)
        gateways.append(gateway)
    return gateways


def write_events(service_url: str, gateway: str, events: Iterable[NewEvent]) -> None:
    """Append events with their time of receipt as log time."""
    writer = uuid4()
    engine = create_engine(service_url, "tests", pooled=False)
    with engine.begin() as connection:
        for number, batch in enumerate(_batched(events), start=1):
            appending.append(
                driver_connection(connection),
                gateway=gateway,
                writer=writer,
                batch=number,
                now=batch[-1].received_at,
                events=batch,
            )


def write_told_events(superuser_url: str, gateway: str, events: Iterable[NewEvent], *, first: int = 1) -> None:
    """Append events as `write_events` does, and among them what people told; only a superuser can.

    `first` is the number of the first batch: one writer numbers all of a gateway's.
    """
    with psycopg.connect(libpq_url(superuser_url)) as connection:
        for number, batch in enumerate(_batched(events), start=first):
            connection.execute(
                _APPEND_ANY,
                (
                    gateway,
                    _WRITER,
                    number,
                    microseconds(batch[-1].received_at),
                    [event.kind for event in batch],
                    [event.account for event in batch],
                    [event.session for event in batch],
                    [microseconds(event.received_at) for event in batch],
                    [event.redacted for event in batch],
                    [event.payload for event in batch],
                ),
            )


def fold(service_url: str, gateway: str, on_transitions: OnTransitions | None = None) -> None:
    """Fold a gateway's log to its end."""
    engine = create_engine(service_url, "tests", pooled=False)
    working = None
    while True:
        with engine.begin() as connection:
            done = step(connection, gateway, working, on_transitions=on_transitions)
        working = done.working_set
        if not done.folded:
            return


def _batched(events: Iterable[NewEvent]) -> Iterator[list[NewEvent]]:
    def slot(event: NewEvent) -> int:
        return int(event.received_at.timestamp() * 1_000_000) // BATCH_US

    for _, batch in groupby(events, slot):
        yield list(batch)
