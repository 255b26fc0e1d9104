"""The coverage of accounts from a time on, read from the views: shares, gaps, stretches and open questions.

1. A stretch counts as far as it lies in the time asked for. One that is not over lasts until now while its log is
   written, else until the end of the log: nobody watched after that.
2. A share of time is rounded down: 100 % means all of it.
3. A gap lasts from the last sign of life before it until the account was heard again for good, as the function
   `recon.coverage_known` has it: lists, strips, charts, days and closings tell one length of one gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from recon.db.source import Row, Source, query_rows
from recon.display.strip import Stretch
from recon.reads import gaps
from recon.reads.currency import SIGN_OF_LIFE
from recon.reads.gaps import CoverageRows

#: The part of each stretch that lies in the time asked for; a log that is no longer written covers nothing more.
PARTS: Final = """
    SELECT v.*, greatest(v.from_time, :since) AS begun,
           greatest(least(coalesce(v.until_time, w.horizon), w.horizon), v.from_time, :since) AS over
    FROM {coverage} AS v JOIN (
        SELECT g.name, g.last_event_at,
               CASE WHEN g.last_event_at > :now - :sign_of_life THEN :now ELSE g.last_event_at END AS horizon
        FROM {gateways} AS g
    ) AS w ON w.name = v.gateway
    WHERE coalesce(v.until_time, :now) > :since AND {{where}}
"""
_STRETCHES: Final = PARTS.format(coverage="recon.coverage", gateways="recon.gateways")
_LISTED: Final = """
    SELECT s.gateway, s.account, s.from_seq, s.until_seq, s.from_time, s.until_time, s.over - s.from_time AS lasted,
           s.state, s.reason, s.recovery
    FROM ({stretches}) AS s
    ORDER BY s.from_time, s.gateway, s.account, s.from_seq, s.until_seq
"""
_SHARES: Final = """
    SELECT s.gateway, s.account, min(s.from_time) <= :since AS known,
           extract(epoch FROM :now - greatest(min(s.from_time), :since)) AS asked,
           coalesce(extract(epoch FROM sum(s.over - s.begun) FILTER (WHERE s.state = 'covered')), 0) AS covered,
           coalesce(extract(epoch FROM sum(s.over - s.begun) FILTER (
               WHERE s.state IN ('covered', 'unresolved'))), 0) AS observed
    FROM ({stretches}) AS s GROUP BY s.gateway, s.account
"""
_GATEWAYS: Final = """
    SELECT g.name, g.state, g.last_event_at FROM recon.gateways AS g
    WHERE CAST(:gateway AS text) IS NULL OR g.name = :gateway ORDER BY g.name
"""
# Catch-ups that may have open questions, and the last of each account, each with how long nothing was seen.
_CATCH_UPS: Final = """
    SELECT k.*, u.unseen FROM (
        SELECT v.*, v.from_seq = max(v.from_seq) OVER (PARTITION BY v.gateway, v.account) AS is_last,
               lead(v.from_seq) OVER (PARTITION BY v.gateway, v.account ORDER BY v.from_seq) AS next_seq
        FROM recon.catch_ups AS v WHERE {where}
    ) AS k
    CROSS JOIN LATERAL (
        SELECT coalesce(
                   sum(coalesce(c.until_time, :now) - c.from_time), coalesce(k.until_time, :now) - k.from_time
               ) AS unseen
        FROM recon.coverage AS c
        WHERE c.gateway = k.gateway AND c.account = k.account AND c.state = 'gap'
          AND c.from_seq >= k.from_seq AND (k.next_seq IS NULL OR c.from_seq < k.next_seq)
    ) AS u
    WHERE k.is_last OR k.state <> 'whole' OR k.ended_at > :since
    ORDER BY k.gateway, k.account, k.from_seq
