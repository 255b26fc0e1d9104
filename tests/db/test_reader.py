"""The connection of commands that read: its session, its parameters, and the URLs it refuses."""

from __future__ import annotations

import psycopg
import pytest

from recon.db.reader import open_reader
from recon.errors import ConfigError
from tests.conftest import TestDatabase

SECRET = "d0-not-sh0w-me"


@pytest.mark.postgres
def test_a_reader_has_a_name_limits_and_one_transaction_that_only_reads(database: TestDatabase) -> None:
    names = ("application_name", "timezone", "statement_timeout", "transaction_isolation", "transaction_read_only")
    with open_reader(database.service_url, "recon status") as reader:
        shown = [reader.rows(f"SELECT current_setting('{name}') AS value", {})[0]["value"] for name in names]
    assert shown == ["recon status", "UTC", "1min", "read committed", "on"]


@pytest.mark.postgres
def test_parameters_are_written_with_a_colon(database: TestDatabase) -> None:
    statement = "SELECT :word::text AS word, ':' || '50%' AS text WHERE :word LIKE 'a%'"
    with open_reader(database.service_url, "recon status") as reader:
        assert reader.rows(statement, {"word": "ab"}) == [{"word": "ab", "text": ":50%"}]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.rows("CREATE TABLE recon_store.never (number int)", {})


@pytest.mark.parametrize("url", ["", "x", f"mysql://u:{SECRET}@h/d", f"postgresql://u:{SECRET}@h:port/d"])
def test_a_url_of_something_else_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError, match="must have the form postgresql://") as caught, open_reader(url, "test"):
        pass
    assert SECRET not in str(caught.value)
