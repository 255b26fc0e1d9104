"""Figures that only the database knows, read for the metrics now and then, and never often.

1. They are read when somebody asks, and kept for KEEP_SECONDS. Askers at the same time share one reading.
2. After a reading that took long the next one comes later: a share of SHARE of the time is all that they get.
3. A reading is bounded, and one that fails leaves nothing: old figures are not shown as new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
import structlog
import trio
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.db.source import Row, query_rows
from recon.db.transactions import Database
from recon.errors import DatabaseError
from recon.log.partitions import ends

#: How long figures are shown before they are read again, in seconds.
KEEP_SECONDS: Final = 10.0
#: The share of the time that readings may take.
SHARE: Final = 0.02
#: Longest reading, in seconds, and the longest of its queries, in milliseconds.
READ_SECONDS: Final = 4.0
STATEMENT_MS: Final = 3000
#: Findings are counted up to here.
MOST_FINDINGS: Final = 10_000

_GATEWAYS: Final = """
    SELECT g.name AS gateway, g.head_seq, g.projected_seq, g.recorder IS NOT NULL AS recorded,
           extract(epoch FROM greatest(now() - g.last_event_at, interval '0'))::float AS silent_seconds
    FROM recon.gateways AS g WHERE g.name = ANY(:gateways)
"""
_BREAKS: Final = """
    SELECT b.gateway, b.state, count(*) AS number FROM recon_store.breaks AS b
    JOIN recon_store.editions AS e ON e.gateway = b.gateway AND e.edition = b.edition AND e.state = 'current'
    WHERE b.gateway = ANY(:gateways) AND b.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')
    GROUP BY b.gateway, b.state
"""
_ACCOUNTS: Final = """
    SELECT a.gateway, a.state, count(*) AS number FROM recon_store.accounts AS a
    JOIN recon_store.editions AS e ON e.gateway = a.gateway AND e.edition = a.edition AND e.state = 'current'
    WHERE a.gateway = ANY(:gateways) GROUP BY a.gateway, a.state
"""
_UNITS: Final = """
    SELECT u.gateway, u.verdict AS state, count(*) AS number
    FROM (
        SELECT b.gateway, b.verdict FROM recon_exact.balances AS b WHERE b.gateway = ANY(:gateways)
        UNION ALL
        SELECT p.gateway, p.verdict FROM recon_exact.positions AS p WHERE p.gateway = ANY(:gateways)
    ) AS u
    GROUP BY u.gateway, u.verdict
"""
_FINDINGS: Final = """
    SELECT e.gateway, '' AS state, n.number FROM recon_store.editions AS e
    CROSS JOIN LATERAL (
        SELECT count(*) AS number FROM (
            SELECT f.seq FROM recon_store.findings AS f
            WHERE f.gateway = e.gateway AND f.edition = e.edition LIMIT :most
        ) AS first
    ) AS n
    WHERE e.state = 'current' AND e.gateway = ANY(:gateways)
"""
_DELIVERIES: Final = """
    SELECT d.channel, count(*) AS number,
           extract(epoch FROM greatest(now() - min(d.created_at), interval '0'))::float AS oldest_seconds
    FROM recon_store.deliveries AS d
    WHERE d.delivered_at IS NULL AND d.failed_at IS NULL GROUP BY d.channel
"""
_SIGNALS: Final = """
    SELECT count(*) AS number,
           coalesce(extract(epoch FROM greatest(now() - min(s.created_at), interval '0')), 0)::float AS oldest_seconds
    FROM recon_store.signals AS s WHERE s.routed_at IS NULL
"""

_log = structlog.get_logger(__name__)

#: How many there are of each (gateway, state).
Counts = Mapping[tuple[str, str], int]


class GatewayFigures(msgspec.Struct, frozen=True):
    """How far a gateway's log is, how far it is folded, whether anybody records it, and its last event's age."""

    head_seq: int
    projected_seq: int
    recorded: bool
    silent_seconds: float | None


class Waiting(msgspec.Struct, frozen=True):
    """How many wait, and the oldest one's age in seconds."""

    number: int = 0
    oldest_seconds: float = 0.0


class StoredFigures(msgspec.Struct, frozen=True):
    """What the database knows at one moment."""

    gateways: Mapping[str, GatewayFigures]
    breaks: Counts
    accounts: Counts
    units: Counts
    findings: Counts
    deliveries: Mapping[str, Waiting]
    signals: Waiting
    #: Log positions ahead of the furthest gateway that have a partition; less than 0: so many lie beyond the last one.
    room_events: int


def read_figures(connection: Connection, gateways: Sequence[str]) -> StoredFigures:
    """Read the figures of these gateways, in the caller's transaction."""
    with cursor_of(connection) as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
    wanted = {"gateways": list(gateways)}
    (signals,) = query_rows(connection, _SIGNALS, {})
    return StoredFigures(
        gateways={str(row["gateway"]): _gateway(row) for row in query_rows(connection, _GATEWAYS, wanted)},
        breaks=_counts(query_rows(connection, _BREAKS, wanted)),
        accounts=_counts(query_rows(connection, _ACCOUNTS, wanted)),
        units=_counts(query_rows(connection, _UNITS, wanted)),
        findings=_counts(query_rows(connection, _FINDINGS, {**wanted, "most": MOST_FINDINGS})),
        deliveries={str(row["channel"]): _waiting(row) for row in query_rows(connection, _DELIVERIES, {})},
        signals=_waiting(signals),
        room_events=ends(connection).room,
    )


def _counts(rows: Sequence[Row]) -> Counts:
    return {(str(row["gateway"]), str(row["state"])): msgspec.convert(row["number"], int) for row in rows}


def _waiting(row: Row) -> Waiting:
    return msgspec.convert({key: row[key] for key in ("number", "oldest_seconds")}, Waiting)


def _gateway(row: Row) -> GatewayFigures:
    return msgspec.convert({key: value for key, value in row.items() if key != "gateway"}, GatewayFigures)


class Reading(msgspec.Struct, frozen=True):
    """The latest reading: its figures (null: the database could not be asked), when, and how long it took."""

    figures: StoredFigures | None
    at: float
    seconds: float


class FiguresCache:
    """Reads the figures at most as often as it may, one reading at a time."""

    def __init__(self, database: Database, gateways: Sequence[str]) -> None:
        """Begin without a reading."""
        self._database = database
        self._gateways = gateways
        self._turn = trio.Lock()
        self._reading: Reading | None = None

    async def latest(self) -> Reading:
        """Return the latest reading, a new one if the time has come."""
        async with self._turn:
            if self._reading is None or trio.current_time() >= self._next_at(self._reading):
                self._reading = await self._read()
            return self._reading

    @staticmethod
    def _next_at(reading: Reading) -> float:
        return reading.at + max(KEEP_SECONDS, reading.seconds / SHARE)

    async def _read(self) -> Reading:
        began = trio.current_time()
        try:
            work = partial(read_figures, gateways=self._gateways)
            figures: StoredFigures | None = await self._database.run(work, deadline=READ_SECONDS)
        except DatabaseError as error:
            _log.info("the figures of the metrics could not be read", reason=str(error))
            figures = None
        now = trio.current_time()
        # A database that is away is asked again at the next turn, however long this one took.
        return Reading(figures, now, now - began if figures is not None else 0.0)
