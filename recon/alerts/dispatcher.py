"""The Trio task that delivers the alerts of one channel from the outbox (architecture 2.10, 2.11).

1. It sends one message at a time, in the order of the log. It looks for due messages when woken, and by a timer.
2. Everything that must survive a crash is in the outbox: attempts, the time of the next one, the message's entries.
3. At shutdown a running attempt gets GRACE_SECONDS; a cancelled attempt is due again at the next start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import outcome
import structlog
import trio
from sqlalchemy import Connection

from recon.alerts import outbox
from recon.alerts.channels import Sender
from recon.alerts.message import Message
from recon.alerts.retry import MAX_ATTEMPTS, pause
from recon.db.transactions import Database
from recon.errors import DatabaseError, DeliveryError

#: Seconds between two looks into the outbox without a wake-up.
POLL_SECONDS: Final = 2.0
#: Longest attempt, in seconds.
SEND_SECONDS: Final = 15.0
#: Longest rest of a running attempt after the service was told to stop, in seconds.
GRACE_SECONDS: Final = 5.0
#: Longest transaction on the outbox, in seconds.
TRANSACTION_SECONDS: Final = 5.0
#: How long to retry recording an outcome while the database is away, and the pause between, in seconds.
OUTCOME_SECONDS: Final = 10.0
OUTCOME_PAUSE_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class _StoppedError(DeliveryError):
    """Our own stop ended the attempt, not the receiver."""


class Dispatcher:
    """Delivers the alerts of some gateways on one channel."""

    def __init__(
        self,
        database: Database,
        *,
        gateways: Sequence[str],
        channel: str,
        sender: Sender,
        now: Callable[[], datetime],
        draw: Callable[[], float],
        gather: timedelta = timedelta(),
    ) -> None:
        """Prepare; nothing happens before `run`. `draw` is uniform in [0, 1), for the jitter of retries.

        `gather` is how long an alert waits for the other legs of its case.
        """
        self._database = database
        self._gateways = tuple(gateways)
        self._channel = channel
        self._sender = sender
        self._now = now
        self._draw = draw
        self._gather = gather
        self._woken = trio.Event()
        self._log = _log.bind(channel=channel)

    def wake(self) -> None:
        """Look into the outbox at once. Call it in the Trio thread, after the commit."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver due messages until cancelled.

        Wait for a database that is away for a moment; raise DatabaseError if it refuses us.
        """
        wait = POLL_SECONDS
        while True:
            # Reset before looking, so that a wake-up in the meantime is not missed.
            self._woken = trio.Event()
            try:
                await self._deliver_due()
            except DatabaseError as error:
                if not error.transient:
                    raise
                self._log.warning("alerts wait for the database", reason=str(error))
            with trio.move_on_after(wait):
                await self._woken.wait()
            # What woke us may wait for the other legs of its case: look again when it has.
            gathering = self._woken.is_set() and self._gather > timedelta()
            wait = min(POLL_SECONDS, self._gather.total_seconds()) if gathering else POLL_SECONDS

    async def _deliver_due(self) -> None:
        """Deliver until nothing is due; gateways take turns, so that none waits for another's backlog."""
        waiting = list(self._gateways)
        while waiting:
            for gateway in list(waiting):
                claim = partial(
                    outbox.claim, gateway=gateway, channel=self._channel, now=self._now(), gather=self._gather
                )
                message = await self._database.run(claim, deadline=TRANSACTION_SECONDS)
                if message is None:
                    waiting.remove(gateway)
                else:
                    await self._attempt(message)

    async def _attempt(self, message: Message) -> None:
        """Make one attempt and record its outcome; after a cancellation complete both within their bounds."""
        watch = _Watch()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.wait_for_cancellation)
            # Captured, so that an error does not come wrapped in the nursery's group. The attempt is shielded, so no
            # cancellation is captured.
            result = await outcome.acapture(self._complete_attempt, message, watch)
            if watch.stopping and isinstance(result, outcome.Error):
                self._log.error("an attempt failed while stopping", message=message.id, reason=repr(result.error))
            watch.over = True
            nursery.cancel_scope.cancel()
        result.unwrap()

    async def _complete_attempt(self, message: Message, watch: _Watch) -> None:
        error = await self._send(message, watch)
        now = self._now()
        log = self._log.bind(message=message.id, gateway=message.gateway, alerts=len(message.entries))
        if error is None:
            await self._record_outcome(partial(outbox.mark_delivered, message=message, now=now), message)
            log.info("alerts delivered", event_type=message.event, attempt=message.attempt)
            return
        again = self._next_attempt(message, error, now)
        failed = partial(outbox.mark_failed, message=message, now=now, next_attempt_at=again, error=str(error))
        await self._record_outcome(failed, message)
        if again is None:
            log.error("alerts given up", attempts=message.attempt, reason=str(error))
        else:
            log.warning("alerts not delivered", attempt=message.attempt, reason=str(error), again_at=again.isoformat())

    def _next_attempt(self, message: Message, error: DeliveryError, now: datetime) -> datetime | None:
        if message.attempt >= MAX_ATTEMPTS:
            return None
        return now if isinstance(error, _StoppedError) else now + pause(message.attempt, error, self._draw)

    async def _send(self, message: Message, watch: _Watch) -> DeliveryError | None:
        """Send within the attempt's bound, or the grace after a stop; return why the message was not taken, if so."""
        result: DeliveryError | None = None
        with watch.attempt:
            try:
                await self._sender.send(message)
            except DeliveryError as error:
                result = error
        if not watch.attempt.cancelled_caught:
            return result
        if watch.stopping:
            return _StoppedError("our own stop ended the attempt")
        return DeliveryError(f"the receiver did not take the message within {SEND_SECONDS:g} s")

    async def _record_outcome(self, work: Callable[[Connection], None], message: Message) -> None:
        """Record an outcome, even during a stop; retry for a while if the database is away."""
        with trio.move_on_after(OUTCOME_SECONDS, shield=True):
            while True:
                try:
                    await self._database.run(work, deadline=TRANSACTION_SECONDS)
                except DatabaseError as error:
                    if not error.transient:
                        raise
                    reason = str(error)
                else:
                    return
                self._log.warning("the outcome of an attempt waits for the database", message=message.id, reason=reason)
                await trio.sleep(OUTCOME_PAUSE_SECONDS)
        self._log.warning("the outcome of an attempt is lost; it is made again, under the same id", message=message.id)


class _Watch:
    """Bounds a shielded attempt: by its own time, and by the grace after a cancellation."""

    def __init__(self) -> None:
        self.attempt = trio.CancelScope(deadline=trio.current_time() + SEND_SECONDS, shield=True)
        self.over = False
        self.stopping = False

    async def wait_for_cancellation(self) -> None:
        """Wait for a cancellation; if it comes from outside, limit the attempt to the grace."""
        try:
            await trio.sleep_forever()
        finally:
            if not self.over:
                self.stopping = True
                self.attempt.deadline = min(self.attempt.deadline, trio.current_time() + GRACE_SECONDS)
