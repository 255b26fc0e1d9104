"""All units: what is held, and whether it agrees."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Final

import msgspec

from recon.db.source import Row, Source
from recon.display.figures import Figure, figure, scale_of
from recon.display.worth import NO_RATE, worth_figure
from recon.exact import EXACT
from recon.reads.as_of import NOW, AsOf
from recon.reads.filter import Filter
from recon.reads.known_names import check_filter
from recon.reads.query import Query
from recon.reads.unit_advice import UnitAdvice, advise, advise_then
from recon.reads.unit_rows import units_of
from recon.web import csv_file
from recon.web.addresses import unit_address, with_query
from recon.web.filter_fields import fields_of, filter_of
from recon.web.rendering import room_of
from recon.web.screen import BOOKS, Asked, Screen, View

FILTERS: Final = ("gateway", "account", "unit", "verdict")
VERDICTS: Final = ("break", "pending", "stale", "unmodelled", "unobserved", "agreed")
#: Most rows of the screen; more are narrowed by a filter.
MAX_ROWS: Final = 1000

_COLUMNS: Final = {
    "gateway": "u.gateway",
    "account": "u.account",
    "unit": "u.unit",
    "verdict": "u.verdict",
}
_ACCOUNTS: Final = Query("SELECT a.gateway, a.account, a.state FROM recon.accounts AS a ORDER BY a.gateway, a.account")


class UnitRow(msgspec.Struct, frozen=True):
    """A unit as a row."""

    key: str
    unit: str
    kind: str
    address: str
    drift: Figure
    verdict: str
    reported: Figure
    expected: Figure
    seen: datetime | None
    worth: Figure
    in_flight: Figure
    rate: Figure
    why: str
    #: Lines of the settings that would have it judged.
    add: str
    is_dust: bool


class AccountUnits(msgspec.Struct, frozen=True):
    """The units of an account, with how each is aligned."""

    gateway: str
    account: str
    rows: Sequence[UnitRow]


#: How the view of each kind names its units.
_NAMES: Final = {"asset": "asset", "contract": "symbol"}
_FIGURES: Final = ("drift", "reported", "expected", "worth", "in_flight", "rate")


def _read(source: Source, asked: Asked) -> View:
    wanted = filter_of(asked.query, FILTERS)
    wanted.check_words()
    check_filter(source, wanted)
    query = _units(wanted, asked)
    found = query.rows(source)
    of_accounts = msgspec.structs.replace(wanted, unit=(), verdict=())
    # Why a unit is not judged can rest on what else its account has.
    known = found if of_accounts == wanted or asked.as_of.is_past else _units(of_accounts, asked).rows(source)
    accounts = _ACCOUNTS.rows(source)
    choices = {
        "gateway": sorted({str(row["gateway"]) for row in accounts}),
        "account": sorted({str(row["account"]) for row in accounts}),
        "verdict": VERDICTS,
    }
    return View(
        not_kept="rates, so worth too, and what was in flight.",
        sql=query.sql(),
        listed=Query(query.text, {**query.parameters, "limit": csv_file.MAX_ROWS}),
        values={
            **values_of(found[:MAX_ROWS], asked.query, known=known, as_of=asked.as_of),
            "more": len(found) > MAX_ROWS,
            "fields": fields_of(asked.query, FILTERS, choices),
            "asked": " and ".join(wanted.words()),
        },
    )


def _units(wanted: Filter, asked: Asked) -> Query:
    """Return the query of the units of a filter."""
    condition = wanted.condition(_COLUMNS, asked.now)
    return Query(
        f"SELECT u.* FROM ({units_of(asked.as_of)}\n) AS u\nWHERE {condition.text}\n"  # noqa: S608 - values are parameters
        "ORDER BY u.gateway, u.account, u.unit_kind, u.unit\nLIMIT :limit",
        {**condition.parameters, **asked.as_of.parameters, "limit": MAX_ROWS + 1},
    )


def values_of(
    found: Sequence[Row], query: Mapping[str, str], *, known: Sequence[Row] = (), as_of: AsOf = NOW
) -> Mapping[str, object]:
    """Return units as the screen shows them; `known` are all units of their accounts, also where a list is narrowed."""
    shown = {_identity(row) for row in found}
    others: dict[tuple[object, object], list[Row]] = defaultdict(list)
    for row in known:
        if _identity(row) not in shown:
            others[row["gateway"], row["account"]].append(row)
    groups = [
        AccountUnits(str(place[0]), str(place[1]), _rows(list(rows), others[place], past=as_of.is_past))
        for place, rows in groupby(found, key=lambda row: (row["gateway"], row["account"]))
    ]
    rows = [row for group in groups for row in group.rows]
    counts = Counter(row.verdict for row in rows)
    here = [*((name, query.get(name)) for name in FILTERS if name != "verdict"), *as_of.pairs()]
    return {
        "groups": groups,
        "rooms": {name: room_of([getattr(row, name) for row in rows]) for name in _FIGURES},
        "counts": [
            (verdict, counts[verdict], with_query("/units", [*here, ("verdict", verdict)]))
            for verdict in VERDICTS
            if counts[verdict]
        ],
        "total": len(rows),
    }


def _identity(row: Row) -> tuple[object, ...]:
    return row["gateway"], row["account"], row["unit_kind"], row["unit"]


def _rows(rows: Sequence[Row], others: Sequence[Row], *, past: bool) -> list[UnitRow]:
    """Return the units of an account, those that are not judged with why and the lines of the settings to add."""
    known = [*rows, *others]
    named = {kind: [_named(row, name) for row in known if row["unit_kind"] == kind] for kind, name in _NAMES.items()}
    shown = []
    for row in rows:
        kind = str(row["unit_kind"])
        advice = advise(_named(row, _NAMES[kind]), named[kind], _NAMES[kind])
        said = UnitAdvice(str(row["reason"] or "")) if advice is None else advice
        shown.append(_row(row, advise_then(row) or UnitAdvice("") if past else said))
    return shown


def _named(row: Row, name: str) -> Row:
    """Return a unit as the view of its kind names it."""
    return {**row, name: row["unit"], f"{name}_coinapi": row["coinapi"]}


def _row(row: Row, advice: UnitAdvice) -> UnitRow:
    gateway, account, unit, kind = (str(row[name]) for name in ("gateway", "account", "unit", "unit_kind"))
    reported, expected, drift = (_decimal(row[name]) for name in ("reported", "expected", "drift"))
    scale = scale_of((reported, expected, drift))
    rate = _decimal(row["rate_usd"])
    return UnitRow(
        key=f"{gateway} {account} {kind} {unit}",
        unit=unit,
        kind=kind,
        address=unit_address(gateway, account, unit, kind),
        drift=figure(drift, scale, signed=True),
        verdict=str(row["verdict"]),
        reported=figure(reported, scale),
        expected=figure(expected, scale),
        seen=row["observed_at"] if isinstance(row["observed_at"], datetime) else None,
        worth=_worth(drift, rate, str(row["verdict"])),
        in_flight=figure(_decimal(row["in_flight"]), signed=True),
        rate=worth_figure(rate) if rate is not None else Figure("-"),
        why=advice.why,
        add="\n".join(advice.add),
        is_dust=bool(drift) and row["verdict"] == "agreed",
    )


def _worth(drift: Decimal | None, rate: Decimal | None, verdict: str) -> Figure:
    """Return what a difference is worth; nothing of one within the tolerance."""
    if not drift or verdict == "agreed":
        return Figure("")
    return Figure(NO_RATE) if rate is None else worth_figure(EXACT.multiply(drift, rate), signed=True)


def _decimal(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


SCREEN: Final = Screen(
    name="units",
    path="/units",
    title="Units",
    question="What is held, and does it agree?",
    template="units.html",
    read=_read,
    has_file=True,
    takes=FILTERS,
    menu="Units",
    key="u",
    changes_with=BOOKS,
)
