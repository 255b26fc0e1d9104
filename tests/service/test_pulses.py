"""What moves beats, whatever it fails at; what hangs does not, and only that ends the process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NoReturn, TypeVar
from uuid import UUID

import pytest
import trio
from sqlalchemy import Connection
from trio.testing import MockClock

from recon.db.blocking import Interruptible
from recon.ems.protocol.session import Heartbeats
from recon.errors import DatabaseError
from recon.log.buffer import Buffer
from recon.log.clock import LogClock
from recon.log.lease import Lease
from recon.log.recorder import Recorder
from recon.meters import AppendMeter, Pulse, StepMeter
from recon.projection.projector import Projector
from recon.service.health import STUCK_SECONDS, liveness
from recon.status import StatusReporter

pytestmark = pytest.mark.trio

AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
T = TypeVar("T")


def away() -> DatabaseError:
    error = DatabaseError("the database is away")
    error.transient = True
    return error


class Server:
    """A database that is away, or that takes whatever it is asked and never answers."""

    def __init__(self) -> None:
        self.hangs = False

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:  # noqa: ARG002 - it is no database
        return await self._fail()

    async def call(
        self,
        work: Callable[[], T],  # noqa: ARG002 - the same
        target: Interruptible,  # noqa: ARG002
        *,
        deadline: float,  # noqa: ARG002
        sooner: Callable[[], Awaitable[None]] = trio.sleep_forever,  # noqa: ARG002
    ) -> T:
        return await self._fail()

    async def _fail(self) -> NoReturn:
        if self.hangs:
            await trio.sleep_forever()
        await trio.sleep(1)
        raise away()


def alive(pulse: Pulse) -> bool:
    return liveness({("g", "part"): pulse.stillness(trio.current_time())}).alive


async def test_a_projector_whose_database_is_away_lives_and_one_that_hangs_does_not(autojump_clock: MockClock) -> None:
    server, meter = Server(), StepMeter()
    projector = Projector(server, "g", status=StatusReporter(lambda: AT), meter=meter, draw=lambda: 0.5)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(projector.run)
        for _ in range(100):
            await trio.sleep(STUCK_SECONDS / 10)
            assert alive(projector.pulse)
        server.hangs = True
        await trio.sleep(STUCK_SECONDS + 10)
        assert not alive(projector.pulse)
        nursery.cancel_scope.cancel()
    assert meter.failures > 0
    assert meter.events.count == 0, "nothing was folded"


async def test_a_recorder_whose_database_is_away_lives_and_one_that_hangs_does_not(autojump_clock: MockClock) -> None:
    server, pulse = Server(), Pulse()
    recorder = Recorder(
        Lease("postgresql://nowhere/", "g", UUID(int=1), "here"),
        Buffer(),
        run_blocking=server.call,
        heartbeats=Heartbeats(),
        rules=None,
        clock=LogClock(lambda: AT, trio.current_time),
        status=StatusReporter(lambda: AT),
        meter=AppendMeter(),
        pulse=pulse,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recorder.stand_by)
        for _ in range(100):
            await trio.sleep(STUCK_SECONDS / 10)
            assert alive(pulse)
        server.hangs = True
        await trio.sleep(STUCK_SECONDS + 10)
        assert not alive(pulse)
        nursery.cancel_scope.cancel()
