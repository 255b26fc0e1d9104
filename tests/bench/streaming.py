"""End to end: generator → socket → consumer → recorder → log → projector → books and verdicts.

Three processes beside Postgres: the generator (`blaster`), the service with everything that `recon run` starts, and
this one, which watches. A frame counts as received at the time that the log itself holds for it (`received_at`), as
committed when the recorder has the acknowledgement of its append, and as projected when the transaction that folded,
compared and wrote it has been committed (a step without alerts does so with synchronous_commit off: visible, and
perhaps not on the disk yet; it would be folded again from the log, whose own commits are durable). The
service's own process takes both times (see `service.py`), so no polling blurs them. All clocks are this machine's.

Saturated means: the generator is always WINDOW_FRAMES ahead of the projection, so nobody waits for frames and the
buffer, which would end the session when full, does not overrun. This process looks at the projected position and
allows further frames accordingly. The rate is that from the first frame's receipt to the last one's projection.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import psycopg

from recon.db.engine import libpq_url
from tests.bench.figures import Figures
from tests.bench.load import FrameFile
from tests.bench.processor_time import family_seconds
from tests.bench.service import Stamps
from tests.bench.stage import Stage, line_of, process, tell

#: How far the generator is ahead of the projection when saturating, in frames.
WINDOW_FRAMES: Final = 20_000
#: How often the watcher looks, in seconds.
LOOK_SECONDS: Final = 0.05
#: Longest time without progress, in seconds.
STUCK_SECONDS: Final = 60.0
#: What is received in the first second of an offered load is warming up and is not counted.
WARM_NS: Final = 1_000_000_000
MILLION: Final = 1_000_000
MB: Final = 1_000_000

_CONFIG: Final = """
[database]
url = "{url}"
[log]
level = "warning"
[gateways.{gateway}]
urls = ["ws://127.0.0.1:{port}/"]
"""
_POSITION: Final = "SELECT coalesce(max(seq), 0) FROM recon_store.editions WHERE gateway = %s AND state = 'current'"
_RECEIVED: Final = """
SELECT seq, (extract(epoch FROM received_at) * 1000000)::bigint FROM recon_store.log_events
WHERE gateway = %s AND session IS NOT NULL AND kind NOT LIKE 'session.%%' ORDER BY seq
"""
_LAST_FRAME: Final = """
SELECT count(*), coalesce(max(seq), 0) FROM recon_store.log_events
WHERE gateway = %s AND session IS NOT NULL AND kind NOT LIKE 'session.%%'
"""
_ENDED: Final = """
SELECT convert_from(payload, 'UTF8')::json ->> 'reason' FROM recon_store.log_events
WHERE gateway = %s AND kind IN ('session.closed', 'session.failed') ORDER BY seq
"""


class Memory(msgspec.Struct):
    """Resident memory of the service in bytes, by the part of the load that was projected, and its peak."""

    parts: dict[int, int] = {}
    peak: int = 0


class Run(msgspec.Struct, frozen=True):
    """What one run gave: times of receipt (seq, ns) of all frames, the service's stamps, its memory.

    `server_seconds` is what Postgres has computed while frames came, for the service and for who watches;
    `service_seconds` is what the service and its processes have.
    """

    received: list[tuple[int, int]]
    stamps: Stamps
    memory: Memory
    server_seconds: float
    service_seconds: float

    @property
    def rate(self) -> float:
        """Frames per second from the first one's receipt to the last one's projection."""
        last, first = self.received[-1][0], self.received[0][1]
        done = next((at for seq, at in self.stamps.projected if seq >= last), None)
        if done is None:
            raise RuntimeError(f"the service never told of projecting position {last}, its load's last")
        return len(self.received) / ((done - first) / 1e9)

    def add_cost(self, figures: Figures, key: str, name: str) -> None:
        """Add the processor time of both parties a frame: of the service from the first commit to its last step."""
        note = f"processor time while {len(self.received):,} frames came"
        for who, seconds in (("service", self.stamps.computed_seconds), ("postgres", self.server_seconds)):
            figures.add(f"{key}_{who}_cost", f"{name}: {who}", 1e6 * seconds / len(self.received), "µs a frame", note)

    def latencies(self, stamps: list[tuple[int, int]]) -> list[float]:
        """Return, sorted, the milliseconds from each frame's receipt until it was done, without the warming up."""
        result = []
        ends = iter(stamps)
        upto, done = next(ends)
        since = self.received[0][1] + WARM_NS
        for seq, at in self.received:
            while upto < seq:
                upto, done = next(ends)
            if at >= since:
                result.append((done - at) / 1e6)
        return sorted(result)


