"""One transaction in one worker thread, under a deadline (architecture 3 and 6).

`Database.run` is how every task of the service talks to Postgres. The work is a plain synchronous function
on a Connection; it runs whole, in one READ COMMITTED transaction, commits at its end and rolls back if it
raises.

When the deadline passes, the running query is cancelled; what still runs after a grace has its socket shut
down, which frees the thread even from a server that says nothing any more. A connection that was interfered
with is never used again. What cannot be interrupted: connecting (bounded by the engine's connect timeout)
and Python code.
"""

from __future__ import annotations

import math
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, Protocol, TypeVar

import outcome
import psycopg
import trio
from psycopg.rows import TupleRow
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from recon.db.engine import POOL_CONNECTIONS
from recon.db.errors import database_error
from recon.db.raw import driver_connection
from recon.errors import DeadlineExceeded

#: Longest attempt to have the server cancel a query, in seconds.
CANCEL_SECONDS: Final = 2.0
#: From then on, how long the query has to end before its socket is shut down, in seconds.
GRACE_SECONDS: Final = 1.0

T = TypeVar("T")


class Database(Protocol):
    """Where transactions are run."""

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        """Run one transaction and return what the work returned, once it is committed.

        `deadline` is in seconds from now and includes the wait for a free thread. The caller's cancellation
        is heard before the transaction begins; from then on it is seen through, within the deadline, and its
        result returned.

        Errors: DeadlineExceeded; DatabaseError for whatever the driver raised (`transient` tells whether to
        try again). A transaction that failed while committing may have been committed. Other exceptions of
        the work pass.
        """
        ...


class _Transaction(Generic[T]):
    """One transaction: executed in one thread, interrupted from another. Its lock keeps the two apart."""

    def __init__(self, engine: Engine, work: Callable[[Connection], T], deadline: float) -> None:
        self._engine = engine
        self._work = work
        self._deadline = deadline
        self._lock = threading.Lock()
        self._driver: psycopg.Connection[TupleRow] | None = None
        self._socket: socket.socket | None = None
        self._expired = False

    def execute(self) -> T:
        """Run the work, commit, and say in our own words what went wrong."""
        try:
            with self._engine.connect() as conn:
                self._attach(conn)
                try:
                    with conn.begin():
                        return self._work(conn)
                finally:
                    self._detach(conn)
        except (SQLAlchemyError, psycopg.Error) as error:
            if self._expired:
                raise deadline_exceeded(self._deadline) from error
            raise database_error(error, "the database refused or failed") from error

    def cancel(self) -> None:
        """Ask the server to cancel the running query; a server that does not answer is left to `sever`."""
        with self._lock:
            self._expired = True
            driver = self._driver
        if driver is not None:
            # The connection may end of itself at any moment, and will not be used again in any case.
            with suppress(psycopg.Error):
                driver.cancel_safe(timeout=CANCEL_SECONDS)

    def sever(self) -> None:
        """Shut the socket down: whoever waits on it in the other thread gets an error at once."""
        with self._lock:
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _attach(self, conn: Connection) -> None:
        driver = driver_connection(conn)
        with self._lock:
            if self._expired:
                conn.invalidate()
                raise deadline_exceeded(self._deadline)
            self._driver = driver
            # A duplicate of our own: the driver may close its descriptor, and its number be given to another.
            self._socket = socket.socket(fileno=os.dup(driver.fileno()))

    def _detach(self, conn: Connection) -> None:
        """Part from the connection; a cancel that is on its way must not reach the next transaction."""
        with self._lock:
            self._driver = None
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            if self._expired:
                conn.invalidate()


def deadline_exceeded(deadline: float) -> DeadlineExceeded:
    """Say that a transaction took too long."""
    return DeadlineExceeded(f"a transaction took longer than its {deadline:g} s and was cancelled")


class ThreadedDatabase:
    """Runs transactions in worker threads of its own limit; its deadlines are held by a Trio task."""

    def __init__(self, engine: Engine, threads: int = POOL_CONNECTIONS) -> None:
        self._engine = engine
        self._turns = trio.CapacityLimiter(threads)
        # The turn is taken before the thread, so that waiting for it can be cancelled and counts as waiting.
        self._threads = trio.CapacityLimiter(math.inf)

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        """Run one transaction in a worker thread; see `Database.run`."""
        end = trio.current_time() + deadline
        turn = object()
        with trio.move_on_at(end) as waiting:
            await self._turns.acquire_on_behalf_of(turn)
        if waiting.cancelled_caught:
            raise deadline_exceeded(deadline)
        try:
            return await self._watched(_Transaction(self._engine, work, deadline), end)
        finally:
            self._turns.release_on_behalf_of(turn)

    async def _watched(self, transaction: _Transaction[T], end: float) -> T:
        async with trio.open_nursery() as nursery:
            # What has begun is seen through, so that its outcome is known; the deadline bounds it.
            nursery.cancel_scope.shield = True
            nursery.start_soon(self._hold_deadline, transaction, end)
            # Captured, so that the work's error does not come wrapped in the nursery's group.
            result: outcome.Outcome[T] = await trio.to_thread.run_sync(
                outcome.capture, transaction.execute, limiter=self._threads
            )
            nursery.cancel_scope.cancel()
        return result.unwrap()

    async def _hold_deadline(self, transaction: _Transaction[T], end: float) -> None:
        await trio.sleep_until(end)
        with trio.move_on_after(CANCEL_SECONDS):
            await trio.to_thread.run_sync(transaction.cancel, limiter=self._threads, abandon_on_cancel=True)
        await trio.sleep(GRACE_SECONDS)
        transaction.sever()


class InlineDatabase:
    """Runs transactions where it stands, for virtual clocks, which would run away while a thread works.

    Its deadlines are seconds of the real clock, held by a thread; other tasks do not run meanwhile.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        """Run one transaction inline; see `Database.run`."""
        await trio.lowlevel.checkpoint()
        transaction = _Transaction(self._engine, work, deadline)
        ended = threading.Event()
        watch = threading.Thread(target=_hold_deadline, args=(transaction, ended, deadline), daemon=True)
        watch.start()
        try:
            return transaction.execute()
        finally:
            ended.set()
            watch.join()


def _hold_deadline(transaction: _Transaction[T], ended: threading.Event, deadline: float) -> None:
    if not ended.wait(deadline):
        transaction.cancel()
        if not ended.wait(GRACE_SECONDS):
            transaction.sever()
