"""What is watched in the database: the facts, what was told, and the signals of what is to be told.

1. All of it happens in one transaction under one lock, so of several instances one at a time looks, and a signal is
   stored if and only if it is remembered as told. Whom it reaches, the policy decides.
2. The watchdog's messages pass the policy by: no rule may keep them from their channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.alerts import delivery_store, signal_store
from recon.alerts.delivery_store import Delivery
from recon.alerts.message import Told, compose, id_of
from recon.alerts.policy.model import Outgoing
from recon.alerts.signal import NewSignal
from recon.alerts.watch.alert import watch_signal
from recon.alerts.watch.conditions import away, conditions
from recon.alerts.watch.decide import Key, Notice, Waits, Watched, decide
from recon.alerts.watch.facts import SERVICE, AccountFact, Facts, GatewayFact, MissedJob, PartFact
from recon.alerts.watch.missed_closes import missed_closes
from recon.alerts.watch.short_partitions import short_partitions
from recon.alerts.watch.watchdog import WATCHDOG, due, watchdog
from recon.db.raw import cursor_of
from recon.ledger.rules import Rules

#: The row that is locked by whoever looks, and that says when somebody last did.
LOOK: Final = "look"
#: A part that has said nothing for this long does not run.
SIGN_OF_LIFE: Final = timedelta(seconds=30)
#: Watchdog messages are kept for this long.
KEEP_WATCHDOGS: Final = timedelta(days=1)
#: The last ends of sessions among which an overrun is looked for.
LAST_SESSIONS: Final = 5

_FIRST_LOOK: Final = """
    INSERT INTO recon_store.watch (gateway, kind, about, seen_at, present, told, times, detail)
    VALUES ('', 'look', '', %s, false, false, 0, '') ON CONFLICT DO NOTHING
"""
_LOCK: Final = (
    "SELECT seen_at FROM recon_store.watch WHERE gateway = '' AND kind = 'look' AND about = '' FOR NO KEY UPDATE"
)
_REMEMBERED: Final = """
    SELECT gateway, kind, about, began_at, seen_at, present, told_at, told, times, detail, since
    FROM recon_store.watch WHERE kind <> 'look'
"""
_FORGET: Final = """
    DELETE FROM recon_store.watch AS w USING unnest(%s::text[], %s::text[], %s::text[]) AS u(gateway, kind, about)
    WHERE w.gateway = u.gateway AND w.kind = u.kind AND w.about = u.about
"""
_REMEMBER: Final = """
    INSERT INTO recon_store.watch
        (gateway, kind, about, began_at, seen_at, present, told_at, told, times, detail, since)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (gateway, kind, about) DO UPDATE SET began_at = EXCLUDED.began_at, seen_at = EXCLUDED.seen_at,
        present = EXCLUDED.present, told_at = EXCLUDED.told_at, told = EXCLUDED.told, times = EXCLUDED.times,
        detail = EXCLUDED.detail, since = EXCLUDED.since
