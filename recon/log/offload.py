"""Run the lease's blocking calls under a deadline: threaded, or inline under virtual clocks (architecture 6).

When the deadline passes, the running query is cancelled; what still runs after a grace has its socket shut down,
which frees the thread even from a server that says nothing any more. What cannot be interrupted is connecting, which
has a bound of its own.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import outcome
import trio

from recon.log.lease import CANCEL_SECONDS

#: From the cancel on, how long a query has to end before its socket is shut down, in seconds.
GRACE_SECONDS: Final = 1.0
#: The inline way counts real seconds, since its virtual clock stands still meanwhile; its longest call.
INLINE_SECONDS: Final = 20.0

T = TypeVar("T")


class Interruptible(Protocol):
    """What a call blocks on."""

    def cancel(self) -> None:
        """Ask for its end."""
        ...

    def sever(self) -> None:
        """End it."""
        ...


class Offload(Protocol):
    """A way to run blocking calls, one at a time."""

    async def run(self, target: Interruptible, work: Callable[[], T], overdue: Callable[[], Awaitable[None]]) -> T:
        """Run the work to its end and return its result; once `overdue` returns, it is interrupted.

        What has begun is seen through, so that its outcome is known: a cancellation of the caller waits for it.
        """
        ...


class Threaded:
    """Runs each call in a worker thread."""

    def __init__(self) -> None:
        # Not Trio's own limiter: an append never waits behind other people's threads.
        self._threads = trio.CapacityLimiter(math.inf)

    async def run(self, target: Interruptible, work: Callable[[], T], overdue: Callable[[], Awaitable[None]]) -> T:
        """Run the work in a thread; see `Offload.run`."""
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.shield = True
            nursery.start_soon(self._hold_deadline, target, overdue)
            # Captured, so that the work's error does not come wrapped in the nursery's group.
            result: outcome.Outcome[T] = await trio.to_thread.run_sync(outcome.capture, work, limiter=self._threads)
            nursery.cancel_scope.cancel()
        return result.unwrap()

    async def _hold_deadline(self, target: Interruptible, overdue: Callable[[], Awaitable[None]]) -> None:
        await overdue()
        with trio.move_on_after(CANCEL_SECONDS):
            await trio.to_thread.run_sync(target.cancel, limiter=self._threads, abandon_on_cancel=True)
        await trio.sleep(GRACE_SECONDS)
        target.sever()


class Inline:
    """Runs each call where it stands, for virtual clocks, which would run away while a thread works."""

    async def run(self, target: Interruptible, work: Callable[[], T], overdue: Callable[[], Awaitable[None]]) -> T:  # noqa: ARG002 - a virtual deadline cannot pass meanwhile
        """Run the work inline, bounded by INLINE_SECONDS of the real clock; see `Offload.run`."""
        await trio.lowlevel.checkpoint()
        ended = threading.Event()
        watch = threading.Thread(target=_interrupt, args=(target, ended), daemon=True, name="append deadline")
        watch.start()
        try:
            return work()
        finally:
            ended.set()
            watch.join()


def _interrupt(target: Interruptible, ended: threading.Event) -> None:
    if not ended.wait(INLINE_SECONDS):
        target.cancel()
        if not ended.wait(GRACE_SECONDS):
            target.sever()
