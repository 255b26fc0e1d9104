"""The digest of an edition: the same for the same rows, however they were folded (architecture 2.4).

1. It is the sum of a hash of every row, so it needs no order and constant memory.
2. Gateway and edition are left out, so editions can be compared.
3. Binary columns are left out: they may differ with how much history a worker had loaded.
4. A table that came later counts only with rows, so books without them keep their digest.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, LargeBinary, Table

from recon.db.raw import cursor_of
from recon.projection.store import comparison_schema, coverage_schema, ledger_schema, order_schema, source_schema

#: Every folded table but those of instruments and of what an account's units share; the digest depends on the order.
TABLES: Final = (
    ledger_schema.accounts.table,
    order_schema.orders.table,
    order_schema.fills.table,
    ledger_schema.entries.table,
    ledger_schema.units.table,
    ledger_schema.findings.table,
    ledger_schema.facts.table,
    ledger_schema.waiting_facts.table,
    coverage_schema.coverage.table,
    coverage_schema.catch_ups.table,
    comparison_schema.comparisons.table,
    comparison_schema.breaks.table,
    comparison_schema.break_history.table,
    ledger_schema.fee_rates.table,
    comparison_schema.observations.table,
    source_schema.source_checks.table,
    source_schema.source_standings.table,
)
#: Longest that one table takes: it grows with the books, and a statement of Postgres's usual bound would end in vain.
TABLE_TIMEOUT: Final = timedelta(hours=2)
#: Tables that came later.
LATER: Final = frozenset(
    {
        ledger_schema.fee_rates.table,
        comparison_schema.observations.table,
        source_schema.source_checks.table,
        source_schema.source_standings.table,
    }
)


def digest_of(connection: Connection, gateway: str, edition: int) -> str:
    """Return the digest of an edition as it stands in this transaction."""
    _allow_time(connection)
    total = hashlib.sha256()
    for table in TABLES:
        rows, low, high = _table_digest(connection, table, gateway, edition)
        if not rows and table in LATER:
            continue
        total.update(f"{table.name}:{rows}:{low}:{high}\n".encode())
    return total.hexdigest()


def _table_digest(connection: Connection, table: Table, gateway: str, edition: int) -> tuple[int, int, int]:
    columns = [
        column.name
        for column in table.columns
        if column.name not in {"gateway", "edition"} and not isinstance(column.type, LargeBinary)
    ]
    values = f"ROW({', '.join(columns)})::text"
    with cursor_of(connection) as cursor:
        cursor.execute(
            f"SELECT count(*), coalesce(sum(('x' || left(h, 16))::bit(64)::bigint::numeric), 0),"  # noqa: S608 - ours
            f" coalesce(sum(('x' || substr(h, 17, 16))::bit(64)::bigint::numeric), 0)"
            f" FROM (SELECT encode(sha256(convert_to({values}, 'UTF8')), 'hex') AS h"
            f" FROM {table.schema}.{table.name} WHERE gateway = %s AND edition = %s) AS hashed",
            (gateway, edition),
        )
        row = cursor.fetchone()
    if row is None:  # pragma: no cover - an aggregate gives one row
        return 0, 0, 0
    return int(row[0]), int(row[1]), int(row[2])


def _allow_time(connection: Connection) -> None:
    """Let the statements of this transaction take TABLE_TIMEOUT from here on."""
    with cursor_of(connection) as cursor:
        milliseconds = TABLE_TIMEOUT // timedelta(milliseconds=1)
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", (str(milliseconds),))