def run(
    stage: Stage,
    load: FrameFile,
    rate: float = 0.0,
    *,
    options: Sequence[str] = (),
    settings: str = "",
    beside: Sequence[str] = (),
) -> Run:
    """Send a load through the service, saturating it or at an offered rate; `options` and `settings` are the service's.

    No frame comes before the first step of the gateways `beside`. Errors: RuntimeError where a frame was lost.
    """
    gateway, server = stage.new_gateway(), stage.server.pid or 0
    stage.settle()
    stamps = stage.place / f"{gateway}.stamps"
    with process("tests.bench.blaster", str(load.path), "--rate", str(rate)) as blaster:
        config = stage.place / f"{gateway}.toml"
        config.write_text(_CONFIG.format(url=stage.service_url, gateway=gateway, port=line_of(blaster)) + settings)
        with process("tests.bench.service", "--config", str(config), "--stamps", str(stamps), *options) as service:
            with _connected(stage) as connection:
                await_first_steps(connection, beside)
            began, server_began = family_seconds(service.pid), family_seconds(server)
            memory = _watch(stage, gateway, load, rate, blaster, service)
            service_seconds, server_seconds = family_seconds(service.pid) - began, family_seconds(server) - server_began
            service.send_signal(signal.SIGTERM)
            if service.wait() != 0:
                raise RuntimeError(f"the service ended with status {service.returncode}")
    with _connected(stage) as connection:
        received = [(seq, 1000 * us) for seq, us in connection.execute(_RECEIVED, (gateway,), binary=True)]
        ended = [reason for (reason,) in connection.execute(_ENDED, (gateway,))]
    if len(received) != load.frames or ended != ["shutdown"]:
        raise RuntimeError(f"of {load.frames} frames {len(received)} are in the log; sessions ended by {ended}")
    measured = msgspec.json.decode(stamps.read_bytes(), type=Stamps)
    memory.peak = measured.peak_bytes
    return Run(received, measured, memory, server_seconds, service_seconds)


def await_first_steps(connection: psycopg.Connection, gateways: Sequence[str]) -> None:
    """Wait until each gateway has folded something. Errors: RuntimeError where one does not."""
    until = time.monotonic() + STUCK_SECONDS
    while not all(_position(connection, name) for name in gateways):
        if time.monotonic() > until:
            raise RuntimeError("a gateway's first step did not come")
        time.sleep(LOOK_SECONDS)


def _watch(
    stage: Stage,
    gateway: str,
    load: FrameFile,
    rate: float,
    blaster: subprocess.Popen[str],
    service: subprocess.Popen[str],
) -> Memory:
    """Allow frames as they are projected, until all are; look at the service's memory at every quarter."""
    memory = Memory()
    allowed = projected = 0
    moved = time.monotonic()
    with _connected(stage) as connection:
        while projected < load.frames:
            wanted = load.frames if rate else min(load.frames, projected + WINDOW_FRAMES)
            if wanted > allowed:
                allowed = wanted
                tell(blaster, str(allowed))
            time.sleep(LOOK_SECONDS)
            before, projected = projected, _position(connection, gateway)
            for part in (25, 50, 75, 100):
                if part not in memory.parts and projected >= load.frames * part // 100:
                    memory.parts[part] = resident_of(service.pid)
            if projected > before:
                moved = time.monotonic()
            if time.monotonic() > moved + STUCK_SECONDS or service.poll() is not None:
                raise RuntimeError(f"{projected} of {load.frames} frames were projected, and no more")
        _settle(connection, gateway, load)
    return memory


