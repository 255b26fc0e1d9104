"""Gateways saturated at once, projected by tasks of the service or by a process for each, in turn within one run.

The rate is all frames of all gateways over the time from the first one's receipt to the last one's projection, which is
looked at every LOOK_SECONDS. Nothing is sent before each gateway's first step, so no start is measured. The loop's
lateness is how long after its time a task of the service's loop runs: a pong or a heartbeat waits for so long.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median
from typing import Final

import msgspec
import psycopg

from recon.db.engine import libpq_url
from tests.bench.figures import Figures
from tests.bench.load import FrameFile
from tests.bench.processor_time import family_seconds
from tests.bench.service import Stamps
from tests.bench.stage import Stage, line_of, process, tell
from tests.bench.streaming import (
    LOOK_SECONDS,
    MB,
    STUCK_SECONDS,
    WINDOW_FRAMES,
    await_first_steps,
    family_of,
    resident_of,
)

KINDS: Final = ("task", "process")
_HEAD: Final = """
[database]
url = "{url}"
[log]
level = "warning"
[service]
projection = "{kind}"
"""
_GATEWAY: Final = """
[gateways.{name}]
urls = ["ws://127.0.0.1:{port}/"]
"""
_POSITIONS: Final = """
SELECT g.name, coalesce(e.seq, 0), (SELECT count(*) FROM recon_store.log_events AS l
  WHERE l.gateway = g.name AND l.session IS NOT NULL AND l.kind NOT LIKE 'session.%%' AND l.seq <= e.seq)
