"""recon's own Postgres gets its partitions ahead of need while it runs; a refusal waits for the next look."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio
from trio.testing import MockClock

from recon.db.engine import create_engine
from recon.errors import DatabaseError
from recon.log.partitions import ROOM_EVENTS, ends, make_partitions
from recon.service.partition_making import LOOK_SECONDS, keep_partitions
from recon.status import Status, StatusReporter
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres


@pytest.mark.trio
async def test_what_one_look_could_not_make_the_next_one_makes(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    looks: list[float] = []
    states: list[tuple[str, str]] = []
    running = trio.Event()

    def make(url: str) -> list[int]:
        looks.append(trio.from_thread.run_sync(trio.current_time))
        if len(looks) == 1:
            raise DatabaseError("somebody has read the log for too long")
        return make_partitions(url)

    def note(status: Status) -> None:
        states.append((status.state, status.detail))
        if status.state == "running":
            running.set()

    monkeypatch.setattr("recon.service.partition_making.make_partitions", make)
    async with trio.open_nursery() as nursery:
        status = StatusReporter(lambda: datetime(2026, 1, 5, tzinfo=UTC), note)
        nursery.start_soon(keep_partitions, database.owner_url, status)
        await running.wait()
        nursery.cancel_scope.cancel()
    assert states == [("waiting", "somebody has read the log for too long"), ("running", "")]
    assert looks[1] - looks[0] == LOOK_SECONDS
    with create_engine(database.service_url, "tests", pooled=False).connect() as connection:
        assert ends(connection).room == ROOM_EVENTS
