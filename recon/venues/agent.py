"""The agent that asks one venue about one account, now and then; each answer is an event (architecture 3.1).

1. The library is synchronous, so it works in a thread, one call at a time. A call that lasts too long is left alone:
   its thread ends by the bounds of its requests, and the client that it uses is not used again.
2. A failure that may pass is repeated a few times. What stays is an event with the problem, and the state `retrying`.
3. The agent reads, and never stops anything else: whatever goes wrong is this account's alone.
"""

from __future__ import annotations

import random  # noqa: TID251  # backoff jitter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Never, Protocol, TypeVar

import structlog
import trio

from recon.backoff import Backoff
from recon.config import Venue
from recon.errors import ConfigError, VenueError
from recon.ledger.facts.venue_answer import Question
from recon.log.events import NewEvent
from recon.status import StatusReporter
from recon.venues.answers import Asked, answer_event, trade_event
from recon.venues.client import ToldTrade, VenueClient
from recon.venues.trade_cursor import TradeCursor

#: Seconds from the start of the recording to the first question: the account has opened by then.
FIRST_SECONDS: Final = 30.0
#: Longest call in seconds: the lists of a venue with some thousand markets take most of it.
CALL_SECONDS: Final = 90.0
#: Most attempts at one question, and the first and longest pause between them, in seconds.
ATTEMPTS: Final = 4
FIRST_PAUSE_SECONDS: Final = 2.0
LAST_PAUSE_SECONDS: Final = 30.0
#: Most answers to one question for trades, each with the trades after the last of the one before.
MAX_PAGES: Final = 20
#: How long a client is used, in seconds: a new one knows new markets.
CLIENT_SECONDS: Final = 86_400.0

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class InThread(Protocol):
    """Runs one call in a thread, which is left alone when the caller is cancelled."""

    async def __call__(self, work: Callable[[], T], limiter: trio.CapacityLimiter) -> T:
        """Return the result of the call."""
        ...


async def in_thread(work: Callable[[], T], limiter: trio.CapacityLimiter) -> T:
    """Run a call in a worker thread; see `InThread`."""
    return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)


