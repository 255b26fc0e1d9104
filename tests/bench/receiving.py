"""The bare rate of the WebSocket library, which everything else is held against."""

from __future__ import annotations

from statistics import median

from tests.bench.figures import Figures
from tests.bench.load import FrameFile
from tests.bench.stage import line_of, process, tell


def measure(figures: Figures, load: FrameFile, repeats: int) -> None:
    """Have a process with bare trio-websocket receive the load as fast as it can."""
    rates = [_once(load) for _ in range(repeats)]
    note = f"trio-websocket as it is, {load.frames:,} frames, median of {repeats}"
    figures.add("bare", "bare receive", median(rates), "/s", note)


def _once(load: FrameFile) -> float:
    with process("tests.bench.blaster", str(load.path)) as blaster:
        port = line_of(blaster)
        tell(blaster, str(load.frames))
        with process("tests.bench.receiver", f"ws://127.0.0.1:{port}/", str(load.frames)) as receiver:
            return float(line_of(receiver))
