"""What needs somebody now, by need: shared by `recon status` and the page's overview.

1. First what stops recon from seeing: nothing below it can be believed until then.
2. Then what waits for a second person, what nobody has taken up, what is not covered, what the settings lack, and what
   somebody should look at. Within a need the largest worth is first, and an unknown worth before all.
3. Each has the command that deals with it, or shows more of it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from recon.db.source import Row, Source, query_rows
from recon.display.ages import time_of_day
from recon.display.figures import amount, count, scale_of
from recon.display.ids import DIGEST, short_ids
from recon.display.words import counted, safe
from recon.reads.breaks import OPEN_CASES
from recon.reads.currency import Stale
from recon.reads.filter import Filter
from recon.reads.finding_advice import advice_on, needs_nobody
from recon.reads.findings import OVER
from recon.reads.rules_in_force import WAITING, rules_of
from recon.reads.unit_advice import advise
from recon.reads.waiting_facts import approval_command, waiting_groups

#: What somebody has to do, the most urgent first; the words of `recon.display.shapes`.
Kind: TypeAlias = Literal["stale", "to approve", "take up", "not covered", "set up", "look at"]

#: Findings of longer ago are no news.
NEWS: Final = timedelta(days=1)
#: Findings of a state that may be over by now: while it lasts, another need tells of it, with its own command. An
#: asset without a balance row is a unit to set up, or a break.
TOLD_ELSEWHERE: Final = ("fact_waits", "rules_wait", "event_refused", "opening_uncertain", "unmapped")

_PROPOSALS: Final = """
    SELECT b.gateway, (b.proposal ->> 'seq')::bigint AS seq, min(b.proposal ->> 'login') AS login,
           min(b.proposal ->> 'cause') AS cause, bool_or(b.proposal ->> 'until_us' IS NOT NULL) AS to_accept,
           array_agg(b.proposal ->> 'digest') AS digests, array_agg(DISTINCT b.case_id) AS cases,
           array_agg(b.amount ORDER BY b.after_seq, b.id) AS amounts,
           array_agg(b.unit ORDER BY b.after_seq, b.id) AS units,
           string_agg(DISTINCT b.account, ', ') AS account,
           CASE WHEN count(*) = count(b.amount_usd) THEN sum(abs(b.amount_usd)) END AS usd,
           min(coalesce(b.origin_at, b.opened_at)) AS since
    FROM recon_exact.open_breaks AS b
    WHERE b.state = 'proposed' AND (CAST(:gateway AS text) IS NULL OR b.gateway = :gateway)
    GROUP BY b.gateway, b.proposal ->> 'seq' ORDER BY usd DESC NULLS FIRST, since, b.gateway, seq
"""
#: Who accepted a case, and until when the first of its acceptances holds.
_ACCEPTED: Final = """
    SELECT DISTINCT ON (b.gateway, b.case_id) b.gateway, b.case_id, b.accepted_until, h.actor
    FROM recon_exact.open_breaks AS b LEFT JOIN LATERAL (
        SELECT s.actor FROM recon_exact.break_history AS s
        WHERE (s.gateway, s.id) = (b.gateway, b.id) AND s.state = 'accepted'
        ORDER BY s.seq DESC, s.number DESC LIMIT 1
    ) AS h ON true
    WHERE b.state = 'accepted' AND (CAST(:gateway AS text) IS NULL OR b.gateway = :gateway)
    ORDER BY b.gateway, b.case_id, b.accepted_until
"""
#: Orders are missing, or it is not known whether some are.
_UNACCOUNTED: Final = """
    SELECT a.gateway, a.account, a.open_orders_unaccounted AS orders, a.reason, a.since FROM recon.accounts AS a
    WHERE (a.open_orders_unaccounted > 0 OR a.state = 'unresolved')
      AND (CAST(:gateway AS text) IS NULL OR a.gateway = :gateway)
    ORDER BY a.gateway, a.account
