"""The agent on a virtual clock: each answer is an event, a failing venue is told, and nothing else suffers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
import pytest
import trio
from trio.testing import MockClock

from recon.errors import VenueError
from recon.ledger.facts.external_fact import ExternalFact
from recon.ledger.facts.venue_answer import VenueAnswer, parse_answer, parse_trade
from recon.log.events import VENUE_ANSWER, VENUE_TRADE, NewEvent
from recon.status import StatusReporter
from recon.venues import agent
from recon.venues.agent import ATTEMPTS, FIRST_SECONDS, VenueAgent
from tests.support.fake_kraken import KEY, PAGE, FakeKraken, Traded
from tests.support.fake_venue import FakeVenueClient, venue_settings

T = TypeVar("T")

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
ACCOUNT = "KRAKEN/JOHN"


async def inline(work: Callable[[], T], limiter: trio.CapacityLimiter) -> T:
    """Run a call at once: a virtual clock would run away while a thread works."""
    async with limiter:
        return work()


class Stage:
    """A venue in memory, the agent that asks it, and what it recorded."""

    def __init__(self, **settings: object) -> None:
        self.venue = FakeKraken(balances=lambda: {"XXBT": "1.5"})
        self.clients: list[FakeVenueClient] = []
        self.recorded: list[NewEvent] = []
        self.status = StatusReporter(self.now)
        self.agent = VenueAgent(
            ACCOUNT,
            venue_settings(**{"every": "5m", **settings}),
            connect=lambda _: self._connect(),
            record=self.recorded.append,
            now=self.now,
            status=self.status,
            run_in_thread=inline,
            draw=lambda: 1.0,
        )

    def _connect(self) -> FakeVenueClient:
        self.clients.append(FakeVenueClient(self.venue))
        return self.clients[-1]

    @staticmethod
    def now() -> datetime:
        return START + timedelta(seconds=trio.current_time())

    async def run_for(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self.agent.run()

    @property
    def answers(self) -> Sequence[VenueAnswer]:
        return [parse_answer(event.payload) for event in self.recorded if event.kind == VENUE_ANSWER]

    @property
    def trades(self) -> Sequence[ExternalFact]:
        return [parse_trade(event.payload) for event in self.recorded if event.kind == VENUE_TRADE]


def on_stage(test: Callable[[Stage], object], **settings: object) -> None:
    async def main() -> None:
        await test(Stage(**settings))  # type: ignore[misc]  # each is a coroutine

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_it_asks_soon_and_then_as_often_as_it_is_told() -> None:
    async def test(stage: Stage) -> None:
        await stage.run_for(FIRST_SECONDS + 2 * 300 + 1)
        [first, _, third] = stage.answers
        assert [(held.unit, str(held.amount)) for held in first.amounts] == [("BTC", "1.5")]
        assert (first.account, first.venue, first.what, first.complete) == (ACCOUNT, "kraken", "balances", False)
        assert third.at_us - first.at_us == 600 * 1_000_000
        assert first.answered_us - first.at_us == first.at_us - first.asked_us == 125_000
        assert {event.account for event in stage.recorded} == {ACCOUNT}
        assert stage.status.state == "waiting"
        assert len(stage.clients) == 1

    on_stage(test)


def test_every_question_is_asked_and_a_complete_list_says_so() -> None:
    async def test(stage: Stage) -> None:
        stage.venue.positions = {"PF_XBTUSD": "-2"}
        await stage.run_for(FIRST_SECONDS + 1)
        assert [(answer.what, answer.complete) for answer in stage.answers] == [("balances", True), ("positions", True)]
        assert [str(held.amount) for held in stage.answers[1].amounts] == ["-2"]

    on_stage(test, ask=["balances", "positions"], complete=True)


def test_a_failure_that_may_pass_is_repeated_and_one_that_stays_is_an_event_and_a_state() -> None:
    async def test(stage: Stage) -> None:
        stage.venue.troubles["balances"] = [503, 503]
        await stage.run_for(FIRST_SECONDS + 60)
        assert [answer.problem for answer in stage.answers] == [None]
        assert stage.venue.asked.count("balances") == 3
        stage.venue.troubles["balances"] = [503] * ATTEMPTS
        await stage.run_for(FIRST_SECONDS + 120)
        assert stage.answers[-1].problem == "kraken: 503"
        assert (stage.status.state, stage.status.detail) == ("retrying", "kraken: 503")
        assert stage.venue.asked.count("balances") == 3 + ATTEMPTS
        stage.venue.troubles["balances"] = ["the key is refused"]
        await stage.run_for(FIRST_SECONDS + 120)
        assert stage.answers[-1].problem == "kraken: the key is refused", "and it was asked once"
        assert stage.venue.asked.count("balances") == 4 + ATTEMPTS
        await stage.run_for(FIRST_SECONDS + 1)
        assert [stage.answers[-1].problem, stage.status.state] == [None, "waiting"]

    on_stage(test)


def test_a_key_that_may_trade_is_never_used() -> None:
    async def test(stage: Stage) -> None:
        stage.venue.rights = (*stage.venue.rights, "modify-trades")
        await stage.run_for(FIRST_SECONDS + 400)
        assert {"modify-trades" in str(answer.problem) for answer in stage.answers} == {True}
        assert "balances" not in stage.venue.asked

    on_stage(test)


def test_each_trade_is_an_event_once_and_a_young_one_waits() -> None:
    async def test(stage: Stage) -> None:
        stage.venue.trades = [
            Traded("T1", "0.5", "100", START - timedelta(minutes=3), order_id="O-7", fee="0.1"),
            Traded("T2", "1", "100", START + timedelta(seconds=FIRST_SECONDS - 10)),
        ]
        await stage.run_for(FIRST_SECONDS + 1)
        [told] = stage.trades
        assert (told.external_id, told.order_id, told.trade_id) == ("kraken:XXBTZUSD:T1", "O-7", "T1")
        assert (told.source_class, told.statement, told.by.login) == ("venue", "venue kraken", "venue kraken")
        assert (str(told.quantity), str(told.fee), told.fee_asset) == ("0.5", "0.1", "USD")
        assert [answer.trades for answer in stage.answers] == [1]

    on_stage(test, ask=["trades"])


def test_trades_go_on_where_they_ended_and_a_list_that_leaves_some_out_is_told() -> None:
    async def test(stage: Stage) -> None:
        at = START - timedelta(minutes=5)
        stage.venue.trades = [Traded("T1", "1", "100", at)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.agent.run)
            await trio.sleep(FIRST_SECONDS + 1)
            many = [Traded(f"N{number}", "1", "100", at + timedelta(seconds=number)) for number in range(1, PAGE + 10)]
            stage.venue.trades += many
            await trio.sleep(300)
            nursery.cancel_scope.cancel()
        assert [answer.trades for answer in stage.answers] == [1, PAGE, 0]
        assert "may leave trades out" in str(stage.answers[-1].problem)
        assert len({trade.external_id for trade in stage.trades}) == 1 + PAGE

    on_stage(test, ask=["trades"])


def test_an_answer_that_is_too_large_for_the_log_is_a_problem() -> None:
    async def test(stage: Stage) -> None:
        stage.venue.positions = {f"{number:05d}" + "X" * 190: "1" for number in range(5_000)}
        await stage.run_for(FIRST_SECONDS + 1)
        assert "larger than 1048576 bytes" in str(stage.answers[0].problem)
        assert stage.answers[0].amounts == []

    on_stage(test, ask=["positions"])


@pytest.mark.trio
async def test_a_call_without_end_is_left_alone_and_its_client_is_used_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Real threads: the venue holds its answer back until the agent has given up."""
    stage, let_go = Stage(), threading.Event()
    monkeypatch.setattr(agent, "CALL_SECONDS", 0.05)
    held = VenueAgent(
        ACCOUNT,
        venue_settings(),
        connect=lambda _: stage._connect(),
        record=stage.recorded.append,
        now=lambda: START,
        status=stage.status,
    )
    stage.venue.balances = lambda: {"XXBT": "1"} if let_go.wait(30) else {}
    with pytest.raises(VenueError, match="no answer within") as raised:
        await held._answer("balances")
    assert raised.value.transient
    let_go.set()
    monkeypatch.setattr(agent, "CALL_SECONDS", 30.0)
    [event] = await held._answer("balances")
    assert [each.unit for each in parse_answer(event.payload).amounts] == ["BTC"]
    assert len(stage.clients) == 2
    assert KEY not in str(msgspec.json.decode(event.payload))
