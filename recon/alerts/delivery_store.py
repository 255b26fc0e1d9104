"""The deliveries: each message once per channel, delivered at least once, under one id (architecture 2.10).

1. `enqueue` runs in the transaction that routes. A message that is known already is left alone.
2. `claim` returns one message at a time and reserves it for LEASE. An attempt without an outcome (a crash) is repeated
   after that, with the same id and body. Each claim counts as an attempt.
3. A later message of a case waits until an earlier one on its channel is delivered or given up.
4. Each channel has a circuit: after CIRCUIT_FAILURES failures in a row it rests before the next attempt of any message,
   and a receiver that asks for time gets it. So a dead receiver costs little, and delays nobody but itself. One that
   says that it is gone for good is sent nothing until a person acts.
5. What was given up is kept until a person has it sent again.

All functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.alerts.message import Message
from recon.alerts.retry import MAX_ATTEMPTS, rest
from recon.db.raw import cursor_of

#: How long a claimed message is reserved: longer than an attempt and recording its outcome may take.
LEASE: Final = timedelta(seconds=60)
#: Longest error kept with a message, in characters.
MAX_ERROR: Final = 500

#: Neither delivered nor given up; the predicate of the partial index.
_PENDING: Final = "d.delivered_at IS NULL AND d.failed_at IS NULL"
_ENQUEUE: Final = """
    INSERT INTO recon_store.deliveries
        (gateway, channel, id, kind, event, case_id, case_seq, cases, signals, held, reason, at, body)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s::text[], %s::text[], %s, %s, %s, %s::json) ON CONFLICT DO NOTHING
"""
_NUMBER_CASE: Final = """
    INSERT INTO recon_store.told_cases AS t (channel, gateway, case_id, case_seq, told_at)
    SELECT %s, u.gateway, u.case_id, 1, %s FROM unnest(%s::text[], %s::text[]) AS u(gateway, case_id)
    ON CONFLICT (channel, gateway, case_id) DO UPDATE SET case_seq = t.case_seq + 1, told_at = EXCLUDED.told_at
    RETURNING gateway, case_id, case_seq
"""
#: Whoever claims on a channel locks its row; nobody but the service can.
_TURN: Final = """
    SELECT c.failures, c.open_until, c.gone_at FROM recon_store.channels AS c WHERE c.channel = %s FOR UPDATE
"""
_FIRST_TURN: Final = "INSERT INTO recon_store.channels (channel) VALUES (%s) ON CONFLICT DO NOTHING"
_GIVE_UP_LOST: Final = f"""
    UPDATE recon_store.deliveries AS d SET failed_at = %s, next_attempt_at = NULL,
        last_error = coalesce(d.last_error, 'the last attempt was never settled')
    WHERE d.channel = %s AND {_PENDING} AND d.attempts >= %s AND d.next_attempt_at <= %s
"""  # noqa: S608 - a constant of our own
_NEXT: Final = f"""
    SELECT d.id, d.gateway, d.channel, d.event, coalesce(d.case_id, ''), d.signals, d.at, d.attempts + 1, d.body::text,
        d.kind
    FROM recon_store.deliveries AS d
    WHERE d.channel = %s AND {_PENDING} AND (d.next_attempt_at IS NULL OR d.next_attempt_at <= %s)
        AND NOT EXISTS (
            SELECT FROM recon_store.deliveries AS e
            WHERE e.channel = d.channel AND e.number < d.number AND e.delivered_at IS NULL AND e.failed_at IS NULL
                AND e.cases && d.cases)
    ORDER BY d.number LIMIT 1
"""  # noqa: S608
_DUE: Final = f"""
    SELECT min(d.next_attempt_at) FROM recon_store.deliveries AS d WHERE d.channel = %s AND {_PENDING}
"""  # noqa: S608
_RESERVE: Final = """
    UPDATE recon_store.deliveries SET attempts = %s, next_attempt_at = %s
    WHERE gateway = %s AND channel = %s AND id = %s
"""
_DELIVERED: Final = """
    UPDATE recon_store.deliveries SET delivered_at = %s, failed_at = NULL, next_attempt_at = NULL
    WHERE gateway = %s AND channel = %s AND id = %s AND delivered_at IS NULL
"""
_FAILED: Final = """
    UPDATE recon_store.deliveries SET next_attempt_at = %s, failed_at = %s, last_error = %s
    WHERE gateway = %s AND channel = %s AND id = %s AND attempts = %s AND delivered_at IS NULL AND failed_at IS NULL
"""
_CLOSE_CIRCUIT: Final = """
    UPDATE recon_store.channels SET failures = 0, open_until = NULL, gone_at = NULL, last_error = NULL
    WHERE channel = %s AND (failures > 0 OR open_until IS NOT NULL OR gone_at IS NOT NULL)
"""
_OPEN_CIRCUIT: Final = """
    UPDATE recon_store.channels SET failures = %s, open_until = %s, gone_at = %s, last_error = %s WHERE channel = %s
