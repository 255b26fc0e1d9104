"""The backfill agent on a virtual clock, against a fake gateway (recon/backfill/agent.py, rules 1 to 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial
from itertools import pairwise

import msgspec
import trio
from trio.testing import MockClock

from recon.backfill import agent, plan
from recon.backfill.agent import BackfillAgent, RequestSender
from recon.ems.protocol.rest_requests import RestRequest, RestResponse, build_response
from recon.errors import Overrun
from recon.ledger.gaps import BACKFILL_TIMEOUT_US
from recon.ledger.rules import RecoveryRules, Rules
from recon.log import events
from recon.log.events import Event, NewEvent
from recon.status import StatusReporter
from recon.testing import START, OrderScript, Row, balance_row, symbol_row
from tests.support.memory_log import MemoryLog

ACCOUNT = "BINANCE"
OPEN = OrderScript("a", [("1", "100")])
_encode = msgspec.json.Encoder(decimal_format="number").encode

Answering = Callable[[RestRequest], Awaitable[RestResponse]]


def answered(
    request: RestRequest, body: object, *, status: int | None = 200, problem: str | None = None
) -> RestResponse:
    return build_response(request, run="?", attempts=1, status=status, problem=problem, content=_encode(body))


class Stage:
    """A gateway's log in memory, one account in it, and the agent; `answer` is who answers."""

    def __init__(self, *, cross_check: timedelta = timedelta(0)) -> None:
        self.log = MemoryLog("prod-eu", START)
        self.asked: list[tuple[float, RestRequest]] = []
        self.answer: Answering = self.honestly
        self.reachable = True
        self.full = False
        names = iter(range(1, 1_000))
        self.agent = BackfillAgent(
            "prod-eu",
            connect=self._connect,
            record=self._record,
            redact=lambda payload: (payload.replace(b"secret-key", b"[redacted]"), b"secret-key" in payload),
            now=self.log.now,
            log_time_us=self.log.now_us,
            new_id=lambda: f"run-{next(names)}",
            cross_check=cross_check,
            status=StatusReporter(self.log.now),
        )
        self.log.on_progress = self.agent.update
        rules = Rules(recovery=RecoveryRules(enabled=True, history=True))
        self._say(events.RULES, msgspec.json.encode(rules))

    def _record(self, event: NewEvent) -> None:
        if self.full:
            raise Overrun("the buffer is full")
        self.log.append(event)

    async def _connect(self) -> AbstractAsyncContextManager[RequestSender] | None:
        return self._questions() if self.reachable else None

    @asynccontextmanager
    async def _questions(self) -> AsyncIterator[RequestSender]:
        yield self

    async def send(self, request: RestRequest, *, run: str) -> RestResponse:
        self.asked.append((trio.current_time(), request))
        answer = await self.answer(request)
        return msgspec.structs.replace(answer, run=run)

    async def honestly(self, request: RestRequest) -> RestResponse:
        """The order was filled meanwhile; nothing else happened."""
        match request.kind:
            case "status":
                return answered(request, OPEN.report(1))
            case "balances":
                rows = [balance_row("BTC", "11"), balance_row("USDT", "900")]
                return answered(request, [{"exchange_id": ACCOUNT, "data": rows}])
            case _:
                return answered(request, [])

    def _say(self, kind: str, payload: bytes, session: str | None = "s1", account: str | None = None) -> None:
        self.log.append(NewEvent(kind, payload, self.log.now(), account, session))

    def frame(self, content: Row) -> None:
        self._say(str(content["type"]), _encode(content), account=ACCOUNT)

    def hear(self, session: str, orders: list[Row], balances: list[Row]) -> None:
        """A session with all its snapshots."""
        self._say(events.SESSION_OPENED, b"{}", session)
        self.frame({"type": "SERVER_INFO", "exchange_id": ACCOUNT, "instance_guid": "g", "is_running": True})
        rows: list[Row] = [symbol_row("BTCUSDT", "BINANCE_SPOT_BTC_USDT", "BTC", "USDT")]
        self.frame({"type": "SYMBOLS_SNAPSHOT", "exchange_id": ACCOUNT, "data": rows})
        self.frame({"type": "ORDER_EXEC_REPORT_SNAPSHOT", "exchange_id": ACCOUNT, "data": orders})
        self.frame({"type": "BALANCE_SNAPSHOT", "exchange_id": ACCOUNT, "data": balances})

    async def lose_and_hear(self) -> None:
        """An order is open, sight is lost for three seconds, and then the order is gone."""
        self.hear("s1", [OPEN.report(0)], [balance_row("BTC", "10"), balance_row("USDT", "1000")])
        await self.wait(30)
        self._say(events.SESSION_CLOSED, b'{"reason":"disconnected"}')
        await self.wait(3)
        self.hear("s2", [], [balance_row("BTC", "11"), balance_row("USDT", "900")])

    async def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            await trio.sleep(1)
            last = int(self.log.now().timestamp() * 1_000_000)
            beats = {} if self.log.book.clock.session is None else {ACCOUNT: {"last_us": last, "count": 1}}
            if self._is_open():
                self._say(events.TICK, msgspec.json.encode({"heartbeats": beats}))
            else:
                self._say(events.TICK, b'{"heartbeats":{}}')

    def _is_open(self) -> bool:
        sessions = [event.kind for event in self.log.events if event.kind.startswith("session.")]
        return bool(sessions) and sessions[-1] == events.SESSION_OPENED

    def kinds(self) -> list[str]:
        return [request.kind for _, request in self.asked]

    def of_kind(self, kind: str) -> list[Event]:
        return [event for event in self.log.events if event.kind == kind]

    @property
    def state(self) -> tuple[str, str | None]:
        account = self.log.book.accounts[ACCOUNT]
        return account.coverage.state, account.coverage.reason


