"""Loading and writing comparisons and breaks. Synchronous, on a Connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.db.bulk import Cell, write
from recon.db.raw import cursor_of
from recon.ledger.units import Held, UnitKey
from recon.projection.store import comparison_schema
from recon.projection.store.ledger import text
from recon.reconciliation import causes
from recon.reconciliation.model.comparison import Comparison
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.model.verdict import judge
from recon.reconciliation.reconciler import Engine

_pack: Final = msgspec.msgpack.Encoder().encode
_comparison: Final = msgspec.msgpack.Decoder(Comparison).decode

_COMPARISON: Final = (
    "account", "unit_kind", "unit", "judgement", "reported", "inferred", "observed_at", "cut_seq", "cut_entry",
    "cut_fills", "cut_explained", "data",
)  # fmt: skip
_BREAK: Final = (
    "id", "case_id", "account", "unit_kind", "unit", "cause", "certainty", "state", "amount", "amount_usd",
    "candidates", "opened_at", "closed_at", "after_seq", "until_seq", "occurrences", "owns_residual", "offset_by",
    "rules_version", "note", "assignee", "origin_at", "evidence", "tried", "proposal", "accepted_until",
    "accepted_amount", "severity", "explained_amount",
)  # fmt: skip
_HISTORY: Final = ("id", "seq", "number", "event", "at", "state", "amount", "cause", "reason", "actor")


def load(connection: Connection, gateway: str, edition: int) -> dict[UnitKey, Comparison]:
    """Load what is remembered of every unit's comparison."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(
            "SELECT account, unit_kind, unit, data FROM recon_store.comparisons WHERE gateway = %s AND edition = %s",
            (gateway, edition),
        )
        return {(account, kind, unit): _comparison(data) for account, kind, unit, data in cursor}


def save(
    connection: Connection, engine: Engine, edition: int, changed: Iterable[Held], transitions: list[Transition]
) -> None:
    """Write what a batch changed."""
    fixed: list[tuple[str, Cell]] = [("gateway", engine.book.gateway), ("edition", edition)]
    rows = [_comparison_row(held, engine.of(held)) for held in changed]
    write(connection, comparison_schema.comparisons, fixed, _COMPARISON, rows, on_conflict="update")
    last = {transition.break_.id: transition for transition in transitions}
    rows = [_break_row(transition) for transition in last.values()]
    write(connection, comparison_schema.breaks, fixed, _BREAK, rows, on_conflict="update")
    write(
        connection, comparison_schema.break_history, fixed, _HISTORY, _history_rows(transitions), on_conflict="update"
    )


def _comparison_row(held: Held, comparison: Comparison) -> tuple[Cell, ...]:
    unit = held.unit
    return (
        unit.account,
        unit.kind,
        unit.code,
        judge(unit, comparison),
        text(comparison.reported),
        comparison.inferred,
        comparison.observed_us,
        comparison.cut_seq if comparison.observed_us is not None else None,
        comparison.cut_number,
        str(comparison.cut_total - comparison.cut_explained),
        str(comparison.cut_explained),
        _pack(comparison),
    )


def _break_row(transition: Transition) -> tuple[Cell, ...]:
    known = transition.break_
    return (
        known.id,
        known.case_id,
        transition.account,
        transition.kind,
        transition.unit,
        known.cause,
        known.certainty,
        known.state,
        str(known.amount),
        text(transition.facts.amount_usd),
        msgspec.json.encode([str(candidate) for candidate in known.candidates]).decode(),
        known.opened_us,
        known.closed_us,
        known.after_seq,
        known.until_seq,
        known.occurrences,
        known.owns_residual,
        known.offset_by,
        causes.VERSION,
        known.note,
        known.assignee,
        known.seen_us,
        _json(known.evidence),
        _json(known.tried),
        None if known.proposal is None else _json(known.proposal),
        None if known.acceptance is None else known.acceptance.until_us,
        None if known.acceptance is None else str(known.acceptance.amount),
        transition.facts.severity,
        str(known.explained_amount),
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _history_rows(transitions: list[Transition]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    numbers: dict[tuple[str, int], int] = {}
    for transition in transitions:
        known = transition.break_
        number = numbers[known.id, transition.seq] = numbers.get((known.id, transition.seq), 0) + 1
        rows.append(
            (
                known.id,
                transition.seq,
                number,
                transition.event,
                transition.us,
                known.state,
                str(known.amount),
                known.cause,
                transition.reason,
                transition.actor,
            )
        )
    return rows
