"""The outbox: every alert once per channel, delivered at least once, and under one id (architecture 2.10).

1. `enqueue` runs in the transaction that derived the transitions. Only a new alert adds rows and a notification, so
   neither a rebuild nor a channel configured later repeats old alerts.
2. The commit itself delivers the row of channel `notify` (NOTIFY on `recon_breaks`); this row marks the alert as known.
3. `claim` returns one message at a time and reserves it for LEASE. An attempt without an outcome (a crash) is repeated
   after that, with the same entries, id and body. Each claim counts as an attempt.
4. An entry about a break waits a moment for the other legs of its case, so that one missed fill is one message. Both
   times are the database's, and one in the future counts as over: no clock holds an alert back.
5. A later entry of a break waits until an earlier one is delivered or given up: `opened` comes before `cleared`.

All functions run inside the caller's transaction, on one gateway's rows (on its node, if gateways are distributed).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec
from sqlalchemy import Connection

from recon.alerts.break_alert import Alert, notice
from recon.alerts.message import MAX_MESSAGE_ENTRIES, Entry, Message, compose, fitting, message_id
from recon.alerts.refused import RefusedAlert
from recon.alerts.retry import MAX_ATTEMPTS
from recon.alerts.watch.alert import WatchAlert
from recon.db.raw import cursor_of
from recon.times import to_datetime

#: The channel of those who LISTEN: the commit delivers its rows.
NOTIFY: Final = "notify"
#: The Postgres channel for LISTEN.
NOTIFY_CHANNEL: Final = "recon_breaks"
#: How long a claimed message is reserved: longer than an attempt and recording its outcome may take.
LEASE: Final = timedelta(seconds=60)
#: Longest error kept with an entry, in characters.
MAX_ERROR: Final = 500

#: Neither delivered nor given up; the predicate of both partial indexes.
_PENDING: Final = "o.delivered_at IS NULL AND o.failed_at IS NULL"

_REMEMBER: Final = """
    INSERT INTO recon_store.outbox
        (gateway, id, channel, event, break_id, case_id, seq, occurred_at, document, attempts, delivered_at)
    SELECT %s, u.id, %s, u.event, u.break_id, u.case_id, u.seq, u.occurred_at, u.document, 1, now()
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::json[])
        AS u(id, event, break_id, case_id, seq, occurred_at, document)
    ON CONFLICT DO NOTHING RETURNING id
"""
_SPREAD: Final = """
    INSERT INTO recon_store.outbox
        (gateway, id, channel, event, break_id, case_id, seq, occurred_at, document)
    SELECT o.gateway, o.id, c.channel, o.event, o.break_id, o.case_id, o.seq, o.occurred_at, o.document
    FROM recon_store.outbox AS o CROSS JOIN unnest(%s::text[]) AS c(channel)
    WHERE o.gateway = %s AND o.channel = %s AND o.id = ANY(%s::text[])
    ON CONFLICT DO NOTHING
"""
#: Whoever claims on a channel locks its row; nobody but the service can.
_TURN: Final = "SELECT FROM recon_store.outbox_turns WHERE gateway = %s AND channel = %s FOR UPDATE"
_FIRST_TURN: Final = "INSERT INTO recon_store.outbox_turns (gateway, channel) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_GIVE_UP_LOST: Final = f"""
    UPDATE recon_store.outbox AS o SET failed_at = %s, next_attempt_at = NULL,
        last_error = coalesce(o.last_error, 'the last attempt was never settled')
    WHERE o.gateway = %s AND o.channel = %s AND {_PENDING} AND o.attempts >= %s AND o.next_attempt_at <= %s