async def hangs(_: RestRequest) -> RestResponse:
    """Nothing ever comes."""
    await trio.sleep_forever()
    raise AssertionError


Scenario = Callable[[Stage], Awaitable[None]]


def on_stage(scenario: Scenario, *, cross_check: timedelta = timedelta(0)) -> Callable[[], None]:
    """Run a scenario beside the agent on a virtual clock of its own."""

    async def live() -> None:
        stage = Stage(cross_check=cross_check)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.agent.run)
            await scenario(stage)
            nursery.cancel_scope.cancel()

    def test() -> None:
        trio.run(live, clock=MockClock(autojump_threshold=0))

    test.__doc__ = scenario.__doc__
    return test


@on_stage
async def test_after_a_gap_it_asks_in_turn_and_the_account_is_whole(stage: Stage) -> None:
    await stage.lose_and_hear()
    heard = trio.current_time()
    await stage.wait(20)
    assert stage.kinds() == ["orders", "status", "history", "balances", "positions"]
    asked_history = next(at for at, request in stage.asked if request.kind == "history")
    assert asked_history - heard >= plan.HISTORY_SETTLES_US / 1_000_000
    assert stage.state == ("covered", None)
    order = stage.log.book.orders[ACCOUNT, "c:a"]
    assert str(order.reported.amount_filled) == "1"


@on_stage
async def test_rule_1__each_question_stands_in_the_log_with_its_answer_and_the_run_with_its_end(stage: Stage) -> None:
    await stage.lose_and_hear()
    await stage.wait(20)
    (begun,), (ended,) = stage.of_kind(events.CATCH_UP_BEGUN), stage.of_kind(events.CATCH_UP_ENDED)
    answers = stage.of_kind(events.REST_ANSWER)
    assert begun.seq < answers[0].seq < answers[-1].seq < ended.seq
    assert msgspec.json.decode(answers[1].payload)["ask"]["client_order_id"] == "a"
    told = msgspec.json.decode(ended.payload)
    assert (told["why"], told["questions"], told["unanswered"], told["given_up"]) == ("gap", 5, 0, False)
    assert list(told["accounts"]) == [ACCOUNT]


@on_stage
async def test_the_order_log_is_read_once_more_and_then_no_more(stage: Stage) -> None:
    await stage.lose_and_hear()
    await stage.wait(400)
    assert stage.kinds().count("history") == 2
    ended = [msgspec.json.decode(event.payload)["why"] for event in stage.of_kind(events.CATCH_UP_ENDED)]
    assert ended == ["gap", "second look"]


