"""Delivering a message to a program: the JSON on its standard input, its exit status as the answer.

1. Exit status 0 means delivered. 75 (EX_TEMPFAIL) and an end by a signal are tried again soon, any other status slowly.
2. The program runs without a shell, in a process group of its own and an environment without our settings. At the time
   limit the whole group is ended.
3. Its standard output is dropped. The end of its standard error is told with a failure, without our own secrets.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import trio

from recon.alerts.channels.registry import Sender, channel
from recon.alerts.message import Message
from recon.config import Command as CommandSettings
from recon.config import Settings
from recon.errors import DeliveryError
from recon.network_errors import system_text
from recon.redaction import LAST_NET

#: Of the environment the program gets these alone, and ALERT below.
KEPT_VARIABLES: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TMPDIR", "SSL_CERT_FILE")
#: The end of the standard error that is kept, in bytes.
MAX_ERROR_BYTES: Final = 300
#: Bytes read from the standard error at once.
_CHUNK: Final = 4096
#: How long the standard error is read on after the program has ended, in seconds: its children may hold it open.
_REST_SECONDS: Final = 0.2


@channel("command", CommandSettings)
@asynccontextmanager
async def open_commands(
    commands: Mapping[str, CommandSettings],
    _now: Callable[[], datetime],
) -> AsyncIterator[Mapping[str, Sender]]:
    """Open the senders of all commands, by their names."""
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    yield {name: CommandSender(name, table, environment) for name, table in commands.items()}


def programs_missing(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each program of the settings that cannot be run from here now, by its key, and why."""
    for name, table in settings.commands.items():
        program = Path(table.command[0])
        if not program.exists():
            yield f"commands.{name}", f"there is no program {program}"
        elif not program.is_file():
            yield f"commands.{name}", f"{program} is no program"
        elif not os.access(program, os.X_OK):
            yield f"commands.{name}", f"this account may not run {program}; see its mode"


class CommandSender:
    """Runs one program for each message."""

    def __init__(self, name: str, settings: CommandSettings, environment: Mapping[str, str]) -> None:
        """Prepare; the program is looked for at each message, so it may come later."""
        self._label = f"command {name!r}"
        self._command = list(settings.command)
        self._seconds = settings.time_limit.total_seconds()
        self._environment = dict(environment)

    async def send(self, message: Message) -> None:
        """Run the program on a message; return when it has ended with status 0. Raise DeliveryError."""
        environment = self._environment | {
            "RECON_ALERT_ID": message.id,
            "RECON_ALERT_TYPE": message.event,
            "RECON_ALERT_ATTEMPT": str(message.attempt),
        }
        with trio.move_on_after(self._seconds) as limit:
            status, told = await self._run(message.body.encode(), environment)
        if limit.cancelled_caught:
            raise DeliveryError(f"{self._label} did not end within {self._seconds:g} s, and was ended")
        if status == 0:
            return
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        failed = DeliveryError(f"{self._label} {how}{f': {told}' if told else ''}")
        failed.slow = status != os.EX_TEMPFAIL and status > 0
        raise failed

    async def _run(self, body: bytes, environment: Mapping[str, str]) -> tuple[int, str]:
        """Return the exit status, and the end of the standard error as one line."""
        try:
            process = await trio.lowlevel.open_process(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = system_text(error) if isinstance(error, OSError) else "its words are not valid"
            failed = DeliveryError(f"{self._label} cannot be run: {why}; check its path and its mode")
            failed.slow = True
            raise failed from None
        said = _End()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_feed, process, body)
                nursery.start_soon(said.read, process)
                await process.wait()
                nursery.cancel_scope.deadline = trio.current_time() + _REST_SECONDS
        finally:
            with trio.CancelScope(shield=True):
                await _end(process)
        return process.returncode or 0, said.text()


class _End:
    """The end of what a program wrote to its standard error."""

    def __init__(self) -> None:
        self._kept = b""

    async def read(self, process: trio.Process) -> None:
        """Read until the end; only the last bytes are kept."""
        if process.stderr is not None:
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                while chunk := await process.stderr.receive_some(_CHUNK):
                    self._kept = (self._kept + chunk)[-MAX_ERROR_BYTES:]

    def text(self) -> str:
        """Return it as one line, without known secrets."""
        words = " ".join(self._kept.decode("utf-8", "replace").split())
        return LAST_NET.clean("".join(character for character in words if character.isprintable()))


async def _feed(process: trio.Process, body: bytes) -> None:
    """Write the message; a program that does not read it to the end says by its status whether it has it."""
    if process.stdin is not None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await process.stdin.send_all(body)
        await process.stdin.aclose()


async def _end(process: trio.Process) -> None:
    """End whatever still runs of the program's group, and take its status."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    for stream in (process.stdin, process.stderr):
        if stream is not None:
            await stream.aclose()
