"""Reading reports: each column of a view is in its report or left out on purpose; order and batches lose nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, insert, text

from recon.db.engine import create_engine, libpq_url
from recon.db.reader import Reader, open_reader
from recon.errors import ConfigError
from recon.ledger.changes import LedgerChanges
from recon.projection.checkpoint import current_edition
from recon.projection.store import ledger_schema
from recon.reads.as_of import AsOf
from recon.reads.filter import Filter
from recon.reports import reading
from recon.reports.catalogue import REPORTS
from recon.reports.model import ReportRow
from recon.reports.reading import Asked, query_of, read_rows
from tests.conftest import TestDatabase
from tests.support.coverage_rows import CoverageLog

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
#: What a type of a column is in Postgres.
TYPES = {
    "text": {"text"}, "decimal": {"numeric"}, "integer": {"bigint", "integer"}, "boolean": {"boolean"},
    "time": {"timestamp with time zone"}, "date": {"date"},
}  # fmt: skip


@pytest.fixture
def reader(database: TestDatabase) -> Iterator[Reader]:
    with open_reader(libpq_url(database.service_url), "tests", snapshot=True) as opened:
        yield opened


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "tests", pooled=False)
    yield made
    made.dispose()


@pytest.mark.parametrize("name", REPORTS)
def test_the_past_of_a_report_has_the_columns_that_it_says(database: TestDatabase, reader: Reader, name: str) -> None:
    """A column that is known of the past is one of its function, and what is not is asked for as null."""
    CoverageLog(database.service_url, "eu").write(LedgerChanges())
    report = REPORTS[name]
    asked = Asked(report=report, filter=Filter(), now=NOW, past=AsOf(NOW))
    assert list(read_rows(reader, asked)) == []


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_has_every_column_of_its_view_with_its_type_or_leaves_it_out_on_purpose(
    engine: Engine, name: str
) -> None:
    report = REPORTS[name]
    schema, view = report.view.split(".")
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = :schema AND table_name = :view"
            ),
            {"schema": schema, "view": view},
        )
        columns = {row.column_name: row.data_type for row in found}
    assert set(columns) == {column.key for column in report.columns} | set(report.without)
    assert not {column.key for column in report.columns} & set(report.without)
    wrong = [
        column for column in report.columns if column.sql == "{}" and columns[column.key] not in TYPES[column.type]
    ]
    assert not wrong
    assert {*report.order, *report.filters.values()} <= set(columns)
    assert {*report.printed, report.tally} - {None} <= {column.key for column in report.columns}


def test_a_name_that_a_report_cannot_be_narrowed_by_and_a_word_that_there_is_not_are_refused() -> None:
    with pytest.raises(ConfigError, match="fills cannot be narrowed by severity"):
        query_of(Asked(report=REPORTS["fills"], filter=Filter(severity=("high",)), now=NOW))
    with pytest.raises(ConfigError, match="there is no verdict 'bad'"):
        query_of(Asked(report=REPORTS["balances"], filter=Filter(verdict=("bad",)), now=NOW))
    assert "r.cause" in query_of(Asked(report=REPORTS["movements"], filter=Filter(cause=("opening",)), now=NOW)).text


def entries(engine: Engine, gateway: str, rows: int) -> set[tuple[str, str, str, int]]:
    """Write entries in a random order, with amounts of up to eighty digits; return their keys."""
    draw = random.Random(11)
    accounts = ["B", "A/ä", "a", "A", 'quote"d', "=1+1"]
    keys = [
        (draw.choice(accounts), draw.choice(["asset", "contract"]), draw.choice(["BTC", "btc", "€"]), number)
        for number in range(rows)
    ]
    draw.shuffle(keys)
    with engine.begin() as connection:
        edition = current_edition(connection, gateway)
        values = [
            {
                "gateway": gateway,
                "edition": edition,
                "account": account,
                "unit_kind": kind,
                "unit": unit,
                "entry_no": number,
                "seq": 1 + number % 90,
                "clock": number,
                "cause": "fill",
                "certainty": "exact",
                "amount": Decimal(draw.randrange(10**80)).scaleb(-draw.randrange(40)),
                "running": Decimal(number),
                "turnover": Decimal(0),
                "occurred_at": NOW + timedelta(microseconds=number),
                "recorded_at": NOW,
            }
            for account, kind, unit, number in keys
        ]
        for begin in range(0, rows, 1000):
            connection.execute(insert(ledger_schema.entries.table), values[begin : begin + 1000])
    return set(keys)


def test_ten_thousand_rows_come_once_each_in_the_order_of_their_keys_in_bounded_batches(
    database: TestDatabase, engine: Engine, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    CoverageLog(database.service_url, "eu").write(LedgerChanges())
    keys = entries(engine, "eu", 10_000)
    asked = Asked(report=REPORTS["movements"], filter=Filter(), now=NOW)
    monkeypatch.setattr(reading, "BATCH_ROWS", 333)
    batches = list(read_rows(reader, asked))
    assert max(map(len, batches)) == 333
    rows: list[ReportRow] = [row for batch in batches for row in batch]
    found = [(row[1], row[2], row[3], row[4]) for row in rows]
    assert len(rows) == 10_000
    assert set(found) == keys
    assert found == sorted(found, key=lambda key: (*(str(part).encode() for part in key[:3]), key[3]))
    with engine.connect() as connection:
        total = connection.execute(text("SELECT sum(amount) FROM recon_exact.entries")).scalar_one()
    place = [column.key for column in REPORTS["movements"].columns].index("amount")
    assert sum_of(rows, place) == total


def sum_of(rows: list[ReportRow], place: int) -> Decimal:
    from recon.exact import exact  # noqa: PLC0415 - for this sum alone

    with exact():
        return sum((value for row in rows if isinstance(value := row[place], Decimal)), Decimal(0))
