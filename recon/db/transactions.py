"""One transaction under a deadline (architecture 6).

`Database.run` is how every task of the service talks to Postgres. The work is a plain synchronous function
on a Connection. It runs whole, in one READ COMMITTED transaction, commits at its end and rolls back if it
raises. A connection that was interrupted is never used again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import psycopg
import trio
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from recon.db.blocking import ConnectionInUse, run_in_thread, run_inline
from recon.db.engine import POOL_CONNECTIONS
from recon.db.errors import database_error
from recon.db.raw import driver_connection
from recon.errors import DeadlineExceeded

T = TypeVar("T")


class Database(Protocol):
    """Where transactions are run."""

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        """Run one transaction, commit, and return what the work returned.

        `deadline` is in seconds from now and includes the wait for a free connection. A cancellation of the
        caller has its effect before the transaction begins. A transaction that has begun runs to its end, within
        the deadline, and its result is returned.

        Raise DeadlineExceeded, or DatabaseError for any error of the driver (`transient`: whether to try again).
        A transaction that failed while committing may have been committed. Other exceptions of the work pass.
        """
        ...


class ThreadedDatabase:
    """Runs transactions in worker threads, at most `threads` at once."""

    def __init__(self, engine: Engine, threads: int = POOL_CONNECTIONS) -> None:
        self._engine = engine
        self._turns = trio.CapacityLimiter(threads)

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        """Run one transaction in a worker thread; see `Database.run`."""
        end = trio.current_time() + deadline
        turn = object()
        # The turn is taken before the thread, so that the wait for it can be cancelled and counts as waiting.
        with trio.move_on_at(end) as waiting:
            await self._turns.acquire_on_behalf_of(turn)
        if waiting.cancelled_caught:
            raise DeadlineExceeded(f"no connection was free for {deadline:g} s, so a transaction did not begin")
        try:
            transaction = _Transaction(self._engine, work, deadline)
            remaining = max(0.0, end - trio.current_time())
            return await run_in_thread(transaction.execute, transaction.connection, deadline=remaining)
        finally:
            self._turns.release_on_behalf_of(turn)


class InlineDatabase:
    """Runs transactions in the Trio thread, for virtual clocks; its deadlines are real seconds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        """Run one transaction inline; see `Database.run`."""
        transaction = _Transaction(self._engine, work, deadline)
        return await run_inline(transaction.execute, transaction.connection, deadline=deadline)


class _Transaction(Generic[T]):
    def __init__(self, engine: Engine, work: Callable[[Connection], T], deadline: float) -> None:
        self._engine = engine
        self._work = work
        self._deadline = deadline
        self.connection = ConnectionInUse()

    def execute(self) -> T:
        try:
            with self._engine.connect() as connection:
                try:
                    if not self.connection.attach(driver_connection(connection)):
                        raise deadline_exceeded(self._deadline)
                    with connection.begin():
                        return self._work(connection)
                finally:
                    self.connection.detach()
                    if self.connection.interrupted:
                        connection.invalidate()
        except (SQLAlchemyError, psycopg.Error) as error:
            if self.connection.interrupted:
                raise deadline_exceeded(self._deadline) from error
            raise database_error(error, "the database refused or failed") from error


def deadline_exceeded(deadline: float) -> DeadlineExceeded:
    """Return the error of a transaction that took too long."""
    return DeadlineExceeded(f"a transaction took longer than its {deadline:g} s and was cancelled")
