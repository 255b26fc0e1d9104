"""LISTEN without a thread: a wake-up when something was appended (architecture 6).

A notification is only a hint: it may be lost while the connection is down. So its receivers also look by a timer of
their own, and once after each new connection.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import psycopg
import structlog
import trio
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from recon.backoff import Backoff
from recon.db.engine import connection_arguments, libpq_url, psycopg_url
from recon.db.errors import database_error

#: After this long without a notification, in seconds, the server must answer a query.
CHECK_SECONDS: Final = 10.0
#: Longest wait for the answer, in seconds.
ANSWER_SECONDS: Final = 5.0
#: First and longest delay between attempts to connect, in seconds.
FIRST_PAUSE_SECONDS: Final = 0.1
LAST_PAUSE_SECONDS: Final = 5.0
CONNECT_TIMEOUT: Final = timedelta(seconds=5)
STATEMENT_TIMEOUT: Final = timedelta(seconds=5)

_log = structlog.get_logger(__name__)


def _ignore() -> None:
    pass


async def listen(
    url: str,
    channels: Sequence[str],
    on_notify: Callable[[str, str], None],
    on_established: Callable[[], None] = _ignore,
) -> None:
    """Call `on_notify(channel, payload)` for each notification, until cancelled.

    `on_established` is called whenever a new connection listens, because notifications may have been missed. Both
    run in the Trio task and must not block. A lost connection is logged, never raised, and made again after growing
    delays.
    """
    backoff = Backoff(FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS)
    while True:
        try:
            async with _listening(url, channels) as conn:
                backoff.reset()
                on_established()
                await _deliver(conn, on_notify)
        except psycopg.Error as error:
            pause = backoff.next()
            _log.warning("listener lost its connection", reason=str(database_error(error, "LISTEN")), again_in=pause)
            await trio.sleep(pause)


@asynccontextmanager
async def _listening(url: str, channels: Sequence[str]) -> AsyncIterator[psycopg.Connection[TupleRow]]:
    """Yield a listening connection of our own, and close it at the end."""
    handover = threading.Lock()
    made: list[psycopg.Connection[TupleRow]] = []
    abandoned = False

    def connect() -> psycopg.Connection[TupleRow]:
        conn = _connect(url, channels)
        with handover:
            if abandoned:
                conn.close()
            made.append(conn)
        return conn

    try:
        # Connecting may take its whole timeout; a cancellation does not wait for that.
        yield await trio.to_thread.run_sync(connect, abandon_on_cancel=True)
    finally:
        with handover:
            abandoned = True
            for conn in made:
                conn.close()


def _connect(url: str, channels: Sequence[str]) -> psycopg.Connection[TupleRow]:
    arguments = connection_arguments(psycopg_url(url), "recon listener", STATEMENT_TIMEOUT, CONNECT_TIMEOUT)
    conn = psycopg.connect(make_conninfo(libpq_url(url), **arguments), autocommit=True)
    try:
        for channel in channels:
            conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
    except BaseException:
        conn.close()
        raise
    return conn


async def _deliver(conn: psycopg.Connection[TupleRow], on_notify: Callable[[str, str], None]) -> None:
    """Pass notifications on, and check a silent server, until psycopg.Error.

    This reads libpq directly: psycopg's own generator would wait on the socket itself, where Trio has to wait.
    """
    while True:
        conn.pgconn.consume_input()
        while (notification := conn.pgconn.notifies()) is not None:
            on_notify(notification.relname.decode(), notification.extra.decode())
        with trio.move_on_after(CHECK_SECONDS) as silence:
            await trio.lowlevel.wait_readable(conn.fileno())
        if silence.cancelled_caught:
            await _check(conn)


async def _check(conn: psycopg.Connection[TupleRow]) -> None:
    """Raise psycopg.OperationalError if the server does not answer a query within `ANSWER_SECONDS`."""
    conn.pgconn.send_query(b"SELECT 1")
    with trio.move_on_after(ANSWER_SECONDS):
        while True:
            while conn.pgconn.flush() == 1:
                await trio.lowlevel.wait_writable(conn.fileno())
            while conn.pgconn.is_busy():
                await trio.lowlevel.wait_readable(conn.fileno())
                conn.pgconn.consume_input()
            if conn.pgconn.get_result() is None:
                return
    raise psycopg.OperationalError(f"the server did not answer within {ANSWER_SECONDS:g} s")
