"""The bare rate of the WebSocket library, which everything else is held against."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Final

from wsproto import ConnectionType, WSConnection
from wsproto.events import TextMessage

from recon.ems.websocket.connection import RECEIVE_BYTES
from recon.ems.websocket.frame_lists import FrameLists
from tests.bench.figures import Figures
from tests.bench.load import FrameFile
from tests.bench.stage import line_of, process, tell
from tests.support.web_socket_frames import accepted, frame

_READ_FRAMES: Final = 20_000
#: A whole frame of text, as long as a balance is.
_FRAME: Final = frame(1, b'{"type":"BALANCE_UPDATE","pad":"' + b"x" * 560 + b'"}')


def measure(figures: Figures, load: FrameFile, repeats: int) -> None:
    """Have a process with bare trio-websocket receive the load as fast as it can."""
    rates = [_once(load) for _ in range(repeats)]
    note = f"trio-websocket as it is, {load.frames:,} frames, median of {repeats}"
    figures.add("bare", "bare receive", median(rates), "/s", note)
    _reading(figures, repeats)


def _reading(figures: Figures, repeats: int) -> None:
    """Have frames read from memory by the library's own reader, and in lists, in turn."""
    taken: list[int] = []

    def take(frames: Sequence[bytes]) -> None:
        taken.append(len(frames))

    theirs: list[float] = []
    ours: list[float] = []
    for _ in range(repeats):
        theirs.append(_read(WSConnection(ConnectionType.CLIENT)))
        ours.append(_read(FrameLists(take, len(_FRAME))))
    if sum(taken) != repeats * _READ_FRAMES:
        raise RuntimeError(f"{sum(taken)} frames were taken of {repeats * _READ_FRAMES}")
    note = f"{_READ_FRAMES:,} frames of {len(_FRAME)} bytes from memory, median of {repeats}"
    figures.add("read_events", "reading frames: an event each, as wsproto does", median(theirs), "µs a frame", note)
    figures.add("read_lists", "reading frames: in lists", median(ours), "µs a frame", note)


def _read(connection: WSConnection) -> float:
    """Return the processor time of reading in microseconds a frame; the messages are dropped."""
    connection.receive_data(accepted(connection))
    for _event in connection.events():
        pass
    data = _FRAME * _READ_FRAMES
    began = time.process_time()
    messages = 0
    for at in range(0, len(data), RECEIVE_BYTES):
        connection.receive_data(data[at : at + RECEIVE_BYTES])
        for event in connection.events():
            messages += isinstance(event, TextMessage) and event.message_finished
    return 1e6 * (time.process_time() - began) / _READ_FRAMES


def _once(load: FrameFile) -> float:
    with process("tests.bench.blaster", str(load.path)) as blaster:
        port = line_of(blaster)
        tell(blaster, str(load.frames))
        with process("tests.bench.receiver", f"ws://127.0.0.1:{port}/", str(load.frames)) as receiver:
            return float(line_of(receiver))
