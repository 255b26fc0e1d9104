"""Loading and writing comparisons and breaks. Synchronous, on a Connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.ledger.units import UnitKey, UnitState
from recon.projection.store import comparison_schema
from recon.projection.store.comparison_schema import (
    AccountCallsRow,
    AccountComparisonRow,
    ComparisonRow,
    HistoryRow,
    UnitTrellisRow,
)
from recon.projection.store.folded_table import EditionKey
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.history import JudgedObservation
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.reconciler import Reconciler
from recon.reconciliation.trellises import StoredTrellises

_ACCOUNTS: Final = "SELECT account, data FROM recon_store.account_comparisons WHERE gateway = %s AND edition = %s"
_UNITS: Final = (
    "SELECT account, unit_kind, unit, data FROM recon_store.unit_trellises WHERE gateway = %s AND edition = %s"
)
_CALLS: Final = "SELECT account, number, data FROM recon_store.account_calls WHERE gateway = %s AND edition = %s"
_unpack: Final = msgspec.msgpack.Decoder(ComparisonState).decode


def load(connection: Connection, gateway: str, edition: int) -> dict[UnitKey, ComparisonState]:
    """Load the comparison of every unit."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(
            "SELECT account, unit_kind, unit, data FROM recon_store.comparisons WHERE gateway = %s AND edition = %s",
            (gateway, edition),
        )
        return {(account, kind, unit): _unpack(data) for account, kind, unit, data in cursor}


def load_trellises(connection: Connection, gateway: str, edition: int) -> StoredTrellises:
    """Load the stored forms of the comparison."""
    stored, key = StoredTrellises(), (gateway, edition)
    with cursor_of(connection, binary=True) as cursor:
        stored.shared = dict(cursor.execute(_ACCOUNTS, key).fetchall())
        for account, kind, unit, data in cursor.execute(_UNITS, key):
            stored.units[account, kind, unit] = data
        for account, number, data in cursor.execute(_CALLS, key):
            stored.calls[account, number] = data
    return stored


def save(
    connection: Connection,
    reconciler: Reconciler,
    edition: int,
    changed: Iterable[UnitState],
    transitions: list[Transition],
    stored: StoredTrellises,
    judged: Sequence[JudgedObservation],
) -> None:
    """Write what a batch changed. A break is written as its last transition leaves it."""
    key = EditionKey(reconciler.ledger.gateway, edition)
    compared = [ComparisonRow(state.unit, reconciler.comparison_of(state)) for state in changed]
    comparison_schema.comparisons.replace(connection, key, compared)
    _save_trellises(connection, key, stored)
    latest = {transition.break_.id: transition for transition in transitions}
    comparison_schema.breaks.replace(connection, key, latest.values())
    comparison_schema.break_history.replace(connection, key, _numbered(transitions))
    comparison_schema.observations.add(connection, key, judged)


def _save_trellises(connection: Connection, key: EditionKey, stored: StoredTrellises) -> None:
    shared = [AccountComparisonRow(*each) for each in stored.shared.items()]
    comparison_schema.account_comparisons.replace(connection, key, shared)
    units = [UnitTrellisRow(*each) for each in stored.units.items()]
    comparison_schema.unit_trellises.replace(connection, key, units)
    calls = [AccountCallsRow(account, number, data) for (account, number), data in stored.calls.items()]
    comparison_schema.account_calls.replace(connection, key, calls)


def _numbered(transitions: list[Transition]) -> list[HistoryRow]:
    rows: list[HistoryRow] = []
    counts: Counter[tuple[str, int]] = Counter()
    for transition in transitions:
        place = (transition.break_.id, transition.seq)
        counts[place] += 1
        rows.append(HistoryRow(transition, counts[place]))
    return rows
