"""What the policy was given, read from the views, so that its steps can be derived again.

The policy is replayed from the last state that was kept before the moment that is asked about, so a question about
yesterday does not read a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

import msgspec

from recon.alerts.policy.history import History
from recon.alerts.policy.model import Signal, Silence
from recon.alerts.policy.rules import Policy, decode_policy
from recon.alerts.policy.state import State, decode_state
from recon.db.source import Row, Source, query_rows

#: Most signals that are replayed: more are of another question.
MAX_SIGNALS: Final = 500_000

_SIGNALS: Final = """
    SELECT routed_at, id, kind, event, gateway, subject, case_id, seq, occurred_at AS at, account, unit_kind, unit,
           amount, amount_usd, cause, certainty, severity, actor
    FROM recon_exact.signals WHERE routed_at >= :since ORDER BY routed_at, number LIMIT :limit
"""
_STATE: Final = """
    SELECT routed_at, state FROM recon.policy_states WHERE NOT latest AND routed_at <= :at
    ORDER BY routed_at DESC LIMIT 1
"""
_POLICIES: Final = """
    SELECT since, document::text AS document FROM recon.policies
    WHERE until IS NULL OR until > :since ORDER BY since
"""
_SILENCES: Final = """
    SELECT id, in_force_at AS since, least(until, lifted_at) AS until, login AS by, reason, gateway, account, unit,
           case_id, cause
    FROM recon.silences WHERE in_force_at IS NOT NULL AND least(until, lifted_at) > :since ORDER BY in_force_at, id
"""
#: Silences that ended so long before are known to the policy all the same.
_KNOWN_FOR: Final = timedelta(days=32)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Given(msgspec.Struct, frozen=True):
    """What the policy was given since a moment, and what it remembered then."""

    history: History
    state: State
    since: datetime


def given_since(connection: Source, at: datetime) -> Given:
    """Return what the policy was given since the last state that was kept before a moment."""
    kept = query_rows(connection, _STATE, {"at": at})
    since, state = _BEGINNING, State()
    for row in kept:
        since, text = _moment(row["routed_at"]), str(row["state"])
        state = decode_state(text.encode()) if text else State()
    looks = query_rows(connection, _SIGNALS, {"since": since, "limit": MAX_SIGNALS})
    silences = query_rows(connection, _SILENCES, {"since": max(since, _BEGINNING + _KNOWN_FOR) - _KNOWN_FOR})
    history = History(_looks(looks), policies_since(connection, since), [_silence(row) for row in silences])
    return Given(history, state, since)


def policies_since(connection: Source, since: datetime) -> list[tuple[datetime, Policy]]:
    """Return the policies that were in force since a moment, each with its own beginning."""
    rows = query_rows(connection, _POLICIES, {"since": since})
    return [(_moment(row["since"]), decode_policy(str(row["document"]).encode())) for row in rows]


def signals_of_case(connection: Source, gateway: str, case_id: str) -> list[Row]:
    """Return the signals of a case, in order."""
    return query_rows(
        connection,
        "SELECT s.*, a.document ->> 'detail' AS detail"
        " FROM recon_exact.signals AS s JOIN recon_exact.alerts AS a USING (gateway, id)"
        " WHERE s.gateway = :gateway AND s.case_id = :case_id ORDER BY s.number",
        {"gateway": gateway, "case_id": case_id},
    )


def _looks(rows: Sequence[Row]) -> list[tuple[datetime, list[Signal]]]:
    return [(_moment(at), [_signal(row) for row in group]) for at, group in groupby(rows, key=lambda r: r["routed_at"])]


def _signal(row: Row) -> Signal:
    return msgspec.convert({key: value for key, value in row.items() if key != "routed_at"}, Signal)


def _silence(row: Row) -> Silence:
    return msgspec.convert(dict(row), Silence)


def _moment(value: object) -> datetime:
    return msgspec.convert(value, datetime)
