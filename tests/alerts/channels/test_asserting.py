"""The task that keeps a receiver told of what is open, on a virtual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import structlog
import trio
from trio.testing import MockClock

from recon.alerts.channels.asserting import LAST_PAUSE_SECONDS, LOOK_SECONDS, SEND_SECONDS, Assertion
from recon.alerts.channels.hearing import Hearing
from recon.alerts.policy.rules import Policy, Route
from recon.errors import DatabaseError, DeliveryError
from recon.status import StatusReporter
from tests.support.level_receivers import LASTING, T0, MemoryLevel, OpenSet, case, virtual_now


class Part:
    """The task with its database and its receiver."""

    def __init__(self, receiver: MemoryLevel) -> None:
        self.database, self.receiver = OpenSet(), receiver
        self.status = StatusReporter(virtual_now)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        assertion = Assertion(
            self.database,
            self.receiver,
            gateways=["prod-eu"],
            hearing=Hearing("memory:ops", Policy((), (Route("all", ()),))),
            now=virtual_now,
            draw=lambda: 1.0,
            status=self.status,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(assertion.run)
            yield
            nursery.cancel_scope.cancel()

    def shows(self) -> set[str]:
        return {identity.rpartition("/")[2] for identity in self.receiver.shows(virtual_now())}


@pytest.fixture
def part() -> Part:
    return Part(MemoryLevel())


@pytest.mark.trio
async def test_what_opens_is_told_within_a_look_and_never_ends_by_silence(
    part: Part, autojump_clock: MockClock
) -> None:
    async with part.running():
        await trio.sleep(1)
        part.database.alerts = [case("a")]
        await trio.sleep(LOOK_SECONDS)
        for _ in range(60):
            assert part.shows() == {"a"}
            await trio.sleep(10)
        part.database.alerts = []
        await trio.sleep(61 + LOOK_SECONDS)
        assert part.shows() == set()
    assert part.status.state == "telling"


@pytest.mark.trio
async def test_only_the_first_look_asks_what_ended_before(part: Part, autojump_clock: MockClock) -> None:
    part.database.alerts = [case("a", ended_at=T0)]
    async with part.running():
        await trio.sleep(LOOK_SECONDS * 2.5)
    assert part.database.looks == [T0 - part.receiver.habits.within, None, None]
    assert [(kind, identity[-1]) for _, kind, identity in part.receiver.seen] == [("resolve", "a")]


@pytest.mark.trio
async def test_while_the_database_is_away_what_was_open_is_told_on_but_not_that_recon_sees(
    part: Part, autojump_clock: MockClock
) -> None:
    part.receiver.alive = True
    part.database.alerts = [case("a")]
    async with part.running():
        await trio.sleep(1)
        assert part.shows() == {"a", "alive"}
        part.database.away = True
        await trio.sleep(600)
        assert part.shows() == {"a"}
        assert part.status.state == "retrying"
        part.database.away = False
        await trio.sleep(LOOK_SECONDS)
        assert part.shows() == {"a", "alive"}
        assert part.status.state == "telling"
    assert ("resolve", "alive") not in [(kind, identity) for _, kind, identity in part.receiver.seen]


@pytest.mark.trio
async def test_a_database_that_refuses_ends_the_task(
    part: Part, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise DatabaseError("permission denied")

    monkeypatch.setattr(part.database, "run", refuse)
    with pytest.RaisesGroup(DatabaseError, flatten_subgroups=True):
        async with part.running():
            await trio.sleep(1)


@pytest.mark.trio
async def test_a_receiver_that_refuses_is_tried_again_with_growing_pauses(
    part: Part, autojump_clock: MockClock
) -> None:
    part.database.alerts = [case("a")]
    part.receiver.errors = [DeliveryError("memory answered 503") for _ in range(8)]
    with structlog.testing.capture_logs() as written:
        async with part.running():
            await trio.sleep(1)
            assert (part.status.state, part.status.detail) == ("retrying", "memory answered 503")
            await trio.sleep(400)
    assert part.shows() == {"a"}
    pauses = [line["again_in"] for line in written]
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.trio
async def test_a_pause_that_the_receiver_requests_is_kept_within_the_bound(
    part: Part, autojump_clock: MockClock
) -> None:
    part.database.alerts = [case("a")]
    polite, rude = DeliveryError("429"), DeliveryError("429")
    polite.retry_after, rude.retry_after = 30.0, 1e9
    part.receiver.errors = [polite, rude]
    async with part.running():
        await trio.sleep(30 + LAST_PAUSE_SECONDS + 1)
    assert [at for at, _, _ in part.receiver.seen] == [30 + LAST_PAUSE_SECONDS]


@pytest.mark.trio
async def test_a_receiver_that_stalls_is_left_after_a_while(part: Part, autojump_clock: MockClock) -> None:
    part.database.alerts = [case("a")]
    part.receiver.stalls = 1
    async with part.running():
        await trio.sleep(SEND_SECONDS + 10)
    assert part.shows() == {"a"}


@pytest.mark.trio
async def test_what_was_taken_before_a_failure_is_not_told_twice(part: Part, autojump_clock: MockClock) -> None:
    part.receiver.habits = LASTING
    part.database.alerts = [case("a"), case("b"), case("c")]
    tell, calls = part.receiver.tell, []

    async def third_fails(posts: object) -> int:
        calls.append(posts)
        if len(calls) == 3:
            raise DeliveryError("memory answered 503")
        return await tell(posts)  # type: ignore[arg-type]

    part.receiver.tell = third_fails  # type: ignore[method-assign]
    async with part.running():
        await trio.sleep(20)
    assert [identity[-1] for _, _, identity in part.receiver.seen] == ["a", "b", "c"]


@pytest.mark.trio
async def test_a_storm_is_told_within_the_bound(part: Part, autojump_clock: MockClock) -> None:
    part.database.alerts = [case(f"{number:04}", began_at=T0 + timedelta(seconds=number)) for number in range(5_000)]
    async with part.running():
        await trio.sleep(1)
    assert len(part.receiver.seen) == part.receiver.habits.most + 1
    assert part.receiver.seen[-1][2] == "more"