"""  # noqa: S608 - a constant of our own
_NEXT: Final = f"""
    SELECT o.event, o.case_id, o.message_id FROM recon_store.outbox AS o
    WHERE o.gateway = %s AND o.channel = %s AND {_PENDING} AND (o.next_attempt_at IS NULL OR o.next_attempt_at <= %s)
        AND NOT EXISTS (
            SELECT FROM recon_store.outbox AS e
            WHERE e.gateway = o.gateway AND e.channel = o.channel AND e.break_id = o.break_id AND e.seq < o.seq
                AND e.delivered_at IS NULL AND e.failed_at IS NULL)
        AND NOT (o.message_id IS NULL AND starts_with(o.event, 'break.')
            AND o.created_at > clock_timestamp() - %s AND o.created_at <= clock_timestamp())
    ORDER BY o.seq, o.id LIMIT 1
"""  # noqa: S608
_ENTRIES_OF_MESSAGE: Final = f"""
    SELECT o.id, o.occurred_at, o.document::text, o.attempts FROM recon_store.outbox AS o
    WHERE o.gateway = %s AND o.channel = %s AND {_PENDING} AND o.message_id = %s
    ORDER BY o.seq, o.id FOR UPDATE
"""  # noqa: S608
_ENTRIES_OF_CASE: Final = f"""
    SELECT o.id, o.occurred_at, o.document::text, o.attempts FROM recon_store.outbox AS o
    WHERE o.gateway = %s AND o.channel = %s AND {_PENDING} AND o.message_id IS NULL AND o.event = %s AND o.case_id = %s
        AND NOT EXISTS (
            SELECT FROM recon_store.outbox AS e
            WHERE e.gateway = o.gateway AND e.channel = o.channel AND e.break_id = o.break_id AND e.seq < o.seq
                AND e.delivered_at IS NULL AND e.failed_at IS NULL)
    ORDER BY o.seq, o.id LIMIT %s FOR UPDATE
"""  # noqa: S608


_RESERVE: Final = """
    UPDATE recon_store.outbox SET message_id = %s, attempts = %s, next_attempt_at = %s
    WHERE gateway = %s AND channel = %s AND id = ANY(%s::text[])
"""
# Any login can fill the server's queue of notifications, and a commit that notifies into a full one fails.
_NOTIFY: Final = """
SELECT pg_notify(%s, u.payload) FROM unnest(%s::text[]) AS u(payload) WHERE pg_notification_queue_usage() < 0.5
"""


class ChannelSummary(msgspec.Struct, frozen=True):
    """The counts of a gateway's alerts on one channel; `oldest_pending_at` is when the oldest one was queued."""

    gateway: str
    channel: str
    pending: int
    delivered: int
    failed: int
    oldest_pending_at: datetime | None
    last_error: str | None


#: What the outbox stores: about a break, about an event, or about recon itself.
Queued: TypeAlias = Alert | RefusedAlert | WatchAlert


def enqueue(connection: Connection, gateway: str, alerts: Sequence[Queued], channels: Iterable[str]) -> int:
    """Queue new alerts on every channel and notify listeners at commit; return how many were new."""
    if not alerts:
        return 0
    with cursor_of(connection) as cursor:
        cursor.execute(_REMEMBER, (gateway, NOTIFY, *_columns(alerts)))
        new = {row[0] for row in cursor.fetchall()}
        if not new:
            return 0
        others = sorted(set(channels) - {NOTIFY})
        cursor.execute(_SPREAD, (others, gateway, NOTIFY, sorted(new)))
        notices = {
            alert.id: notice(alert) if isinstance(alert, Alert) else alert.notice for alert in alerts if alert.id in new
        }
        cursor.execute(_NOTIFY, (NOTIFY_CHANNEL, list(notices.values())))
    return len(new)


def _columns(alerts: Sequence[Queued]) -> list[list[object]]:
    rows = ((a.id, a.event, a.break_id, a.case_id, a.seq, to_datetime(a.us), a.document.decode()) for a in alerts)
    return [list(column) for column in zip(*rows, strict=True)]


