"""Books written straight into the tables: entries at chosen times, without a log that they follow from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, text

from recon.exact import exact

#: Account, kind and code.
Unit = tuple[str, str, str]

_EDITION = text(
    "INSERT INTO recon_store.editions (gateway, edition, fold_version, state) VALUES (:gateway, :edition, 1, :state)"
)
_UNIT = text(
    "INSERT INTO recon_store.units (gateway, edition, account, unit_kind, unit, fills, explained, withheld, last_seq,"
    " data) VALUES (:gateway, :edition, :account, :kind, :unit, 0, 0, false, 0, '')"
)
_ENTRY = text(
    "INSERT INTO recon_store.entries (gateway, edition, account, unit_kind, unit, entry_no, seq, clock, occurred_at,"
    " recorded_at, cause, certainty, amount, running, replaces) VALUES (:gateway, :edition, :account, :kind, :unit,"
    " :no, :seq, 0, :occurred_at, :recorded_at, :cause, 'exact', :amount, :running, :replaces)"
)


class WrittenEntry(NamedTuple):
    """An entry as a test writes it; its number and its running sum follow from the order."""

    unit: Unit
    occurred_at: datetime
    recorded_at: datetime
    amount: Decimal
    cause: str = "fill"
    replaces: int | None = None


def write_edition(connection: Connection, gateway: str, edition: int = 1, state: str = "current") -> None:
    """Make an edition of a gateway."""
    connection.execute(_EDITION, {"gateway": gateway, "edition": edition, "state": state})


def write_entries(connection: Connection, gateway: str, entries: Iterable[WrittenEntry], edition: int = 1) -> None:
    """Write units with their entries, those of one unit in the order of knowledge."""
    by_unit = groupby(sorted(entries, key=lambda entry: entry.unit), lambda entry: entry.unit)
    for (account, kind, unit), group in by_unit:
        key: dict[str, object] = {
            "gateway": gateway, "edition": edition, "account": account, "kind": kind, "unit": unit,
        }  # fmt: skip
        connection.execute(_UNIT, key)
        with exact():
            rows = _rows(list(group))
        if rows:
            connection.execute(_ENTRY, [{**key, **row} for row in rows])


def _rows(entries: Sequence[WrittenEntry]) -> list[dict[str, object]]:
    running, rows = Decimal(0), []
    for number, entry in enumerate(sorted(entries, key=lambda entry: entry.recorded_at), start=1):
        running += entry.amount
        row = entry._asdict() | {"no": number, "seq": number, "running": running}
        del row["unit"]
        rows.append(row)
    return rows
