"""What every process that recon starts has in common: which of our environment it gets, and how it is ended."""

from __future__ import annotations

import os
from typing import Final

import trio

#: Settings and secrets of ours, and our service manager: none of them is another process's business.
_NOT_PASSED: Final = ("RECON_", "NOTIFY_SOCKET", "WATCHDOG_")


def passed_on() -> dict[str, str]:
    """Return what of our environment another process gets."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED)}


async def stop(process: trio.Process, seconds: float) -> None:
    """Ask a process that still runs to end, and kill it if it has not ended within so long; close what is open to it.

    Whoever is cancelled meanwhile waits for that end too.
    """
    with trio.CancelScope(shield=True):
        if process.poll() is None:
            process.terminate()
            with trio.move_on_after(seconds):
                await process.wait()
        if process.poll() is None:
            process.kill()
            await process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                await trio.aclose_forcefully(stream)
