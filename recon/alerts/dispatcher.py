"""The Trio task that brings what waits in the outbox to one channel (architecture 2.10, 2.11).

1. One message at a time, in the order of the log. What is due is looked for when woken, and by a timer in any case.
2. Everything that must survive a crash is in the outbox: attempts, the next one's time, the message's entries.
3. At shutdown an attempt under way gets GRACE_SECONDS; one that was cut off is due again at the next start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
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

#: How often the outbox is looked into without being woken, in seconds.
POLL_SECONDS: Final = 2.0
#: Longest one attempt may take, in seconds.
SEND_SECONDS: Final = 15.0
#: Of that, what an attempt under way still gets once we are told to stop, in seconds.
GRACE_SECONDS: Final = 5.0
#: Longest transaction on the outbox, in seconds.
TRANSACTION_SECONDS: Final = 5.0
#: How long noting an outcome is tried while the database is away, and the pause between, in seconds.
SETTLE_SECONDS: Final = 10.0
SETTLE_PAUSE_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class _CutOffError(DeliveryError):
    """We stopped in the middle of an attempt; the receiver is not to blame."""


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
    ) -> None:
        """Prepare; nothing happens before `run`. `draw` is uniform in [0, 1), for the jitter of retries."""
        self._database = database
        self._gateways = tuple(gateways)
        self._channel = channel
        self._sender = sender
        self._now = now
        self._draw = draw
        self._woken = trio.Event()
        self._log = _log.bind(channel=channel)

    def wake(self) -> None:
        """Look into the outbox at once; to be called in the Trio thread, once what was queued is committed."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver what is due, until cancelled.

        A database that is away for a moment is waited for. Errors: DatabaseError for one that refuses us.
        """
        while True:
            # Before looking, so that whoever wakes us while we look is not missed.
            self._woken = trio.Event()
            try:
                await self._deliver_due()
            except DatabaseError as error:
                if not error.transient:
                    raise
                self._log.warning("alerts wait for the database", reason=str(error))
            with trio.move_on_after(POLL_SECONDS):
                await self._woken.wait()

    async def _deliver_due(self) -> None:
        """Deliver until nothing is due; the gateways take turns, so that none waits for another's backlog."""
        waiting = list(self._gateways)
        while waiting:
            for gateway in list(waiting):
                claim = partial(outbox.claim, gateway=gateway, channel=self._channel, now=self._now())
                message = await self._database.run(claim, deadline=TRANSACTION_SECONDS)
                if message is None:
                    waiting.remove(gateway)
                else:
                    await self._attempt(message)

    async def _attempt(self, message: Message) -> None:
        """Make one attempt and note its outcome; when we are cancelled, see both through within their bounds."""
        watch = _Watch()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.wait_for_cancellation)
            # Captured, so that an error does not come wrapped in the nursery's group. Nothing in there hears a
            # cancellation from outside, so none is captured.
            result = await outcome.acapture(self._see_through, message, watch)
            if watch.stopping and isinstance(result, outcome.Error):
                self._log.error("an attempt failed while stopping", message=message.id, reason=repr(result.error))
            watch.over = True
            nursery.cancel_scope.cancel()
        result.unwrap()

    async def _see_through(self, message: Message, watch: _Watch) -> None:
        error = await self._send(message, watch)
        now = self._now()
        log = self._log.bind(message=message.id, gateway=message.gateway, alerts=len(message.entries))
        if error is None:
            await self._settle(partial(outbox.mark_delivered, message=message, now=now), message)
            log.info("alerts delivered", event_type=message.event, attempt=message.attempt)
            return
        again = self._next_attempt(message, error, now)
        failed = partial(outbox.mark_failed, message=message, now=now, next_attempt_at=again, error=str(error))
        await self._settle(failed, message)
        if again is None:
            log.error("alerts given up", attempts=message.attempt, reason=str(error))
        else:
            log.warning("alerts not delivered", attempt=message.attempt, reason=str(error), again_at=again.isoformat())

    def _next_attempt(self, message: Message, error: DeliveryError, now: datetime) -> datetime | None:
        if message.attempt >= MAX_ATTEMPTS:
            return None
        return now if isinstance(error, _CutOffError) else now + pause(message.attempt, error, self._draw)

    async def _send(self, message: Message, watch: _Watch) -> DeliveryError | None:
        """Give the sender its time, or the grace where we are to stop; return why the message was not taken."""
        result: DeliveryError | None = None
        with watch.attempt:
            try:
                await self._sender.send(message)
            except DeliveryError as error:
                result = error
        if not watch.attempt.cancelled_caught:
            return result
        if watch.stopping:
            return _CutOffError("the attempt was cut off by our own stop")
        return DeliveryError(f"the receiver did not take the message within {SEND_SECONDS:g} s")

    async def _settle(self, work: Callable[[Connection], None], message: Message) -> None:
        """Note an outcome, even while we are being stopped; a database that is away is tried for a while."""
        with trio.move_on_after(SETTLE_SECONDS, shield=True):
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
                await trio.sleep(SETTLE_PAUSE_SECONDS)
        self._log.warning("the outcome of an attempt is lost; it is made again, under the same id", message=message.id)


class _Watch:
    """Bounds an attempt, which itself is shielded: by its own time, and by the grace once we are cancelled."""

    def __init__(self) -> None:
        self.attempt = trio.CancelScope(deadline=trio.current_time() + SEND_SECONDS, shield=True)
        self.over = False
        self.stopping = False

    async def wait_for_cancellation(self) -> None:
        """Wait to be cancelled; if that is from outside, leave the attempt the grace and no more."""
        try:
            await trio.sleep_forever()
        finally:
            if not self.over:
                self.stopping = True
                self.attempt.deadline = min(self.attempt.deadline, trio.current_time() + GRACE_SECONDS)
