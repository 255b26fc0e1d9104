"""Reading what `recon check` judges: open breaks with what is material, and whatever recon does not see."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from recon.db.source import Row, Source, query_rows
from recon.exact import plain
from recon.reads.as_of import ARGUMENTS, AsOf, function_of
from recon.reads.basis import read_basis
from recon.reads.check import document
from recon.reads.check.document import Asked, Document, LogEnd, OpenBreak, Unseen
from recon.reads.check.past import read_unseen
from recon.reads.coverage import read_coverage
from recon.reads.currency import Stale, read_stale
from recon.reads.rules_in_force import rules_in_force

#: Verdicts by which recon says nothing of a unit.
UNJUDGED: Final = frozenset({"unobserved", "unmodelled", "stale"})

_WHERE: Final = """
    (CAST(:gateway AS text) IS NULL OR v.gateway = :gateway)
    AND (CAST(:account AS text) IS NULL OR v.account = :account)
"""
_BREAKS: Final = f"""
    SELECT v.id, v.case_id, v.gateway, v.account, v.unit_kind, v.unit, v.cause, v.certainty, v.severity, v.state,
           v.amount, v.amount_usd, v.opened_at, v.origin_at, v.accepted_until
    FROM recon_exact.open_breaks AS v WHERE {_WHERE} ORDER BY v.opened_at, v.gateway, v.id
"""  # noqa: S608 - our own text
#: Of the past no worth is kept, so that each case counts as material, and neither certainty nor severity.
_PAST_BREAKS: Final = f"""
    SELECT v.id, v.case_id, v.gateway, v.account, v.unit_kind, v.unit, v.cause, NULL AS certainty, NULL AS severity,
           v.state, v.amount, CAST(NULL AS numeric) AS amount_usd, v.opened_at, v.origin_at,
           CAST(NULL AS timestamptz) AS accepted_until
    FROM recon_exact.breaks_as_of{ARGUMENTS} AS v
    WHERE v.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted') AND {_WHERE}
    ORDER BY v.opened_at, v.gateway, v.id
"""  # noqa: S608 - our own text
_UNITS: Final = f"""
    SELECT v.* FROM (
        SELECT b.gateway, b.account, 'asset' AS unit_kind, b.asset AS unit, b.verdict, b.reason, b.observed_at
        FROM recon_exact.balances AS b
        UNION ALL
        SELECT p.gateway, p.account, 'contract', p.symbol, p.verdict, p.reason, p.observed_at
        FROM recon_exact.positions AS p
    ) AS v
    WHERE {_WHERE} ORDER BY v.gateway, v.account, v.unit_kind, v.unit
"""  # noqa: S608 - our own text
_HELD_NOW: Final = ("recon_exact.balances", "recon_exact.positions")
_HELD_THEN: Final = tuple(function_of(view) for view in _HELD_NOW)
#: Of each unit that holds something, what each wanted source said last; none: it said nothing.
_SOURCES: Final = f"""
    SELECT v.gateway, v.account, v.unit_kind, v.unit, c.source, c.at, c.verdict, c.reason
    FROM (
        SELECT b.gateway, b.account, 'asset' AS unit_kind, b.asset AS unit, b.balance AS held, b.reported
        FROM {{0}} AS b
        UNION ALL
        SELECT p.gateway, p.account, 'contract', p.symbol, p.quantity, p.reported FROM {{1}} AS p
    ) AS v
    LEFT JOIN LATERAL (
        SELECT DISTINCT ON (x.source) x.source, x.at, x.verdict, x.reason
        FROM recon_exact.source_checks AS x
        WHERE x.gateway = v.gateway AND x.account = v.account AND x.unit_kind = v.unit_kind AND x.unit = v.unit
          AND x.source = ANY(:sources) AND x.at >= :since AND x.at <= :until AND x.recorded_at <= :known
        ORDER BY x.source, x.at DESC, x.seq DESC, x.number DESC
    ) AS c ON true
    WHERE (v.held <> 0 OR v.reported <> 0) AND {_WHERE}
    ORDER BY v.gateway, v.account, v.unit_kind, v.unit, c.at DESC, c.source
