"""The operating system's side of a projection's process: started, written to, read from, and ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import trio

from recon.child_processes import passed_on
from recon.errors import ProjectionError
from recon.lines import LineReader
from recon.network_errors import system_text
from recon.service.projecting.messages import lines_of_messages

#: -P: a directory in which the service happens to be started has no part in what is imported.
COMMAND: Final = (sys.executable, "-P", "-m", "recon.service.projecting.child")
#: Longest wait for the end of a process that says nothing more, or was killed, in seconds.
END_SECONDS: Final = 2.0


class ProjectionProcess:
    """One process and the pipes to it."""

    def __init__(self, process: trio.Process, output: trio.abc.SendStream, source: trio.abc.ReceiveStream) -> None:
        self._process = process
        self._output = output
        self._source = source
        self._reader = LineReader(source, lines_of_messages())

    @property
    def pid(self) -> int:
        """Return its id."""
        return self._process.pid

    async def send(self, line: bytes) -> None:
        """Write a line, all of it or nothing if cancelled (a pipe takes so short a line whole).

        One that is gone takes nothing; `receive` tells so.
        """
        with suppress(trio.BrokenResourceError):
            await self._output.send_all(line)

    async def receive(self) -> bytes | None:
        """Return its next line; None once there are no more. Raise ProjectionError for one beyond the bound."""
        return await self._reader.next()

    async def hang_up(self) -> None:
        """End its input, as our own end does; it ends by that."""
        await self._output.aclose()

    def kill(self) -> None:
        """End it at once; what it has not committed is undone."""
        self._process.kill()

    async def end(self) -> int:
        """Wait for its end, for a while, and then force it; return its exit status, minus a signal's number."""
        with trio.CancelScope(shield=True):
            with trio.move_on_after(END_SECONDS):
                await self._process.wait()
            if self._process.poll() is None:
                self._process.kill()
                with trio.move_on_after(END_SECONDS):
                    await self._process.wait()
            await trio.aclose_forcefully(self._output)
            await trio.aclose_forcefully(self._source)
        status = self._process.poll()
        return 0 if status is None else status


async def start(command: Sequence[str] = COMMAND) -> ProjectionProcess:
    """Start a process; its errors go where ours go. Raise ProjectionError if the system cannot.

    It has a session of its own, so that Ctrl-C in a terminal reaches the service alone.
    """
    try:
        process = await trio.lowlevel.open_process(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=passed_on(),
            start_new_session=True,
        )
    except OSError as error:
        raise ProjectionError(f"the projection's process cannot be started: {system_text(error)}") from error
    if process.stdin is None or process.stdout is None:
        raise ProjectionError("the projection's process has no pipes")
    return ProjectionProcess(process, process.stdin, process.stdout)
