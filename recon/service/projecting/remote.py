"""A projector in a process of its own, as the service sees it: it starts the process, hears it, and ends it.

1. A process that ends, or says what nobody understands, fails `run`; the supervisor starts another one after a pause.
   The log then says that one that did not tell why it ended was replaced, and how it ended.
2. One that has not moved for HUNG_SECONDS is killed. Seconds are counted by looks of this loop, so that a service that
   stood still itself holds nobody else guilty.
3. The first hint is told at once. While others follow, the last one of a moment stands for all, and so it does while
   the pipe has no room: each one wakes two loops, and the projector rests longer than that between steps anyhow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Never

import outcome
import structlog
import trio

from recon.backfill.view import BackfillView
from recon.errors import DatabaseError, ProjectionError, ReconError
from recon.meters import Pulse, StepMeter
from recon.projection.position import START
from recon.service.projecting.changed_views import WholeView
from recon.service.projecting.messages import (
    Beat,
    Begin,
    Failed,
    Finish,
    Hint,
    Logged,
    Moved,
    Report,
    Reported,
    StepFailed,
    Stepped,
    line_of,
    report_of,
)
from recon.service.projecting.process import COMMAND, ProjectionProcess, start
from recon.status import StatusReporter
from recon.tracing import OFF, STEP, Tracing

#: How often it is told whether this instance records, and looked whether the process moves, in seconds.
LOOK_SECONDS: Final = 1.0
#: Shortest time between two tellings of hints, in seconds.
HINT_SECONDS: Final = 0.005
#: A process whose projector has not moved for so long is killed, in seconds. Nothing that it does lasts longer: not the
#: longest deadline of a step with cutting it off, and not the longest pause between refusals.
HUNG_SECONDS: Final = 120

_log = structlog.get_logger(__name__)


class RemoteProjector:
    """Follows one gateway's log as `Projector` does, by a process of its own; whoever cancels `run` calls `finish`.

    Its status is what the projector's is; while there is no process it is `retrying`.
    """

    def __init__(  # noqa: PLR0913 - the ways out of a projector, and what its process needs
        self,
        gateway: str,
        url: str,
        *,
        log_level: str,
        secrets: Sequence[str],
        on_told: Callable[[], None],
        on_view: Callable[[BackfillView], None],
        status: StatusReporter,
        is_first: Callable[[], bool],
        meter: StepMeter,
        tracing: Tracing = OFF,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """Prepare; the process is started by `run`.

        `on_told` is called after a commit that stored alerts, `on_view` after each that folded something. `secrets`
        are what no text may hold.
        """
        self._gateway = gateway
        self._url = url
        self._log_level = log_level
        self._secrets = secrets
        self._on_told = on_told
        self._on_view = on_view
        self._status = status
        self._is_first = is_first
        self._meter = meter
        self._tracing = tracing
        self._command = command
        self._position = START
        self._process: ProjectionProcess | None = None
        self._view = WholeView()
        self._failed: Failed | None = None
        self._is_hung = False
        #: How the process before ended, if it did not say why: its exit status, or minus a signal's number.
        self._former: int | None = None
        self._told_first = False
        self._hints = _Hints()
        status.measure = self._figures
        #: It beats when the process says that its projector moves.
        self.pulse = Pulse()

    @property
    def seq(self) -> int:
        """Return the last log position that is known to be folded."""
        return self._position.seq

    @property
    def last_us(self) -> int:
        """Return the log time of that event, in microseconds; 0 before the first step."""
        return self._position.last_us

    @property
    def pending(self) -> bool:
        """True if time alone may decide something: then log time should pass each second."""
        return self._position.pending

    @property
    def pid(self) -> int | None:
        """Return the process's id; None while there is none."""
        return None if self._process is None else self._process.pid

    def hint(self, seq: int | None = None) -> None:
        """Read the log soon, unless it is folded up to `seq`; call this in the Trio thread; see `Projection`."""
        self._hints.note(seq)

    async def run(self) -> Never:
        """Have the log followed until cancelled; the process lives on until `finish`.

        Errors: ProjectionError where the process cannot be started, ended or hung; what ended its projector.
        """
        try:
            process = await self._start()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell, process)
                nursery.start_soon(self._keep_watch, process)
                # Captured, so that an error does not come wrapped in the nursery's group.
                result = await outcome.acapture(self._hear, process)
                nursery.cancel_scope.cancel()
            result.unwrap()
            raise self._failure(await process.end())
        except ReconError as error:
            self._status.set("retrying", f"{error}; another process is started")
            status = await self._end()
            self._former = None if self._failed is not None else status
            raise

    async def finish(self, *, fold: bool = True) -> None:
        """Have the last events folded, if told so, and end the process; see `Projection`."""
        try:
            if self._process is None and not fold:
                return
            process = self._process or await self._start()
            await process.send(line_of(Finish(fold)))
            await self._hear(process)
            if await process.end() != 0:
                raise self._failure(await process.end())
        except ReconError as error:
            _log.warning("the last events are not folded", gateway=self._gateway, reason=str(error))
        finally:
            await self._end()

    async def _start(self) -> ProjectionProcess:
        """Start the process, and tell it what to do. Raise ProjectionError."""
        self.pulse.beat(trio.current_time())
        self._view, self._failed, self._is_hung = WholeView(), None, False
        self._told_first = self._is_first()
        self._process = process = await start(self._command)
        self._say_started(process.pid)
        await process.send(line_of(Begin(self._gateway, self._url, self._log_level, self._secrets, self._told_first)))
        return process

    def _say_started(self, pid: int) -> None:
        former, self._former = self._former, None
        if former is None:
            _log.debug("a process projects", gateway=self._gateway, pid=pid)
        else:
            how = {"signal": -former} if former < 0 else {"exit_status": former}
            _log.warning("the projection's process was replaced", gateway=self._gateway, pid=pid, **how)

    async def _end(self) -> int | None:
        """End the process, whatever it does, and return its exit status as `end` does; None if there is none."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        return await process.end()

    def _failure(self, status: int) -> ReconError:
        """Return why the process ended by itself, with its exit status (minus a signal's number)."""
        if self._failed is not None:
            return (DatabaseError if self._failed.of == "database" else ProjectionError)(self._failed.reason)
        if self._is_hung:
            return ProjectionError(f"the projection's process had not moved for {HUNG_SECONDS} s and was killed")
        how = f"was killed by signal {-status}" if status < 0 else f"ended by itself with status {status}"
        return ProjectionError(f"the projection's process {how}")

    async def _tell(self, process: ProjectionProcess) -> None:
        """Tell the process of hints, and whether this instance records."""
        while True:
            with trio.move_on_after(LOOK_SECONDS):
                await self._hints.noted.wait()
            first = self._is_first()
            seqs = self._hints.take()
            if not seqs and first != self._told_first:
                seqs = [None]
            self._told_first = first
            for seq in seqs:
                await process.send(line_of(Hint(seq, first)))
            await trio.sleep(HINT_SECONDS)

    async def _keep_watch(self, process: ProjectionProcess) -> None:
        """Kill the process if its projector stands still."""
        still, last = 0, self.pulse.at
        while still < HUNG_SECONDS:
            await trio.sleep(LOOK_SECONDS)
            still = still + 1 if self.pulse.at == last else 0
            last = self.pulse.at
        self._is_hung = True
        process.kill()

    async def _hear(self, process: ProjectionProcess) -> None:
        """Take what the process says until it says nothing more. Raise ProjectionError."""
        while (line := await process.receive()) is not None:
            self._take(report_of(line))

    def _figures(self) -> dict[str, int]:
        return self._position.figures()

    def _take(self, report: Report) -> None:
        match report:
            case Beat():
                self.pulse.beat(trio.current_time())
            case Moved():
                self.pulse.beat(trio.current_time())
                self._position = report.position
            case Stepped():
                self._note(report)
            case StepFailed():
                self._meter.note_failure()
            case Reported():
                self._status.set(report.state, report.detail)
            case Logged():
                structlog.get_logger(report.logger).log(report.level, report.event, **report.fields)
            case Failed():
                self._failed = report

    def _note(self, step: Stepped) -> None:
        """Count a step, tell its span, and pass on what it means to others."""
        self._meter.note(step.events, step.refused, step.seconds, step.computed)
        if self._tracing.on:
            self._tracing.tell(STEP, step.seconds, gateway=self._gateway, events=step.events, last_seq=step.view.seq)
        if step.told:
            self._on_told()
        self._on_view(self._view.with_changes(step.view))


class _Hints:
    """The hints that are not told yet: the last position of the recorder, and whether anybody named none."""

    def __init__(self) -> None:
        self._head = 0
        self._told = 0
        self._unsure = False
        self.noted = trio.Event()

    def note(self, seq: int | None) -> None:
        if seq is None:
            self._unsure = True
        elif seq <= self._head:
            return
        else:
            self._head = seq
        self.noted.set()

    def take(self) -> list[int | None]:
        """Return what is to be told; from now on it is."""
        self.noted = trio.Event()
        told: list[int | None] = [None] if self._unsure else []
        if self._head > self._told:
            told.append(self._head)
        self._told, self._unsure = self._head, False
        return told
