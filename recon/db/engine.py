"""Engines: how recon connects to Postgres.

Always psycopg, UTC, READ COMMITTED (the append function relies on it), keepalives that detect a lost server, and
time limits. Connect directly, never through a transaction pooler: it would lose session locks.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import URL, Engine, NullPool, make_url
from sqlalchemy import create_engine as sqlalchemy_engine
from sqlalchemy.exc import ArgumentError

from recon.errors import ConfigError

#: Longest one statement may run on the server; a transaction's own deadline is usually shorter.
STATEMENT_TIMEOUT: Final = timedelta(seconds=60)
#: Longest one attempt to connect may take (per address that the name resolves to).
CONNECT_TIMEOUT: Final = timedelta(seconds=5)
#: Connections of one engine, and so its concurrent transactions.
POOL_CONNECTIONS: Final = 8
#: Longest wait for a connection of the pool, in seconds.
POOL_WAIT_SECONDS: Final = 10.0

#: TCP: probe a silent peer after 10 s, 3 times, 5 s apart; give up unacknowledged data after 20 s.
_KEEPALIVES: Final = {
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}


def create_engine(
    url: str,
    application_name: str,
    *,
    pool_size: int = POOL_CONNECTIONS,
    statement_timeout: timedelta = STATEMENT_TIMEOUT,
    connect_timeout: timedelta = CONNECT_TIMEOUT,
    pooled: bool = True,
) -> Engine:
    """Return an engine for a `postgresql://` URL; nothing is connected yet.

    The URL itself (`?connect_timeout=…&sslmode=…`) overrides our own defaults. `pooled=False` opens a connection for
    each use and closes it afterwards. Raise ConfigError if the URL is not one of Postgres.
    """
    target = psycopg_url(url)
    arguments = connection_arguments(target, application_name, statement_timeout, connect_timeout)
    make = partial(
        sqlalchemy_engine, target, connect_args=arguments, isolation_level="READ COMMITTED", hide_parameters=True
    )
    if not pooled:
        return make(poolclass=NullPool)
    return make(pool_size=pool_size, max_overflow=0, pool_timeout=POOL_WAIT_SECONDS)


def psycopg_url(url: str) -> URL:
    """Return a `postgresql://` URL for SQLAlchemy. No message contains the URL, which may contain a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.get_backend_name() not in {"postgresql", "postgres"}:
        # From None: SQLAlchemy's own message quotes the whole URL.
        raise ConfigError("a database url must have the form postgresql://user@host:5432/name") from None
    return parsed.set(drivername="postgresql+psycopg")


def libpq_url(url: str) -> str:
    """Return the URL for libpq, with its password: keep it out of messages."""
    return psycopg_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def connection_arguments(
    url: URL, application_name: str, statement_timeout: timedelta, connect_timeout: timedelta
) -> dict[str, str]:
    """Return libpq's keywords for a connection, except those in the URL itself."""
    settings = f"-c timezone=UTC -c statement_timeout={_milliseconds(statement_timeout)}"
    given = url.query.get("options", "")
    arguments = {
        "application_name": application_name,
        "client_encoding": "utf8",
        "connect_timeout": str(max(1, round(connect_timeout.total_seconds()))),
        **_KEEPALIVES,
    }
    own = {key: value for key, value in arguments.items() if key not in url.query}
    # Ours first: a later -c wins, so the URL's own options keep the last word.
    return own | {"options": f"{settings} {given if isinstance(given, str) else ' '.join(given)}".strip()}


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
