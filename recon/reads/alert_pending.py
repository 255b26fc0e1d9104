"""`recon alerts pending`: what is not delivered, what the policy holds, the silences, and each channel's week."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.alerts.policy.state import Acted, Batch, State, acted_share, decode_state
from recon.db.source import Row, Source, query_rows

_MESSAGES: Final = """
    SELECT channel, state, count(*) AS messages, min(created_at) AS oldest, min(next_attempt_at) AS next_attempt_at,
           max(last_error) AS last_error
    FROM recon.deliveries WHERE state <> 'delivered' GROUP BY channel, state ORDER BY channel, state
"""
_UNROUTED: Final = "SELECT count(*) AS unrouted FROM recon.signals WHERE routed_at IS NULL"
_STATE: Final = "SELECT state FROM recon.policy_states WHERE latest"
_SILENCES: Final = """
    SELECT id, created_at, until, gateway, account, unit, case_id, cause, login AS by, name, authenticated, reason
    FROM recon.silences WHERE active ORDER BY until, id
"""
#: What a silence may name.
_NAMED: Final = ("gateway", "account", "unit", "case_id", "cause")


def pending_document(connection: Source) -> Row:
    """Return what is not delivered, what the policy holds, the silences that hold, and the week of each channel."""
    (unrouted,) = query_rows(connection, _UNROUTED, {})
    texts = [str(row["state"]) for row in query_rows(connection, _STATE, {})]
    states: list[State] = [decode_state(text.encode()) for text in texts if text]
    batches = [batch for state in states for batch in state.batches.values()]
    return {
        "unrouted": unrouted["unrouted"],
        "messages": query_rows(connection, _MESSAGES, {}),
        "held": [_held(batch) for batch in sorted(batches, key=lambda batch: (batch.due, batch.channel))],
        "silences": [{**row, "of": _of(row)} for row in query_rows(connection, _SILENCES, {})],
        "weeks": [_week(book) for state in states for book in acted_share(state)],
    }


def _held(batch: Batch) -> Row:
    return {
        "channel": batch.channel,
        "waits_for": batch.reason,
        "due": batch.due,
        "alerts": len(batch.entries),
        "cases": len({entry.key for entry in batch.entries}),
    }


def _week(book: Acted) -> Row:
    share = Decimal(book.acted) / book.cases if book.cases else None
    return {
        "channel": book.channel,
        "week": book.week,
        "pages": book.pages,
        "cases": book.cases,
        "acted_on": book.acted,
        "share": None if share is None else f"{share:.2f}",
    }


def _of(row: Row) -> str:
    return ", ".join(f"{key.removesuffix('_id')} {row[key]}" for key in _NAMED if row[key] is not None)
