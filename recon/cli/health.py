"""What is wrong with recon itself, for a probe: each problem with its severity (operator 2.3).

1. Critical: recon does not see something now. A gateway, an account, or the service as a whole.
2. Warning: it sees, but a part fails, what a gap hid is not accounted for, or alerts do not arrive.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from recon.cli.currency import Currency
from recon.cli.output import Row, text_of
from recon.cli.queries import sees_service, service_parts
from recon.db.source import Source, query_rows
from recon.display.words import counted

Severity = Literal["warning", "critical"]

#: A session may be this young without any account being named.
YOUNG_SESSION: Final = timedelta(seconds=15)
#: An alert that has waited for this long since it was due does not arrive.
ALERT_LATE: Final = timedelta(minutes=1)
#: Alerts that were given up are told for this long.
GIVEN_UP: Final = timedelta(days=1)
#: States of a part that does its work badly, or not at all.
FAILING: Final = frozenset({"restarting", "retrying", "refusing", "slow"})

_NAMELESS: Final = """
    SELECT g.name AS gateway, g.connected_at FROM recon.gateways AS g
    WHERE g.state = 'connected' AND g.connected_at < g.last_event_at - :young
      AND NOT EXISTS (SELECT FROM recon.accounts AS a WHERE a.gateway = g.name)
    ORDER BY g.name
"""
_CHANNELS: Final = """
    SELECT channel, count(*) FILTER (WHERE state <> 'failed') AS late, count(*) FILTER (WHERE state = 'failed') AS lost,
           min(created_at) AS since, max(last_error) AS error, bool_or(state = 'channel_gone') AS gone
    FROM recon.deliveries
    WHERE state NOT IN ('delivered', 'failed') AND coalesce(next_attempt_at, created_at) < now() - :late
       OR state = 'channel_gone'
       OR state = 'retrying' AND created_at < now() - :late
       OR state = 'failed' AND failed_at > now() - :given_up
    GROUP BY channel ORDER BY channel
"""
_WATCHDOGS: Final = """
    SELECT channel, max(delivered_at) AS delivered_at, min(created_at) AS first_at, now() AS now
    FROM recon.deliveries WHERE event = 'recon.watchdog' GROUP BY channel ORDER BY channel
"""
_UNROUTED: Final = """
    SELECT count(*) AS alerts, min(created_at) AS since FROM recon_exact.alerts
    WHERE routed_at IS NULL AND created_at < now() - :late
"""
_COUNTS: Final = """
    SELECT (SELECT count(*) FROM recon.gateways) AS gateways, (SELECT count(*) FROM recon.accounts) AS accounts
"""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with recon itself."""

    severity: Severity
    about: str
    text: str

    @property
    def line(self) -> str:
        """Return it in one line."""
        return f"{self.severity.upper()} {self.about}: {self.text}"


def problems(
    connection: Source, currency: Currency, gateways: Collection[str], watchdogs: Mapping[str, timedelta]
) -> list[Problem]:
    """Return what is wrong, the worst first; `watchdogs` are the intervals by channel, `gateways` those wanted."""
    blind = {each.gateway for each in currency.stale if each.account is None}
    found = [
        *_of_service(connection),
        *_of_currency(currency),
        *_nameless(connection, gateways, blind),
        *_of_channels(connection, watchdogs),
    ]
    return sorted(found, key=lambda problem: problem.severity != "critical")


def _of_service(connection: Source) -> Iterator[Problem]:
    if not sees_service(connection):
        return
    living = [part for part in service_parts(connection) if part["state"] not in {"gone", "stopped"}]
    if not living:
        yield Problem("critical", "service", "no service is running; start `recon run`")
    for part in living:
        if part["state"] in FAILING and part["part"] != "consumer":
            about = " ".join(text for text in (str(part["gateway"]), str(part["part"])) if text)
            yield Problem("warning", about, f"it is {part['state']} since {text_of(part['since'])}: {part['detail']}")


def _of_currency(currency: Currency) -> Iterator[Problem]:
    for each in currency.stale:
        about, _, text = each.line.partition(": ")
        yield Problem("warning" if each.heard else "critical", about, text)


def _nameless(connection: Source, wanted: Collection[str], blind: Collection[str]) -> Iterator[Problem]:
    for row in query_rows(connection, _NAMELESS, {"young": YOUNG_SESSION}):
        name = str(row["gateway"])
        if name not in blind and (not wanted or name in wanted):
            text = f"its session is open since {text_of(row['connected_at'])}, but no account was named"
            yield Problem("critical", f"gateway {name}", text)


def _of_channels(connection: Source, watchdogs: Mapping[str, timedelta]) -> Iterator[Problem]:
    (unrouted,) = query_rows(connection, _UNROUTED, {"late": ALERT_LATE})
    if unrouted["alerts"]:
        waiting = counted(int(str(unrouted["alerts"])), "alert")
        text = f"the policy has not taken {waiting}, the first of {text_of(unrouted['since'])}"
        yield Problem("warning", "alerts", text)
    rows = query_rows(connection, _CHANNELS, {"late": ALERT_LATE, "given_up": GIVEN_UP})
    late = {str(row["channel"]): row for row in rows}
    for channel, row in late.items():
        if channel in watchdogs:
            yield Problem("warning", f"channel {channel}", _undelivered(row))
    for row in query_rows(connection, _WATCHDOGS, {}):
        every = watchdogs.get(str(row["channel"]), timedelta())
        last = row["delivered_at"] or row["first_at"]
        if every and str(row["channel"]) not in late and _older(last, row["now"], 2 * every + ALERT_LATE):
            said = "none was delivered yet" if row["delivered_at"] is None else f"the last one was {text_of(last)}"
            text = f"no watchdog message is delivered: {said}, and one is due every {text_of(every)}"
            yield Problem("warning", f"channel {row['channel']}", text)


def _undelivered(row: Row) -> str:
    late, lost = (int(str(row[key])) for key in ("late", "lost"))
    parts = [f"{number} {what}" for number, what in ((late, "not delivered in time"), (lost, "given up")) if number]
    reason = "" if row["error"] is None else f": {row['error']}"
    text = f"messages: {', '.join(parts)}, the first of {text_of(row['since'])}{reason}"
    if not row["gone"]:
        return text
    again = f"`recon alerts test {row['channel']}`, then `recon alerts retry --channel {row['channel']}`"
    return f"it answered 410 Gone and is left alone; check its url, {again}; {text}"


def _older(at: object, now: object, bound: timedelta) -> bool:
    return isinstance(at, datetime) and isinstance(now, datetime) and now - at > bound


def summary(connection: Source, channels: int) -> str:
    """Return the one line of a probe that found nothing."""
    (row,) = query_rows(connection, _COUNTS, {})
    gateways, accounts = (counted(int(str(row[key])), key[:-1]) for key in ("gateways", "accounts"))
    return f"OK: recon sees {gateways} with {accounts}, and {counted(channels, 'channel')} of alerts"