"""
_NOT_JUDGED: Final = """
    SELECT u.* FROM (
        SELECT b.gateway, b.account, b.asset, b.asset_coinapi, b.reported, b.verdict, b.reason, 'asset' AS kind
        FROM recon_exact.balances AS b
        UNION ALL
        SELECT p.gateway, p.account, p.symbol, NULL, p.reported, p.verdict, p.reason, 'symbol'
        FROM recon_exact.positions AS p
    ) AS u
    WHERE (CAST(:gateway AS text) IS NULL OR u.gateway = :gateway) ORDER BY u.gateway, u.account, u.kind, u.asset
"""
_FINDINGS: Final = f"""
    SELECT f.gateway, f.kind, count(*) AS findings, max(f.seq) AS seq, max(x.recorded_at) AS at
    FROM recon.findings AS f JOIN recon.events AS x ON (x.gateway, x.seq) = (f.gateway, f.seq)
    WHERE x.recorded_at >= :since AND (CAST(:gateway AS text) IS NULL OR f.gateway = :gateway)
      -- What is over is no news.
      AND NOT {OVER}
    GROUP BY f.gateway, f.kind ORDER BY max(x.recorded_at) DESC, f.gateway, f.kind
"""  # noqa: S608 - our own
_REFUSED: Final = """
    SELECT f.gateway, count(*) AS events, max(f.seq) AS seq FROM recon.findings AS f
    WHERE f.kind = 'event_refused' AND (CAST(:gateway AS text) IS NULL OR f.gateway = :gateway)
    GROUP BY f.gateway ORDER BY f.gateway
"""
_GIVEN_UP: Final = """
    SELECT d.channel, count(*) AS messages, max(d.failed_at) AS at FROM recon.deliveries AS d
    WHERE d.state = 'failed' AND d.failed_at >= :since GROUP BY d.channel ORDER BY d.channel
"""


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that needs somebody: what it is, what it is worth, since when, and the command for it."""

    kind: Kind
    what: str
    #: The worth in USD where it has one: `priced`, and null while a rate is missing.
    usd: Decimal | None = None
    priced: bool = False
    since: datetime | None = None
    note: str = ""
    command: str = ""
    gateway: str = ""
    case_id: str | None = None


class Needs(msgspec.Struct, frozen=True):
    """What needs somebody, in the order of need, and the cases that somebody works on."""

    needs: Sequence[Need]
    in_work: Sequence[Need]


def read_needs(source: Source, now: datetime, stale: Sequence[Stale] = (), gateway: str | None = None) -> Needs:
    """Read what needs somebody; `stale` is what is not current (`recon.reads.currency`)."""
    asked = {"gateway": gateway}
    cases = OPEN_CASES.query(Filter().also(gateway=gateway), now).rows(source)
    short = short_ids([str(row["case_id"]) for row in cases])
    approving = [*_proposals(source, asked), *_facts(source, gateway), *_rules(source, gateway)]
    found = [
        *_blind(stale),
        *approving,
        *(_case(row, short, "take up") for row in cases if row["need"] == "take up"),
        *_not_covered(source, asked, stale),
        *set_up(source, asked),
        *_look_at(source, asked, now),
    ]
    in_work = [row for row in cases if row["need"] == "in work"]
    any_accepted = any(row["state"] == "accepted" for row in in_work)
    accepted = {
        (row["gateway"], row["case_id"]): row for row in (query_rows(source, _ACCEPTED, asked) if any_accepted else ())
    }
    return Needs(
        found, [_case(row, short, "in work", accepted.get((row["gateway"], row["case_id"]))) for row in in_work]
    )