"""  # noqa: S608 - our own text
_ACCOUNTS: Final = f"SELECT count(*) AS accounts FROM recon.accounts AS v WHERE {_WHERE}"  # noqa: S608 - our own text


def read_check(source: Source, asked: Asked, configured: Collection[str], now: datetime) -> Document:
    """Return the answer to a check; `configured` are the gateways that the settings name."""
    past = AsOf(asked.as_of, asked.known_at)
    where = {"gateway": asked.gateway, "account": asked.account, **past.parameters}
    units = query_rows(source, function_of(_UNITS) if past.is_past else _UNITS, where)
    verdicts: dict[str, int] = {}
    for row in units:
        verdicts[str(row["verdict"])] = verdicts.get(str(row["verdict"]), 0) + 1
    accounts, unseen = read_unseen(source, asked, past, now) if past.is_past else _unseen_now(source, asked, configured)
    if not accounts and not unseen:
        unseen = [Unseen(what="nothing", reason="no account was ever seen, so there is nothing to check")]
    since = asked.since or now
    if asked.require_covered:
        unseen += [] if past.is_past else _gaps(source, asked, since, now)
        unseen += map(_unjudged, _without_verdict(units))
    if asked.require_source:
        unseen += _without_source(source, asked, past, now)
    return document.answer(
        asked,
        now,
        logs=[
            LogEnd(
                gateway=each.gateway,
                seq=each.seq,
                digest=each.digest,
                head_seq=each.head_seq,
                rules_digest=each.rules_digest,
                fold_version=each.fold_version,
            )
            for each in read_basis(source, asked.gateway, asked.known_at)
        ],
        accounts=accounts,
        units=verdicts,
        breaks=_breaks(source, query_rows(source, _PAST_BREAKS if past.is_past else _BREAKS, where), asked),
        unseen=unseen,
    )


def _breaks(source: Source, rows: Sequence[Row], asked: Asked) -> list[OpenBreak]:
    """Return the open breaks; a case is material by its open breaks in one account (semantics 10.3)."""
    rules = {name: rules_in_force(source, name) for name in dict.fromkeys(str(row["gateway"]) for row in rows)}
    cases: dict[tuple[str, str, str], list[Decimal | None]] = {}
    for row in rows:
        cases.setdefault(_case(row), []).append(_decimal(row["amount_usd"]))
    material = {key: document.is_material(sizes, rules[key[0]].of(key[1]).material_usd) for key, sizes in cases.items()}
    return [_open_break(row, asked, material=material[_case(row)]) for row in rows]


def _case(row: Row) -> tuple[str, str, str]:
    return str(row["gateway"]), str(row["account"]), str(row["case_id"])


def _open_break(row: Row, asked: Asked, *, material: bool) -> OpenBreak:
    texts = ("id", "case_id", "gateway", "account", "unit_kind", "unit", "cause", "state")
    opened = row["opened_at"]
    if not isinstance(opened, datetime):  # pragma: no cover - the view never has it null
        raise TypeError("a break without the time at which it opened")
    return OpenBreak(
        **{key: str(row[key]) for key in texts},
        certainty=None if row["certainty"] is None else str(row["certainty"]),
        severity=None if row["severity"] is None else str(row["severity"]),
        amount=_plain(row["amount"]) or "0",
        amount_usd=_plain(row["amount_usd"]),
        opened_at=opened,
        origin_at=_time(row["origin_at"]),
        accepted_until=_time(row["accepted_until"]),
        material=material,
        counts=document.counts(asked.fail_on, str(row["state"]), material=material),
    )


def _not_current(stale: Stale) -> Unseen:
    return Unseen(
        what="not_current",
        gateway=stale.gateway,
        account=stale.account,
        from_time=stale.seen_until,
        reason=stale.reason,
    )


def _gaps(source: Source, asked: Asked, since: datetime, now: datetime) -> Iterator[Unseen]:
    """Yield gaps that reach into the time asked for, or are older, and of which something is not accounted for."""
    rows = read_coverage(source, gateway=asked.gateway, account=asked.account, since=since, now=now, every=False)[
        "gaps"
    ]
    for row in rows:
        if row["open"] is not None:
            yield Unseen(
                what="gap",
                gateway=str(row["gateway"]),
                account=str(row["account"]),
                from_time=_time(row["from_time"]),
                until_time=_time(row["back_at"]),
                reason=str(row["open"]),
            )


def _unseen_now(source: Source, asked: Asked, configured: Collection[str]) -> tuple[int, list[Unseen]]:
    """Return how many accounts there are, and what is not current."""
    where = {"gateway": asked.gateway, "account": asked.account}
    ((accounts,),) = [row.values() for row in query_rows(source, _ACCOUNTS, where)]
    stale = read_stale(source, configured, asked.gateway, asked.account)
    return int(str(accounts)), [_not_current(each) for each in stale]


def _without_source(source: Source, asked: Asked, past: AsOf, now: datetime) -> Iterator[Unseen]:
    """Yield units that hold something, and that no wanted source agreed to last."""
    times = {"since": asked.since or now, "until": past.now(now), "known": past.known_at or now, **past.parameters}
    wanted = {"sources": list(asked.require_source), **times}
    select = _SOURCES.format(*(_HELD_THEN if past.is_past else _HELD_NOW))
    units: dict[tuple[str, ...], list[Row]] = {}
    for row in query_rows(source, select, {"gateway": asked.gateway, "account": asked.account, **wanted}):
        key = tuple(str(row[name]) for name in ("gateway", "account", "unit_kind", "unit"))
        units.setdefault(key, []).append(row)
    for (gateway, account, kind, unit), rows in units.items():
        if any(row["verdict"] == "agreed" for row in rows):
            continue
        told = [row for row in rows if row["source"] is not None]
        yield Unseen(
            what="source",
            gateway=gateway,
            account=account,
            unit_kind=kind,
            unit=unit,
            from_time=_time(told[0]["at"]) if told else None,
            reason="; ".join(map(_said, told)) or f"no {' or '.join(asked.require_source)} has told of it since then",
        )


def _said(row: Row) -> str:
    verdict = str(row["verdict"]).replace("_", " ")
    return f"{row['source']}: {verdict}{'' if row['reason'] is None else ', ' + str(row['reason'])}"


def _without_verdict(units: Sequence[Row]) -> Iterator[Row]:
    return (row for row in units if row["verdict"] in UNJUDGED)


def _unjudged(row: Mapping[str, object]) -> Unseen:
    verdict, reason = str(row["verdict"]), row["reason"]
    return Unseen(
        what="unit",
        gateway=str(row["gateway"]),
        account=str(row["account"]),
        unit_kind=str(row["unit_kind"]),
        unit=str(row["unit"]),
        from_time=_time(row["observed_at"]),
        reason=verdict if reason is None else f"{verdict}: {reason}",
    )


def _decimal(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


def _plain(value: object) -> str | None:
    found = _decimal(value)
    return None if found is None else plain(found)


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