@on_stage
async def test_what_a_credential_is_in_is_redacted(stage: Stage) -> None:
    async def with_key(request: RestRequest) -> RestResponse:
        if request.kind == "history":
            return answered(request, [{"apikey": "secret-key", "exchangeId": ACCOUNT, "clientOrderId": "z"}])
        return await stage.honestly(request)

    stage.answer = with_key
    await stage.lose_and_hear()
    await stage.wait(20)
    assert not any(b"secret-key" in event.payload for event in stage.log.events)


@on_stage
async def test_rule_2__a_window_whose_answer_is_too_large_is_halved(stage: Stage) -> None:
    async def too_large(request: RestRequest) -> RestResponse:
        if request.kind == "history" and (request.until_us or 0) - (request.from_us or 0) > 40_000_000:
            return answered(request, None, problem="larger than 16777216 bytes")
        return await stage.honestly(request)

    stage.answer = too_large
    await stage.lose_and_hear()
    await stage.wait(20)
    assert stage.kinds().count("history") > 2
    assert stage.state == ("covered", None)


@on_stage
async def test_rule_3__a_run_without_answers_is_given_up_and_made_again_ever_more_seldom(stage: Stage) -> None:
    async def nobody(request: RestRequest) -> RestResponse:
        await trio.sleep(2)
        return answered(request, None, status=None, problem="timeout")

    stage.answer = nobody
    await stage.lose_and_hear()
    await stage.wait(600)
    runs = [event.received_at for event in stage.of_kind(events.CATCH_UP_BEGUN)]
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(runs)]
    assert [round(pause / 60) for pause in pauses] == [1, 2, 4]
    assert len(stage.asked) == agent.FAILURES_IN_A_ROW * len(runs)
    assert all(msgspec.json.decode(event.payload)["given_up"] for event in stage.of_kind(events.CATCH_UP_ENDED))
    assert stage.state[0] == "unresolved"
    stage.answer = stage.honestly
    await stage.wait(600)
    assert stage.state == ("covered", None)


@on_stage
async def test_rule_2__a_run_that_hangs_is_ended_within_its_bound_below_the_patience_of_the_books(stage: Stage) -> None:
    assert BACKFILL_TIMEOUT_US / 1_000_000 > agent.RUN_SECONDS
    stage.answer = hangs
    await stage.lose_and_hear()
    await stage.wait(int(agent.RUN_SECONDS) + 3)
    assert len(stage.of_kind(events.CATCH_UP_ENDED)) == 1
    assert not stage.log.book.accounts[ACCOUNT].coverage.backfilling


@on_stage
async def test_while_nobody_listens_nothing_is_asked_and_later_it_is(stage: Stage) -> None:
    stage.reachable = False
    await stage.lose_and_hear()
    await stage.wait(30)
    assert not stage.asked
    stage.reachable = True
    await stage.wait(120)
    assert stage.state == ("covered", None)


@on_stage
async def test_a_full_buffer_ends_a_run_and_loses_no_question(stage: Stage) -> None:
    stage.full = True
    await stage.lose_and_hear()
    await stage.wait(10)
    assert stage.state[0] == "catching_up"
    stage.full = False
    await stage.wait(120)
    assert stage.state == ("covered", None)


@partial(on_stage, cross_check=timedelta(minutes=2))
async def test_a_cross_check_asks_all_three_and_no_more(stage: Stage) -> None:
    stage.hear("s1", [], [balance_row("BTC", "11"), balance_row("USDT", "900")])
    await stage.wait(250)
    assert stage.kinds() == ["orders", "balances", "positions"] * 2
    assert [round(at / 60) for at, request in stage.asked if request.kind == "orders"] == [2, 4]
    assert stage.state == ("covered", None)


async def _cancelled() -> None:
    made = Stage()
    made.answer = hangs
    with trio.move_on_after(60) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.agent.run)
            await made.lose_and_hear()
            await made.wait(100)
    assert scope.cancelled_caught
    assert trio.current_time() <= 61


def test_cancelled_in_the_middle_it_ends_at_once() -> None:
    trio.run(_cancelled, clock=MockClock(autojump_threshold=0))
