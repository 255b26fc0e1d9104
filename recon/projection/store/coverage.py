"""Writing what an account was observed in, and what became of its gaps. Synchronous, on a Connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.db.bulk import Cell, write
from recon.ledger.backfills import CatchUp
from recon.ledger.coverage import Interval
from recon.projection.store import ledger_schema

_COVERAGE: Final = ("account", "from_seq", "until_seq", "from_time", "until_time", "state", "reason")
_CATCH_UP: Final = (
    "account", "from_seq", "until_seq", "from_time", "until_time", "reason", "state", "history", "open", "requests",
    "orders_settled", "orders_found", "fills_found", "ended_seq",
)  # fmt: skip


def save(
    connection: Connection,
    fixed: Sequence[tuple[str, Cell]],
    intervals: Sequence[Interval],
    catch_ups: Sequence[CatchUp],
) -> None:
    """Write stretches as a batch left them; of those that are told several times the last."""
    latest = {(row.account, row.from_seq): row for row in intervals}
    rows: list[tuple[Cell, ...]] = [
        (row.account, row.from_seq, row.until_seq, row.from_us, row.until_us, row.state, row.reason)
        for row in latest.values()
    ]
    write(connection, ledger_schema.coverage, fixed, _COVERAGE, rows, on_conflict="update")
    caught_up = {(row.account, row.from_seq): row for row in catch_ups}
    write(
        connection,
        ledger_schema.catch_ups,
        fixed,
        _CATCH_UP,
        [_catch_up_row(row) for row in caught_up.values()],
        on_conflict="update",
    )


def _catch_up_row(row: CatchUp) -> tuple[Cell, ...]:
    return (
        row.account,
        row.from_seq,
        row.until_seq,
        row.from_us,
        row.until_us,
        row.reason,
        row.state,
        row.history,
        json_list(row.open),
        row.requests,
        row.orders_settled,
        row.orders_found,
        row.fills_found,
        row.ended_seq,
    )


def json_list(texts: Sequence[str]) -> str:
    """Write texts as a column of type jsonb takes them."""
    return msgspec.json.encode(texts).decode()
