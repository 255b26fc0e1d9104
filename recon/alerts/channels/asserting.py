"""The Trio task that keeps one receiver of the level kind told of what is open (architecture 2.10).

1. It reads the open set every LOOK_SECONDS, and tells what `level` says is to be told. Nothing is stored: after a crash
   everything that is open is told again.
2. While the database is away it goes on telling what was open at last, so that nothing counts as over that nobody saw
   end. Only what stands for recon seeing at all is not told meanwhile.
3. A receiver that does not take it is tried again with growing pauses; others have tasks of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, Never

import structlog
import trio

from recon.alerts.channels.hearing import Hearing
from recon.alerts.channels.level import OpenAlert, Post, Told, after, bounded, posts
from recon.alerts.channels.open_set import read_open_set
from recon.alerts.channels.registry import LevelSender
from recon.backoff import Backoff
from recon.db.transactions import Database
from recon.errors import DatabaseError, DeliveryError
from recon.status import StatusReporter

#: Seconds between two looks at the open set.
LOOK_SECONDS: Final = 5.0
#: Longest transaction of one look, in seconds.
TRANSACTION_SECONDS: Final = 5.0
#: Longest request, in seconds.
SEND_SECONDS: Final = 15.0
#: First and longest pause after a failure, in seconds; also the longest that a receiver may request.
FIRST_PAUSE_SECONDS: Final = 2.0
LAST_PAUSE_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


class Assertion:
    """Tells one receiver what is open."""

    def __init__(
        self,
        database: Database,
        sender: LevelSender,
        *,
        gateways: Sequence[str],
        hearing: Hearing,
        now: Callable[[], datetime],
        draw: Callable[[], float],
        status: StatusReporter,
    ) -> None:
        """Prepare; nothing happens before `run`. `draw` is uniform in [0, 1), for the jitter of retries."""
        self._database = database
        self._sender = sender
        self._gateways = tuple(gateways)
        self._now = now
        self._status = status
        self._backoff = Backoff(FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, draw, jitter=0.5)
        self._hearing = hearing
        self._log = _log.bind(channel=hearing.channel)
        self._memory: dict[str, Told] = {}
        self._standing: Mapping[str, OpenAlert] = {}
        #: What stands for recon seeing at all, by its identity.
        self._alive: frozenset[str] = frozenset()
        self._looked = False

    async def run(self) -> Never:
        """Tell until cancelled. Raise DatabaseError if the database refuses us."""
        while True:
            sees = await self._look()
            try:
                await self._tell(sees=sees)
            except DeliveryError as error:
                pause = max(self._backoff.next(), min(LAST_PAUSE_SECONDS, error.retry_after or 0.0))
                self._status.set("retrying", str(error))
                self._log.warning("what is open was not told", reason=str(error), again_in=pause)
                await trio.sleep(pause)
                continue
            self._backoff.reset()
            if sees:
                self._status.set("telling", open=sum(told.over_at is None for told in self._memory.values()))
            await trio.sleep(LOOK_SECONDS)

    async def _look(self) -> bool:
        """Read the open set; return whether the database told it. Before our first look, also what ended since."""
        now = self._now()
        since = None if self._looked else now - self._sender.habits.within
        read = partial(read_open_set, gateways=self._gateways, now=now, ended_since=since, hearing=self._hearing)
        try:
            found = await self._database.run(read, deadline=TRANSACTION_SECONDS)
        except DatabaseError as error:
            if not error.transient:
                raise
            self._status.set("retrying", str(error))
            self._log.warning("the open set waits for the database", reason=str(error))
            return False
        self._looked = True
        alive = self._by_identity(self._sender.standing(now))
        self._alive = frozenset(alive)
        self._standing = self._chosen(found) | alive
        return True

    def _chosen(self, found: Sequence[OpenAlert]) -> dict[str, OpenAlert]:
        """Return what this receiver is told of: what is open first, and what ended last; both are bounded."""
        most = self._sender.habits.most
        wanted = [alert for alert in found if self._sender.identity(alert) is not None]
        open_ = bounded([alert for alert in wanted if alert.ended_at is None], most)
        ended = sorted((alert for alert in wanted if alert.ended_at is not None), key=_end, reverse=True)
        return self._by_identity([*open_, *ended[:most]])

    def _by_identity(self, alerts: Sequence[OpenAlert]) -> dict[str, OpenAlert]:
        found = ((self._sender.identity(alert), alert) for alert in alerts)
        return {identity: alert for identity, alert in found if identity is not None}

    async def _tell(self, *, sees: bool) -> None:
        """Tell all that is due now, and remember what was taken. Raise DeliveryError at the first that was not."""
        leave = frozenset() if sees else self._alive
        due: Sequence[Post] = posts(self._memory, self._standing, self._now(), self._sender.habits, leave)
        while due:
            with trio.move_on_after(SEND_SECONDS) as limit:
                taken = await self._sender.tell(due)
            if limit.cancelled_caught:
                raise DeliveryError(f"the receiver did not take it within {SEND_SECONDS:g} s")
            self._memory = after(self._memory, due[:taken], self._now(), self._sender.habits)
            due = due[taken:]
        # Also forgets what is long over, when nothing is due.
        self._memory = after(self._memory, [], self._now(), self._sender.habits)


def _end(alert: OpenAlert) -> datetime:
    return alert.began_at if alert.ended_at is None else alert.ended_at
