"""The board, and its rows in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
import trio
import trio.testing
from sqlalchemy import Connection, Engine, text

from recon.db.engine import create_engine
from recon.db.transactions import InlineDatabase
from recon.errors import DatabaseError
from recon.service import status_store
from recon.service.status import SERVICE, StatusBoard
from recon.service.status_store import PUBLISH_SECONDS, publish, publish_once
from recon.status import MAX_DETAIL
from tests.conftest import TestDatabase

START = datetime(2026, 1, 5, tzinfo=UTC)
T = TypeVar("T")
Rows = list[tuple[str, str, str, str, dict[str, int]]]


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test board")
    yield made
    made.dispose()


def rows(engine: Engine) -> Rows:
    query = "SELECT gateway, instance, part, state, figures FROM recon_store.service_parts ORDER BY 1, 2, 3"
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_since_moves_only_with_the_state_and_figures_alone_change_nothing() -> None:
    times = iter(START + timedelta(seconds=number) for number in range(10))
    board = StatusBoard(lambda: next(times))
    recorder = board.reporter("g", "recorder")
    board.reporter("g", "a part that has not started")
    recorder.set("recording", head_seq=1)
    recorder.set("recording", "with a detail")
    (part,) = board.parts()
    assert (part.since, part.detail, part.figures) == (START, "with a detail", {"head_seq": 1})
    recorder.set("reconnecting", "x\0" * MAX_DETAIL)
    (part,) = board.parts()
    assert part.since == START + timedelta(seconds=1)
    assert part.detail == "x" * MAX_DETAIL


def test_figures_are_brought_up_to_date_when_the_board_is_read() -> None:
    board = StatusBoard(lambda: START)
    reporter = board.reporter(SERVICE, "part")
    reporter.set("running")
    heads = iter((5, 6))
    reporter.measure = lambda: {"head_seq": next(heads)}
    assert board.parts()[0].figures == {"head_seq": 5}
    assert board.parts()[0].figures == {"head_seq": 6}


@pytest.mark.postgres
@pytest.mark.trio
async def test_it_is_published_on_change_and_by_the_clock(
    engine: Engine, autojump_clock: trio.testing.MockClock
) -> None:
    board = StatusBoard(lambda: START)
    recorder = board.reporter("g", "recorder")
    recorder.set("standby")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(publish, board, InlineDatabase(engine), "one")
        await trio.sleep(1)
        assert rows(engine) == [("g", "one", "recorder", "standby", {})]
        recorder.set("recording", head_seq=3)
        await trio.sleep(1)
        assert rows(engine) == [("g", "one", "recorder", "recording", {"head_seq": 3})]
        recorder.measure = lambda: {"head_seq": 9}
        await trio.sleep(PUBLISH_SECONDS + 1)
        assert rows(engine) == [("g", "one", "recorder", "recording", {"head_seq": 9})]
        nursery.cancel_scope.cancel()


@pytest.mark.postgres
@pytest.mark.trio
async def test_what_instances_long_gone_have_left_is_removed(engine: Engine) -> None:
    board = StatusBoard(lambda: START)
    board.reporter("g", "recorder").set("standby")
    for instance in ("old", "recent"):
        await publish_once(board, InlineDatabase(engine), instance)
    with engine.begin() as connection:
        query = "UPDATE recon_store.service_parts SET updated_at = now() - :age WHERE instance = 'old'"
        connection.execute(text(query), {"age": status_store.KEEP + timedelta(minutes=1)})
    await publish_once(board, InlineDatabase(engine), "new")
    assert [row[1] for row in rows(engine)] == ["new", "recent"]


@pytest.mark.trio
async def test_a_database_that_is_away_hurts_nobody() -> None:
    class Away:
        async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
            raise DatabaseError(f"{work} cannot be done within {deadline}")

    board = StatusBoard(lambda: START)
    board.reporter("g", "recorder").set("standby")
    await publish_once(board, Away(), "one")
    assert [part.state for part in board.parts()] == ["standby"]
