"""The queries of the documents find their events in the log by an index: none scans it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, text

import recon
from recon.db.engine import create_engine
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.reads.test_cookbook import scans
from tests.support.database_days import write_day

pytestmark = pytest.mark.postgres

PACKAGE: Final = Path(recon.__file__).parent
DOCUMENTS: Final = (PACKAGE / "docs" / "analyst.md", PACKAGE.parent / "README.md")
QUERIES: Final = [
    query
    for file in DOCUMENTS
    for query in re.findall(r"```sql\n(.*?)```", file.read_text(encoding="utf-8"), re.DOTALL)
]
#: Events of another gateway, so that reading the whole log is never the cheapest way.
OTHERS: Final = """
INSERT INTO recon_store.log_events
    (gateway, seq, recorded_at, received_at, kind, account, readable, redacted, payload, digest)
SELECT 'other', n, now() - interval '1 day', now(), 'BALANCE_UPDATE', 'OTHER' || n % 50, true, false, '{}', ''
FROM generate_series(1, 50000) AS n
"""


@pytest.fixture(scope="module")
def day(database_of_module: TestDatabase) -> TestDatabase:
    write_day(database_of_module.service_url, demo_plan(7, 30.0))
    with create_engine(database_of_module.superuser_url, "tests", pooled=False).begin() as connection:
        connection.execute(text(OTHERS))
        connection.execute(text("ANALYZE"))
    return database_of_module


@pytest.fixture
def analyst(day: TestDatabase) -> Iterator[Connection]:
    with create_engine(day.analyst_url, "tests", pooled=False).connect() as connection:
        yield connection


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: " ".join(query.split())[:60])
def test_a_query_of_a_document_scans_no_log(query: str, analyst: Connection) -> None:
    assert scans(analyst, query.replace(":", r"\:"), {}) == []


@pytest.mark.parametrize(
    "view", ["sessions", "rule_changes", "fact_messages", "rest_answers", "venue_answers", "clock_jumps", "decisions"]
)
def test_a_view_of_a_rare_kind_is_found_by_its_kind(view: str, analyst: Connection) -> None:
    assert scans(analyst, f"SELECT * FROM recon.{view}", {}) == []  # noqa: S608 - names of our own


@pytest.mark.parametrize("view", ["execution_reports", "balance_messages", "position_messages", "heartbeats", "events"])
def test_frequent_kinds_are_found_by_account_or_time(view: str, analyst: Connection) -> None:
    time = "recorded_at > now() - interval '1 minute'"
    assert scans(analyst, f"SELECT * FROM recon.{view} WHERE {time}", {}) == []  # noqa: S608
    if view != "heartbeats":
        assert scans(analyst, f"SELECT * FROM recon.{view} WHERE account = 'BINANCE'", {}) == []  # noqa: S608
