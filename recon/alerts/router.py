"""The Trio task that has the policy take what happened, and queues its messages (architecture 2.10).

It is woken after a commit that stored a signal, and routes at once. It also routes when time has something due, and by
a timer, which is the truth. Several instances may run one each; the router's row lets one at a time route.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Never

import structlog
import trio

from recon.alerts.prune import prune
from recon.alerts.route import Desk, Memory, Routed, route
from recon.db.transactions import Database
from recon.errors import DatabaseError
from recon.meters import RoutingMeter
from recon.status import StatusReporter
from recon.tracing import OFF, ROUTE, Tracing

#: Seconds between two looks without a wake-up.
POLL_SECONDS: Final = 1.0
#: Longest transaction of one routing, in seconds.
TRANSACTION_SECONDS: Final = 20.0
#: How often what is old is removed, and the longest transaction of it, in seconds.
PRUNE_SECONDS: Final = 60.0
PRUNE_TRANSACTION_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)


class Router:
    """Routes the signals of all gateways. Its status is `routing`, or `retrying` while the database is away."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        *,
        now: Callable[[], datetime],
        on_queued: Callable[[], None],
        status: StatusReporter,
        tracing: Tracing = OFF,
    ) -> None:
        """Prepare; nothing happens before `run`. `on_queued` is called after a commit that queued a message."""
        self._database = database
        self._desk = desk
        self._now = now
        self._on_queued = on_queued
        self._status = status
        self._woken = trio.Event()
        self._prune_at = 0.0
        self._memory = Memory()
        self._tracing = tracing
        self.meter = RoutingMeter()

    def wake(self) -> None:
        """Route at once. Call it in the Trio thread, after the commit."""
        self._woken.set()

    async def run(self) -> Never:
        """Route until cancelled. Wait for a database that is away; raise DatabaseError if it refuses us."""
        while True:
            # Reset before looking, so that a wake-up in the meantime is not missed.
            self._woken = trio.Event()
            wait = POLL_SECONDS
            try:
                wait = self._wait(await self._route())
                await self._prune()
            except DatabaseError as error:
                if not error.transient:
                    raise
                self._status.set("retrying", str(error))
                _log.warning("the router waits for the database", reason=str(error))
            with trio.move_on_after(wait):
                await self._woken.wait()

    async def _route(self) -> datetime | None:
        """Route until nothing waits; return when time has something due."""
        while True:
            began = trio.current_time()
            work = partial(route, desk=self._desk, now=self._now(), memory=self._memory)
            done: Routed = await self._database.run(work, deadline=TRANSACTION_SECONDS)
            self._memory.keep()
            self._status.set("routing")
            self._note(done, trio.current_time() - began)
            if done.messages:
                self._on_queued()
            if not done.more:
                return done.due_at

    def _note(self, done: Routed, seconds: float) -> None:
        """Count a routing that took or queued something, and tell its span."""
        if done.signals or done.messages:
            self.meter.note(done.signals, done.messages, seconds)
            if self._tracing.on:
                self._tracing.tell(ROUTE, seconds, signals=done.signals, messages=done.messages)

    def _wait(self, due_at: datetime | None) -> float:
        """Return how long to wait for a wake-up, in seconds."""
        if due_at is None:
            return POLL_SECONDS
        # At least a little, so that what stays due cannot keep the task from everything else.
        return min(POLL_SECONDS, max(0.001, (due_at - self._now()) / timedelta(seconds=1)))

    async def _prune(self) -> None:
        """Remove what is old, a little at a time."""
        if trio.current_time() < self._prune_at:
            return
        full = await self._database.run(partial(prune, now=self._now()), deadline=PRUNE_TRANSACTION_SECONDS)
        self._prune_at = trio.current_time() + (0.0 if full else PRUNE_SECONDS)