"""


def read_coverage(
    connection: Source, *, gateway: str | None, account: str | None, since: datetime, now: datetime, every: bool
) -> dict[str, Sequence[Row]]:
    """Return gateways, accounts, gaps and stretches from a time on, and open questions.

    Without `every`, covered stretches are left out, and so are gaps too short to act on.
    """
    parameters, where = place_of(gateway, account)
    accounts = query_rows(
        connection,
        f"SELECT v.* FROM recon.accounts AS v WHERE {where} ORDER BY v.gateway, v.account",  # noqa: S608 - our own
        parameters,
    )
    times = {"since": since, "now": now, "sign_of_life": SIGN_OF_LIFE}
    within = _STRETCHES.format(where=where)
    stretches = listed(connection, within, {**parameters, **times})
    uncovered = [row for row in stretches if row["state"] != "covered"]
    catch_ups = query_rows(connection, _CATCH_UPS.format(where=where), {**parameters, "since": since, "now": now})
    rows = CoverageRows(accounts, uncovered, catch_ups)
    gateways = query_rows(connection, _GATEWAYS, {"gateway": gateway})
    return {
        "gateways": gateways,
        "accounts": with_shares(connection, accounts, within, {**parameters, **times}),
        "gaps": gaps.gaps(rows, since=since, every=every),
        "stretches": stretches if every else uncovered,
        "open_questions": gaps.open_questions(rows),
    }


def read_strips(
    connection: Source,
    *,
    gateway: str | None,
    account: str | None,
    since: datetime,
    now: datetime,
    until: datetime | None = None,
) -> dict[tuple[object, object], list[Stretch]]:
    """Return the stretches of each account that reach into the time asked for, covered ones too, each as it lasted.

    A stretch that goes on ends now, or with its log.
    """
    parameters, where = place_of(gateway, account)
    times = {"since": since, "now": now, "until": now if until is None else until}
    rows = query_rows(
        connection,
        f"SELECT s.gateway, s.account, s.from_seq, s.from_time, s.over, s.state"  # noqa: S608 - our own
        f" FROM ({_STRETCHES.format(where=where)}) AS s WHERE s.from_time < :until ORDER BY s.from_seq, s.from_time",
        {**parameters, **times, "sign_of_life": SIGN_OF_LIFE},
    )
    return strips_of(rows)


def end_of_log(last_event_at: object, now: datetime) -> datetime | None:
    """Return when a log ends that nobody records any more; None for one that is recorded."""
    ended = isinstance(last_event_at, datetime) and last_event_at < now - SIGN_OF_LIFE
    return last_event_at if ended and isinstance(last_event_at, datetime) else None


def strips_of(rows: Sequence[Row]) -> dict[tuple[object, object], list[Stretch]]:
    """Return stretches by account; `over` of a row is where it ends, or ended with its log."""
    strips: dict[tuple[object, object], list[Stretch]] = {}
    for row in rows:
        begin, end = row["from_time"], row["over"]
        if isinstance(begin, datetime) and isinstance(end, datetime):
            strips.setdefault((row["gateway"], row["account"]), []).append(Stretch(begin, end, str(row["state"])))
    return strips


def place_of(gateway: str | None, account: str | None) -> tuple[dict[str, str], str]:
    """Return the parameters of a gateway and an account, and the condition on `v` for them."""
    parameters = {key: value for key, value in (("gateway", gateway), ("account", account)) if value is not None}
    return parameters, " AND ".join(f"v.{column} = :{column}" for column in parameters) or "true"


def listed(connection: Source, stretches: str, parameters: Mapping[str, object]) -> Sequence[Row]:
    """Return stretches, given as SQL, in the order of time."""
    return query_rows(connection, _LISTED.format(stretches=stretches), parameters)


def with_shares(
    connection: Source, accounts: Sequence[Row], stretches: str, parameters: Mapping[str, object]
) -> list[Row]:
    """Return accounts with how much of the time each was covered; the stretches are given as SQL."""
    shares = query_rows(connection, _SHARES.format(stretches=stretches), parameters)
    by_account = {(row["gateway"], row["account"]): row for row in shares}
    return [_with_shares(row, by_account.get((row["gateway"], row["account"]), {})) for row in accounts]


def _with_shares(row: Row, share: Row) -> Row:
    covered, observed = _percent(share, "covered"), _percent(share, "observed")
    throughout = covered == 100 and share.get("known") is True
    return {**row, "covered": covered, "observed": observed, "covered_throughout": throughout}


def _percent(share: Row, part: str) -> Decimal | None:
    """Return a part of the time asked for in per cent, rounded down; None where that time is empty."""
    asked, seconds = share.get("asked"), share.get(part)
    if not isinstance(asked, Decimal) or not isinstance(seconds, Decimal) or asked <= 0:
        return None
    return min(100 * seconds / asked, Decimal(100)).quantize(Decimal("0.01"), ROUND_FLOOR)
