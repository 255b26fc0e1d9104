"""`python -m tests.bench.receiver URL FRAMES`: receives so many frames with bare trio-websocket, prints the rate.

The library as it is, with its documented loop and its defaults; the clock starts with the first frame.
"""

from __future__ import annotations

import sys
import time

import trio
from trio_websocket import open_websocket_url


async def _receive(url: str, frames: int) -> float:
    async with open_websocket_url(url) as websocket:
        await websocket.get_message()
        began = time.perf_counter()
        for _ in range(frames - 1):
            await websocket.get_message()
        return (frames - 1) / (time.perf_counter() - began)


if __name__ == "__main__":
    print(trio.run(_receive, sys.argv[1], int(sys.argv[2])))  # noqa: T201  # how the parent learns the rate
