"""Numbers of schema `recon`: typed by rule, exact in other programs, and with a text and a finding where none fits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
import psycopg
import pyarrow.parquet
import pytest
from adbc_driver_postgresql import dbapi
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, text

import recon
from recon.db.engine import create_engine, libpq_url
from recon.db.version import migrations_directory
from recon.testing import GatewayDriver, balance_row
from tests.conftest import TestDatabase
from tests.support.analysts_days import write_driver

pytestmark = pytest.mark.postgres

D = Decimal
#: What is held of each asset, and whether numeric(38,18) holds the number.
HELD: Final = {
    "AAA": D("98765432109.87654321"),
    "BBB": D("12345678901234567890.123456789012345678"),
    "CCC": D("0.000000000000000001"),
    "DDD": D(0),
}
NOT_HELD: Final = {
    "EEE": D("0.1234567890123456789"),
    "FFF": D("100000000000000000000"),
}
RATE: Final = D("1.000000000000000003")
BALANCES: Final = "SELECT b.asset, b.balance, b.exact FROM recon.balances AS b ORDER BY b.asset"
PAST: Final = "SELECT b.asset, b.balance, b.exact FROM recon.balances_as_of(now()) AS b ORDER BY b.asset"
#: Asset, balance as the program's decimal or exact text, and the texts of what does not fit.
Rows: TypeAlias = list[tuple[str, Decimal | None, str | None]]

#: What of schema `recon` gives a number other programs cannot read to the last digit.
BARE: Final = """
    SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'recon'::regnamespace AND c.relkind = 'v'
      AND a.atttypid IN ('numeric'::regtype, 'real'::regtype, 'double precision'::regtype, 'numeric[]'::regtype)
      AND format_type(a.atttypid, a.atttypmod) <> 'numeric(38,18)'
    UNION ALL
    SELECT p.proname || '.' || o.name, format_type(o.type, NULL)
    FROM pg_proc AS p
    CROSS JOIN LATERAL unnest(p.proargnames, p.proallargtypes, p.proargmodes) AS o (name, type, mode)
    WHERE p.pronamespace = 'recon'::regnamespace AND o.mode <> 'i'
      AND o.type IN ('numeric'::regtype, 'real'::regtype, 'double precision'::regtype, 'numeric[]'::regtype)
