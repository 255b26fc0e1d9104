"""The load of all measurements: what it is made of, as events for the log and as frames for the wire."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from recon.ems.protocol.decode import envelope
from recon.log.events import FRAME, SESSION_OPENED, NewEvent
from recon.simulator.load import FRAMES_PER_ORDER, load_frames
from recon.simulator.ticks import TICKS_PER_SECOND
from recon.times import microseconds

ACCOUNTS: Final = 8
SEED: Final = 7
TICKS_PER_US: Final = TICKS_PER_SECOND // 1_000_000
MIX: Final = (
    f"per order 3 reports, 2 fills, 4 balance updates in {FRAMES_PER_ORDER} frames; {ACCOUNTS} accounts, going round"
)
#: How many of an order's frames are reports, and what they are called.
REPORTS_PER_ORDER: Final = 3
_REPORT: Final = "ORDER_EXEC_REPORT_UPDATE"
#: Between two orders of a stream by the venue's times, in microseconds: a stream comes faster, and a fill that is told
#: before its time happened when it was told.
STREAMED_ORDER_US: Final = 70_000
#: Largest payload that a frame's 16-bit length can tell.
_SHORT: Final = 1 << 16


def orders_for(frames: int) -> int:
    """Return how many orders make about so many frames."""
    return max(1, frames // FRAMES_PER_ORDER)


def _frames(frames: int, start: datetime, order_us: int, accounts: int = ACCOUNTS) -> Iterator[bytes]:
    started_at, order_ticks = microseconds(start) * TICKS_PER_US, order_us * TICKS_PER_US
    return load_frames(orders_for(frames), accounts, SEED, started_at=started_at, order_ticks=order_ticks)


def new_events(frames: int, *, lost_every: int = 0, apart_us: int = 200, accounts: int = ACCOUNTS) -> list[NewEvent]:
    """Return a session and about so many frames, from now on, so many microseconds apart, also by the venue's times.

    Of one order in `lost_every` the last report is lost: its balances tell more than the orders do.
    """
    start = datetime.now(UTC)
    frames_of_load = _frames(frames, start, apart_us * FRAMES_PER_ORDER, accounts)
    result = [NewEvent(SESSION_OPENED, msgspec.json.encode({"url": "ws://load/", "site": 0}), start, session="s")]
    reports = 0
    for number, payload in enumerate(frames_of_load, start=1):
        head = envelope(payload)
        if head.type == _REPORT:
            reports += 1
            if lost_every and reports % (lost_every * REPORTS_PER_ORDER) == 0:
                continue
        at = start + timedelta(microseconds=apart_us * number)
        result.append(NewEvent(head.type or FRAME, payload, at, head.account, "s"))
    return result


class FrameFile(msgspec.Struct, frozen=True):
    """A load as a server would put it on the wire: all frames in `path`, where each ends in `path` + `.ends`."""

    path: Path
    frames: int
    bytes_: int

    @property
    def ends(self) -> Path:
        return ends_of(self.path)


def ends_of(path: Path) -> Path:
    """Return the file that says where each frame ends."""
    return path.with_suffix(path.suffix + ".ends")


def write_frames(
    path: Path, frames: int, *, lost_every: int = 0, accounts: int = ACCOUNTS, order_us: int = STREAMED_ORDER_US
) -> FrameFile:
    """Render about so many frames into a file, as unmasked WebSocket text frames (RFC 6455, 5.2).

    An order follows every `order_us` by the venue's times, in microseconds, one account after the other.
    Of one order in `lost_every` all reports are lost: its balances tell more than the orders do.
    """
    ends = array("Q")
    position = payloads = 0
    with path.open("wb") as file:
        for number, payload in enumerate(_frames(frames, datetime.now(UTC), order_us, accounts)):
            is_lost = lost_every and not number // FRAMES_PER_ORDER % lost_every
            if is_lost and envelope(payload).type == _REPORT:
                continue
            position += file.write(_header(len(payload)) + payload)
            payloads += len(payload)
            ends.append(position)
    with ends_of(path).open("wb") as file:
        ends.tofile(file)
    return FrameFile(path, len(ends), payloads)


def _header(length: int) -> bytes:
    if length < 126:
        return bytes((0x81, length))
    if length < _SHORT:
        return bytes((0x81, 126)) + length.to_bytes(2, "big")
    return bytes((0x81, 127)) + length.to_bytes(8, "big")