class VenueAgent:
    """Asks one venue about one account; its status is `waiting`, `asking` or `retrying`, with the reason."""

    def __init__(  # noqa: PLR0913 - the agent's ways out, each replaced by a fake in its tests
        self,
        account: str,
        settings: Venue,
        *,
        connect: Callable[[Venue], VenueClient],
        record: Callable[[NewEvent], None],
        now: Callable[[], datetime],
        status: StatusReporter,
        run_in_thread: InThread = in_thread,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; nothing happens before `run`.

        `connect` makes a client, in the thread. `record` puts an event into the log's buffer, and raises Overrun while
        it is full. `now` is this machine's clock.
        """
        self._account = account
        self._settings = settings
        self._connect = connect
        self._record = record
        self._now = now
        self._status = status
        self._run_in_thread = run_in_thread
        self._draw = draw
        #: A thread that outlasts its call keeps the next one waiting, so threads never pile up.
        self._one = trio.CapacityLimiter(1)
        self._client: VenueClient | None = None
        self._client_until = 0.0
        self._cursors: dict[str | None, TradeCursor] = {}

    async def run(self) -> Never:
        """Ask whenever it is due, until cancelled."""
        start = self._now() - self._settings.look_back
        self._cursors = {symbol: TradeCursor(start) for symbol in self._settings.symbols or (None,)}
        self._status.set("waiting", f"asks {self._settings.exchange} for {', '.join(self._settings.ask)}")
        next_at = trio.current_time() + FIRST_SECONDS
        while True:
            await trio.sleep_until(next_at)
            next_at = trio.current_time() + self._settings.every.total_seconds()
            self._status.set("asking", self._settings.exchange)
            problems = [problem for what in self._settings.ask if (problem := await self._ask(what)) is not None]
            if problems:
                self._status.set("retrying", "; ".join(problems), failures=len(problems))
            else:
                self._status.set("waiting", f"{self._settings.exchange} answered", failures=0)

    async def _ask(self, what: Question) -> str | None:
        """Ask one question, with its attempts, and record the answer; return the problem if there is none."""
        backoff = Backoff(FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, self._draw, jitter=0.5)
        while True:
            asked_at = self._now()
            try:
                for event in await self._answer(what):
                    self._record(event)
            except (VenueError, ConfigError) as error:
                pause = backoff.next()
                if isinstance(error, VenueError) and error.transient and backoff.failures < ATTEMPTS:
                    await trio.sleep(pause)
                    continue
                problem = str(error)
                _log.warning("a venue has not answered", account=self._account, asked=what, reason=problem)
                self._record(answer_event(self._asked(what, asked_at), problem=problem))
                return problem
            return None

    def _asked(self, what: Question, at: datetime) -> Asked:
        return Asked(self._account, self._settings.exchange, what, at, self._now())

    async def _answer(self, what: Question) -> Sequence[NewEvent]:
        """Return the events of an answer. Raise VenueError, or ConfigError where nothing can be asked."""
        client = await self._ready_client()
        if what == "trades":
            return await self._new_trades(client)
        amounts = await self._call(client.balances if what == "balances" else client.positions)
        # The library rests before it asks; the amounts are of the time between question and answer alone.
        asked = self._asked(what, self._now() - timedelta(seconds=client.took))
        return [answer_event(asked, amounts=amounts, complete=self._settings.complete)]

    async def _new_trades(self, client: VenueClient) -> Sequence[NewEvent]:
        """Return an event for each new trade of each symbol, after the one of the answer itself."""
        at = self._now()
        since = {symbol: cursor.since for symbol, cursor in self._cursors.items()}
        told = {symbol: await self._pages(client, symbol, since[symbol]) for symbol in self._cursors}
        # All have been told: from here on nothing fails, so no trade counts as known that is not recorded.
        cursors = self._cursors.items()
        gaps = [symbol or "its list" for symbol, each in cursors if each.leaves_out(told[symbol], since[symbol])]
        found = [trade for symbol, each in cursors for trade in each.take(told[symbol], at)]
        asked = self._asked("trades", at)
        events = [answer_event(asked, trades=len(found)), *(trade_event(asked, trade) for trade in found)]
        if gaps:
            words = f"{self._settings.exchange}: {', '.join(gaps)} may leave trades out; make every shorter"
            events.append(answer_event(asked, problem=words))
        return events

    async def _pages(self, client: VenueClient, symbol: str | None, since: datetime) -> Sequence[ToldTrade]:
        """Return all trades since a time: some venues tell the earliest first, and a few at a time."""
        told: dict[tuple[str, str], ToldTrade] = {}
        for _ in range(MAX_PAGES):
            page = await self._call(partial(client.trades, symbol, since))
            new = {(trade.symbol, trade.id): trade for trade in page if (trade.symbol, trade.id) not in told}
            if not new:
                return list(told.values())
            told |= new
            since = max(trade.at for trade in new.values())
        raise VenueError(
            f"{self._settings.exchange}: more trades than {MAX_PAGES} answers hold; make look_back shorter"
        )

    async def _ready_client(self) -> VenueClient:
        if self._client is not None and trio.current_time() < self._client_until:
            return self._client
        former, self._client = self._client, None
        if former is not None:
            await self._call(former.close)
        client = await self._call(partial(self._connect, self._settings))
        await self._call(client.prepare)
        self._client, self._client_until = client, trio.current_time() + CLIENT_SECONDS
        return client

    async def _call(self, work: Callable[[], T]) -> T:
        """Run a call in a thread, within its bound. Raise VenueError."""
        with trio.move_on_after(CALL_SECONDS):
            return await self._run_in_thread(work, self._one)
        self._client = None  # its thread may use it still
        raise VenueError.passing(f"{self._settings.exchange}: no answer within {CALL_SECONDS:g} s")
