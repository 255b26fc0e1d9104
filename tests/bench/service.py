"""`python -m tests.bench.service --config FILE --stamps FILE`: the service as `recon run` runs it, with a stop-watch.

Nothing of the service is replaced, but with `--books-alone` what compares and classifies. A load waits for the books,
which takes long on a busy machine, so silence ends no session before QUIET_SECONDS. Its projector is of a class
that notes when it is told of a commit (the recorder's hint, which follows the acknowledgement) and when a step of its
own has been committed. At the end the notes are written to the stamps file.
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
from recon.service.run import run_service
from tests.bench.alone import leave_out

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


class TimedProjector(Projector):
    """A projector that notes times."""

    def __init__(self, *given: Any, stamps: Stamps, on_step: Callable[[Step], None], **named: Any) -> None:
        super().__init__(*given, **named, on_step=self._note)
        self._stamps = stamps
        self._on_noted = on_step
        self._began: float | None = None

    def hint(self, seq: int | None = None) -> None:
        if seq is not None:
            self._stamps.committed.append((seq, time.time_ns()))
            if self._began is None:
                self._began = time.process_time()
        super().hint(seq)

    def _note(self, step: Step) -> None:
        self._stamps.projected.append((step.seq, time.time_ns()))
        if self._began is not None:
            self._stamps.computed_seconds = time.process_time() - self._began
        self._on_noted(step)


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
    setattr(pipeline, "Projector", timed)  # noqa: B010  # the seams of this stop-watch; mypy rightly minds them
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
