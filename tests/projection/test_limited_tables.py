"""Folding where policies hold on the tables, because a login is limited: the same rows, written another way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import psycopg
import pytest

from recon.db.engine import create_engine, libpq_url
from recon.db.limits import Pattern, lift, limit
from recon.db.roles import ANALYST
from recon.simulator.scenarios import clean_plan
from tests.conftest import TestDatabase
from tests.support.database_days import write_day

pytestmark = pytest.mark.postgres

END: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
#: What is written by COPY where no policy holds.
_BOOKS: Final = """
    SELECT (SELECT array_agg(e::text ORDER BY e::text) FROM recon_store.entries AS e),
           (SELECT array_agg(f::text ORDER BY f::text) FROM recon_store.fills AS f),
           (SELECT array_agg(o::text ORDER BY o::text) FROM recon_store.observations AS o)
"""


def books(database: TestDatabase) -> tuple[list[str], ...]:
    with psycopg.connect(libpq_url(database.superuser_url)) as admin:
        row = admin.execute(_BOOKS).fetchone()
    assert row is not None
    return tuple(row)


def test_limited_tables_get_the_same_rows(database: TestDatabase, database_of_module: TestDatabase) -> None:
    owner = create_engine(database.owner_url, "tests", pooled=False)
    limit(owner, ANALYST, [Pattern("*", "NOBODY")], "a test")
    for each in (database, database_of_module):
        write_day(each.service_url, clean_plan(3, duration=15.0), ends_at=END)
    assert books(database) == books(database_of_module)
    assert all(books(database))
    with psycopg.connect(libpq_url(database.service_url)) as service:
        held = service.execute("SELECT row_security_active('recon_store.entries')").fetchone()
    assert held == (True,)
    lift(owner, ANALYST, "the test is over")
    with psycopg.connect(libpq_url(database.service_url)) as service:
        held = service.execute("SELECT row_security_active('recon_store.entries')").fetchone()
    assert held == (False,)
