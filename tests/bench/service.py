"""`python -m tests.bench.service --config FILE --stamps FILE`: the service as `recon run` runs it, with a stop-watch.

Nothing of the service is replaced, but with `--books-alone` what compares and classifies. A load waits for the books,
which takes long on a busy machine, so silence ends no session before QUIET_SECONDS. Its projector is of a class
that notes when it is told of a commit (the recorder's hint, which follows the acknowledgement) and when a step of its
own has been committed; of a process that projects, when the service hears of it. At the end the notes are written to
the stamps file.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import trio

from recon.config import Gateway, Settings, load_settings
from recon.ems.websocket.endpoint import Endpoint
from recon.meters import StepMeter
from recon.projection.projector import Projector
from recon.projection.step import Step
from recon.service import pipeline
from recon.service.endpoints import endpoint_of
from recon.service.projecting.messages import Moved, Report
from recon.service.projecting.remote import RemoteProjector
from recon.service.run import run_service
from tests.bench.alone import leave_out
from tests.bench.processor_time import own_seconds

#: How long the load may be silent before the service ends the session, in seconds.
QUIET_SECONDS: Final = 120.0
#: How often the loop's lateness is looked at, in seconds.
LATENESS_SECONDS: Final = 0.01


class Stamps(msgspec.Struct):
    """Positions of the log with the time (nanoseconds since 1970) at which all up to them was done."""

    committed: list[tuple[int, int]] = []
    projected: list[tuple[int, int]] = []
    peak_bytes: int = 0
    #: What the service has computed from the first commit to its last step, in seconds of processor time.
    computed_seconds: float = 0.0
    #: How long after its time a task of the service's loop ran, in milliseconds, at each look.
    late_ms: list[float] = []
    #: Steps that folded events, and what computing them took in seconds, of all gateways.
    steps: int = 0
    step_seconds: float = 0.0


class StopWatch:
    """Notes the times of commits and of projected positions; `computed` gives the processor time so far."""

    def __init__(self, stamps: Stamps, computed: Callable[[], float]) -> None:
        self._stamps = stamps
        self._computed = computed
        self._began: float | None = None

    def committed(self, seq: int) -> None:
        self._stamps.committed.append((seq, time.time_ns()))
        if self._began is None:
            self._began = self._computed()

    def projected(self, seq: int) -> None:
        self._stamps.projected.append((seq, time.time_ns()))
        if self._began is not None:
            self._stamps.computed_seconds = self._computed() - self._began


class TimedProjector(Projector):
    """A projector that notes times."""

    def __init__(self, *given: Any, stamps: Stamps, on_step: Callable[[Step], None], **named: Any) -> None:
        super().__init__(*given, **named, on_step=self._note)
        self._watch = StopWatch(stamps, time.process_time)
        self._on_noted = on_step

    def hint(self, seq: int | None = None) -> None:
        if seq is not None:
            self._watch.committed(seq)
        super().hint(seq)

    def _note(self, step: Step) -> None:
        self._watch.projected(step.seq)
        self._on_noted(step)


class TimedRemoteProjector(RemoteProjector):
    """A projector in a process that notes times."""

    def __init__(self, *given: Any, stamps: Stamps, **named: Any) -> None:
        super().__init__(*given, **named)
        self._watch = StopWatch(stamps, self._computed)

    def _computed(self) -> float:
        return time.process_time() + (0.0 if self.pid is None else own_seconds(self.pid))

    def hint(self, seq: int | None = None) -> None:
        if seq is not None:
            self._watch.committed(seq)
        super().hint(seq)

    def _take(self, report: Report) -> None:
        if isinstance(report, Moved):
            self._watch.projected(report.position.seq)
        super()._take(report)


def _peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _patient(settings: Settings, name: str, gateway: Gateway) -> Endpoint:
    return dataclasses.replace(endpoint_of(settings, name, gateway), heartbeat_bound=QUIET_SECONDS)


async def _note_lateness(late_ms: list[float]) -> None:
    while True:
        due = trio.current_time() + LATENESS_SECONDS
        await trio.sleep_until(due)
        late_ms.append(1000 * (trio.current_time() - due))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--stamps", type=Path, required=True)
    parser.add_argument("--books-alone", action="store_true")
    parser.add_argument("--lateness", action="store_true")
    given = parser.parse_args()
    if given.books_alone:
        leave_out()
    stamps = Stamps()
    timed: Callable[..., Projector] = partial(TimedProjector, stamps=stamps)
    remote: Callable[..., RemoteProjector] = partial(TimedRemoteProjector, stamps=stamps)
    setattr(pipeline, "Projector", timed)  # noqa: B010  # the seams of this stop-watch; mypy rightly minds them
    setattr(pipeline, "RemoteProjector", remote)  # noqa: B010  # as above
    meters: list[StepMeter] = []

    def new_meter() -> StepMeter:
        meters.append(StepMeter())
        return meters[-1]

    setattr(pipeline, "StepMeter", new_meter)  # noqa: B010  # as above
    setattr(pipeline, "endpoint_of", _patient)  # noqa: B010  # as above

    def on_ready() -> None:
        if given.lateness:
            trio.lowlevel.spawn_system_task(_note_lateness, stamps.late_ms)

    run_service(load_settings(given.config, os.environ), on_ready=on_ready)
    stamps.peak_bytes = _peak()
    stamps.steps = sum(meter.seconds.count for meter in meters)
    stamps.step_seconds = sum(meter.computed_seconds for meter in meters)
    given.stamps.write_bytes(msgspec.json.encode(stamps))


if __name__ == "__main__":
    main()