"""
_GATEWAYS: Final = """
    SELECT g.name, g.state, g.changed_at, g.connected_at, g.reason, g.detail, g.recorder, g.head_seq, g.last_event_at,
           g.projected_seq, g.lag_events, n.recorded_at, o.recorded_at, w.recorded_at, f.recorded_at,
           coalesce(c.cases, 0)
    FROM recon.gateways AS g
    LEFT JOIN recon_store.log_events AS n
        ON g.lag_events > 0 AND n.gateway = g.name AND n.seq = g.projected_seq + 1
    LEFT JOIN LATERAL (
        SELECT max(s.recorded_at) AS recorded_at FROM (
            SELECT x.recorded_at, x.kind, CASE WHEN x.readable THEN convert_from(x.payload, 'UTF8')::json END AS note
            FROM recon_store.log_events AS x
            WHERE x.gateway = g.name AND x.kind IN ('session.opened', 'session.closed', 'session.failed')
            ORDER BY x.seq DESC LIMIT %s
        ) AS s WHERE s.kind = 'session.closed' AND s.note ->> 'reason' = 'overrun'
    ) AS o ON true
    LEFT JOIN LATERAL (
        SELECT x.seq, x.kind, x.recorded_at FROM recon_store.log_events AS x
        WHERE x.gateway = g.name AND x.kind IN ('rules', 'rules.proposed') ORDER BY x.seq DESC LIMIT 1
    ) AS p ON true
    LEFT JOIN LATERAL (
        SELECT p.recorded_at FROM (
            SELECT f.kind FROM recon_store.findings AS f
            WHERE f.gateway = g.name AND f.edition = g.edition AND f.seq >= p.seq
              AND f.kind IN ('rules_wait', 'rules_approved', 'rules_rejected')
            ORDER BY f.seq DESC, f.number DESC LIMIT 1
        ) AS l WHERE p.kind = 'rules.proposed' AND l.kind = 'rules_wait'
    ) AS w ON true
    LEFT JOIN LATERAL (
        SELECT min(e.recorded_at) AS recorded_at FROM recon_store.waiting_facts AS a
        JOIN recon_store.log_events AS e ON e.gateway = a.gateway AND e.seq = a.seq
        WHERE a.gateway = g.name AND a.edition = g.edition AND a.state = 'waiting'
    ) AS f ON true
    LEFT JOIN LATERAL (
        SELECT count(DISTINCT b.case_id) AS cases FROM recon_store.breaks AS b
        WHERE b.gateway = g.name AND b.edition = g.edition
          AND b.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')
    ) AS c ON true
    WHERE g.name = ANY(%s::text[]) ORDER BY g.name
"""
_ACCOUNTS: Final = """
    SELECT a.gateway, a.account, a.state, a.reason, a.last_alive_at FROM recon_store.accounts AS a
    JOIN recon_store.editions AS e ON e.gateway = a.gateway AND e.edition = a.edition AND e.state = 'current'
    WHERE a.gateway = ANY(%s::text[]) ORDER BY a.gateway, a.account
"""
_PARTS: Final = """
    SELECT gateway, instance, part, state, detail, since, coalesce((figures ->> 'failures')::integer, 0)
    FROM recon_store.service_parts WHERE updated_at > clock_timestamp() - %s ORDER BY gateway, part, since
"""
_LAST_WATCHDOGS: Final = """
    SELECT d.channel, max(d.at) FROM recon_store.deliveries AS d
    WHERE d.gateway = '' AND d.event = %s GROUP BY d.channel
"""
#: Removed, not given up: that an old one was not delivered is nobody's concern once a newer one is under way.
_SUPERSEDE: Final = """
    DELETE FROM recon_store.deliveries
    WHERE gateway = '' AND channel = %s AND event = %s AND delivered_at IS NULL
"""
_PRUNE: Final = "DELETE FROM recon_store.deliveries WHERE gateway = '' AND event = %s AND at < %s"
#: Why a watchdog is sent.
_EVERY: Final = "every {seconds} s, whatever the policy says"


class Plan(msgspec.Struct, frozen=True):
    """What is watched, and who is told: gateways, planned jobs, each channel's watchdog interval, the waits."""

    gateways: tuple[str, ...]
    watchdogs: Mapping[str, timedelta]
    waits: Waits
    away: timedelta
    #: The rules of gateways that plan closings, and what asks for other planned jobs that did not run.
    closings: Mapping[str, Rules] = {}
    jobs: Callable[[datetime], Sequence[MissedJob]] = lambda _: ()


def look(connection: Connection, plan: Plan, now: datetime) -> int:
    """Look once, in the caller's transaction: store what is to be told, and remember it; return how many are new.

    Whoever looks at the same time waits for us, and finds then what we told.
    """
    looked_at = _take_turn(connection, now)
    if looked_at is not None and looked_at >= now:
        return 0
    missed = [*missed_closes(connection, plan.closings, now), *plan.jobs(now), *short_partitions(connection)]
    facts = msgspec.structs.replace(read_facts(connection, plan.gateways, now), missed=missed)
    former = remembered(connection)
    notices, later = decide(former, conditions(facts), now, plan.waits)
    was_away = away(looked_at, now, plan.away)
    if was_away is not None:
        told = Watched(*was_away.key, looked_at, now, True, now, False, 1, was_away.detail, was_away.since)
        notices.append(Notice(told, over=False, at=now))
    queued = sum(_tell(connection, notice, facts) for notice in notices)
    _remember(connection, former, later)
    return queued + _send_watchdogs(connection, plan, facts, later)


