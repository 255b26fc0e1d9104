"""Coverage: whether every account was seen all the time, and what each gap hid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final, TypeAlias

import msgspec
from markupsafe import Markup

from recon.db.source import Row, Source
from recon.display.ages import duration, skew
from recon.display.charts.strips import coverage_strip
from recon.display.strip import Stretch
from recon.display.worth import share
from recon.errors import ConfigError
from recon.reads.as_of import AsOf
from recon.reads.coverage import end_of_log, read_coverage, read_strips
from recon.reads.known_names import check_filter
from recon.reads.past_coverage import PAST_SQL, read_past_coverage
from recon.reads.query import Query
from recon.times import microseconds
from recon.web.addresses import event_address, with_query
from recon.web.charted import charted
from recon.web.filter_fields import fields_of, filter_of
from recon.web.screen import BOOKS, Asked, Screen, View

#: How far back the strips go, by name; the first is the default.
SPANS: Final = {
    "1h": timedelta(hours=1),
    "15m": timedelta(minutes=15),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}
FILTERS: Final = ("gateway", "account")
#: Most gaps that are listed; of more, the newest.
MAX_GAPS: Final = 200

_SQL: Final = """
SELECT v.gateway, v.account, v.state, v.from_time, v.until_time, v.lasted, v.reason, v.recovery
FROM recon.coverage AS v
WHERE coalesce(v.until_time, :now) > :since
  AND (CAST(:gateway AS text) IS NULL OR v.gateway = :gateway)
  AND (CAST(:account AS text) IS NULL OR v.account = :account)
