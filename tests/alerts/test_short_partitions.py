"""That partitions of the log run short is told before any event lies beyond the last one, and after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import text

from recon.alerts.watch.short_partitions import short_partitions
from recon.alerts.watch.store import look
from recon.config import Settings
from recon.db.engine import create_engine, libpq_url
from recon.log.partitions import PARTITION_EVENTS, SHORT_EVENTS, make_partitions
from recon.service.stored_figures import read_figures
from recon.service.watcher import plan_of
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 1, 5, tzinfo=UTC)
#: An event far on in the log of a gateway, as its owner can put it there.
AT = """
INSERT INTO recon_store.log_events
    (gateway, seq, recorded_at, received_at, kind, readable, redacted, payload, digest)
VALUES ('g', %s, now(), now(), 'frame', true, false, '{}', '')
"""


def test_it_is_told_while_there_is_room_and_beyond_and_ends_with_more_partitions(database: TestDatabase) -> None:
    service = create_engine(database.service_url, "tests", pooled=False)
    with psycopg.connect(libpq_url(database.owner_url), autocommit=True) as owner:
        owner.execute("INSERT INTO recon_store.log_gateways (gateway) VALUES ('g')")
        with service.connect() as connection:
            assert short_partitions(connection) == []
        owner.execute(AT, (PARTITION_EVENTS - SHORT_EVENTS + 1,))
        with service.connect() as connection:
            (job,) = short_partitions(connection)
        assert (job.gateway, job.kind) == ("", "partitions.short")
        assert "for 4,999,999 more events" in job.detail
        owner.execute(AT, (PARTITION_EVENTS + 7,))
        with service.begin() as connection:
            (job,) = short_partitions(connection)
            assert job.detail.startswith("7 log positions lie beyond the last partition")
            for minutes in (0, 11):
                look(connection, plan_of(Settings()), NOW + timedelta(minutes=minutes))
            told = connection.scalars(text("SELECT document FROM recon_store.signals WHERE event = 'partitions.short'"))
            assert "recon migrate" in str(list(told))
            assert read_figures(connection, []).room_events == -7
        assert make_partitions(database.owner_url) == [3 * PARTITION_EVENTS, 4 * PARTITION_EVENTS]
        with service.connect() as connection:
            assert short_partitions(connection) == []
            assert read_figures(connection, []).room_events == 3 * PARTITION_EVENTS - 7
