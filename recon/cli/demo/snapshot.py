"""A snapshot of all that the demonstration shows, read from the views as an analyst reads them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, text

from recon.cli.demo.scoring import Opening, UnitId
from recon.cli.output import Row

_UNITS: Final = """
    SELECT gateway, account, 'contract' AS kind, symbol AS unit, quantity AS held, reported, expected, drift,
           verdict, open_breaks
    FROM recon_exact.positions
    UNION ALL
    SELECT gateway, account, 'asset', asset, balance, reported, expected, drift, verdict, open_breaks
    FROM recon_exact.balances
    ORDER BY gateway, account, kind DESC, unit
"""
_OPENINGS: Final = """
    SELECT b.gateway, b.account, b.unit_kind, b.unit, h.at, h.amount, h.cause, b.state, b.id, b.case_id, b.certainty,
           b.amount_usd
    FROM recon_exact.break_history AS h JOIN recon_exact.breaks AS b ON b.gateway = h.gateway AND b.id = h.id
    WHERE h.event = 'opened' ORDER BY h.at, b.id
"""
_ALERTS: Final = """
    SELECT coalesce(sum(cardinality(signals)) FILTER (WHERE state = 'delivered'), 0)::bigint AS delivered,
           count(*) FILTER (WHERE state = 'delivered') AS messages,
           coalesce(sum(cardinality(signals)) FILTER (WHERE state <> 'delivered'), 0)::bigint
               + (SELECT count(*) FROM recon_exact.alerts WHERE routed_at IS NULL) AS waiting
    FROM recon.deliveries
"""


class Snapshot(msgspec.Struct, frozen=True):
    """The views at one time."""

    at: datetime
    gateways: list[Row]
    units: list[Row]
    openings: list[Opening]
    open_breaks: int
    #: Units that are not judged yet: pending, or stale until the next report.
    undecided: int
    delivered: int
    #: Alerts are told several to a message.
    messages: int
    waiting: int

    @property
    def events(self) -> int:
        """Return how many events are in the log."""
        return sum(_number(row, "head_seq") for row in self.gateways)

    @property
    def lag(self) -> int:
        """Return how many events are not folded yet."""
        return sum(_number(row, "lag_events") for row in self.gateways)

    @property
    def settled(self) -> bool:
        """Return whether all gateways are connected, all events folded and judged, and all alerts told."""
        connected = all(row["state"] == "connected" for row in self.gateways)
        return connected and not (self.lag or self.undecided or self.waiting)

    def verdicts(self) -> dict[str, int]:
        """Count the units by their verdict."""
        counts: dict[str, int] = {}
        for row in self.units:
            counts[str(row["verdict"])] = counts.get(str(row["verdict"]), 0) + 1
        return dict(sorted(counts.items()))


def _number(row: Row, key: str) -> int:
    value = row[key]
    return value if isinstance(value, int) else 0


def read_snapshot(connection: Connection) -> Snapshot:
    """Read a snapshot in one transaction."""
    units = _rows(connection, _UNITS)
    alerts = _rows(connection, _ALERTS)[0]
    return Snapshot(
        at=connection.execute(text("SELECT clock_timestamp()")).scalar_one(),
        gateways=_rows(connection, "SELECT * FROM recon.gateways ORDER BY name"),
        units=units,
        openings=read_openings(connection),
        open_breaks=connection.execute(text("SELECT count(*) FROM recon_exact.open_breaks")).scalar_one(),
        undecided=sum(row["verdict"] in ("pending", "stale") for row in units),
        delivered=_number(alerts, "delivered"),
        messages=_number(alerts, "messages"),
        waiting=_number(alerts, "waiting"),
    )


def read_openings(connection: Connection) -> list[Opening]:
    """Return every opening of a break."""
    return [
        Opening(UnitId(gateway, account, kind, unit), *of)
        for gateway, account, kind, unit, *of in connection.execute(text(_OPENINGS))
    ]


def _rows(connection: Connection, statement: str, **parameters: object) -> list[Row]:
    return [dict(row) for row in connection.execute(text(statement), parameters).mappings()]
