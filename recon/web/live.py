"""What changes while somebody looks: one look at the database for all open streams, told as server-sent events.

1. Each event holds the strip of truth, and a version of what screens show. A browser asks for its screen anew when the
   version of what it shows has changed. The look is at the truth; no NOTIFY is needed.
2. A stream ends by itself after STREAM_SECONDS, before the server's bound on silent clients, and the browser opens the
   next one. So a reader who has gone away holds nothing for long, and each stream is of a session that still is.
3. All streams end at once when the service stops: they wait for that too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from functools import partial
from typing import Final

import msgspec
import structlog
import trio
from sqlalchemy import Connection
from starlette.responses import StreamingResponse
from starlette.types import Send

from recon.db.source import query_rows
from recon.db.transactions import Database
from recon.errors import DatabaseError
from recon.web.screen import BOOKS, CASES, SIGNALS
from recon.web.truth import Truth, read_truth

#: Between two looks, in seconds, and longest look.
LOOK_SECONDS: Final = 1.0
LOOK_DEADLINE: Final = 5.0
#: Life of a stream, and when a browser asks for the next one, in milliseconds.
STREAM_SECONDS: Final = 12.0
AGAIN_MS: Final = 200
#: Most streams at once.
MAX_STREAMS: Final = 64

#: What each version is of: one text, which changes when a screen would.
_VERSIONS: Final[Mapping[str, str]] = {
    CASES: """
        SELECT md5(concat_ws(
            ';',
            (SELECT string_agg(concat_ws(
                ',', b.id, b.state, b.cause, b.amount, b.assignee, b.severity, b.proposal ->> 'digest',
                b.accepted_until
             ), ';' ORDER BY b.gateway, b.id) FROM recon_exact.open_breaks AS b),
            (SELECT string_agg(concat_ws(',', g.name, d.seq), ';' ORDER BY g.name) FROM recon.gateways AS g
             CROSS JOIN LATERAL (
                 SELECT e.seq FROM recon.events AS e WHERE e.gateway = g.name AND e.kind = 'decision'
                   AND e.seq <= g.projected_seq
                 ORDER BY e.seq DESC LIMIT 1
             ) AS d)
        )) AS version
    """,
    BOOKS: """
        SELECT md5(string_agg(concat_ws(',', g.name, g.edition, g.projected_seq), ';' ORDER BY g.name)) AS version
        FROM recon.gateways AS g
    """,
    SIGNALS: """
        SELECT md5(concat_ws(
            ';',
            (SELECT concat_ws(',', max(s.number), max(s.routed_at)) FROM recon_exact.signals AS s),
            (SELECT concat_ws(',', count(*), max(d.delivered_at)) FROM recon.deliveries AS d)
        )) AS version
    """,
}

_log = structlog.get_logger(__name__)


class Look(msgspec.Struct, frozen=True):
    """What one look found."""

    truth: Truth
    versions: Mapping[str, str]


class EventStream(StreamingResponse):
    """An answer that goes on; its iterator is closed with it, however it ends."""

    async def stream_response(self, send: Send) -> None:
        """Send it."""
        events = self.body_iterator
        try:
            await super().stream_response(send)
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()


class Live:
    """All streams, and the one task that looks for them."""

    def __init__(self, service: Database, gateways: Collection[str], strip: Callable[[Truth], str]) -> None:
        """Prepare. `strip` writes the strip of truth as HTML."""
        self._service = service
        self._gateways = gateways
        self._strip = strip
        self._streams = 0
        self._wanted = trio.Event()
        self._stopping = trio.Event()
        self._news = trio.Event()
        self._event = b""

    @property
    def streams(self) -> int:
        """Return how many streams are open."""
        return self._streams

    @property
    def full(self) -> bool:
        """True if no further stream may be opened."""
        return self._streams >= MAX_STREAMS or self._stopping.is_set()

    def stop(self) -> None:
        """End all streams."""
        self._stopping.set()
        self._news.set()

    async def run(self) -> None:
        """Look while anybody watches, until cancelled."""
        while True:
            await self._wanted.wait()
            try:
                look = await self._service.run(partial(_look, gateways=self._gateways), deadline=LOOK_DEADLINE)
                self._tell(await trio.to_thread.run_sync(self._written, look))
            except DatabaseError as error:
                # Browsers notice by themselves that nothing comes, and say so.
                _log.warning("the page cannot look at the database", reason=str(error))
            await trio.sleep(LOOK_SECONDS)
            if not self._streams:
                self._wanted = trio.Event()

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield events until the stream has lived its time, or the service stops."""
        self._streams += 1
        self._wanted.set()
        try:
            yield f"retry: {AGAIN_MS}\n\n".encode()
            end = trio.current_time() + STREAM_SECONDS
            while not self._stopping.is_set():
                with trio.move_on_at(end) as waiting:
                    await self._news.wait()
                if waiting.cancelled_caught or self._stopping.is_set():
                    break
                yield self._event
        finally:
            self._streams -= 1

    def _tell(self, event: bytes) -> None:
        self._event = event
        news, self._news = self._news, trio.Event()
        news.set()

    def _written(self, look: Look) -> bytes:
        document = {
            "strip": self._strip(look.truth),
            "kind": look.truth.kind,
            "cases": look.truth.cases,
            "versions": look.versions,
        }
        return b"event: look\ndata: " + msgspec.json.encode(document) + b"\n\n"


def _look(connection: Connection, *, gateways: Collection[str]) -> Look:
    versions = {name: str(query_rows(connection, query, {})[0]["version"]) for name, query in _VERSIONS.items()}
    return Look(read_truth(connection, gateways), versions)
