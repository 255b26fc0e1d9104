"""Business days that nobody has signed in time, read from the log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recon.alerts.watch.conditions import CLOSE_MISSED
from recon.alerts.watch.facts import MissedJob
from recon.closing.schedule import DueClose, due_close
from recon.db.raw import cursor_of
from recon.ledger.rules import Rules

#: Accounts of a gateway, with when each was first named.
_ACCOUNTS: Final = """
    SELECT v.account, min(v.from_time) FROM recon_store.coverage AS v
    JOIN recon_store.editions AS e ON e.gateway = v.gateway AND e.edition = v.edition AND e.state = 'current'
    WHERE v.gateway = %s GROUP BY v.account
"""
#: Days are signed after their cut-off alone, so only later decisions are read.
_SIGNED: Final = """
    SELECT s.account, s.payload ->> 'day' FROM (
        SELECT e.account, CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::jsonb END AS payload
        FROM recon_store.log_events AS e
        WHERE e.gateway = %s AND e.kind = 'decision' AND e.recorded_at >= %s AND e.account = ANY(%s::text[])
    ) AS s WHERE s.payload ->> 'action' = 'sign_close'
"""


def missed_closes(connection: Connection, rules: Mapping[str, Rules], now: datetime) -> list[MissedJob]:
    """Return the accounts whose last business day should be signed by now, and is not."""
    missed: list[MissedJob] = []
    for gateway, own in sorted(rules.items()):
        with cursor_of(connection) as cursor:
            cursor.execute(_ACCOUNTS, (gateway,))
            due = _due(own, dict(cursor.fetchall()), now)
            if not due:
                continue
            since = min(each.cut_off for each in due.values())
            cursor.execute(_SIGNED, (gateway, since, list(due)))
            signed = {(account, day) for account, day in cursor.fetchall()}
        missed += [
            MissedJob(gateway, CLOSE_MISSED, account, _words(each), each.due_at)
            for account, each in sorted(due.items())
            if (account, each.day.isoformat()) not in signed
        ]
    return missed


def _due(rules: Rules, first_named: Mapping[str, datetime], now: datetime) -> dict[str, DueClose]:
    """Return the day that each account should have signed; none that ended before the account was named."""
    due = {account: due_close(rules.of(account), now) for account in first_named}
    return {account: each for account, each in due.items() if each and each.cut_off > first_named[account]}


def _words(due: DueClose) -> str:
    return f"{due.day} was to be signed by {due.due_at:%Y-%m-%d %H:%M} UTC, and nobody has signed it"