def _take_turn(connection: Connection, now: datetime) -> datetime | None:
    """Lock the row of whoever looks, and set it to now; return when somebody last looked, None if nobody did."""
    with cursor_of(connection) as cursor:
        cursor.execute(_LOCK)
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_FIRST_LOOK, (now,))
            return None
        looked_at: datetime = row[0]
        cursor.execute(
            "UPDATE recon_store.watch SET seen_at = greatest(seen_at, %s) WHERE gateway = '' AND kind = %s", (now, LOOK)
        )
    return looked_at


def read_facts(connection: Connection, gateways: Sequence[str], now: datetime) -> Facts:
    """Return what is stored about these gateways; one without a log was never connected."""
    names = list(gateways)
    with cursor_of(connection) as cursor:
        cursor.execute(_GATEWAYS, (LAST_SESSIONS, names))
        known = {row[0]: GatewayFact(*row) for row in cursor.fetchall()}
        cursor.execute(_ACCOUNTS, (names,))
        accounts = [AccountFact(*row) for row in cursor.fetchall()]
        cursor.execute(_PARTS, (SIGN_OF_LIFE,))
        parts = [PartFact(*row) for row in cursor.fetchall()]
    return Facts(now, [known.get(name, GatewayFact(name)) for name in sorted(names)], accounts, parts)


def remembered(connection: Connection) -> dict[Key, Watched]:
    """Return what is remembered of each subject."""
    with cursor_of(connection) as cursor:
        cursor.execute(_REMEMBERED)
        return {(watched := Watched(*row)).key: watched for row in cursor.fetchall()}


def _remember(connection: Connection, former: Mapping[Key, Watched], later: Mapping[Key, Watched]) -> None:
    gone = [key for key in former if key not in later]
    changed = [msgspec.structs.astuple(watched) for key, watched in later.items() if former.get(key) != watched]
    with cursor_of(connection) as cursor:
        if gone:
            cursor.execute(_FORGET, tuple(list(column) for column in zip(*gone, strict=True)))
        if changed:
            cursor.executemany(_REMEMBER, changed)


def _tell(connection: Connection, notice: Notice, facts: Facts) -> int:
    """Store the signal of one notice; return whether it is new."""
    watched = notice.watched
    heads = {gateway.name: gateway.head_seq for gateway in facts.gateways}
    last = signal_store.last_seq(connection, watched.gateway, f"{watched.kind}/{watched.about}")
    return signal_store.append(connection, [watch_signal(notice, max(heads.get(watched.gateway, 0), last + 1))])


def _send_watchdogs(connection: Connection, plan: Plan, facts: Facts, watched: Mapping[Key, Watched]) -> int:
    """Queue the watchdog of each channel for which it is due; one that is still undelivered gives way to it."""
    with cursor_of(connection) as cursor:
        cursor.execute(_LAST_WATCHDOGS, (WATCHDOG,))
        channels = due(dict(cursor.fetchall()), plan.watchdogs, facts.now)
        for channel in channels:
            cursor.execute(_SUPERSEDE, (channel, WATCHDOG))
        if channels:
            cursor.execute(_PRUNE, (WATCHDOG, facts.now - max(KEEP_WATCHDOGS, 2 * max(plan.watchdogs.values()))))
    made = [_delivery(watchdog(name, plan.watchdogs[name], facts, watched), name, plan) for name in channels]
    delivery_store.enqueue(connection, made)
    return len(made)


def _delivery(signal: NewSignal, channel: str, plan: Plan) -> Delivery:
    """Return the watchdog's message of one channel; it is of no case, so it waits for nothing."""
    told, reason = signal.signal, _EVERY.format(seconds=int(plan.watchdogs[channel].total_seconds()))
    outgoing = Outgoing(id_of([told.id]), channel, "notice", told.at, (told.id,), (), reason)
    event, body = compose(outgoing, [Told(told.id, told.event, told.at, signal.document.decode())], [], {})
    return Delivery(
        gateway=SERVICE,
        channel=channel,
        id=outgoing.id,
        kind=outgoing.kind,
        event=event,
        case_id=None,
        case_seq=None,
        cases=[],
        signals=[told.id],
        held=0,
        reason=reason,
        at=told.at,
        body=body,
    )
