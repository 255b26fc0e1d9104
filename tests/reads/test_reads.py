"""Every list is SQL over the public views, which an analyst may run as it is copied, narrowed and sorted."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.rows import dict_row

from recon.db.engine import libpq_url
from recon.db.reader import Reader
from recon.db.source import Row
from recon.errors import ConfigError
from recon.reads.activity import ENTRIES, FILLS, ORDERS
from recon.reads.as_of import AsOf
from recon.reads.breaks import ALL_BREAKS, ALL_CASES, OPEN_BREAKS, OPEN_CASES
from recon.reads.fees import FEES
from recon.reads.filter import Filter
from recon.reads.findings import FINDINGS
from recon.reads.firm import FIRM_BALANCES, FIRM_POSITIONS
from recon.reads.query import Query
from recon.reads.read import Read
from recon.reads.sort import SortKey, sort_keys, sorted_rows
from recon.reads.units import BALANCES, POSITIONS, SHOWN_BALANCES, SHOWN_POSITIONS
from recon.reads.venues import VENUES
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.support.database_days import write_day

NOW = datetime(2100, 1, 1, tzinfo=UTC)
READS = [
    *(OPEN_BREAKS, ALL_BREAKS, OPEN_CASES, ALL_CASES, BALANCES, POSITIONS, SHOWN_BALANCES, SHOWN_POSITIONS),
    *(ORDERS, FILLS, ENTRIES, FINDINGS, FEES, FIRM_BALANCES, FIRM_POSITIONS, VENUES),
]
#: After anything that is in the log, so that the past has all of it.
PAST = AsOf(NOW, NOW)
#: A value of each name that a filter may have.
VALUES = {
    "gateway": "prod-eu", "account": "KRAKEN/JOHN", "unit": "XXBT", "cause": "missed_fill", "certainty": "inferred",
    "state": "open", "severity": "high", "verdict": "break", "who": "it's me", "kind": "unreadable",
    "symbol": "XBT/USD", "side": "BUY", "status": "FILLED", "order": "c:", "case": "ab", "since": "40000d",
    "until": "1d",
}  # fmt: skip


@pytest.mark.postgres
def test_the_copied_sql_gives_the_same_rows_with_every_filter(database: TestDatabase) -> None:
    write_day(database.service_url, demo_plan(7, 30.0))
    times = [(read, as_of) for read in READS for as_of in (AsOf(), PAST) if read.past or not as_of.is_past]
    for read, as_of in times:
        # In one transaction, which has one time: what is seen grows stale as time passes.
        with psycopg.connect(libpq_url(database.analyst_url), row_factory=dict_row) as connection:
            reader = Reader(connection)
            for query in _queries(read, as_of):
                rows = query.rows(reader)
                assert connection.execute(query.sql().encode()).fetchall() == rows, query.sql()
                assert ("_as_of(timestamptz '2100-" in query.sql()) == as_of.is_past
            found = read.query(Filter(), NOW, as_of=as_of).rows(reader)
            assert found or read in (FINDINGS, VENUES), f"{read.name} has rows"


def _queries(read: Read, as_of: AsOf) -> list[Query]:
    names = read.at(as_of).filters
    single = [Filter().also(**{name: VALUES[name]}) for name in names]
    all_of_them = Filter().also(**{name: VALUES[name] for name in names})
    sort = [SortKey(name, descending=True) for name in read.sorts]
    return [
        *(read.query(asked, NOW, as_of=as_of) for asked in (Filter(), *single, all_of_them)),
        read.query(Filter(), NOW, sort=sort, limit=5, as_of=as_of),
    ]


def test_what_is_of_now_alone_is_refused_for_a_past_time() -> None:
    with pytest.raises(ConfigError, match="findings: what they were at a past time is not kept"):
        FINDINGS.query(Filter(), NOW, as_of=PAST)
    with pytest.raises(ConfigError, match="cannot be narrowed by severity"):
        OPEN_BREAKS.query(Filter().also(severity="high"), NOW, as_of=PAST)


def test_sorting_puts_what_is_not_known_last_and_keeps_equal_rows() -> None:
    rows: list[Row] = [{"a": None, "n": 1}, {"a": 2, "n": 2}, {"a": 1, "n": 3}, {"a": 2, "n": 4}]
    assert [row["n"] for row in sorted_rows(rows, sort_keys("a", ["a", "n"]))] == [3, 2, 4, 1]
    assert [row["n"] for row in sorted_rows(rows, sort_keys("-a", ["a", "n"]))] == [2, 4, 3, 1]
    assert [row["n"] for row in sorted_rows(rows, sort_keys("-a, -n", ["a", "n"]))] == [4, 2, 3, 1]
