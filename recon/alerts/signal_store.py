"""The signals: each is stored once, in the transaction that derived it, and routed once (architecture 2.10).

1. `append` stores what is new, numbers it within its case, and notifies listeners at commit. What is known already is
   left alone, so that neither a repeated step nor a rebuild tells anybody again.
2. `unrouted` returns what the policy has not taken yet, in order; `mark_routed` notes when it did.
3. The writers of one case take turns: the fold by the checkpoint's lock, the watcher by its own.

All functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from psycopg.rows import TupleRow
from sqlalchemy import Connection

from recon.alerts.policy.model import Signal
from recon.alerts.signal import NewSignal
from recon.db.raw import cursor_of

#: The Postgres channel for LISTEN.
NOTIFY_CHANNEL: Final = "recon_breaks"

_APPEND: Final = """
    INSERT INTO recon_store.signals (gateway, id, kind, event, subject, case_id, case_seq, seq, occurred_at, account,
        unit_kind, unit, amount, amount_usd, cause, certainty, severity, actor, document)
    SELECT u.gateway, u.id, u.kind, u.event, u.subject, u.case_id,
        coalesce((SELECT max(k.case_seq) FROM recon_store.signals AS k
            WHERE k.gateway = u.gateway AND k.case_id = u.case_id), 0)
            + row_number() OVER (PARTITION BY u.gateway, u.case_id ORDER BY u.place),
        u.seq, u.occurred_at, u.account, u.unit_kind, u.unit, u.amount, u.amount_usd, u.cause, u.certainty, u.severity,
        u.actor, u.document
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[],
        %s::text[], %s::text[], %s::text[], %s::numeric[], %s::numeric[], %s::text[], %s::text[], %s::text[],
        %s::text[], %s::json[]) WITH ORDINALITY AS u(gateway, id, kind, event, subject, case_id, seq, occurred_at,
        account, unit_kind, unit, amount, amount_usd, cause, certainty, severity, actor, document, place)
    WHERE NOT EXISTS (SELECT FROM recon_store.signals AS k WHERE k.gateway = u.gateway AND k.id = u.id)
    ORDER BY u.place
    ON CONFLICT (gateway, id) DO NOTHING RETURNING id
"""
# Any login can fill the server's queue of notifications, and a commit that notifies into a full one fails.
# Any login may listen: where one is limited to some accounts, the notice says where to look and nothing else.
_NOTIFY: Final = """
    SELECT pg_notify(%s, CASE WHEN row_security_active('recon_store.signals')
        THEN json_build_object('id', u.id)::text ELSE u.payload END)
    FROM unnest(%s::text[], %s::text[]) AS u(id, payload) WHERE pg_notification_queue_usage() < 0.5
"""
#: The columns that make a Signal, in the order of its fields.
SIGNAL_COLUMNS: Final = (
    "s.id, s.kind, s.event, s.gateway, s.subject, s.case_id, s.seq, s.occurred_at, s.account, s.unit_kind, s.unit,"
    " s.amount, s.amount_usd, s.cause, s.certainty, s.severity, s.actor"
)
_UNROUTED: Final = f"""
    SELECT {SIGNAL_COLUMNS} FROM recon_store.signals AS s WHERE s.routed_at IS NULL ORDER BY s.number LIMIT %s
"""  # noqa: S608 - a constant of our own
_ROUTED: Final = """
    UPDATE recon_store.signals AS s SET routed_at = %s FROM unnest(%s::text[], %s::text[]) AS u(gateway, id)
    WHERE s.gateway = u.gateway AND s.id = u.id
"""
_BATCHES: Final = f"""
    SELECT s.routed_at, {SIGNAL_COLUMNS} FROM recon_store.signals AS s
    WHERE s.routed_at >= %s AND s.routed_at <= %s ORDER BY s.routed_at, s.number
"""  # noqa: S608
_DESCRIBED: Final = f"""
    SELECT {SIGNAL_COLUMNS}, s.document::text FROM recon_store.signals AS s
    JOIN unnest(%s::text[], %s::text[]) AS u(gateway, id) ON s.gateway = u.gateway AND s.id = u.id
"""  # noqa: S608
_LAST_SEQ: Final = "SELECT coalesce(max(seq), -1) FROM recon_store.signals WHERE gateway = %s AND subject = %s"


def append(connection: Connection, signals: Sequence[NewSignal]) -> int:
    """Store what is new among these signals, and notify listeners at commit; return how many were new."""
    if not signals:
        return 0
    unique = list({(each.signal.gateway, each.id): each for each in signals}.values())
    columns = [list(column) for column in zip(*(_row(each) for each in unique), strict=True)]
    with cursor_of(connection) as cursor:
        cursor.execute(_APPEND, columns)
        new = {row[0] for row in cursor.fetchall()}
        notices = {each.id: each.notice for each in unique if each.id in new and each.notice is not None}
        if notices:
            cursor.execute(_NOTIFY, (NOTIFY_CHANNEL, list(notices), list(notices.values())))
    return len(new)


def _row(new: NewSignal) -> tuple[object, ...]:
    told = new.signal
    return (
        told.gateway, told.id, told.kind, told.event, told.subject, told.case_id, told.seq, told.at, told.account,
        told.unit_kind, told.unit, told.amount, told.amount_usd, told.cause, told.certainty, told.severity, told.actor,
        new.document.decode(),
    )  # fmt: skip


def unrouted(connection: Connection, limit: int) -> list[Signal]:
    """Return the first signals that the policy has not taken, at most `limit`, each gateway's in order."""
    with cursor_of(connection) as cursor:
        cursor.execute(_UNROUTED, (limit,))
        return [_signal(row) for row in cursor.fetchall()]


def mark_routed(connection: Connection, signals: Iterable[Signal], at: datetime) -> None:
    """Note when the policy took these signals."""
    keys = [(signal.gateway, signal.id) for signal in signals]
    if keys:
        with cursor_of(connection) as cursor:
            cursor.execute(_ROUTED, (at, *(list(column) for column in zip(*keys, strict=True))))


def batches(connection: Connection, since: datetime, until: datetime) -> list[tuple[datetime, list[Signal]]]:
    """Return the signals of each routing in a time, in order: what the policy was given, and when."""
    with cursor_of(connection) as cursor:
        cursor.execute(_BATCHES, (since, until))
        rows = cursor.fetchall()
    return [(at, [_signal(row[1:]) for row in group]) for at, group in groupby(rows, key=lambda row: row[0])]


def described(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[str, tuple[Signal, str]]:
    """Return these signals, given as (gateway, id), with their documents; one that was removed is left out."""
    if not keys:
        return {}
    with cursor_of(connection) as cursor:
        cursor.execute(_DESCRIBED, tuple(list(column) for column in zip(*keys, strict=True)))
        return {row[0]: (_signal(row[:-1]), row[-1]) for row in cursor.fetchall()}


def last_seq(connection: Connection, gateway: str, subject: str) -> int:
    """Return the last log position that a signal of this subject named; -1 where there is none."""
    with cursor_of(connection) as cursor:
        cursor.execute(_LAST_SEQ, (gateway, subject))
        row = cursor.fetchone()
    return -1 if row is None else int(row[0])


def _signal(row: TupleRow) -> Signal:
    return Signal(*row)