def _settle(connection: psycopg.Connection, gateway: str, load: FrameFile) -> None:
    """Wait for the very last frame: our own events (ticks, one a second at times) count among the positions."""
    until = time.monotonic() + STUCK_SECONDS
    while True:
        row = connection.execute(_LAST_FRAME, (gateway,)).fetchone()
        count, last = (0, 0) if row is None else row
        projected = _position(connection, gateway)
        if count == load.frames and projected >= last:
            return
        if time.monotonic() > until:
            raise RuntimeError(f"{count} of {load.frames} frames are in the log, to {last}; projected to {projected}")
        time.sleep(LOOK_SECONDS)


def _position(connection: psycopg.Connection, gateway: str) -> int:
    row = connection.execute(_POSITION, (gateway,)).fetchone()
    return 0 if row is None else int(row[0])


def resident_of(pid: int) -> int:
    """Return a process's resident memory in bytes; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def family_of(pid: int) -> list[int]:
    """Return a process and its children; the process alone where the system does not tell."""
    try:
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        children = [child for task in tasks for child in task.read_text(encoding="ascii").split()]
    except OSError:
        children = []
    return [pid, *map(int, children)]


@contextmanager
def _connected(stage: Stage) -> Iterator[psycopg.Connection]:
    with psycopg.connect(libpq_url(stage.service_url), autocommit=True) as connection:
        yield connection


def by_kind(kind: str) -> str:
    """Return the settings that have a gateway projected by a `process` of its own, or by a `task` of the service."""
    return f'[service]\nprojection = "{kind}"\n'


def saturated(stage: Stage, figures: Figures, load: FrameFile) -> None:
    """Measure the saturated rate, and the service's memory on the way."""
    done = run(stage, load)
    note = f"{load.frames:,} frames, socket to projected and compared, generator {WINDOW_FRAMES:,} ahead"
    figures.add("saturated", "end to end, saturated", done.rate, "/s", note)
    done.add_cost(figures, "saturated", "end to end, saturated")
    batches = len(done.stamps.committed)
    figures.add("batch", "mean batch of the recorder", load.frames / max(1, batches), "events")
    for part, size in sorted(done.memory.parts.items()):
        figures.add(f"memory_{part}", f"service's memory at {part} %", size / MB, "MB", "resident")
    figures.add("memory_peak", "service's peak memory", done.memory.peak / MB, "MB", f"after {load.frames:,} frames")
    if load.frames >= MILLION * 0.99:
        figures.add("memory_million", "service's peak memory, 1,000,000", done.memory.peak / MB, "MB")
        if done.memory.parts.get(50):
            growth = done.memory.parts[100] / done.memory.parts[50]
            figures.add("memory_growth", "service's memory at 100 % / at 50 %", growth, "x")


def offered(figures: Figures, stage: Stage, load: FrameFile, rate: int) -> None:
    """Measure the latencies at an offered rate, projected by a task of the service and by a process of its own."""
    for kind, end in (("task", ""), ("process", "_process")):
        done = run(stage, load, float(rate), settings=by_kind(kind))
        what, note = f"{rate:,}/s offered, by {kind}", f"{load.frames:,} frames, without the first second"
        for name, stamps in (("committed", done.stamps.committed), ("projected", done.stamps.projected)):
            times = done.latencies(stamps)
            for percent in (50, 99):
                value = times[min(len(times) - 1, len(times) * percent // 100)]
                figures.add(f"{name}_p{percent}_{rate}{end}", f"{what}: {name}, p{percent}", value, "ms", note)
        done.add_cost(figures, f"offered_{rate}{end}", what)
