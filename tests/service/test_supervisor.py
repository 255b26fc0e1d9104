"""A part that fails is restarted, the others go on, and its state says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import trio
import trio.testing
from psycopg import OperationalError
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from recon.errors import DatabaseError, LeaseLost
from recon.service.status import SERVICE, StatusBoard
from recon.service.supervisor import FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, SETTLED_SECONDS, reason_of, supervise

START = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def board() -> StatusBoard:
    return StatusBoard(lambda: START + timedelta(seconds=trio.current_time()))


async def watch(board: StatusBoard, run: Callable[[], Awaitable[object]], seconds: float) -> None:
    """Supervise for so many virtual seconds, with the longest pauses."""
    with trio.move_on_after(seconds):
        await supervise(board, "g", "part", run, draw=lambda: 1.0)


@pytest.mark.trio
async def test_a_crash_restarts_it_with_growing_pauses_up_to_a_cap(
    board: StatusBoard, autojump_clock: trio.testing.MockClock
) -> None:
    starts: list[float] = []

    async def crash() -> None:
        starts.append(trio.current_time())
        raise LookupError("no such thing")

    await watch(board, crash, 200)
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert pauses[:4] == pytest.approx([FIRST_PAUSE_SECONDS, 1.0, 2.0, 4.0])
    assert max(pauses) == pytest.approx(LAST_PAUSE_SECONDS)
    state = board.reporter("g", "part").status
    assert state is not None
    assert (state.state, state.detail) == ("restarting", "LookupError: no such thing")
    assert state.figures["failures"] == len(starts)


@pytest.mark.trio
async def test_a_part_that_ran_long_enough_starts_its_failures_anew(
    board: StatusBoard, autojump_clock: trio.testing.MockClock
) -> None:
    starts: list[float] = []

    async def run() -> None:
        starts.append(trio.current_time())
        if len(starts) == 4:
            await trio.sleep(SETTLED_SECONDS)
        raise DatabaseError("away")

    await watch(board, run, 100)
    assert starts[4] - starts[3] == pytest.approx(SETTLED_SECONDS + FIRST_PAUSE_SECONDS)


@pytest.mark.trio
async def test_one_that_fails_leaves_the_others_running(
    board: StatusBoard, autojump_clock: trio.testing.MockClock
) -> None:
    beats = 0

    async def crash() -> None:
        raise LeaseLost("taken")

    async def well() -> None:
        nonlocal beats
        while True:
            await trio.sleep(1)
            beats += 1

    with trio.move_on_after(60.5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, board, "g", "ill", crash)
            nursery.start_soon(supervise, board, SERVICE, "well", well)
    assert beats == 60
    states = {part.part: part.state for part in board.parts()}
    assert states == {"ill": "restarting", "well": "running"}


@pytest.mark.trio
async def test_one_that_ends_by_itself_is_restarted_too(
    board: StatusBoard, autojump_clock: trio.testing.MockClock
) -> None:
    runs = 0

    async def end() -> None:
        nonlocal runs
        runs += 1

    await watch(board, end, 10)
    assert runs > 3
    state = board.reporter("g", "part").status
    assert state is not None
    assert state.detail == "it ended by itself"


@pytest.mark.trio
async def test_a_cancellation_passes_at_once_and_lets_the_part_clean_up(
    board: StatusBoard, autojump_clock: trio.testing.MockClock
) -> None:
    ended: list[float] = []

    async def run() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
            ended.append(trio.current_time())

    began = trio.current_time()
    await watch(board, run, 5)
    assert ended == [pytest.approx(began + 7)]
    assert trio.current_time() == pytest.approx(began + 7)


def test_a_group_is_told_by_its_first_member_in_one_line() -> None:
    group = ExceptionGroup("many", [ExceptionGroup("inner", [ValueError("a\nb")]), KeyError("c")])
    assert reason_of(group) == "ValueError: a b"
    assert reason_of(LeaseLost("another instance")) == "another instance"


@pytest.mark.trio
@pytest.mark.parametrize(
    ("error", "traced"),
    [
        (OperationalError("connection refused"), False),
        (
            DBAPIError("SELECT 1", {}, OperationalError("server closed the connection"), connection_invalidated=True),
            False,
        ),
        (ExceptionGroup("many", [LeaseLost("taken"), OperationalError("away")]), False),
        (ExceptionGroup("many", [LeaseLost("taken"), LookupError("no such thing")]), True),
        (LookupError("no such thing"), True),
    ],
    ids=["driver", "wrapped", "group", "group with a defect", "defect"],
)
async def test_a_database_that_is_away_is_one_line_of_the_log_and_a_defect_is_traced(
    board: StatusBoard, autojump_clock: trio.testing.MockClock, error: Exception, *, traced: bool
) -> None:
    async def fail() -> None:
        raise error

    with capture_logs() as logs:
        await watch(board, fail, 0.1)
    (line,) = logs
    assert line["event"] == "a part failed"
    assert (line["exc_info"] is not None) == traced
    state = board.reporter("g", "part").status
    assert state is not None
    assert "OperationalError" not in state.detail, "no library's words"
