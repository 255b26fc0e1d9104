"""The agent that sends backfill requests and appends each one with its response to the log (architecture 3, 4).

1. The ledger alone decides what to ask (`plan`). The fold interprets the responses.
2. A run has a bound in seconds, below the patience of the ledger, and bounds on its requests: see `plan`.
3. After FAILURES_IN_A_ROW requests without a response the EMS counts as unreachable and the run ends. A later run asks
   for what is open then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, Never, Protocol

import msgspec
import structlog
import trio
from structlog.contextvars import bound_contextvars

from recon.backfill import plan
from recon.backfill.plan import BackfillRun, RetryState
from recon.backfill.view import AccountView, BackfillView
from recon.ems.protocol.rest_requests import RestRequest, RestResponse, encode_response
from recon.errors import ReconError
from recon.log.events import CATCH_UP_BEGUN, CATCH_UP_ENDED, REST_ANSWER, NewEvent
from recon.status import StatusReporter

#: Longest pause between two looks at the plan, in seconds; a change of the ledger ends it.
LOOK_SECONDS: Final = 1.0
#: Longest run, in seconds.
RUN_SECONDS: Final = 240.0
#: How long the fold may take to reach what was appended, in seconds.
FOLD_SECONDS: Final = 30.0
#: Requests without any response, one after the other, that end a run.
FAILURES_IN_A_ROW: Final = 3
#: Most requests for windows of the order history in one run; a window that is too large is split and asked again.
MAX_HISTORY_REQUESTS: Final = 2 * plan.MAX_WINDOWS

_log = structlog.get_logger(__name__)
_MICROSECOND: Final = timedelta(microseconds=1)


class RequestSender(Protocol):
    """Sends a request; always returns a response, within a bound, if only one that says that none came."""

    async def send(self, request: RestRequest, *, run: str) -> RestResponse:
        """Send one request of a run."""
        ...


class BackfillAgent:
    """Backfills the gaps of one gateway; its status is `watching`, or `asking` with reason and accounts."""

    def __init__(  # noqa: PLR0913 - the agent's ways out, each replaced by a fake in its tests
        self,
        gateway: str,
        *,
        connect: Callable[[], Awaitable[AbstractAsyncContextManager[RequestSender] | None]],
        record: Callable[[NewEvent], None],
        redact: Callable[[bytes], tuple[bytes, bool]],
        now: Callable[[], datetime],
        log_time_us: Callable[[], int],
        new_id: Callable[[], str],
        cross_check: timedelta,
        status: StatusReporter,
    ) -> None:
        """Prepare; nothing happens before `run`.

        `connect` opens a sender, or returns None while no session is open. `record` puts an event into the log's buffer
        and raises Overrun while it is full. `now` is this machine's clock; `log_time_us` is log time, by which the plan
        goes. `cross_check` is the time between two cross-checks; zero means never.
        """
        self._gateway = gateway
        self._connect = connect
        self._record = record
        self._redact = redact
        self._now = now
        self._log_time_us = log_time_us
        self._new_id = new_id
        self._cross_check_us = cross_check // _MICROSECOND
        self._next_check_us: int | None = None
        self._status = status
        self._view: BackfillView | None = None
        self._changed = trio.Event()
        self._retries: dict[str, RetryState] = {}

    def update(self, view: BackfillView) -> None:
        """Take the view after a step of the fold; call it in the Trio thread."""
        self._view = view
        self._changed.set()
        self._changed = trio.Event()

    async def run(self) -> Never:
        """Make each run when it is due, until cancelled."""
        self._status.set("watching")
        if self._cross_check_us:
            self._next_check_us = self._log_time_us() + self._cross_check_us
        while True:
            run = self._due_run(self._next_check_us)
            if run is not None:
                await self._backfill(run)
                continue
            with trio.move_on_after(LOOK_SECONDS):
                await self._changed.wait()

    def _due_run(self, cross_check_us: int | None) -> BackfillRun | None:
        if self._view is None:
            return None
        return plan.next_run(self._view, self._log_time_us(), self._retries, cross_check_us)

    async def _backfill(self, run: BackfillRun) -> None:
        """Make one run, and schedule when to ask again for what stays open."""
        self._status.set("asking", f"{run.why}: {', '.join(run.accounts)}")
        if run.why == "cross-check":
            self._next_check_us = self._log_time_us() + self._cross_check_us
        # Scheduled before the first request: a run that fails altogether does not begin again at once.
        for name in run.accounts:
            self._retries[name] = plan.schedule_retry(self._retries.get(name), self._log_time_us(), run.until.get(name))
        answered = False
        try:
            connection = await self._connect()
            if connection is not None:
                async with connection as sender:
                    answered = await self._make(run, sender)
        except ReconError as error:
            _log.warning("backfill failed", gateway=self._gateway, why=run.why, reason=str(error))
        for name in run.accounts:
            if not self._is_open(name) or (answered and self._has_unasked_orders(name)):
                self._retries.pop(name, None)
        self._status.set("watching")

    async def _make(self, run: BackfillRun, sender: RequestSender) -> bool:
        """Make a run between its two events; return whether the EMS responded to the end."""
        progress = _RunProgress(self._new_id(), run, sender)
        began = trio.current_time()
        with bound_contextvars(gateway=self._gateway, run=progress.name):
            self._record_event(CATCH_UP_BEGUN, progress.begun())
            with trio.move_on_after(RUN_SECONDS) as bound:
                await self._send_all(progress)
                await self._wait_for_responses(progress)
            given_up = bound.cancelled_caught or progress.is_unanswered
            ended = progress.ended(trio.current_time() - began, given_up=given_up, still_open=self._missing_orders(run))
            self._record_event(CATCH_UP_ENDED, ended)
            await self._wait_for_end(run)
            self._log_result(progress)
        return not progress.is_unanswered

    def _log_result(self, progress: _RunProgress) -> None:
        run = progress.run
        still_open = [name for name in run.accounts if self._is_open(name)]
        log, text = (_log.warning, "backfill left questions open") if still_open else (_log.info, "backfill complete")
        log(text, why=run.why, accounts=list(run.accounts), open=still_open, questions=progress.sent)

    async def _send_all(self, progress: _RunProgress) -> None:
        """Ask for open orders, then for missing ones, the order log, and balances and positions."""
        run = progress.run
        if run.why != "second look":
            await self._send_each(progress, plan.open_orders(run.accounts))
            if (view := await self._wait_for_responses(progress)) is not None:
                await self._send_each(progress, plan.statuses(view, run.accounts))
        await self._read_history(progress)
        if run.why != "second look":
            await self._send_each(progress, plan.cross_checks(run.accounts))

    async def _read_history(self, progress: _RunProgress) -> None:
        if self._view is None or (span := plan.history_span(self._view, progress.run, self._log_time_us())) is None:
            return
        pause_us = plan.history_ready_us(self._view, progress.run) - self._log_time_us()
        await trio.sleep(max(pause_us / 1_000_000, 0.0))
        span = plan.history_span(self._view, progress.run, self._log_time_us()) or span
        pending = deque(RestRequest("history", from_us=begin, until_us=end) for begin, end in plan.windows(*span))
        for _ in range(MAX_HISTORY_REQUESTS):
            if not pending or self._should_stop(progress):
                return
            request = pending.popleft()
            response = await self._send(progress, request)
            if response.status == HTTPStatus.OK and response.problem is None:
                continue
            shorter = plan.halves(request) if response.too_large else []
            if not shorter:
                return  # the order log counts as read up to the first window that could not be read
            pending.extendleft(reversed(shorter))

    async def _send_each(self, progress: _RunProgress, requests: Iterable[RestRequest]) -> None:
        for request in requests:
            if self._should_stop(progress):
                return
            await self._send(progress, request)

    def _should_stop(self, progress: _RunProgress) -> bool:
        """True if the EMS does not respond, or an account returned from a gap, which goes first."""
        if progress.is_unanswered or progress.run.why == "gap":
            return progress.is_unanswered
        due = self._due_run(None)
        return due is not None and due.why == "gap"

    async def _send(self, progress: _RunProgress, request: RestRequest) -> RestResponse:
        """Send one request, and append it with its response."""
        with bound_contextvars(asked=request.kind, account=request.account):
            response = await progress.sender.send(request, run=progress.name)
        progress.count(response)
        payload, redacted = self._redact(encode_response(response))
        self._record(NewEvent(REST_ANSWER, payload, self._now(), request.account, None, redacted or response.redacted))
        return response

    async def _wait_for_responses(self, progress: _RunProgress) -> BackfillView | None:
        """Wait until every response is folded; return the view then, None if it takes too long."""
        with trio.move_on_after(FOLD_SECONDS):
            while True:
                view = self._view
                if view is not None and view.run == progress.name and view.responses >= progress.sent:
                    return view
                await self._changed.wait()
        return None

    async def _wait_for_end(self, run: BackfillRun) -> None:
        """Wait until the end of a run is folded, so that it does not begin again."""
        with trio.move_on_after(FOLD_SECONDS):
            while any(self._is_running(name, until) for name, until in run.until.items()):
                await self._changed.wait()

    def _account(self, name: str) -> AccountView | None:
        return None if self._view is None else self._view.of(name)

    def _is_open(self, name: str) -> bool:
        account = self._account(name)
        return account is None or account.gap is not None or bool(account.missing_orders)

    def _has_unasked_orders(self, name: str) -> bool:
        """True if the run had no room for some orders."""
        account = self._account(name)
        orders = () if account is None else account.missing_orders.values()
        return any(order.askable_id is not None and not order.why for order in orders)

    def _is_running(self, name: str, until: int) -> bool:
        account = self._account(name)
        gap = None if account is None else account.gap
        return gap is not None and gap.until_seq == until and gap.in_progress

    def _missing_orders(self, run: BackfillRun) -> dict[str, list[str]]:
        accounts = {name: self._account(name) for name in run.accounts}
        return {
            name: list(account.missing_orders)[: plan.MAX_STATUS_REQUESTS]
            for name, account in accounts.items()
            if account is not None and account.missing_orders
        }

    def _record_event(self, kind: str, content: dict[str, object]) -> None:
        self._record(NewEvent(kind, msgspec.json.encode(content), self._now()))


class _RunProgress:
    """One run under way: the requests it sent, and whether the EMS responds."""

    def __init__(self, name: str, run: BackfillRun, sender: RequestSender) -> None:
        self.name = name
        self.run = run
        self.sender = sender
        self.sent = 0
        self._unanswered = 0
        self._unanswered_in_a_row = 0

    @property
    def is_unanswered(self) -> bool:
        return self._unanswered_in_a_row >= FAILURES_IN_A_ROW

    def count(self, response: RestResponse) -> None:
        """Count a request; any HTTP status shows that the EMS is there."""
        self.sent += 1
        self._unanswered += response.problem is not None
        self._unanswered_in_a_row = self._unanswered_in_a_row + 1 if response.status is None else 0

    def begun(self) -> dict[str, object]:
        """Return the payload of the event that begins the run."""
        return {"run": self.name, "why": self.run.why, "accounts": dict(self.run.until)}

    def ended(self, seconds: float, *, given_up: bool, still_open: dict[str, list[str]]) -> dict[str, object]:
        """Return the payload of the event that ends the run."""
        return {
            **self.begun(),
            "questions": self.sent,
            "unanswered": self._unanswered,
            "seconds": f"{seconds:.3f}",
            "given_up": given_up,
            "still_open": still_open,
        }