"""


@pytest.fixture(scope="module")
def books(database_of_module: TestDatabase) -> TestDatabase:
    driver = GatewayDriver()
    driver.start(*(balance_row(asset, held, rate_usd=RATE) for asset, held in (HELD | NOT_HELD).items()))
    write_driver(database_of_module, driver)
    return database_of_module


@pytest.fixture
def analyst(books: TestDatabase) -> Iterator[Connection]:
    with create_engine(books.analyst_url, "tests", pooled=False).connect() as connection:
        yield connection


def by_psycopg(books: TestDatabase, query: str) -> Rows:
    with psycopg.connect(libpq_url(books.analyst_url)) as connection:
        return [(asset, value, exact and str(exact)) for asset, value, exact in connection.execute(query.encode())]


def by_adbc(books: TestDatabase, query: str) -> Rows:
    with dbapi.connect(libpq_url(books.analyst_url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        found = cursor.fetch_arrow_table().to_pylist()
    return [(row["asset"], None if row["balance"] is None else D(row["balance"]), row["exact"]) for row in found]


def duck(books: TestDatabase) -> duckdb.DuckDBPyConnection:
    """Return DuckDB with the books attached as database `books`."""
    package = find_spec("duckdb_extension_postgres_scanner")
    assert package is not None
    assert package.origin is not None
    (scanner,) = Path(package.origin).parent.rglob("*.duckdb_extension")
    given = conninfo_to_dict(libpq_url(books.analyst_url))
    keywords = " ".join(f"{name}='{value}'" for name, value in given.items()).replace("'", "''")
    connection = duckdb.connect()
    connection.execute(f"LOAD '{scanner}'")
    connection.execute(f"ATTACH '{keywords}' AS books (TYPE postgres, READ_ONLY)")
    return connection


def by_duckdb(books: TestDatabase, query: str) -> Rows:
    with duck(books) as connection:
        if query == BALANCES:
            return connection.execute(query.replace("recon.", "books.recon.")).fetchall()
        return connection.execute("FROM postgres_query('books', ?)", [query]).fetchall()


def by_parquet(books: TestDatabase, query: str, place: Path) -> Rows:
    with duck(books) as connection:
        connection.execute(f"COPY (FROM postgres_query('books', '{query}')) TO '{place}' (FORMAT parquet)")
    table = pyarrow.parquet.read_table(place)
    assert str(table.schema.field("balance").type) == "decimal128(38, 18)"
    return [(row["asset"], row["balance"], row["exact"]) for row in table.to_pylist()]


@pytest.mark.parametrize("query", [BALANCES, PAST], ids=["view", "function"])
@pytest.mark.parametrize("program", ["psycopg", "adbc", "duckdb", "parquet"])
def test_a_number_reads_to_the_last_digit(program: str, query: str, books: TestDatabase, tmp_path: Path) -> None:
    programs: dict[str, Callable[[], Rows]] = {
        "psycopg": lambda: by_psycopg(books, query),
        "adbc": lambda: by_adbc(books, query),
        "duckdb": lambda: by_duckdb(books, query),
        "parquet": lambda: by_parquet(books, query, tmp_path / "balances.parquet"),
    }
    found = programs[program]()
    assert {asset: value for asset, value, _ in found} == HELD | dict.fromkeys(NOT_HELD)
    for asset, _, exact in found:
        assert (exact is None) == (asset in HELD)
        assert asset in HELD or re.search(rf"\"?'?balance'?\"?: ?['\"]{NOT_HELD[asset]}['\"]", exact or "")


def test_duckdb_reads_a_bare_numeric_as_a_double(books: TestDatabase) -> None:
    """Why the numbers are typed: where this fails, they need not be."""
    with duck(books) as connection:
        query = "SELECT balance FROM books.recon_exact.balances WHERE asset = 'AAA'"
        (value,) = connection.execute(query).fetchall()[0]
    assert isinstance(value, float)
    assert D(value) != HELD["AAA"]


def test_every_number_of_views_and_functions_is_typed(analyst: Connection) -> None:
    assert analyst.execute(text(BARE)).all() == []


def test_recon_itself_reads_numbers_as_they_are() -> None:
    files = (migrations_directory() / "sql").glob("*/*.sql")
    exact = {
        name for file in files for name in re.findall(r"^CREATE \w+ recon_exact\.(\w+)", file.read_text(), re.MULTILINE)
    }
    reads = re.compile(rf"\b(?:FROM|JOIN) recon\.({'|'.join(exact)})\b")
    own = [*Path(recon.__file__).parent.rglob("*.py"), *(migrations_directory() / "sql").glob("*/*.sql")]
    assert len(exact) > 40
    assert [(file.name, found) for file in own if (found := reads.findall(file.read_text(encoding="utf-8")))] == []


def test_recon_shows_what_does_not_fit_as_it_is(analyst: Connection) -> None:
    found = analyst.execute(text("SELECT asset, balance FROM recon_exact.balances")).all()
    assert {row.asset: row.balance for row in found} == HELD | NOT_HELD
    digits = {row.asset: str(row.balance) for row in found}
    assert digits["AAA"] == "98765432109.87654321", "without zeros that nobody sent"


def test_a_value_in_usd_is_rounded_and_whole_beside(analyst: Connection) -> None:
    query = text("SELECT asset, balance_usd, exact ->> 'balance_usd' AS whole FROM recon.firm_balances")
    found = {row.asset: row for row in analyst.execute(query)}
    assert found["AAA"].balance_usd == D("98765432109.876543506296296330")
    assert found["AAA"].whole == "98765432109.87654350629629632962962963", "the amount times its rate"
    assert found["DDD"].balance_usd == 0
    assert found["DDD"].whole is None


def test_a_number_that_does_not_fit_has_a_finding(analyst: Connection) -> None:
    rows = analyst.execute(
        text("SELECT * FROM recon.findings WHERE kind = 'not_held' ORDER BY about, number DESC")
    ).all()
    assert [(row.about, row.number) for row in rows] == [("EEE", -1), ("EEE", -3), ("FFF", -1), ("FFF", -3)]
    assert all(str(NOT_HELD[row.about]) in row.message for row in rows)
    seqs = set(analyst.scalars(text("SELECT seq FROM recon.entries WHERE exact IS NOT NULL")))
    assert {row.seq for row in rows if row.number == -1} == seqs
    # It is a finding like any other, with its event.
    assert all(row.seq in set(analyst.scalars(text("SELECT seq FROM recon.events"))) for row in rows)


def test_findings_of_numbers_read_no_book(analyst: Connection, books: TestDatabase) -> None:
    with create_engine(books.owner_url, "tests", pooled=False).connect() as owner:
        owner.execute(text("SET enable_seqscan = off"))
        plan = "\n".join(owner.scalars(text("EXPLAIN SELECT * FROM recon.findings")))
    for table in ("entries", "fills", "observations"):
        assert f"ix_{table}_not_held" in plan


@pytest.mark.parametrize("query", ["TABLE recon.orders", "SELECT * FROM recon.entries WHERE gateway = 'x'"])
def test_reading_typed_numbers_calls_no_function(query: str, books: TestDatabase) -> None:
    """The rule is in the plan as an expression, which costs a tenth of a call."""
    with create_engine(books.owner_url, "tests", pooled=False).connect() as owner:
        plan = "\n".join(owner.scalars(text(f"EXPLAIN (VERBOSE) {query}")))
    assert "min_scale(" in plan
    assert "held(" not in plan
