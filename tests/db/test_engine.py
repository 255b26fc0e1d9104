"""How we connect, and what is said when that fails."""

from __future__ import annotations

import logging
from datetime import timedelta

import psycopg
import pytest
from psycopg import errors as states
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from recon.db.engine import create_engine, libpq_url
from recon.db.errors import MAX_DETAIL, database_error, is_transient
from recon.errors import ConfigError
from tests.conftest import TestDatabase

SECRET = "d0-not-sh0w-me"


@pytest.mark.postgres
def test_sessions_have_a_name_a_time_zone_and_limits(database: TestDatabase) -> None:
    engine = create_engine(
        database.service_url, "recon recorder", pooled=False, statement_timeout=timedelta(milliseconds=1500)
    )
    with engine.connect() as conn:
        shown = {
            name: conn.scalar(text(f"SHOW {name}"))
            for name in (
                "application_name",
                "timezone",
                "statement_timeout",
                "transaction_isolation",
                "client_encoding",
            )
        }
    assert shown == {
        "application_name": "recon recorder",
        "timezone": "UTC",
        "statement_timeout": "1500ms",
        "transaction_isolation": "read committed",
        "client_encoding": "UTF8",
    }


@pytest.mark.postgres
def test_what_the_url_says_goes_before_our_defaults(database: TestDatabase) -> None:
    url = database.service_url + "&application_name=mine&options=-c%20statement_timeout%3D7s"
    with create_engine(url, "ours", pooled=False).connect() as conn:
        assert conn.scalar(text("SHOW application_name")) == "mine"
        assert conn.scalar(text("SHOW statement_timeout")) == "7s"
        assert conn.scalar(text("SHOW timezone")) == "UTC"


@pytest.mark.parametrize("url", ["", "x", f"mysql://u:{SECRET}@h/d", f"postgresql://u:{SECRET}@h:port/d"])
def test_a_url_of_something_else_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError, match="must have the form postgresql://") as caught:
        create_engine(url, "test")
    assert SECRET not in str(caught.value)


def test_urls_keep_their_meaning_for_libpq() -> None:
    for url in (
        "postgresql://recon_service@/recon?host=%2Ftmp%2Fx&port=5432",
        "postgresql://u:p%40ss%2Fword@db.example.com:5433/recon?sslmode=require",
    ):
        assert psycopg.conninfo.conninfo_to_dict(libpq_url(url)) == psycopg.conninfo.conninfo_to_dict(url)
    assert libpq_url("postgres://u@h/d") == "postgresql://u@h/d"


def test_no_password_in_repr_errors_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    engine = create_engine(f"postgresql://u:{SECRET}@127.0.0.1:1/d", "test", connect_timeout=timedelta(seconds=2))
    with caplog.at_level(logging.DEBUG), pytest.raises(OperationalError) as caught:
        engine.connect()
    told = database_error(caught.value, "no connection")
    for shown in (repr(engine), str(engine.url), str(caught.value), str(told), caplog.text):
        assert SECRET not in shown
    assert told.transient
    assert "refused" in str(told)
    assert "\n" not in str(told)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (states.AdminShutdown(), True),
        (states.CrashShutdown(), True),
        (states.CannotConnectNow(), True),
        (states.IdleSessionTimeout(), True),
        (states.SerializationFailure(), True),
        (states.DeadlockDetected(), True),
        (states.TooManyConnections(), True),
        (states.DiskFull(), True),
        (states.LockNotAvailable(), True),
        (states.ConnectionFailure(), True),
        (psycopg.OperationalError("server closed the connection unexpectedly"), True),
        (states.UniqueViolation(), False),
        (states.InsufficientPrivilege(), False),
        (states.UndefinedTable(), False),
        (states.InvalidPassword(), False),
        (states.DatabaseDropped(), False),
        (psycopg.ProgrammingError("no results to fetch"), False),
        (ValueError("x"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_passes_by_itself(error: Exception, expected: bool) -> None:
    assert is_transient(error) is expected
    if isinstance(error, psycopg.Error):
        wrapped = DBAPIError("SELECT secret", {"p": SECRET}, error)
        assert is_transient(wrapped) is expected
        assert SECRET not in str(database_error(wrapped, "it failed"))


@pytest.mark.parametrize(
    ("driver", "told"),
    [
        (
            "connection is bad: connection to server at x failed: No such file",
            "connection to server at x failed: No such",
        ),
        (
            "connection failed: connection to x failed: FATAL:  the database system is starting up",
            "failed: the database",
        ),
        ("consuming input failed: server closed the connection unexpectedly", "server closed the connection"),
    ],
)
def test_the_driver_s_own_words_are_left_out(driver: str, told: str) -> None:
    shown = str(database_error(psycopg.OperationalError(driver), "it failed"))
    assert told in shown
    assert not any(words in shown for words in ("is bad", "connection failed:", "consuming input", "FATAL"))


def test_messages_stay_short() -> None:
    told = str(database_error(psycopg.OperationalError("x" * 10_000 + "\nmore"), "it failed"))
    assert told.startswith("it failed: xxx")
    assert len(told) < MAX_DETAIL + 20
