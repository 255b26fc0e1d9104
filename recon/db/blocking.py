"""One blocking call to Postgres under a deadline: in a worker thread, or inline for virtual clocks.

1. When the deadline passes, the server is asked to cancel the running query. A query that still runs after
   GRACE_SECONDS has its socket shut down: the thread is free again even if the server never answers.
2. A call that has begun runs to its end, so its outcome is known. A cancelled caller waits for it.
3. Connecting cannot be interrupted; it has a timeout of its own. Neither can Python code.
"""

from __future__ import annotations

import math
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol, TypeVar

import outcome
import psycopg
import trio
from psycopg.rows import TupleRow

#: Longest attempt to have the server cancel a query, in seconds.
CANCEL_SECONDS: Final = 2.0
#: From then on, how long the query has to end before its socket is shut down, in seconds.
GRACE_SECONDS: Final = 1.0

# Not Trio's own limiter, which all other threads share: callers bound how many calls they make at once.
_threads: Final = trio.CapacityLimiter(math.inf)

T = TypeVar("T")


class Interruptible(Protocol):
    """The object that a call blocks on. Both methods may be called from another thread."""

    def cancel(self) -> None:
        """Ask the server to end the running query."""
        ...

    def shutdown(self) -> None:
        """Shut the socket down, so that a thread that waits on it gets an error at once."""
        ...


class RunBlocking(Protocol):
    """A way to run a blocking call: `run_in_thread` or `run_inline`."""

    async def __call__(
        self,
        work: Callable[[], T],
        target: Interruptible,
        *,
        deadline: float,
        sooner: Callable[[], Awaitable[None]] = trio.sleep_forever,
    ) -> T:
        """Run `work` and return its result. Interrupt `target` after `deadline` seconds, or once `sooner` returns."""
        ...


async def run_in_thread(
    work: Callable[[], T],
    target: Interruptible,
    *,
    deadline: float,
    sooner: Callable[[], Awaitable[None]] = trio.sleep_forever,
) -> T:
    """Run a call in a worker thread; see `RunBlocking`."""

    async def interrupt_late_call() -> None:
        with trio.move_on_after(deadline):
            await sooner()
        with trio.move_on_after(CANCEL_SECONDS):
            await trio.to_thread.run_sync(target.cancel, limiter=_threads, abandon_on_cancel=True)
        await trio.sleep(GRACE_SECONDS)
        target.shutdown()

    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.shield = True
        nursery.start_soon(interrupt_late_call)
        # Captured, so that the call's error does not come wrapped in the nursery's group.
        result: outcome.Outcome[T] = await trio.to_thread.run_sync(outcome.capture, work, limiter=_threads)
        nursery.cancel_scope.cancel()
    return result.unwrap()


async def run_inline(
    work: Callable[[], T],
    target: Interruptible,
    *,
    deadline: float,
    sooner: Callable[[], Awaitable[None]] = trio.sleep_forever,  # noqa: ARG001 - no other task runs meanwhile
) -> T:
    """Run a call in the Trio thread, for virtual clocks, which would run away while a worker thread works.

    The deadline counts real seconds, since the virtual clock stands still meanwhile.
    """
    await trio.lowlevel.checkpoint()
    ended = threading.Event()

    def interrupt_late_call() -> None:
        if not ended.wait(deadline):
            target.cancel()
            if not ended.wait(GRACE_SECONDS):
                target.shutdown()

    timer = threading.Thread(target=interrupt_late_call, daemon=True, name="deadline of a database call")
    timer.start()
    try:
        return work()
    finally:
        ended.set()
        timer.join()


class ConnectionInUse:
    """A connection that one thread uses and another may interrupt; a lock keeps the two apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._driver: psycopg.Connection[TupleRow] | None = None
        self._socket: socket.socket | None = None
        #: True once `cancel` was called.
        self.interrupted = False

    def attach(self, driver: psycopg.Connection[TupleRow]) -> bool:
        """Make a connection interruptible; return False if the interruption came before."""
        with self._lock:
            self._driver = driver
            # A duplicate of our own: the driver may close its descriptor, and its number be given to another.
            self._socket = socket.socket(fileno=os.dup(driver.fileno()))
            return not self.interrupted

    def detach(self) -> None:
        """Leave the connection alone from now on: a late cancel must not reach the next user's query."""
        with self._lock:
            self._driver = None
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def cancel(self) -> None:
        """Ask the server to cancel the running query; see `Interruptible`."""
        with self._lock:
            self.interrupted = True
            driver = self._driver
        if driver is not None:
            # The connection may end by itself at any moment, and is never used again in any case.
            with suppress(psycopg.Error):
                driver.cancel_safe(timeout=CANCEL_SECONDS)

    def shutdown(self) -> None:
        """Shut the socket down; see `Interruptible`."""
        with self._lock:
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
