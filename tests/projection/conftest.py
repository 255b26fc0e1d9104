"""A simulated day in a database's log, as the recorder would have appended it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine

from recon.db.engine import create_engine, libpq_url
from recon.log.append import append
from recon.log.events import Event, NewEvent
from tests.conftest import TestDatabase

Append = Callable[[str, list[Event]], None]


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.fixture
def append_events(database: TestDatabase) -> Iterator[Append]:
    """Append events with the log times they have; a batch for each, as an idle recorder would."""
    with psycopg.connect(libpq_url(database.service_url), autocommit=True) as raw:
        batches: dict[str, int] = {}

        def run(gateway: str, events: list[Event]) -> None:
            with raw.transaction():
                for event in events:
                    batch = batches[gateway] = batches.get(gateway, 0) + 1
                    new = NewEvent(event.kind, event.payload, event.received_at, event.account, event.session)
                    append(raw, gateway=gateway, writer=UUID(int=1), batch=batch, now=event.recorded_at, events=[new])

        yield run
