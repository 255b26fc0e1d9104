"""A case as it was at a past time: its breaks, the steps that were known, and its units as they stood.

What the cause rests on, what was tried, worth, severity and who had it are not kept of a past time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from recon.db.source import Row, Source
from recon.reads.as_of import ARGUMENTS, AsOf
from recon.reads.breaks import ALL_BREAKS
from recon.reads.case.leg import archived_of, ends_of
from recon.reads.case.model import Case, Leg
from recon.reads.filter import Filter
from recon.reads.query import Query

_STEPS: Final = """
SELECT h.id, h.gateway, h.seq, h.at, h.event, h.state, h.amount, h.cause, h.reason, h.actor
FROM recon_exact.break_history AS h
WHERE h.gateway = :gateway AND h.id = ANY(CAST(:ids AS text[]))
  AND h.at <= coalesce(CAST(:known_at AS timestamptz), now())
ORDER BY h.seq, h.number"""
_UNITS: Final = f"""
SELECT f.account, f.unit_kind, f.unit, f.opening, f.fills, f.expected, f.explained, f.reported, f.drift, f.unexplained,
       NULL::numeric AS in_flight, f.verdict, f.observed_at, f.cut_seq, f.reason
FROM recon_exact.units_as_of{ARGUMENTS} AS f
WHERE f.gateway = :gateway AND f.account = ANY(CAST(:accounts AS text[])) AND f.unit = ANY(CAST(:units AS text[]))"""  # noqa: S608 - ours
#: What a break of now has besides.
_NOT_KEPT: Final = {
    **dict.fromkeys(("assignee", "note", "certainty", "severity", "amount_usd", "proposal", "rules_version")),
    "evidence": (),
    "tried": (),
}


class PastCase(msgspec.Struct, frozen=True):
    """The breaks of a case that were there, and their steps as far as they were known; with what gives both."""

    breaks: Sequence[Row]
    steps: Sequence[Row]
    queries: Sequence[Query]


def read_past_case(source: Source, gateway: str, case_id: str, as_of: AsOf, now: datetime) -> PastCase:
    """Return a case as it was."""
    breaks = ALL_BREAKS.query(Filter().also(gateway=gateway, case=case_id), now, as_of=as_of)
    found = breaks.rows(source)
    ids = [str(row["id"]) for row in found]
    steps = Query(_STEPS, {"gateway": gateway, "ids": ids, "known_at": as_of.known_at})
    return PastCase(found, steps.rows(source), [breaks, steps])


def case_then(source: Source, past: PastCase, as_of: AsOf, now: datetime, short: str) -> Case:
    """Return the breaks that were there as a case; nobody can do anything about it."""
    first = past.breaks[0]
    gateway = str(first["gateway"])
    accounts, units = (sorted({str(row[name]) for row in past.breaks}) for name in ("account", "unit"))
    asked = {"gateway": gateway, "accounts": accounts, "units": units, **as_of.parameters}
    figures = {_key(row): row for row in Query(_UNITS, asked).rows(source)}
    legs = [_leg(source, gateway, row, past.steps, figures) for row in past.breaks]
    legs.sort(key=lambda leg: (int(leg.row["until_seq"] or 0), str(leg.row["id"])))
    return Case(str(first["case_id"]), short, legs, {}, {}, Decimal(0), as_of.horizon(now))


def _leg(
    source: Source, gateway: str, row: Row, steps: Sequence[Row], figures: Mapping[tuple[object, ...], Row]
) -> Leg:
    return Leg(
        row={**_NOT_KEPT, **row},
        history=[step for step in steps if step["id"] == row["id"]],
        ends=ends_of(source, row),
        kinds={},
        figures=figures.get(_key(row), {}),
        same_unit=(),
        same_case=(),
        age=None,
        business_age=None,
        steps=(),
        archived=archived_of(source, gateway, row),
    )


def _key(row: Row) -> tuple[object, ...]:
    return row["account"], row["unit_kind"], row["unit"]
