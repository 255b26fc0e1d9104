"""From the break to the webhook's request: how long it takes until a receiver is told, while frames stream in.

Two ways are measured. From the commit of the event that decides: the message names its log position, and the recorder
notes when it has the acknowledgement of that append. And of that way the part after the fold, from the signal on.

A signal is stored in the transaction that derives it, and its time is the database's clock at that moment: its commit
follows within milliseconds, and counts. A request counts as made when its receiver has read it. The policy sends each
case at once (`gather = "0s"`), without a limit. All clocks are this machine's.
"""

from __future__ import annotations

import json
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import psycopg

from recon.db.engine import libpq_url
from tests.bench import load
from tests.bench.figures import Figures
from tests.bench.sizes import Sizes
from tests.bench.stage import Stage
from tests.bench.streaming import Run, run

#: Of one order in so many the reports are lost.
LOST_EVERY: Final = 60
SETTINGS: Final = """
[accounts]
settlement_window = "500ms"
[alerts]
gather = "0s"
limits = []
[[alerts.routes]]
name = "everything"
send = "page"
[webhooks.bench]
url = "{url}"
secret = "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29r"
watchdog = "0s"
"""
#: When the last of what a message tells was stored, by its id, in nanoseconds since 1970.
_STORED: Final = """
SELECT d.id, max((extract(epoch FROM s.created_at) * 1000000)::bigint) * 1000
FROM recon.deliveries AS d JOIN recon.alerts AS s ON s.id = ANY(d.signals) AND s.event LIKE 'break.%%'
WHERE d.channel = 'webhook:bench' AND d.kind <> 'summary' GROUP BY d.id
"""


@dataclass
class Arrivals:
    """When each message was first requested, in nanoseconds since 1970."""

    url: str = ""
    first: dict[str, int] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def arriving() -> Iterator[Arrivals]:
    """Serve a receiver that notes when it was asked."""
    arrivals = Arrivals()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            at, name = time.time_ns(), self.headers["webhook-id"]
            arrivals.bodies.setdefault(name, self.rfile.read(int(self.headers["content-length"])))
            arrivals.first.setdefault(name, at)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is the library's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    arrivals.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield arrivals
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def measure(figures: Figures, stage: Stage, sizes: Sizes) -> None:
    """Measure how long it takes from a signal of a break to the request that tells of it."""
    frames = load.write_frames(stage.place / "telling.frames", sizes.told, lost_every=LOST_EVERY)
    with arriving() as arrivals:
        done = run(stage, frames, float(sizes.told_rate), settings=SETTINGS.format(url=arrivals.url))
    with psycopg.connect(libpq_url(stage.service_url)) as connection:
        stored: dict[str, int] = dict(connection.execute(_STORED).fetchall())
    times = sorted((arrivals.first[id_] - at) / 1e6 for id_, at in stored.items() if id_ in arrivals.first)
    note = f"{len(times)} messages at {sizes.told_rate:,} frames a second, from the signal to the request"
    _add(figures, "told", "told", times, note)
    decided = _since_the_commit(done, arrivals)
    note = f"{len(decided)} breaks at {sizes.told_rate:,} frames a second, from the commit that decides to the request"
    _add(figures, "told_commit", "told since the commit", decided, note)
    done.add_cost(figures, "telling", f"telling at {sizes.told_rate:,}/s")


def _since_the_commit(done: Run, arrivals: Arrivals) -> list[float]:
    """Return, sorted, the milliseconds from the commit of the event that opens a break to the request."""
    positions = [seq for seq, _ in done.stamps.committed]
    seen: set[str] = set()
    found: list[float] = []
    for name, at in sorted(arrivals.first.items(), key=lambda item: item[1]):
        for alert in json.loads(arrivals.bodies[name])["data"]["alerts"]:
            if alert["type"] != "break.opened" or alert["id"] in seen:
                continue
            seen.add(alert["id"])
            batch = bisect_left(positions, alert["log"]["seq"])
            if batch < len(positions):
                found.append((at - done.stamps.committed[batch][1]) / 1e6)
    return sorted(found)


def _add(figures: Figures, key: str, name: str, times: list[float], note: str) -> None:
    if not times:
        raise RuntimeError("no break was told: nothing can be measured")
    for percent in (50, 99):
        value = times[min(len(times) - 1, len(times) * percent // 100)]
        figures.add(f"{key}_p{percent}", f"{name}, p{percent}", value, "ms", note)
