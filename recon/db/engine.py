"""Engines: how recon connects to Postgres.

Always psycopg, UTC, READ COMMITTED (the append function relies on it), keepalives that detect a lost server, and
time limits. Connect directly, never through a transaction pooler: a lease is bound to its session.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import URL, Engine, NullPool, make_url
from sqlalchemy import create_engine as sqlalchemy_engine
from sqlalchemy.exc import ArgumentError

from recon.db import packed_arrays
from recon.db.parameters import CONNECT_TIMEOUT, STATEMENT_TIMEOUT, URL_REFUSED, libpq_parameters
from recon.errors import ConfigError

#: Connections of one engine, and so its concurrent transactions.
POOL_CONNECTIONS: Final = 8
#: Longest wait for a connection of the pool, in seconds.
POOL_WAIT_SECONDS: Final = 10.0


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
    packed_arrays.register()
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
        raise ConfigError(URL_REFUSED) from None
    return parsed.set(drivername="postgresql+psycopg")


def libpq_url(url: str) -> str:
    """Return the URL for libpq, with its password: keep it out of messages."""
    return psycopg_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def connection_arguments(
    url: URL, application_name: str, statement_timeout: timedelta, connect_timeout: timedelta
) -> dict[str, str]:
    """Return libpq's keywords for a connection, except those in the URL itself."""
    return libpq_parameters(url.query, application_name, statement_timeout, connect_timeout)
