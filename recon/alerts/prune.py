"""Removing what was told long ago: a bounded number of rows a pass; what was given up is kept.

1. Of a case whose subject still fires nothing is removed, so a reminder shows what it reminds of.
2. The last signal of a case, and the count of its messages, stay twice as long: their numbers go on meanwhile.
3. States of the policy go with the signals from before them. So steps can be derived from the first state that is left.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recon.db.raw import cursor_of

#: How long signals, deliveries, ended silences and former policies are kept.
KEEP: Final = timedelta(days=90)
#: Most rows of a table that one pass removes.
MAX_ROWS: Final = 1000
#: A message that no attempt could deliver in this time, because its channel is gone, is given up.
GIVE_UP: Final = timedelta(days=30)

_SIGNALS: Final = """
    DELETE FROM recon_store.signals AS s USING (
        SELECT o.gateway, o.id FROM recon_store.signals AS o
        WHERE o.routed_at < %(bound)s
            AND (o.kind IN ('ends', 'tells') OR EXISTS (
                SELECT FROM recon_store.signals AS e WHERE e.gateway = o.gateway AND e.case_id = o.case_id
                    AND e.subject = o.subject AND e.kind = 'ends' AND e.number > o.number))
            AND (o.routed_at < %(last)s OR EXISTS (
                SELECT FROM recon_store.signals AS n WHERE n.gateway = o.gateway AND n.case_id = o.case_id
                    AND n.case_seq > o.case_seq))
        ORDER BY o.routed_at LIMIT %(rows)s
    ) AS old WHERE s.gateway = old.gateway AND s.id = old.id
"""
_DELIVERIES: Final = """
    DELETE FROM recon_store.deliveries AS d USING (
        SELECT o.gateway, o.channel, o.id FROM recon_store.deliveries AS o
        WHERE o.delivered_at < %(bound)s ORDER BY o.delivered_at LIMIT %(rows)s
    ) AS old WHERE d.gateway = old.gateway AND d.channel = old.channel AND d.id = old.id
"""
_UNDELIVERABLE: Final = """
    UPDATE recon_store.deliveries AS d SET failed_at = %(now)s, next_attempt_at = NULL,
        last_error = coalesce(d.last_error, 'nothing was sent on the channel for too long')
    FROM (
        SELECT o.gateway, o.channel, o.id FROM recon_store.deliveries AS o
        WHERE o.delivered_at IS NULL AND o.failed_at IS NULL AND o.at < %(give_up)s
            AND (o.next_attempt_at IS NULL OR o.next_attempt_at < %(now)s) LIMIT %(rows)s
    ) AS old WHERE d.gateway = old.gateway AND d.channel = old.channel AND d.id = old.id
"""
_CASES: Final = """
    DELETE FROM recon_store.told_cases AS t USING (
        SELECT o.channel, o.gateway, o.case_id FROM recon_store.told_cases AS o
        WHERE o.told_at < %(last)s LIMIT %(rows)s
    ) AS old WHERE t.channel = old.channel AND t.gateway = old.gateway AND t.case_id = old.case_id
"""
_SILENCES: Final = "DELETE FROM recon_store.silences AS s WHERE least(s.until, s.lifted_at) < %(last)s"
#: The last one before the bound stays: it was in force at the bound.
_POLICIES: Final = """
    DELETE FROM recon_store.policies AS p WHERE p.since < (
        SELECT max(k.since) FROM recon_store.policies AS k WHERE k.since < %(last)s)
"""
_STATES: Final = "DELETE FROM recon_store.router_states AS r WHERE r.routed_at < %(bound)s"


def prune(connection: Connection, now: datetime) -> bool:
    """Remove what is old, in the caller's transaction; return whether there may be more."""
    given = {
        "now": now,
        "bound": now - KEEP,
        "last": now - 2 * KEEP,
        "give_up": now - GIVE_UP,
        "rows": MAX_ROWS,
    }
    most = 0
    with cursor_of(connection) as cursor:
        for statement in (_UNDELIVERABLE, _SIGNALS, _DELIVERIES, _CASES, _STATES, _SILENCES, _POLICIES):
            cursor.execute(statement, given)
            most = max(most, cursor.rowcount)
    return most >= MAX_ROWS