"""


class Delivery(msgspec.Struct, frozen=True):
    """One message for one channel, as it is stored; `cases` are GATEWAY/CASE, and `body` is JSON."""

    gateway: str
    channel: str
    id: str
    kind: str
    event: str
    case_id: str | None
    case_seq: int | None
    cases: list[str]
    signals: list[str]
    held: int
    reason: str
    at: datetime
    body: str


class Claim(msgspec.Struct, frozen=True):
    """The message that is due, if one is; else `again_at` says when one may be, null: when another is queued."""

    message: Message | None
    again_at: datetime | None = None


class Turn(msgspec.Struct, frozen=True):
    """How a channel's receiver fares: failures in a row, until when it rests, and when it said that it is gone."""

    failures: int = 0
    open_until: datetime | None = None
    gone_at: datetime | None = None


class Failure(msgspec.Struct, frozen=True):
    """Why an attempt failed, and when the next one is due (null: never).

    `requested` is the delay that the receiver asks for, in seconds; `gone`: it is gone for good.
    `counts` is false if it says nothing of the receiver, such as our own stop.
    """

    error: str
    next_attempt_at: datetime | None
    requested: float | None = None
    gone: bool = False
    counts: bool = True


def enqueue(connection: Connection, deliveries: Iterable[Delivery]) -> None:
    """Queue messages; one that is known already is left alone."""
    rows = [msgspec.structs.astuple(delivery) for delivery in deliveries]
    if rows:
        with cursor_of(connection) as cursor:
            cursor.executemany(_ENQUEUE, rows)


def number_cases(
    connection: Connection, channel: str, cases: Sequence[tuple[str, str]], at: datetime
) -> dict[tuple[str, str], int]:
    """Count one more message of these cases, each a (gateway, case), for a channel; return which one it is of each."""
    if not cases:
        return {}
    with cursor_of(connection) as cursor:
        # In one order, so that two who count the same cases cannot wait for each other in a circle.
        gateways, ids = zip(*sorted(set(cases)), strict=True)
        cursor.execute(_NUMBER_CASE, (channel, at, list(gateways), list(ids)))
        return {(gateway, case_id): number for gateway, case_id, number in cursor.fetchall()}


def claim(connection: Connection, *, channel: str, now: datetime) -> Claim:
    """Reserve the next message that is due, for LEASE.

    Claims on one channel wait for each other, so two services never send the same message at once. The commit does not
    wait for the disk: a reservation that a crash of the server loses is one more attempt under the same id.
    """
    with cursor_of(connection) as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        turn = _take_turn(connection, channel)
        if turn.gone_at is not None:
            return Claim(None)
        if turn.open_until is not None and turn.open_until > now:
            return Claim(None, turn.open_until)
        cursor.execute(_GIVE_UP_LOST, (now, channel, MAX_ATTEMPTS, now))
        cursor.execute(_NEXT, (channel, now))
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_DUE, (channel,))
            due = cursor.fetchone()
            return Claim(None, None if due is None else due[0])
        id_, gateway, name, event, case_id, signals, at, attempt, body, kind = row
        cursor.execute(_RESERVE, (attempt, now + LEASE, gateway, name, id_))
    return Claim(Message(id_, gateway, name, event, case_id, tuple(signals), at, attempt, body, kind))


def _take_turn(connection: Connection, channel: str) -> Turn:
    """Lock the channel's row; return how its receiver fares."""
    with cursor_of(connection) as cursor:
        cursor.execute(_TURN, (channel,))
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_FIRST_TURN, (channel,))
            cursor.execute(_TURN, (channel,))
            row = cursor.fetchone()
    return Turn() if row is None else Turn(*row)


def mark_delivered(connection: Connection, message: Message, *, now: datetime) -> None:
    """Record that the receiver has taken a message; this counts even after the end of the lease."""
    with cursor_of(connection) as cursor:
        cursor.execute(_DELIVERED, (now, message.gateway, message.channel, message.id))
        cursor.execute(_CLOSE_CIRCUIT, (message.channel,))


def mark_failed(
    connection: Connection, message: Message, failure: Failure, *, now: datetime, draw: Callable[[], float]
) -> None:
    """Record a failed attempt; without a next one the message is given up. `draw` is for the jitter of a rest.

    This has no effect on the message after a later claim: the later attempt decides.
    """
    error = failure.error.replace("\0", "")[:MAX_ERROR]
    given_up = now if failure.next_attempt_at is None else None
    turn = _take_turn(connection, message.channel)
    with cursor_of(connection) as cursor:
        cursor.execute(
            _FAILED,
            (failure.next_attempt_at, given_up, error, message.gateway, message.channel, message.id, message.attempt),
        )
        if failure.counts:
            failures = turn.failures + 1
            resting = rest(failures, failure.requested, draw)
            until = now + resting if resting else None
            gone_at = turn.gone_at or (now if failure.gone else None)
            cursor.execute(_OPEN_CIRCUIT, (failures, until, gone_at, error, message.channel))
