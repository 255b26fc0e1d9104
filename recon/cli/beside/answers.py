"""The answers to tasks of several gateways: one after the other in this process, or each by a worker of its own.

Folding holds Python's interpreter, so only processes use several cores. A task that fails stops no other. Ctrl-C and
SIGTERM end all workers in order, and each takes back what it began.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec
import trio
import typer

from recon.child_processes import passed_on, stop
from recon.cli.beside.task import Advanced, Answered, Failed, Message, Order, Task, answer, encode
from recon.cli.ended import TERMINATED, ending_in_order
from recon.cli.failure import Failure, failure
from recon.cli.main import TRACEBACK
from recon.cli.output import note
from recon.cli.progress import Advance
from recon.errors import ProjectionError
from recon.lines import LineReader, Lines
from recon.network_errors import system_text
from recon.redaction import LAST_NET
from recon.service.collector import rest_collector

#: -P: the directory in which a command happens to be given has no part in what is imported.
COMMAND: Final = (sys.executable, "-P", "-m", "recon.cli.beside.worker")
#: Where a worker finds this same recon.
_PLACE: Final = str(Path(__file__).parents[3])
#: Longest wait for a worker to take back what it began, in seconds; what one leaves over the next one removes.
STOP_SECONDS: Final = 60.0
#: Longest message of a worker, in bytes: an answer names every break that differs.
MAX_MESSAGE_BYTES: Final = 256 << 20

Answer = TypeVar("Answer")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Answers(Generic[Answer]):
    """The answers of tasks, by gateway, in the order of the tasks; where there is none, the failure that says why."""

    def __init__(
        self,
        kind: type[Answer],
        begin: Callable[[str], Advance],
        *,
        secrets: Sequence[str] = (),
    ) -> None:
        """`begin` begins the progress of a gateway; `secrets` may be in no text of a worker."""
        self.answered: dict[str, Answer] = {}
        self.failed: dict[str, Failure] = {}
        self._decode = msgspec.json.Decoder(kind).decode
        self._begin = begin
        self._secrets = tuple(secrets)
        self._with_traceback = TRACEBACK in sys.argv

    def collect(self, tasks: Sequence[Task], jobs: int | None) -> None:
        """Do all tasks, so many at a time (None: one a core); one at a time is done in this process.

        Raise SystemExit on SIGTERM.
        """
        jobs = min(jobs or cores(), len(tasks))
        if jobs > 1:
            if trio.run(self._by_workers, tasks, jobs):
                raise SystemExit(TERMINATED)
            self.failed = {task.gateway: self.failed[task.gateway] for task in tasks if task.gateway in self.failed}
            return
        with ending_in_order():
            rest_collector()
            for task in tasks:
                self._here(task)

    def end_if_failed(self) -> None:
        """Say of which gateways there is no answer, and why. Raise typer.Exit with the first one's status."""
        if not self.failed:
            return
        for line in dict.fromkeys(line for each in self.failed.values() for line in each.lines):
            note(line)
        if self.answered:
            note(f"no answer of {', '.join(self.failed)}; the other gateways are done")
        raise typer.Exit(next(iter(self.failed.values())).status)

    def _here(self, task: Task) -> None:
        try:
            self.answered[task.gateway] = self._decode(answer(task, self._begin(task.gateway)))
        except Exception as error:  # noqa: BLE001 - told at the end, when the other gateways are done
            if self._with_traceback:
                sys.stderr.write(LAST_NET.clean("".join(traceback.format_exception(error))))
            self.failed[task.gateway] = failure(error)

    async def _by_workers(self, tasks: Sequence[Task], jobs: int) -> bool:
        """Have workers do the tasks; return whether SIGTERM ended them."""
        waiting = iter(tasks)
        async with trio.open_nursery() as nursery:
            watch = _Sigterm(nursery.cancel_scope)
            if threading.current_thread() is threading.main_thread():
                await nursery.start(watch.run)
            async with trio.open_nursery() as workers:
                for _ in range(jobs):
                    workers.start_soon(self._work_off, waiting)
            nursery.cancel_scope.cancel()
        return watch.came

    async def _work_off(self, waiting: Iterator[Task]) -> None:
        """Start a worker for the next task, until none waits."""
        for task in waiting:
            found = await self._by_worker(task)
            if isinstance(found, Answered):
                self.answered[task.gateway] = self._decode(found.answer)
            else:
                self.failed[task.gateway] = Failure(found.status, found.lines)

    async def _by_worker(self, task: Task) -> Answered | Failed:
        advance = self._begin(task.gateway)
        try:
            process = await _start(with_traceback=self._with_traceback)
        except OSError as error:
            return _failed(f"no process can be started for gateway {task.gateway!r}: {system_text(error)}")
        try:
            last = await self._converse(process, task, advance)
            status = await process.wait()
        except ProjectionError as error:
            return _failed(str(error))
        finally:
            await stop(process, STOP_SECONDS)
        return last or _failed(
            f"the process that folded gateway {task.gateway!r} ended by itself (status {status}); look, and try again"
        )

    async def _converse(self, process: trio.Process, task: Task, advance: Advance) -> Answered | Failed | None:
        """Tell a worker its task and listen until it ends; return the last it had to say, None if nothing."""
        last: Answered | Failed | None = None
        if process.stdin is None or process.stdout is None:
            raise ProjectionError("a process was started without pipes")
        with suppress(trio.BrokenResourceError):  # one that is gone has a status that says so
            await process.stdin.send_all(encode(Order(task, self._secrets)) + b"\n")
        async for message in _messages(process.stdout):
            if isinstance(message, Advanced):
                advance(message.done, message.total)
            else:
                last = message
        return last


class _Sigterm:
    """Waits for SIGTERM and cancels what it was given."""

    def __init__(self, scope: trio.CancelScope) -> None:
        self.came = False
        self._scope = scope

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                self.came = True
                self._scope.cancel()


def _failed(text: str) -> Failed:
    found = failure(ProjectionError(text))
    return Failed(found.status, found.lines)


async def _start(*, with_traceback: bool) -> trio.Process:
    """Start a worker; its errors go where ours go. In a session of its own, Ctrl-C reaches the command alone."""
    environment = passed_on()
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (_PLACE, os.environ.get("PYTHONPATH"))))
    return await trio.lowlevel.open_process(
        [*COMMAND, *([TRACEBACK] if with_traceback else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )


async def _messages(source: trio.abc.ReceiveStream) -> AsyncIterator[Message]:
    """Yield what a worker tells, until it ends. Errors: ProjectionError for a message beyond the bound."""
    decode = msgspec.json.Decoder(Message).decode
    too_long = f"an answer is longer than {MAX_MESSAGE_BYTES:,} bytes; use --jobs 1"
    reader = LineReader(source, Lines(MAX_MESSAGE_BYTES, too_long))
    while (line := await reader.next()) is not None:
        yield decode(line)
