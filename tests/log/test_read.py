"""Pages of the log: bounded in events and in bytes, whatever the payloads are."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from recon.db.engine import create_engine, libpq_url
from recon.log import read
from recon.log.append import append
from recon.log.events import NewEvent
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

T0 = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


def test_a_page_of_large_payloads_ends_with_the_event_that_fills_it(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    payloads = [b"x" * size for size in (10, 10, 60, 60, 10, 300, 10, 0, 20, 20, 20, 20)]
    with psycopg.connect(libpq_url(database.service_url), autocommit=True) as raw:
        events = [NewEvent("frame", payload, T0) for payload in payloads]
        append(raw, gateway="g", writer=UUID(int=1), batch=1, now=T0, events=events)
    monkeypatch.setattr(read, "PAGE_BYTES", 100)
    engine = create_engine(database.service_url, "test")
    pages: list[list[int]] = []
    found: list[bytes] = []
    with engine.connect() as connection:
        while page := read.page(connection, "g", len(found), 4):
            pages.append([event.seq for event in page])
            found += [event.payload for event in page]
    engine.dispose()
    assert found == payloads
    assert pages == [[1, 2, 3, 4], [5, 6], [7, 8, 9, 10], [11, 12]]
