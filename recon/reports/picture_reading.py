"""Reading what a printed report draws: open breaks by age, and how the worst units drifted."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from recon.closing.ageing import DEFAULT_BOUNDS, bounds_of
from recon.closing.calendar import calendar_of
from recon.db.source import Source, query_rows
from recon.reads.rules_in_force import rules_in_force
from recon.reports.pictures import Aged, Drift, DriftPoint, Picture, ageing
from recon.reports.reading import Asked

#: How many units are drawn, by how many of their latest observations within how long.
DRAWN_UNITS: Final = 6
DRAWN_POINTS: Final = 400
DRAWN_TIME: Final = timedelta(days=1)

#: The worst first; of the past no worth is known.
_BREAKS: Final = """
    SELECT b.gateway, b.account, b.unit_kind, b.unit, {worth} AS usd, coalesce(b.origin_at, b.opened_at) AS origin_at
    FROM {breaks} AS b
    WHERE b.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')
      AND (CAST(:gateway AS text[]) IS NULL OR b.gateway = ANY(:gateway))
      AND (CAST(:account AS text[]) IS NULL OR b.account = ANY(:account))
    ORDER BY abs({worth}) DESC NULLS FIRST, b.gateway, b.account, b.unit_kind, b.unit, b.id
"""
_OBSERVATIONS: Final = """
    SELECT o.at, o.unexplained FROM recon_exact.observations AS o
    WHERE o.gateway = :gateway AND o.account = :account AND o.unit_kind = :unit_kind AND o.unit = :unit
      AND o.at > :since AND o.at <= :until AND o.judged_at <= :known_at AND o.unexplained IS NOT NULL
    ORDER BY o.at DESC, o.judged_seq DESC LIMIT :points
"""


class _Unit(NamedTuple):
    gateway: str
    account: str
    unit_kind: str
    unit: str


def read_pictures(source: Source, asked: Asked) -> list[Picture]:
    """Return what a printed report of these gateways and accounts draws."""
    text = _BREAKS.format(
        breaks="recon_exact.breaks_as_of(:valid_at, :known_at)" if asked.is_past else "recon_exact.breaks",
        worth="CAST(NULL AS numeric)" if asked.is_past else "b.amount_usd",
    )
    place = {name: list(asked.filter.given.get(name, ())) or None for name in ("gateway", "account")}
    rows = query_rows(source, text, {**place, **asked.times})
    at = asked.past.now(asked.now)
    rules = {name: rules_in_force(source, name) for name in dict.fromkeys(str(row["gateway"]) for row in rows)}
    aged: list[Aged] = []
    bounds: set[tuple[timedelta, ...]] = set()
    for row in rows:
        own = rules[str(row["gateway"])].of(str(row["account"]))
        bounds.add(bounds_of(own))
        usd, origin = row["usd"], row["origin_at"]
        if isinstance(origin, datetime):
            aged.append(Aged(calendar_of(own).age(origin, at), usd if isinstance(usd, Decimal) else None))
    worst = dict.fromkeys(_Unit(*(str(row[key]) for key in _Unit._fields)) for row in rows)
    drifts = [_drift(source, unit, at, asked.past.known_at or asked.now) for unit in list(worst)[:DRAWN_UNITS]]
    # Accounts that count between other bounds than each other are drawn between the usual ones.
    drawn = next(iter(bounds)) if len(bounds) == 1 else DEFAULT_BOUNDS
    return [ageing(aged, drawn), *(each for each in drifts if each.points)]


def _drift(source: Source, unit: _Unit, at: datetime, known_at: datetime) -> Drift:
    times = {"since": at - DRAWN_TIME, "until": at, "known_at": known_at}
    rows = query_rows(source, _OBSERVATIONS, {**unit._asdict(), **times, "points": DRAWN_POINTS})
    points = [
        DriftPoint(when, drift)
        for row in reversed(rows)
        if isinstance(when := row["at"], datetime) and isinstance(drift := row["unexplained"], Decimal)
    ]
    return Drift(f"{unit.unit} of {unit.account} at {unit.gateway}", points)
