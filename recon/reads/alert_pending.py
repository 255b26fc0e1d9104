"""`recon alerts pending`: what is not delivered, what the policy holds, the silences, and each channel's week."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.alerts.policy.state import Acted, Batch, State, acted_share, decode_state
from recon.db.source import Row, Source, query_rows
from recon.reads.as_of import AsOf
from recon.reads.past_views import HORIZON

_MESSAGES: Final = """
    SELECT channel, state, count(*) AS messages, min(created_at) AS oldest, min(next_attempt_at) AS next_attempt_at,
           max(last_error) AS last_error
    FROM recon.deliveries WHERE state <> 'delivered' GROUP BY channel, state ORDER BY channel, state
"""
_PAST_UNROUTED: Final = f"""
    SELECT count(*) AS unrouted FROM recon_exact.signals AS s
    WHERE s.occurred_at <= {HORIZON} AND (s.routed_at IS NULL OR s.routed_at > {HORIZON})
"""  # noqa: S608 - ours
_PAST_SILENCES: Final = f"""
    SELECT s.id, s.created_at, s.until, s.gateway, s.account, s.unit, s.case_id, s.cause, s.login AS by, s.name,
           s.authenticated, s.reason
    FROM recon.silences AS s
    WHERE s.created_at <= {HORIZON} AND s.until > {HORIZON} AND (s.ended_at IS NULL OR s.ended_at > {HORIZON})
    ORDER BY s.until, s.id
"""  # noqa: S608 - ours
_UNROUTED: Final = "SELECT count(*) AS unrouted FROM recon_exact.signals WHERE routed_at IS NULL"
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


def past_document(connection: Source, as_of: AsOf) -> Row:
    """Return the silences that held at a past time, and how many signals the policy had not taken.

    What the policy held back then is in its memory, which is not kept of each moment.
    """
    (unrouted,) = query_rows(connection, _PAST_UNROUTED, as_of.parameters)
    rows = query_rows(connection, _PAST_SILENCES, as_of.parameters)
    return {"unrouted": unrouted["unrouted"], "held": [], "silences": [{**row, "of": _of(row)} for row in rows]}


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
