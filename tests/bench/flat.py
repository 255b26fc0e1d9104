"""What an event costs as logs, accounts and idle gateways grow: it should stay the same.

Each log is folded by a process of its own in steps of STEP_EVENTS, as a projector that catches up does, so its memory
is nearly what a process of a projection takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from tests.bench.appending import append_all
from tests.bench.catching_up import STEP_EVENTS
from tests.bench.figures import Figures
from tests.bench.idle import idle_server
from tests.bench.load import FrameFile, new_events, write_frames
from tests.bench.processor_time import family_seconds
from tests.bench.sizes import Sizes
from tests.bench.stage import Stage, line_of, process
from tests.bench.streaming import MB, by_kind, run

#: Microseconds between events: 2,000 a second.
APART_US: Final = 500
#: Parts of a log whose costs are told.
PARTS: Final = 10


class _Point(NamedTuple):
    """How far a log is folded, and what that took: seconds of the process and of Postgres; its memory then."""

    events: int
    ours: float
    postgres: float
    memory: int


def measure(stage: Stage, figures: Figures, sizes: Sizes) -> None:
    """Measure a long log by its parts, and logs and streams of several sizes."""
    points = list(_folded(stage, sizes.flat_events, 8))
    for before, after in pairwise(points):
        _add(figures, f"events {before.events:,} to {after.events:,}", "flat_events", before, after)
    figures.add("flat_memory", "the process after the last event", points[-1].memory / MB, "MB", "resident")
    for accounts in sizes.flat_accounts:
        *_, middle, last = _folded(stage, sizes.flat_account_events, accounts, parts=2)
        _add(figures, f"{accounts:,} accounts, second half", f"flat_accounts_{accounts}", middle, last)
    load = write_frames(stage.place / "flat.frames", sizes.flat_frames)
    for gateways in sizes.flat_idle:
        _idle(stage, figures, load, gateways, sizes.flat_rate)


def _folded(stage: Stage, events: int, accounts: int, parts: int = PARTS) -> Iterator[_Point]:
    """Append a log and have it folded; yield where that stands after each part."""
    gateway, load = stage.new_gateway(), new_events(events, apart_us=APART_US, accounts=accounts)
    append_all(stage.service_url, gateway, load, STEP_EVENTS)
    stage.settle()
    every, postgres = max(1, len(load) // parts), family_seconds(stage.server.pid or 0)
    yield _Point(0, 0.0, 0.0, 0)
    with process("tests.bench.catching_up", stage.service_url, gateway, str(every)) as folding:
        for _ in range(parts):
            folded, seconds, memory = line_of(folding).split()
            now = family_seconds(stage.server.pid or 0)
            yield _Point(int(folded), float(seconds), now - postgres, 1024 * int(memory))


def _add(figures: Figures, name: str, key: str, before: _Point, after: _Point) -> None:
    events = after.events - before.events
    note = f"processor time of {events:,} events in steps of {STEP_EVENTS:,}"
    for who, seconds in (("service", after.ours - before.ours), ("postgres", after.postgres - before.postgres)):
        figures.add(f"{key}_{after.events}_{who}", f"{name}: {who}", 1e6 * seconds / events, "µs an event", note)


def _idle(stage: Stage, figures: Figures, load: FrameFile, gateways: int, rate: int) -> None:
    """Measure a stream beside gateways that say nothing."""
    with idle_server() as port:
        names = [stage.new_gateway() for _ in range(gateways)]
        tables = "".join(f'[gateways.{name}]\nurls = ["ws://127.0.0.1:{port}/"]\n' for name in names)
        done = run(stage, load, float(rate), settings=by_kind("task") + tables, beside=names)
    note = f"processor time while {load.frames:,} frames came"
    for who, seconds in (("service", done.service_seconds), ("postgres", done.server_seconds)):
        name = f"{rate:,}/s beside {gateways:,} idle gateways: {who}"
        figures.add(f"flat_idle_{gateways}_{who}", name, 1e6 * seconds / load.frames, "µs a frame", note)
