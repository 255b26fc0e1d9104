"""Loading and writing comparisons and breaks. Synchronous, on a Connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.ledger.units import UnitKey, UnitState
from recon.projection.store import comparison_schema
from recon.projection.store.comparison_schema import AccountComparisonRow, ComparisonRow, HistoryRow
from recon.projection.store.folded_table import EditionKey
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.history import JudgedObservation
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.reconciler import Reconciler

_ACCOUNTS: Final = "SELECT account, data FROM recon_store.account_comparisons WHERE gateway = %s AND edition = %s"
_unpack: Final = msgspec.msgpack.Decoder(ComparisonState).decode


def load(connection: Connection, gateway: str, edition: int) -> dict[UnitKey, ComparisonState]:
    """Load the comparison of every unit."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(
            "SELECT account, unit_kind, unit, data FROM recon_store.comparisons WHERE gateway = %s AND edition = %s",
            (gateway, edition),
        )
        return {(account, kind, unit): _unpack(data) for account, kind, unit, data in cursor}


def load_accounts(connection: Connection, gateway: str, edition: int) -> dict[str, bytes]:
    """Load what the comparison of each account's units shares."""
    with cursor_of(connection, binary=True) as cursor:
        return dict(cursor.execute(_ACCOUNTS, (gateway, edition)).fetchall())


def save(
    connection: Connection,
    reconciler: Reconciler,
    edition: int,
    changed: Iterable[UnitState],
    transitions: list[Transition],
    shared: Mapping[str, bytes],
    judged: Sequence[JudgedObservation],
) -> None:
    """Write what a batch changed. A break is written as its last transition leaves it."""
    key = EditionKey(reconciler.ledger.gateway, edition)
    compared = [ComparisonRow(state.unit, reconciler.comparison_of(state)) for state in changed]
    comparison_schema.comparisons.replace(connection, key, compared)
    rows = [AccountComparisonRow(account, data) for account, data in shared.items()]
    comparison_schema.account_comparisons.replace(connection, key, rows)
    latest = {transition.break_.id: transition for transition in transitions}
    comparison_schema.breaks.replace(connection, key, latest.values())
    comparison_schema.break_history.replace(connection, key, _numbered(transitions))
    comparison_schema.observations.add(connection, key, judged)


def _numbered(transitions: list[Transition]) -> list[HistoryRow]:
    rows: list[HistoryRow] = []
    counts: Counter[tuple[str, int]] = Counter()
    for transition in transitions:
        place = (transition.break_.id, transition.seq)
        counts[place] += 1
        rows.append(HistoryRow(transition, counts[place]))
    return rows