ORDER BY v.gateway, v.account, v.from_seq"""


#: The stretches of each account, by gateway and account.
Strips: TypeAlias = Mapping[tuple[object, object], Sequence[Stretch]]


class AccountCoverage(msgspec.Struct, frozen=True):
    """One account: its state, its strip, and what there is to know of it."""

    key: str
    account: str
    state: str
    reason: str
    strip: Markup
    share: str
    since: datetime | None
    gaps: int
    unaccounted: int
    seen: datetime | None
    clock: str
    address: str


class GatewayCoverage(msgspec.Struct, frozen=True):
    """The accounts of a gateway."""

    name: str
    state: str
    last_event_at: datetime | None
    accounts: Sequence[AccountCoverage]


def _read(source: Source, asked: Asked) -> View:
    wanted = filter_of(asked.query, FILTERS)
    check_filter(source, wanted)
    gateway, account = (next(iter(values), None) for values in (wanted.gateway, wanted.account))
    span = asked.query.get("span") or "1h"
    if span not in SPANS:
        raise ConfigError(f"coverage has no time {span!r}; it has {', '.join(SPANS)}")
    now = asked.as_of.horizon(asked.now)
    since = now - SPANS[span]
    if asked.as_of.is_past:
        found, strips, query = read_then(source, asked.as_of, gateway=gateway, account=account, since=since, now=now)
    else:
        found, strips = read_both(source, gateway=gateway, account=account, since=since, now=now)
        query = Query(_SQL, {"now": now, "since": since, "gateway": gateway, "account": account})
    start = start_of(strips, since)
    gaps = [_gap(row) for row in reversed(found["gaps"]) if row["gap"]]
    groups = groups_of(found, strips, start, now)
    known = [each for group in groups for each in group.accounts]
    here = [*((name, asked.query.get(name)) for name in FILTERS), *asked.as_of.pairs()]
    choices = {
        "gateway": sorted({str(row["name"]) for row in found["gateways"]}),
        "account": sorted({each.account for each in known}),
    }
    return View(
        not_kept="what became of a gap, orders that were not accounted for, the last sign of life and the EMS's clock.",
        sql=query.sql(),
        listed=query,
        values={
            "groups": groups,
            "covered": sum(each.state == "covered" for each in known),
            "total": len(known),
            "unaccounted": sum(each.unaccounted for each in known),
            "from_time": start,
            "spans": [
                (name, with_query("/coverage", [*here, ("span", name if name != "1h" else None)]), name == span)
                for name in SPANS
            ],
            "span": span,
            "gaps": gaps[:MAX_GAPS],
            "all_gaps": len(gaps),
            "questions": found["open_questions"],
            "uncovered": [row for row in reversed(found["stretches"]) if row["state"] != "covered"][:MAX_GAPS],
            "fields": fields_of(asked.query, FILTERS, choices),
            "asked": " and ".join(wanted.words()),
        },
    )


def read_then(
    source: Source, as_of: AsOf, *, gateway: str | None, account: str | None, since: datetime, now: datetime
) -> tuple[Mapping[str, Sequence[Row]], Strips, Query]:
    """Return the coverage from a past time on until another, its strips and its SQL; each gateway is a name alone."""
    then = read_past_coverage(source, as_of, gateway=gateway, account=account, since=since, until=now, every=True)
    names = dict.fromkeys(str(row["gateway"]) for row in then.document["accounts"])
    gateways = [{"name": name, "state": "", "last_event_at": None} for name in names]
    query = Query(PAST_SQL, {**as_of.parameters, "gateway": gateway, "account": account})
    return {**then.document, "gateways": gateways}, then.strips, query


def read_both(
    source: Source, *, gateway: str | None, account: str | None, since: datetime, now: datetime
) -> tuple[dict[str, Sequence[Row]], Strips]:
    """Return the coverage from a time on, and the strips of it."""
    found = read_coverage(source, gateway=gateway, account=account, since=since, now=now, every=True)
    return found, read_strips(source, gateway=gateway, account=account, since=since, now=now)


def start_of(strips: Strips, since: datetime) -> datetime:
    """Return where strips begin: where something is known, but not before the time asked for."""
    return max(since, min((each.begin for stretches in strips.values() for each in stretches), default=since))


def groups_of(
    found: Mapping[str, Sequence[Row]], strips: Strips, start: datetime, now: datetime
) -> list[GatewayCoverage]:
    """Return the accounts of each gateway, with a strip from `start` to now."""
    gaps = {
        key: len(list(rows))
        for key, rows in groupby(sorted((row for row in found["gaps"] if row["gap"]), key=_key), key=_key)
    }
    gateways = {str(row["name"]): row for row in found["gateways"]}
    groups = []
    number = 0
    for name, rows in groupby(found["accounts"], key=lambda row: str(row["gateway"])):
        accounts = []
        for row in rows:
            number += 1
            key = _key(row)
            stretches = charted(strips.get(key, []), end_of_log(gateways[name]["last_event_at"], now))
            drawn = coverage_strip(f"cov-{number}", key[1], stretches, microseconds(start), microseconds(now))
            accounts.append(_account(row, gaps.get(key, 0), Markup(drawn)))  # noqa: S704 - it escapes its texts
        gateway = gateways[name]
        last = gateway["last_event_at"]
        groups.append(
            GatewayCoverage(name, str(gateway["state"]), last if isinstance(last, datetime) else None, accounts)
        )
    return groups


def _account(row: Row, gaps: int, strip: Markup) -> AccountCoverage:
    gateway, account = _key(row)
    covered, since, seen = row["covered"], row["since"], row["last_alive_at"]
    return AccountCoverage(
        key=f"{gateway} {account}",
        account=account,
        state=str(row["state"]),
        reason=str(row["reason"] or ""),
        strip=strip,
        share=share(covered if isinstance(covered, Decimal) else None),
        since=since if isinstance(since, datetime) else None,
        gaps=gaps,
        unaccounted=int(str(row.get("open_orders_unaccounted") or 0)),
        seen=seen if isinstance(seen, datetime) else None,
        clock=skew(row["clock_skew"] if isinstance(row["clock_skew"], timedelta) else None),
        address=with_query("/units", [("gateway", gateway), ("account", account)]),
    )


def _gap(row: Row) -> dict[str, object]:
    gateway, account = _key(row)
    ended, back = row["whole_at"], row["back_at"]
    took = ended - back if isinstance(ended, datetime) and isinstance(back, datetime) else None
    return {
        "key": f"{gateway} {account} {row['from_seq']}",
        "gateway": gateway,
        "account": account,
        "lasted": duration(row["lasted"] if isinstance(row["lasted"], timedelta) else None),
        "state": "complete"
        if row["open"] is None
        else "running"
        if row["whole_at"] is None and not row["requests"]
        else "unresolved",
        "open": row["open"] or "",
        "from": row["from_time"],
        "until": back,
        "event": event_address(gateway, int(str(row["from_seq"]))),
        "seq": row["from_seq"],
        "why": ", ".join(str(reason) for reason in _list(row["reasons"])),
        "took": duration(took),
        "orders": _count(row, "orders_found"),
        "fills": _count(row, "fills_found"),
    }


def _count(row: Row, name: str) -> int | None:
    return None if row[name] is None else int(str(row[name]))


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else []


def _key(row: Row) -> tuple[str, str]:
    return str(row["gateway"]), str(row["account"])


SCREEN: Final = Screen(
    name="coverage",
    path="/coverage",
    title="Coverage",
    question="Was every account seen all the time, and if not, what did the gap hide?",
    template="coverage.html",
    read=_read,
    has_file=True,
    takes=(*FILTERS, "span"),
    menu="Coverage",
    key="c",
    changes_with=BOOKS,
)