def claim(
    connection: Connection, *, gateway: str, channel: str, now: datetime, gather: timedelta = timedelta()
) -> Message | None:
    """Reserve the next message that is due, for LEASE; return None if there is none.

    What was queued about a break less than `gather` ago waits for the other legs of its case.
    Claims on one channel wait for each other, so two services never send the same message at once.
    """
    with cursor_of(connection) as cursor:
        cursor.execute(_TURN, (gateway, channel))
        if cursor.fetchone() is None:
            cursor.execute(_FIRST_TURN, (gateway, channel))
            cursor.execute(_TURN, (gateway, channel))
        cursor.execute(_GIVE_UP_LOST, (now, gateway, channel, MAX_ATTEMPTS, now))
        cursor.execute(_NEXT, (gateway, channel, now, gather))
        row = cursor.fetchone()
        if row is None:
            return None
        event, case_id, former_id = row
        if former_id is None:
            cursor.execute(_ENTRIES_OF_CASE, (gateway, channel, event, case_id, MAX_MESSAGE_ENTRIES))
        else:
            cursor.execute(_ENTRIES_OF_MESSAGE, (gateway, channel, former_id))
        rows = cursor.fetchall()
        if not rows:
            # Another service recorded its outcome in the meantime, after its lease.
            return None
        entries = [Entry(id_, occurred_at, document) for id_, occurred_at, document, _ in rows]
        chosen = fitting(entries) if former_id is None else entries
        attempt = rows[0][3] + 1
        ids = [entry.id for entry in chosen]
        cursor.execute(_RESERVE, (message_id(ids), attempt, now + LEASE, gateway, channel, ids))
    return compose(chosen, gateway=gateway, channel=channel, event=event, case_id=case_id, attempt=attempt)


def mark_delivered(connection: Connection, message: Message, *, now: datetime) -> None:
    """Record that the receiver has taken a message; this counts even after the end of the lease."""
    with cursor_of(connection) as cursor:
        cursor.execute(
            "UPDATE recon_store.outbox SET delivered_at = %s, failed_at = NULL, next_attempt_at = NULL"
            " WHERE gateway = %s AND channel = %s AND id = ANY(%s::text[]) AND delivered_at IS NULL",
            (now, message.gateway, message.channel, list(message.entries)),
        )


def mark_failed(
    connection: Connection, message: Message, *, now: datetime, next_attempt_at: datetime | None, error: str
) -> None:
    """Record a failed attempt and when the next one is due; without a next one the message is given up.

    This has no effect after a later claim: the later attempt decides.
    """
    with cursor_of(connection) as cursor:
        cursor.execute(
            "UPDATE recon_store.outbox SET next_attempt_at = %s, failed_at = %s, last_error = %s"
            " WHERE gateway = %s AND channel = %s AND id = ANY(%s::text[]) AND attempts = %s"
            " AND delivered_at IS NULL AND failed_at IS NULL",
            (
                next_attempt_at,
                now if next_attempt_at is None else None,
                error.replace("\0", "")[:MAX_ERROR],
                message.gateway,
                message.channel,
                list(message.entries),
                message.attempt,
            ),
        )


def summary(connection: Connection) -> list[ChannelSummary]:
    """Return the counts of alerts by gateway and channel, for the status command."""
    with cursor_of(connection) as cursor:
        cursor.execute(f"""
            SELECT o.gateway, o.channel, count(*) FILTER (WHERE {_PENDING}),
                count(*) FILTER (WHERE o.delivered_at IS NOT NULL), count(*) FILTER (WHERE o.failed_at IS NOT NULL),
                min(o.created_at) FILTER (WHERE {_PENDING}),
                (array_agg(o.last_error ORDER BY o.seq DESC)
                    FILTER (WHERE o.delivered_at IS NULL AND o.last_error IS NOT NULL))[1]
            FROM recon_store.outbox AS o GROUP BY o.gateway, o.channel ORDER BY o.gateway, o.channel
        """)  # noqa: S608 - a constant of our own
        return [ChannelSummary(*row) for row in cursor.fetchall()]
