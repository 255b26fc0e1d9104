"""A query runs the same whether its values are bound or written out, whatever they contain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import psycopg
import pytest

from recon.db.engine import create_engine, libpq_url
from recon.db.reader import open_reader
from recon.errors import ConfigError
from recon.reads.filter import Filter, of_words
from recon.reads.known_names import check_filter, check_scope
from recon.reads.query import Query, literal
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.support.database_days import write_day

pytestmark = pytest.mark.postgres

VALUES = [
    "plain",
    "it's",
    "back\\slash ' and :name and %s and --",
    "\u00e9\u4e2d\n\t",
    "",
    42,
    -42,
    True,
    Decimal("-1E-30"),
    Decimal("1E+40"),
    datetime(2026, 11, 28, 19, 33, 19, 123456, UTC),
    datetime(2026, 11, 28, 19, 33, 19, tzinfo=timezone(timedelta(hours=-7))),
    timedelta(days=-1, microseconds=1),
    ["a'b", "c\\d"],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_literal_is_the_value(database: TestDatabase, value: object) -> None:
    with psycopg.connect(libpq_url(database.analyst_url), options="-c timezone=UTC") as connection:
        row = connection.execute(f"SELECT {literal(value)}".encode()).fetchone()
    assert row == (value,)


def test_nothing_and_an_empty_list_have_literals(database: TestDatabase) -> None:
    with psycopg.connect(libpq_url(database.analyst_url)) as connection:
        assert connection.execute(f"SELECT {literal(None)}, {literal([])}".encode()).fetchone() == (None, [])


def test_what_is_no_parameter_has_no_literal() -> None:
    with pytest.raises(TypeError, match="a float is no parameter"):
        literal(0.5)


def test_only_parameters_are_written_out() -> None:
    query = Query("SELECT ':a', x::text, :a, :b -- it's :a\nFROM t WHERE y = :a", {"a": "it's"})
    assert query.sql() == "SELECT ':a', x::text, 'it''s', :b -- it's :a\nFROM t WHERE y = 'it''s';"


def test_a_query_and_its_text_give_the_same_rows(database: TestDatabase) -> None:
    write_day(database.service_url, demo_plan(7, 30.0))
    now = datetime(2100, 1, 1, tzinfo=UTC)
    text, parameters = of_words(["account=KRAKEN/JOHN", "account=BINANCE", "until=1d"]).condition(
        {"account": "account", "until": "last_alive_at"}, now
    )
    query = Query(f"SELECT account, state FROM recon.accounts WHERE {text} ORDER BY account", parameters)  # noqa: S608 - ours
    with open_reader(database.analyst_url, "test") as reader:
        rows = query.rows(reader)
    with create_engine(database.analyst_url, "test", pooled=False).connect() as connection:
        assert query.rows(connection) == rows
    with psycopg.connect(libpq_url(database.analyst_url)) as connection:
        written = connection.execute(query.sql().encode()).fetchall()
    assert [{"account": account, "state": state} for account, state in written] == rows
    assert [row["account"] for row in rows] == ["BINANCE", "KRAKEN/JOHN"]


def test_names_that_nothing_has_are_refused_with_the_nearest(database: TestDatabase) -> None:
    write_day(database.service_url, demo_plan(7, 30.0))
    with open_reader(database.analyst_url, "test") as reader:
        check_filter(reader, Filter(gateway=("prod-eu",), account=("KRAKEN/JOHN",), unit=("XXBT",)))
        for words, message in (
            (["account=KRAKEN"], "there is no account 'KRAKEN'; did you mean KRAKEN/JOHN?"),
            (["gateway=prod"], "there is no gateway 'prod'; did you mean prod-eu or prod-us?"),
            (["gateway=prod-us", "account=KRAKEN/JOHN"], "there is no account 'KRAKEN/JOHN' in prod-us; there are"),
            (["account=KRAKEN/JOHN", "unit=XBT"], "there is no unit 'XBT' in KRAKEN/JOHN; did you mean XXBT?"),
        ):
            with pytest.raises(ConfigError) as refused:
                check_filter(reader, of_words(words))
            assert message in str(refused.value)
        with pytest.raises(ConfigError, match="there is no cause 'depost'; did you mean deposit"):
            check_scope(reader, {"gateway": None, "cause": "depost"}, ())
        check_filter(reader, of_words(["gateway=new"]), gateways=["new"])