def _blind(stale: Sequence[Stale]) -> Iterator[Need]:
    """Yield what stops recon from seeing; gateways that one service should record are one line."""
    gateways = [each for each in stale if each.account is None]
    for reason in dict.fromkeys(each.reason for each in gateways):
        alike = [each for each in gateways if each.reason == reason]
        names = ", ".join(each.gateway for each in alike)
        since = min((each.seen_until for each in alike if each.seen_until is not None), default=None)
        text, _, command = reason.partition("; start `")
        yield Need(kind="stale", what=f"{names}: {text}", since=since, command=command.rstrip("`") or "recon doctor")


def _case(row: Row, short: dict[str, str], need: str, acceptance: Row | None = None) -> Need:
    """Return a case; of one whose open legs are all accepted also by whom, and until when."""
    start = short[str(row["case_id"])]
    who, until = str(row["who"] or ""), ""
    if acceptance is not None and row["state"] == "accepted":
        who = str(acceptance["actor"] or who)
        until = f"; accepted until {time_of_day(_time(acceptance['accepted_until']))}"
    command = shell("recon", "break", "assign", "--case", start, "--to", "WHO")
    return Need(
        kind="take up",
        what=f"{amounts_said(row)} {_text(row['cause'])}, {_text(row['account'])}{until}",
        usd=_usd(row["amount_usd"]),
        priced=True,
        since=_time(row["since"]),
        note=_text(who) if need == "in work" else "",
        command=command if need == "take up" else shell("recon", "break", "show", start),
        gateway=str(row["gateway"]),
        case_id=str(row["case_id"]),
    )


def _proposals(source: Source, asked: dict[str, str | None]) -> Iterator[Need]:
    for row in query_rows(source, _PROPOSALS, asked):
        digest = _joint([str(each) for each in _list(row["digests"])])[:DIGEST]
        cases = _list(row["cases"])
        what = "to live with it" if row["to_accept"] else _text(row["cause"])
        others = f" and {counted(len(cases) - 1, 'more case')}" if len(cases) > 1 else ""
        yield Need(
            kind="to approve",
            what=f"{amounts_said(row)} {what}, {_text(row['account'])}{others}",
            usd=_usd(row["usd"]),
            priced=True,
            since=_time(row["since"]),
            note=f"proposed by {_text(row['login'])}; it wants an approval, by another login if it is material",
            command=shell("recon", "break", "approve", digest),
            gateway=str(row["gateway"]),
            case_id=str(cases[0]),
        )


def _joint(digests: Sequence[str]) -> str:
    from recon.reconciliation.breaks.decisions import joint_digest  # noqa: PLC0415 - `recon status` starts without it

    return joint_digest(digests)


def _facts(source: Source, gateway: str | None) -> Iterator[Need]:
    for group in waiting_groups(source, gateway):
        shown = group.shown
        yield Need(
            kind="to approve",
            what=f"{counted(len(group.facts), 'fact')} of {_text(shown['account'])}: {_text(shown['what'])}",
            usd=_usd(shown["usd"]),
            priced=True,
            since=_time(shown["told_at"]),
            note=f"told by {_text(shown['told_by'])}; a second person decides",
            command=approval_command(group.digest),
            gateway=group.gateway,
        )


def _rules(source: Source, gateway: str | None) -> Iterator[Need]:
    names = [str(row["name"]) for row in query_rows(source, "SELECT name FROM recon.gateways ORDER BY name", {})]
    for name in names if gateway is None else [gateway]:
        for row in rules_of(source, name):
            if row["state"] == WAITING:
                yield Need(
                    kind="to approve",
                    what=f"looser rules of {name}; the former ones hold until then",
                    since=_time(row["at"]),
                    note=_text(row["looser"] or ""),
                    command=shell("recon", "rules", "approve", str(row["digest"])[:DIGEST]),
                    gateway=name,
                )


