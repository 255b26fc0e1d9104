"""The buffer between socket and log: bounded, in order, and never waiting for room."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trio
import trio.testing

from recon.errors import Overrun
from recon.log.append import MAX_BATCH_BYTES
from recon.log.buffer import OVERHEAD_BYTES, Buffer
from recon.log.events import NewEvent

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def frame(size: int = 1) -> NewEvent:
    return NewEvent("frame", b"x" * size, NOW)


def test_a_full_buffer_refuses_and_keeps_what_it_has() -> None:
    buffer = Buffer(max_bytes=2 * (OVERHEAD_BYTES + 10))
    first, second = frame(10), frame(10)
    buffer.put(first)
    buffer.put(second)
    with pytest.raises(Overrun, match="2 events"):
        buffer.put(frame(1))
    assert buffer.take_nowait() == [first, second]
    assert (len(buffer), buffer.waiting_bytes) == (0, 0)
    buffer.put(frame(10))


def test_an_event_larger_than_the_whole_buffer_passes_when_it_is_empty() -> None:
    buffer = Buffer(max_bytes=1000)
    buffer.put(frame(5000))
    with pytest.raises(Overrun):
        buffer.put(frame(1))
    assert len(buffer.take_nowait()) == 1


def test_batches_are_bounded_in_events_and_in_bytes() -> None:
    buffer = Buffer(max_bytes=1 << 30, max_batch_events=3)
    for _ in range(4):
        buffer.put(frame())
    assert [len(buffer.take_nowait()) for _ in range(3)] == [3, 1, 0]
    for _ in range(3):
        buffer.put(frame(MAX_BATCH_BYTES // 2))
    assert [len(buffer.take_nowait()) for _ in range(2)] == [2, 1]


@pytest.mark.trio
async def test_the_reader_waits_until_something_comes(autojump_clock: trio.testing.MockClock) -> None:
    buffer = Buffer()
    taken: list[NewEvent] = []

    async def reader() -> None:
        await buffer.wait()
        taken.extend(buffer.take_nowait())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        await trio.sleep(1)
        assert not taken
        buffer.put(frame())
    assert len(taken) == 1


@pytest.mark.trio
async def test_a_closed_buffer_keeps_nobody_waiting_and_takes_nothing_more() -> None:
    buffer = Buffer()
    buffer.put(frame())
    buffer.close()
    await buffer.wait()
    assert len(buffer.take_nowait()) == 1
    await buffer.wait()
    with pytest.raises(Overrun, match="closed"):
        buffer.put(frame())
