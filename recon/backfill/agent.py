"""The agent that asks a gateway over REST, and puts each question with its answer into the log (architecture 3, 4).

1. What it asks follows from the books alone (`plan`); what the answers mean is decided where they are folded.
2. A run has a bound in seconds, below the patience of the books, and one in questions: see `plan`.
3. After FAILURES_IN_A_ROW questions without an answer a run is given up: the EMS is not there. What is open then is
   asked for again later.
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
from recon.backfill.view import BackfillView
from recon.ems.protocol import rest_requests
from recon.ems.protocol.rest_requests import RestRequest, RestResponse
from recon.errors import ReconError
from recon.log.events import CATCH_UP_BEGUN, CATCH_UP_ENDED, REST_ANSWER, NewEvent
from recon.status import StatusReporter
from recon.times import microseconds

#: Between two looks at what is due, in seconds; a change of the books wakes it too.
LOOK_SECONDS: Final = 1.0
#: Longest run of questions, in seconds.
RUN_SECONDS: Final = 240.0
#: How long the books may take to fold what was appended, in seconds.
FOLD_SECONDS: Final = 30.0
#: Questions without any answer in a row after which a run is given up.
FAILURES_IN_A_ROW: Final = 3

_log = structlog.get_logger(__name__)
_MICROSECOND: Final = timedelta(microseconds=1)


class RequestSender(Protocol):
    """Where questions are asked; an answer always comes, within a bound."""

    async def send(self, ask: RestRequest, *, run: str) -> RestResponse:
        """Ask one question."""
        ...


class BackfillAgent:
    """Catches up with what gaps hid, for one gateway; its status is `watching`, or `asking` with why and of whom."""

    def __init__(
        self,
        gateway: str,
        *,
        connect: Callable[[], Awaitable[AbstractAsyncContextManager[RequestSender] | None]],
        record: Callable[[NewEvent], None],
        redact: Callable[[bytes], tuple[bytes, bool]],
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        cross_check: timedelta,
        status: StatusReporter,
    ) -> None:
        """Prepare; nothing happens before `run`.

        `connect` gives where to ask now, None where nobody listens; `record` puts an event into the log's buffer and
        raises Overrun while it is full. A `cross_check` of zero: never.
        """
        self._gateway = gateway
        self._connect = connect
        self._record = record
        self._redact = redact
        self._now = now
        self._new_id = new_id
        self._cross_check_us = cross_check // _MICROSECOND
        self._next_check_us: int | None = None
        self._status = status
        self._situation: BackfillView | None = None
        self._changed = trio.Event()
        self._retries: dict[str, RetryState] = {}

    def update(self, situation: BackfillView) -> None:
        """Take note of where the books stand; call it in the Trio thread, after each step of folding."""
        self._situation = situation
        self._changed.set()
        self._changed = trio.Event()

    async def run(self) -> Never:
        """Ask whatever is to be asked, until cancelled."""
        self._status.set("watching")
        if self._cross_check_us:
            self._next_check_us = self._now_us() + self._cross_check_us
        while True:
            run = None
            if self._situation is not None:
                run = plan.next_run(self._situation, self._now_us(), self._retries, self._next_check_us)
            if run is None:
                with trio.move_on_after(LOOK_SECONDS):
                    await self._changed.wait()
                continue
            await self._catch_up(run)

    def _now_us(self) -> int:
        return microseconds(self._now())

    async def _catch_up(self, run: BackfillRun) -> None:
        """Make one run of questions, and plan when what stays open is asked again."""
        self._status.set("asking", f"{run.why}: {', '.join(run.accounts)}")
        if run.why == "cross-check":
            self._next_check_us = self._now_us() + self._cross_check_us
        # Planned before asking: a run that fails altogether is not begun again at once.
        for account in run.accounts:
            known = self._retries.get(account)
            self._retries[account] = plan.retry_after(known, self._now_us(), run.until.get(account))
        fruitful = False
        try:
            connected = await self._connect()
            if connected is not None:
                async with connected as questions:
                    fruitful = await self._ask_all(run, questions)
        except ReconError as error:
            _log.warning("catching up was given up", gateway=self._gateway, why=run.why, reason=str(error))
        for account in run.accounts:
            if not self._is_open(account) or (fruitful and self._has_unasked(account)):
                self._retries.pop(account, None)
        self._status.set("watching")

    async def _ask_all(self, run: BackfillRun, questions: RequestSender) -> bool:
        """Make a run; return whether somebody answered to its end."""
        asking = _RunProgress(self._new_id(), run, questions)
        with bound_contextvars(gateway=self._gateway, run=asking.name):
            await self._make(run, asking)
        return not asking.gave_up

    async def _make(self, run: BackfillRun, asking: _RunProgress) -> None:
        began = trio.current_time()
        self._record_event(CATCH_UP_BEGUN, {"run": asking.name, "why": run.why, "accounts": dict(run.until)})
        with trio.move_on_after(RUN_SECONDS) as bound:
            await self._ask_in_turn(asking)
            await self._folded(asking)
        result: dict[str, object] = {
            "run": asking.name,
            "why": run.why,
            "accounts": dict(run.until),
            "questions": asking.asked,
            "unanswered": asking.unanswered,
            "seconds": f"{trio.current_time() - began:.3f}",
            "given_up": bound.cancelled_caught or asking.gave_up,
            "still_open": self._still_open(run),
        }
        self._record_event(CATCH_UP_ENDED, result)
        await self._ended(asking)
        left = [account for account in run.accounts if self._is_open(account)]
        tell, said = (_log.warning, "questions are open") if left else (_log.info, "asked, and nothing is open")
        tell(said, why=run.why, accounts=list(run.accounts), open=left, questions=asking.asked)

    async def _ask_in_turn(self, asking: _RunProgress) -> None:
        """Ask which orders are open, what became of the missing ones, what the order log says, and what is held."""
        run = asking.run
        if run.why != "second look":
            await self._each(asking, plan.snapshots(run.accounts))
            if (situation := await self._folded(asking)) is not None:
                await self._each(asking, plan.statuses(situation, run.accounts))
        await self._read_history(asking)
        if run.why != "second look":
            await self._each(asking, plan.cross_checks(run.accounts))

    async def _read_history(self, asking: _RunProgress) -> None:
        situation = self._situation
        if situation is None:
            return
        pause = (plan.history_ready_us(situation, asking.run) - self._now_us()) / 1_000_000
        span = plan.history_span(situation, asking.run, self._now_us())
        if span is None:
            return
        await trio.sleep(max(pause, 0.0))
        span = plan.history_span(situation, asking.run, self._now_us()) or span
        waiting = deque(RestRequest(kind="history", from_us=begin, until_us=end) for begin, end in plan.windows(*span))
        for _ in range(2 * plan.MAX_WINDOWS):
            if not waiting or self._should_stop(asking):
                return
            ask = waiting.popleft()
            answer = await self._one(asking, ask)
            if answer.status == HTTPStatus.OK and answer.problem is None:
                continue
            shorter = plan.halves(ask) if answer.too_large else []
            if not shorter:
                return  # what follows a window that was not read would not count
            waiting.extendleft(reversed(shorter))

    async def _each(self, asking: _RunProgress, questions: Iterable[RestRequest]) -> None:
        for ask in questions:
            if self._should_stop(asking):
                return
            await self._one(asking, ask)

    def _should_stop(self, asking: _RunProgress) -> bool:
        """Tell whether to ask no more: nobody answers, or an account is back from a gap, which goes first."""
        if asking.gave_up or asking.run.why == "gap" or self._situation is None:
            return asking.gave_up
        due = plan.next_run(self._situation, self._now_us(), self._retries, None)
        return due is not None and due.why == "gap"

    async def _one(self, asking: _RunProgress, ask: RestRequest) -> RestResponse:
        """Ask one question, and append it with its answer."""
        with bound_contextvars(asked=ask.kind, account=ask.account):
            answer = await asking.questions.send(ask, run=asking.name)
        asking.note(answer)
        payload, redacted = self._redact(rest_requests.encode_response(answer))
        self._record(NewEvent(REST_ANSWER, payload, self._now(), ask.account, None, redacted or answer.redacted))
        return answer

    async def _folded(self, asking: _RunProgress) -> BackfillView | None:
        """Wait until every answer is folded; return where the books stand, None where that takes too long."""
        with trio.move_on_after(FOLD_SECONDS):
            while True:
                now = self._situation
                if now is not None and now.run == asking.name and now.answers >= asking.asked:
                    return now
                await self._changed.wait()
        return None

    async def _ended(self, asking: _RunProgress) -> None:
        """Wait until the books have taken the end of a run, so that it is not begun again."""
        with trio.move_on_after(FOLD_SECONDS):
            while any(self._runs(account, until) for account, until in asking.run.until.items()):
                await self._changed.wait()

    def _is_open(self, account: str) -> bool:
        standing = None if self._situation is None else self._situation.of(account)
        return standing is None or standing.lost is not None or bool(standing.missing)

    def _has_unasked(self, account: str) -> bool:
        """Tell whether a run left orders over that it had no room for."""
        standing = None if self._situation is None else self._situation.of(account)
        missing = {} if standing is None else standing.missing
        return any(each.client_order_id is not None and not each.why for each in missing.values())

    def _runs(self, account: str, until: int) -> bool:
        standing = None if self._situation is None else self._situation.of(account)
        lost = None if standing is None else standing.lost
        return lost is not None and lost.until_seq == until and lost.in_progress

    def _still_open(self, run: BackfillRun) -> dict[str, list[str]]:
        found = {}
        for account in run.accounts:
            standing = None if self._situation is None else self._situation.of(account)
            if standing is not None and standing.missing:
                found[account] = list(standing.missing)[: plan.MAX_STATUS_ASKS]
        return found

    def _record_event(self, kind: str, content: dict[str, object]) -> None:
        self._record(NewEvent(kind, msgspec.json.encode(content), self._now()))


class _RunProgress:
    """One run under way: how much was asked, and whether anybody answers."""

    def __init__(self, name: str, run: BackfillRun, questions: RequestSender) -> None:
        self.name = name
        self.run = run
        self.questions = questions
        self.asked = 0
        self.unanswered = 0
        self._in_a_row = 0

    @property
    def gave_up(self) -> bool:
        return self._in_a_row >= FAILURES_IN_A_ROW

    def note(self, answer: RestResponse) -> None:
        """Count a question; any HTTP status is a sign that somebody is there."""
        self.asked += 1
        self.unanswered += answer.problem is not None
        self._in_a_row = self._in_a_row + 1 if answer.status is None else 0
