"""What a report takes that is long: the memory of its process, and how many rows a second it writes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Final, NamedTuple

import psycopg

from recon.db.engine import create_engine, libpq_url
from recon.log.events import NewEvent
from recon.projection.checkpoint import current_edition
from recon.reports.formats import FORMATS
from tests.bench.figures import Figures
from tests.bench.stage import Stage
from tests.support.database_days import write_events

#: Kilobytes of a process become megabytes.
_MB: Final = 1024

#: The peak of a process is its own only by its memory: what `wait4` tells begins with that of the process it came from.
_PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")
_COMMAND: Final = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(open("/proc/self/status").read()))
from recon.cli.entry import main
main()
"""

#: Entries of many units, each with its own digits; every hundredth has more than a decimal(38,18) holds.
_ENTRIES: Final = """
    INSERT INTO recon_store.entries (
        gateway, edition, account, unit_kind, unit, entry_no, seq, clock, occurred_at, recorded_at, cause, certainty,
        amount, running, turnover, order_key, ordinal
    )
    SELECT %(gateway)s, %(edition)s, 'VENUE' || lpad((n %% 25)::text, 2, '0'), 'asset', 'COIN' || n %% 40, n, 1, n,
           now(), now(), 'fill', 'exact', n * 1.00000001 + CASE WHEN n %% 100 = 0 THEN 1e-21 ELSE 0 END, n * 1.5, 0,
           'c:' || md5(n::text), 1
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""


class Run(NamedTuple):
    """One report: seconds, and the greatest resident memory of its process, in megabytes."""

    seconds: float
    peak_mb: float
    file_mb: float


def measure(on: Stage, figures: Figures, sizes: tuple[int, int, int]) -> None:
    """Write the report of movements in every format, of fewer and of ten times as many rows."""
    gateway = on.new_gateway()
    write_events(on.service_url, gateway, [NewEvent("tick", b"{}", datetime.now(UTC))])
    with create_engine(on.service_url, "bench", pooled=False).begin() as connection:
        edition = current_edition(connection, gateway)
    written = 0
    for rows in sizes:
        with psycopg.connect(libpq_url(on.service_url)) as raw:
            raw.execute("SET statement_timeout = 0")
            raw.execute(_ENTRIES, {"gateway": gateway, "edition": edition, "first": written + 1, "last": rows})
        on.settle()
        written = rows
        for format_ in FORMATS:
            if rows not in (sizes[:2] if format_ == "xlsx" else sizes[1:]):
                continue
            run = _report(on, format_)
            name = f"{rows:,} movements as {format_}"
            note = f"{run.seconds:,.0f} s, a file of {run.file_mb:,.0f} MB"
            figures.add(f"report_{format_}_{rows}", name, rows / run.seconds, "rows/s", note)
            figures.add(f"report_{format_}_{rows}_memory", f"{name}: peak memory", run.peak_mb, "MB", "resident")


def _report(on: Stage, format_: str) -> Run:
    """Run the command as a process of its own, whose memory the system tells when it ends."""
    file = on.place / f"report.{format_}"
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", _COMMAND, "report", "movements", "-o", str(file), "--replace"],
        env=os.environ | {"RECON_DATABASE__URL": on.analyst_url},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(f"the report as {format_} ended with {done.returncode}: {done.stderr}")
    peak = _PEAK.search(done.stderr)
    if peak is None:
        raise RuntimeError("the system tells no peak of a process's memory")
    size = file.stat().st_size / 2**20
    file.unlink()
    return Run(seconds, int(peak[1]) / _MB, size)
