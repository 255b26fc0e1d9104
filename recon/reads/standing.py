"""How things stand, in one line each: gateways, accounts, units, cases, alerts and rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from recon.db.source import Row, Source, query_rows
from recon.reads.rules_in_force import IN_FORCE, WAITING, rules_of

#: Messages that were sent or given up are counted for this long.
RECENT: Final = timedelta(days=1)

_GATEWAYS: Final = """
    SELECT g.*, (SELECT max(a.last_alive_at) FROM recon.accounts AS a WHERE a.gateway = g.name) AS seen_at
    FROM recon.gateways AS g WHERE CAST(:gateway AS text) IS NULL OR g.name = :gateway ORDER BY g.name
"""
#: A session that ended is a gap of each account; until the event that ended it they were what they were. By position,
#: for each account has a last sign of life of its own.
_ACCOUNTS: Final = """
    SELECT count(*) AS accounts, count(*) FILTER (WHERE a.state = 'covered') AS covered,
           count(*) FILTER (WHERE CASE WHEN g.ended_seq IS NULL THEN a.state = 'covered' ELSE EXISTS (
               SELECT FROM recon.coverage AS c
               WHERE c.gateway = a.gateway AND c.account = a.account AND c.state = 'covered'
                 AND c.from_seq < g.ended_seq AND (c.until_seq IS NULL OR c.until_seq >= g.ended_seq)
           ) END) AS covered_then,
           coalesce(sum(a.open_orders_unaccounted), 0) AS orders
    FROM recon.accounts AS a JOIN (
        SELECT t.name, CASE WHEN t.state IN ('disconnected', 'failing') THEN (
            SELECT max(s.seq) FROM recon.sessions AS s WHERE s.gateway = t.name AND s.event = 'closed'
        ) END AS ended_seq
        FROM recon.gateways AS t
    ) AS g ON g.name = a.gateway
    WHERE CAST(:gateway AS text) IS NULL OR a.gateway = :gateway
"""
_UNITS: Final = """
    SELECT u.verdict, count(*) AS units FROM (
        SELECT b.gateway, b.verdict FROM recon_exact.balances AS b
        UNION ALL SELECT p.gateway, p.verdict FROM recon_exact.positions AS p
    ) AS u
    WHERE CAST(:gateway AS text) IS NULL OR u.gateway = :gateway GROUP BY u.verdict
"""
_CASES: Final = """
    SELECT count(DISTINCT b.case_id) FILTER (WHERE b.closed_at IS NULL) AS open,
           count(*) FILTER (WHERE b.closed_at IS NULL) AS breaks,
           min(coalesce(b.origin_at, b.opened_at)) FILTER (WHERE b.closed_at IS NULL) AS oldest,
           count(DISTINCT b.case_id) FILTER (WHERE b.state = 'cleared' AND b.closed_at >= :today) AS cleared,
           sum(abs(b.amount_usd)) FILTER (WHERE b.closed_at IS NULL) AS usd
    FROM recon_exact.breaks AS b WHERE CAST(:gateway AS text) IS NULL OR b.gateway = :gateway
"""
_ALERTS: Final = """
    SELECT count(*) FILTER (WHERE d.state = 'delivered' AND d.delivered_at >= :recent) AS sent,
           count(*) FILTER (WHERE d.state IN ('waiting', 'retrying', 'channel_gone')) AS waiting,
           count(*) FILTER (WHERE d.state = 'failed' AND d.failed_at >= :recent) AS failed,
           max(d.delivered_at) AS last_sent_at,
           count(DISTINCT d.channel) AS channels,
           (SELECT coalesce(max(jsonb_array_length(p.document::jsonb -> 'channels')), 0)
            FROM recon.policies AS p WHERE p.until IS NULL) AS receivers,
           EXISTS (SELECT FROM recon.policies) AS has_policy
    FROM recon.deliveries AS d WHERE d.event IS DISTINCT FROM 'recon.watchdog'
"""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand at one moment; rows are those of the views."""

    gateways: Sequence[Row]
    accounts: int
    covered: int
    #: How many were covered when they were last seen: now, or before the last session ended.
    covered_then: int
    unaccounted_orders: int
    units: Mapping[str, int]
    open_cases: int
    open_breaks: int
    oldest: datetime | None
    cleared_today: int
    #: The known worth of what is open, in USD.
    usd: Decimal | None
    sent: int
    waiting: int
    failed: int
    last_sent_at: datetime | None
    channels: int
    #: How many channels the policy in force tells; None: no service has decided whom to tell.
    receivers: int | None = None
    #: The digest of the rules in force, by gateway, and the gateways whose rules wait for a second person.
    rules: Mapping[str, str]
    rules_waiting: Sequence[str]


def read_standing(source: Source, now: datetime, gateway: str | None = None) -> Standing:
    """Read how things stand, of one gateway or of all."""
    asked: dict[str, object] = {"gateway": gateway}
    gateways = query_rows(source, _GATEWAYS, asked)
    (accounts,) = query_rows(source, _ACCOUNTS, asked)
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    (cases,) = query_rows(source, _CASES, {**asked, "today": midnight})
    (alerts,) = query_rows(source, _ALERTS, {"recent": now - RECENT})
    rules = [row for each in gateways for row in rules_of(source, str(each["name"]))]
    return Standing(
        gateways=gateways,
        accounts=_number(accounts["accounts"]),
        covered=_number(accounts["covered"]),
        covered_then=_number(accounts["covered_then"]),
        unaccounted_orders=_number(accounts["orders"]),
        units={str(row["verdict"]): _number(row["units"]) for row in query_rows(source, _UNITS, asked)},
        open_cases=_number(cases["open"]),
        open_breaks=_number(cases["breaks"]),
        oldest=_time(cases["oldest"]),
        cleared_today=_number(cases["cleared"]),
        usd=None if cases["usd"] is None else Decimal(str(cases["usd"])),
        sent=_number(alerts["sent"]),
        waiting=_number(alerts["waiting"]),
        failed=_number(alerts["failed"]),
        last_sent_at=_time(alerts["last_sent_at"]),
        channels=_number(alerts["channels"]),
        receivers=_number(alerts["receivers"]) if alerts["has_policy"] else None,
        rules={str(row["gateway"]): str(row["digest"]) for row in rules if row["state"] == IN_FORCE},
        rules_waiting=[str(row["gateway"]) for row in rules if row["state"] == WAITING],
    )


def _number(value: object) -> int:
    return int(str(value or 0))


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
