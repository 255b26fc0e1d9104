"""The simulator in a process of its own: started, read, stopped. It ends with the demonstration, even by SIGKILL."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import trio

from recon.child_processes import passed_on, stop
from recon.cli.demo.scoring import Fault
from recon.errors import SimulationError
from recon.library_words import in_our_words
from recon.network_errors import system_text
from recon.private_files import write_private

#: Longest wait until the simulator listens, in seconds.
READY_SECONDS: Final = 30.0
#: Longest wait for it to end when asked to, in seconds.
STOP_SECONDS: Final = 5.0
#: Bytes of chance in the key of the gateways.
KEY_BYTES: Final = 16
#: How often its files are looked at, in seconds.
LOOK_SECONDS: Final = 0.05


class _Ready(msgspec.Struct):
    urls: dict[str, str]


class Day(msgspec.Struct):
    """When a gateway's day began and ends; null until its first client connects."""

    started_at: datetime | None
    ends_at: datetime | None


class Truth(msgspec.Struct):
    """The simulator's record of its day."""

    gateways: dict[str, Day]
    faults: list[Fault]

    @property
    def ends_at(self) -> datetime | None:
        """Return when the last gateway's day ends; None while not all have begun."""
        ends = [day.ends_at for day in self.gateways.values() if day.ends_at is not None]
        return max(ends) if len(ends) == len(self.gateways) and ends else None


class Simulation:
    """A running simulator: its addresses, and the faults planted so far."""

    def __init__(self, directory: Path) -> None:
        self.urls: Mapping[str, str] = {}
        #: What clients prove themselves by, and the file that holds it.
        self.key = secrets.token_hex(KEY_BYTES)
        self.key_file = directory / "api.key"
        self._truth = directory / "truth.json"
        self._ready = directory / "ready.json"
        self._log = directory / "simulator.log"

    def truth(self) -> Truth:
        """Return what was planted so far. Errors: SimulationError."""
        try:
            return msgspec.json.decode(self._truth.read_bytes(), type=Truth)
        except (OSError, msgspec.DecodeError) as error:
            why = system_text(error) if isinstance(error, OSError) else in_our_words(str(error))
            raise SimulationError(f"the simulator's truth file cannot be read: {why}") from error

    async def run(
        self, *, seed: int, duration: float, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run the process until cancelled; started once it listens. Errors: SimulationError where it ends by itself."""
        command = [sys.executable, "-m", "recon.simulator", "--plan", "watched", "--seed", str(seed)]
        command += ["--duration", f"{duration:g}", "--truth", str(self._truth), "--ready", str(self._ready)]
        command += ["--api-key-file", str(self.key_file), "--until-input-ends"]
        write_private(self.key_file, self.key.encode())
        with self._log.open("wb") as log:
            process = await trio.lowlevel.open_process(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, env=passed_on()
            )
        try:
            await self._await_ready(process)
            task_status.started()
            status = await process.wait()
            raise SimulationError(f"the simulator ended by itself (exit status {status}): {self._last_words()}")
        finally:
            await stop(process, STOP_SECONDS)

    async def _await_ready(self, process: trio.Process) -> None:
        with trio.move_on_after(READY_SECONDS):
            while process.poll() is None:
                if self._ready.exists():
                    self.urls = msgspec.json.decode(self._ready.read_bytes(), type=_Ready).urls
                    return
                await trio.sleep(LOOK_SECONDS)
            raise SimulationError(f"the simulator did not start: {self._last_words()}")
        raise SimulationError(f"the simulator does not listen after {READY_SECONDS:g} s: {self._last_words()}")

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing"