FROM unnest(%s::text[]) AS g (name)
LEFT JOIN recon_store.editions AS e ON e.gateway = g.name AND e.state = 'current'
"""
_BEGAN: Final = """
SELECT min(extract(epoch FROM received_at)) FROM recon_store.log_events
WHERE gateway = ANY (%s) AND session IS NOT NULL AND kind NOT LIKE 'session.%%'
"""


class Turn(msgspec.Struct, frozen=True):
    """What one turn gave: frames a second, lateness in milliseconds, memory in bytes, processor time in seconds."""

    rate: float
    late: list[float]
    service_bytes: int
    process_bytes: list[int]
    service_seconds: float
    server_seconds: float
    steps: int
    step_seconds: float

    def late_at(self, share: float) -> float:
        """Return the lateness that a share of the looks does not exceed."""
        ordered = sorted(self.late)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def measure(
    stage: Stage, figures: Figures, load: FrameFile, gateways: Sequence[int], turns: int, rate: float = 0.0
) -> None:
    """Measure both kinds at each number of gateways, in turn; each gateway is saturated, or offers frames at a rate."""
    way, how = (f"at_{rate:g}_", f" at {rate:g}/s") if rate else ("", "")
    for count in gateways:
        done: dict[str, list[Turn]] = {kind: [] for kind in KINDS}
        for turn in range(turns):
            for kind in KINDS if turn % 2 == 0 else KINDS[::-1]:
                done[kind].append(_turn(stage, load, count, kind, rate))
        for kind, each in done.items():
            name = f"{count} gateway{'s' if count > 1 else ''}{how} by {kind}"
            _add(figures, name, f"several_{way}{count}_{kind}", each, count * load.frames)
        figures.ratio(f"several_{way}{count}", f"several_{way}{count}_process", f"several_{way}{count}_task")


def _add(figures: Figures, name: str, key: str, turns: Sequence[Turn], frames: int) -> None:
    note = f"median of {len(turns)}, {frames:,} frames"
    figures.add(key, f"{name}: end to end", median(turn.rate for turn in turns), "/s", note)
    for percent in (50, 99):
        late = median(turn.late_at(percent / 100) for turn in turns)
        figures.add(f"{key}_late_{percent}", f"{name}: the loop is late, p{percent}", late, "ms", note)
    for who, seconds in (
        ("service and processes", median(turn.service_seconds for turn in turns)),
        ("steps alone", median(turn.step_seconds for turn in turns)),
        ("postgres", median(turn.server_seconds for turn in turns)),
    ):
        figures.add(f"{key}_cost_{who}", f"{name}: {who}", 1e6 * seconds / frames, "µs a frame", "processor time")
    figures.add(f"{key}_step", f"{name}: mean step", frames / median(turn.steps for turn in turns), "events", note)
    memory = median(turn.service_bytes for turn in turns)
    figures.add(f"{key}_memory", f"{name}: memory of the service", memory / MB, "MB", "resident, at the end")
    if sizes := [size for turn in turns for size in turn.process_bytes]:
        figures.add(f"{key}_child", f"{name}: memory of a process", median(sizes) / MB, "MB", "resident, at the end")


def _turn(stage: Stage, load: FrameFile, count: int, kind: str, rate: float) -> Turn:
    names = [stage.new_gateway() for _ in range(count)]
    stage.settle()
    server_began = family_seconds(stage.server.pid or 0)
    stamps = stage.place / f"{names[0]}.stamps"
    with ExitStack() as stack:
        blasters = {
            name: stack.enter_context(process("tests.bench.blaster", str(load.path), "--rate", str(rate)))
            for name in names
        }
        config = stage.place / f"{names[0]}.toml"
        tables = [_GATEWAY.format(name=name, port=line_of(blaster)) for name, blaster in blasters.items()]
        config.write_text(_HEAD.format(url=stage.service_url, kind=kind) + "".join(tables))
        options = ["--config", str(config), "--stamps", str(stamps), "--lateness"]
        service = stack.enter_context(process("tests.bench.service", *options))
        with _connected(stage) as connection:
            await_first_steps(connection, names)
            began = family_seconds(service.pid)
            ended = _watch(connection, load, blasters, service, load.frames if rate else WINDOW_FRAMES)
        sizes, seconds = [resident_of(pid) for pid in family_of(service.pid)], family_seconds(service.pid) - began
        service.send_signal(signal.SIGTERM)
        if service.wait() != 0:
            raise RuntimeError(f"the service ended with status {service.returncode}")
    with _connected(stage) as connection:
        row = connection.execute(_BEGAN, (names,)).fetchone()
    measured = msgspec.json.decode(stamps.read_bytes(), type=Stamps)
    rate = count * load.frames / (ended - float(row[0] if row else 0))
    server = family_seconds(stage.server.pid or 0) - server_began
    return Turn(rate, measured.late_ms, sizes[0], sizes[1:], seconds, server, measured.steps, measured.step_seconds)


def _watch(
    connection: psycopg.Connection,
    load: FrameFile,
    blasters: dict[str, subprocess.Popen[str]],
    service: subprocess.Popen[str],
    ahead: int,
) -> float:
    """Allow frames as they are projected, until all are; return when they were (seconds since 1970)."""
    allowed = dict.fromkeys(blasters, 0)
    projected = dict.fromkeys(blasters, 0)
    moved = time.monotonic()
    while any(frames < load.frames for frames in projected.values()):
        for name, blaster in blasters.items():
            wanted = min(load.frames, projected[name] + ahead)
            if wanted > allowed[name]:
                allowed[name] = wanted
                tell(blaster, str(wanted))
        time.sleep(LOOK_SECONDS)
        before, projected = projected, _projected(connection, list(blasters), load.frames)
        if projected != before:
            moved = time.monotonic()
        if time.monotonic() > moved + STUCK_SECONDS or service.poll() is not None:
            raise RuntimeError(f"{projected} of {load.frames} frames were projected, and no more")
    return time.time()


def _projected(connection: psycopg.Connection, names: list[str], frames: int) -> dict[str, int]:
    """Return how many frames are projected of each gateway; only near the end are our own events told apart."""
    query = "SELECT gateway, seq FROM recon_store.editions WHERE gateway = ANY (%s) AND state = 'current'"
    seqs = {name: int(seq) for name, seq in connection.execute(query, (names,))}
    if all(seqs.get(name, 0) >= frames for name in names):
        return {name: int(count) for name, _, count in connection.execute(_POSITIONS, (names,))}
    return {name: min(frames - 1, seqs.get(name, 0)) for name in names}


def _connected(stage: Stage) -> psycopg.Connection:
    return psycopg.connect(libpq_url(stage.service_url), autocommit=True)
