"""Notifications are hints: whoever fills the server's queue of them stops neither recording nor alerting."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from recon.alerts.refused import refused_signal
from recon.alerts.signal_store import append
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import create_engine
from recon.db.migrate import migrate
from recon.db.roles import ANALYST, OWNER, SERVICE
from recon.log.hints import LOG_CHANNEL, hint
from recon.times import microseconds
from tests.conftest import UNSAFE_BUT_FAST, TestDatabase
from tests.log.test_lease import T0, put
from tests.support.recorder_probe import GATEWAY, connected, frames_of

pytestmark = pytest.mark.postgres

#: The smallest queue that a server can have, in pages of 8 KiB: a full one takes gigabytes otherwise.
QUEUE_PAGES = 64
#: The first version of Postgres whose queue can be bounded.
QUEUE_SINCE = 17
#: Longest wait for a notification, in seconds.
PATIENCE = 20.0
#: The longest text of a notification, in bytes.
LONGEST = 7999


@pytest.fixture
def server(server_dir: Path, postgres_binaries: Path | None) -> Iterator[EmbeddedPostgres]:
    if postgres_binaries is not None and not _bounds_queue(postgres_binaries):
        pytest.skip("a queue of this size needs Postgres 17")
    options = UNSAFE_BUT_FAST | {"max_notify_queue_pages": str(QUEUE_PAGES)}
    with EmbeddedPostgres(server_dir, postgres_binaries, options=options, sync=False) as made:
        migrate(made.url(OWNER))
        yield made


def test_a_full_queue_of_notifications_stops_neither_append_nor_alert(server: EmbeddedPostgres) -> None:
    with connected(server.url(ANALYST)) as listener, connected(server.url(ANALYST)) as flooder:
        listener.execute("LISTEN recon_log")
        listener.execute("BEGIN")
        listener.execute("SELECT 1")
        flooder.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="too many notifications"):
            _flood(flooder)
        with connected(server.url(SERVICE)) as raw:
            assert put(raw, 1, "a", writer=uuid4()).last_seq == 1
            hint(raw, [GATEWAY])
        engine = create_engine(server.url(SERVICE), "test", pooled=False)
        alert = refused_signal(GATEWAY, None, "frame", "a reason", 6, 1, microseconds(T0))
        with engine.begin() as connection:
            assert append(connection, [alert]) == 1
    assert frames_of(server.url(SERVICE)) == ["a"]


def test_only_a_hint_notifies_and_after_its_commit(database: TestDatabase) -> None:
    with connected(database.analyst_url) as listener, connected(database.service_url) as raw:
        listener.execute(f"LISTEN {LOG_CHANNEL}")
        put(raw, 1, "a", writer=uuid4())
        hint(raw, ["another", GATEWAY, GATEWAY])
        heard = [told.payload for told in listener.notifies(timeout=PATIENCE, stop_after=2)]
    assert sorted(heard) == sorted(["another", GATEWAY]), "the append itself told nobody"


def test_a_hint_that_fails_is_forgotten(database: TestDatabase) -> None:
    with connected(database.service_url) as raw:
        raw.execute("SET statement_timeout = '1ms'")
        hint(raw, ["x" * (LONGEST + 1)])
        raw.execute("SET statement_timeout = 0")
        assert put(raw, 1, "a", writer=uuid4()).last_seq == 1
        raw.close()
        hint(raw, [GATEWAY])


def _bounds_queue(binaries: Path) -> bool:
    """True if the server's queue of notifications can be made small."""
    told = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - the server under test
    found = re.search(r"\b(\d+)", told.stdout)
    return found is not None and int(found[1]) >= QUEUE_SINCE


def _flood(session: psycopg.Connection) -> None:
    for number in range(2 * QUEUE_PAGES):
        session.execute("SELECT pg_notify('x', %s || repeat('x', %s))", (str(number), LONGEST - 10))