def _not_covered(source: Source, asked: dict[str, str | None], stale: Sequence[Stale]) -> Iterator[Need]:
    for row in query_rows(source, _UNACCOUNTED, asked):
        orders = int(str(row["orders"]))
        why = f"{counted(orders, 'order')} not accounted for since a gap" if orders else _text(row["reason"])
        yield Need(
            kind="not covered",
            what=f"{_text(row['account'])}: {why}",
            since=_time(row["since"]),
            command=shell("recon", "coverage", "--account", row["account"]),
            gateway=str(row["gateway"]),
        )
    for each in stale:
        if each.account is not None and not each.heard:
            yield Need(
                kind="not covered",
                what=f"{_text(each.account)}: {_text(each.reason)}",
                since=each.seen_until,
                command=shell("recon", "coverage", "--account", each.account),
                gateway=each.gateway,
            )


def set_up(source: Source, asked: dict[str, str | None]) -> Iterator[Need]:
    """Yield the accounts with units that are not judged for want of settings, each with a reason."""
    rows = query_rows(source, _NOT_JUDGED, asked)
    told: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row["verdict"] in {"unmodelled", "unobserved"}:
            told.setdefault((str(row["gateway"]), str(row["account"]), str(row["kind"])), []).append(row)
    for (gateway, account, kind), units in told.items():
        of_account = [row for row in rows if (row["gateway"], row["account"], row["kind"]) == (gateway, account, kind)]
        advices = [advise(unit, of_account) for unit in units]
        # What a line of the settings mends comes first.
        advice = next((each for each in advices if each is not None and each.add), advices[0])
        why = "" if advice is None else f": {_text(advice.why).removesuffix(': shown, not judged')}"
        names = ", ".join(_text(row["asset"]) for row in units)
        verb = "is" if len(units) == 1 else "are"
        yield Need(
            kind="set up",
            what=f"{_text(account)} {names} {verb} not judged{why}",
            note="it prints the lines to add" if kind == "asset" and advice is not None and advice.add else "",
            command=shell("recon", "balances" if kind == "asset" else "positions", "--account", account),
            gateway=gateway,
        )


def _look_at(source: Source, asked: dict[str, str | None], now: datetime) -> Iterator[Need]:
    for row in query_rows(source, _REFUSED, asked):
        events = counted(int(str(row["events"])), "event")
        yield Need(
            kind="look at",
            what=f"the books of {row['gateway']} lack {events} that could not be folded",
            command=shell("recon", "events", "--gateway", row["gateway"], "--refused"),
            gateway=str(row["gateway"]),
        )
    for row in query_rows(source, _FINDINGS, {**asked, "since": now - NEWS}):
        kind = str(row["kind"])
        if not needs_nobody(kind) and kind not in TOLD_ELSEWHERE:
            findings = counted(int(str(row["findings"])), "finding")
            yield Need(
                kind="look at",
                what=f"{findings} {kind}, {row['gateway']} event {count(int(str(row['seq'])))}",
                since=_time(row["at"]),
                note=advice_on(kind),
                command=shell("recon", "findings", "--filter", f"kind={kind}"),
                gateway=str(row["gateway"]),
            )
    for row in query_rows(source, _GIVEN_UP, {"since": now - NEWS}):
        yield Need(
            kind="look at",
            what=f"{counted(int(str(row['messages'])), 'message')} to {_text(row['channel'])} were given up",
            since=_time(row["at"]),
            command="recon alerts pending",
        )


def amounts_said(row: Row) -> str:
    """Return the amounts of a case: `+0.200 ETH, -600.00800 USDT`."""
    pairs = zip(_list(row["amounts"]), _list(row["units"]), strict=True)
    parts = []
    for value, unit in pairs:
        number = Decimal(str(value))
        parts.append(amount(number, _text(unit), scale_of([number])))
    return ", ".join(parts[:_SHOWN]) + (f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else "")


#: Most legs of a case that are written out.
_SHOWN: Final = 3


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def _usd(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def shell(*words: object) -> str:
    """Return words as a shell takes them."""
    return shlex.join(_text(str(word)) for word in words)


def _text(value: object) -> str:
    return safe(str(value))
