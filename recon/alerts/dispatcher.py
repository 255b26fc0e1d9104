"""The Trio task that delivers the messages of one channel (architecture 2.10, 2.11).

1. It sends one message at a time, in order. It looks for due messages when woken, when one is due, and by a timer.
2. Everything that must survive a crash is stored: attempts, the time of the next one, how the receiver fares.
3. At shutdown a running attempt gets GRACE_SECONDS; a cancelled attempt is due again at the next start.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

import outcome
import structlog
import trio
from sqlalchemy import Connection

from recon.alerts import delivery_store
from recon.alerts.channels import Sender
from recon.alerts.delivery_store import Claim, Failure
from recon.alerts.message import Message
from recon.alerts.retry import MAX_ATTEMPTS, pause
from recon.db.transactions import Database
from recon.errors import DatabaseError, DeliveryError
from recon.meters import DeliveryMeter
from recon.tracing import DELIVER, OFF, Tracing

#: Seconds between two looks into the deliveries without a wake-up.
POLL_SECONDS: Final = 2.0
#: Longest attempt, in seconds.
SEND_SECONDS: Final = 15.0
#: Longest rest of a running attempt after the service was told to stop, in seconds.
GRACE_SECONDS: Final = 5.0
#: Longest transaction on the deliveries, in seconds.
TRANSACTION_SECONDS: Final = 5.0
#: How long to retry recording an outcome while the database is away, and the pause between, in seconds.
OUTCOME_SECONDS: Final = 10.0
OUTCOME_PAUSE_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class _StoppedError(DeliveryError):
    """Our own stop ended the attempt, not the receiver."""


class Dispatcher:
    """Delivers the messages of one channel."""

    def __init__(
        self,
        database: Database,
        *,
        channel: str,
        sender: Sender,
        now: Callable[[], datetime],
        draw: Callable[[], float],
        tracing: Tracing = OFF,
    ) -> None:
        """Prepare; nothing happens before `run`. `draw` is uniform in [0, 1), for the jitter of retries."""
        self._database = database
        self._channel = channel
        self._sender = sender
        self._now = now
        self._draw = draw
        self._woken = trio.Event()
        self._log = _log.bind(channel=channel)
        self._tracing = tracing
        self.meter = DeliveryMeter()

    def wake(self) -> None:
        """Look for messages at once. Call it in the Trio thread, after the commit."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver due messages until cancelled.

        Wait for a database that is away for a moment; raise DatabaseError if it refuses us.
        """
        while True:
            # Reset before looking, so that a wake-up in the meantime is not missed.
            self._woken = trio.Event()
            wait = POLL_SECONDS
            try:
                wait = self._wait(await self._deliver_due())
            except DatabaseError as error:
                if not error.transient:
                    raise
                self._log.warning("alerts wait for the database", reason=str(error))
            with trio.move_on_after(wait):
                await self._woken.wait()

    def _wait(self, again_at: datetime | None) -> float:
        """Return how long to wait for a wake-up, in seconds: until the next message is due, and no longer than POLL."""
        if again_at is None:
            return POLL_SECONDS
        return min(POLL_SECONDS, max(0.0, (again_at - self._now()).total_seconds()))

    async def _deliver_due(self) -> datetime | None:
        """Deliver until nothing is due; return when something may be."""
        while True:
            claim = partial(delivery_store.claim, channel=self._channel, now=self._now())
            claimed: Claim = await self._database.run(claim, deadline=TRANSACTION_SECONDS)
            if claimed.message is None:
                return claimed.again_at
            await self._attempt(claimed.message)

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
        began = trio.current_time()
        error = await self._send(message, watch)
        seconds, now = trio.current_time() - began, self._now()
        log = self._log.bind(message=message.id, gateway=message.gateway, signals=len(message.entries))
        if error is None:
            self._note(message, "delivered", seconds)
            await self._record_outcome(partial(delivery_store.mark_delivered, message=message, now=now), message)
            log.info("alerts delivered", event_type=message.event, kind=message.kind, attempt=message.attempt)
            return
        failure = self._failure(message, error, now)
        self._note(message, "failed" if failure.next_attempt_at else "given_up", seconds, str(error))
        failed = partial(delivery_store.mark_failed, message=message, failure=failure, now=now, draw=self._draw)
        await self._record_outcome(failed, message)
        again = failure.next_attempt_at
        if again is None:
            log.error("alerts given up", attempts=message.attempt, reason=str(error))
        elif failure.gone:
            log.error("the receiver is gone for good; nothing is sent to it until a person acts", reason=str(error))
        else:
            log.warning("alerts not delivered", attempt=message.attempt, reason=str(error), again_at=again.isoformat())

    def _note(self, message: Message, what: str, seconds: float, error: str = "") -> None:
        """Count an attempt, and tell its span."""
        self.meter.note(what, seconds)
        if self._tracing.on:
            id_, attempt = message.id, message.attempt
            self._tracing.tell(
                DELIVER, seconds, error, channel=self._channel, message=id_, attempt=attempt, outcome=what
            )

    def _failure(self, message: Message, error: DeliveryError, now: datetime) -> Failure:
        stopped = isinstance(error, _StoppedError)
        again = now if stopped else now + pause(message.attempt, error, self._draw)
        return Failure(
            error=str(error),
            next_attempt_at=None if message.attempt >= MAX_ATTEMPTS else again,
            requested=error.retry_after,
            gone=error.gone,
            counts=not stopped,
        )

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
