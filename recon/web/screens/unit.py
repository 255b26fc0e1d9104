"""One unit: since when its balance differs, and by how much."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Context, Decimal
from typing import Final

import msgspec
from markupsafe import Markup

from recon.db.source import Row, Source
from recon.display.ages import duration
from recon.display.charts.drift import BreakMark, DriftHistory, DriftPoint, drift_chart
from recon.display.figures import Figure, figure, padded, scale_of
from recon.display.worth import worth
from recon.errors import ConfigError
from recon.exact import EXACT
from recon.nearest import listed, sentence
from recon.reads.query import Query
from recon.reads.source_words import source_words
from recon.reads.unit_history import UnitHistory, find_units, read_history, window_of
from recon.reads.unit_rows import units_of
from recon.reads.unit_sources import read_sources
from recon.times import microseconds, parse_time
from recon.web.addresses import case_address, event_address, unit_address, with_query
from recon.web.charted import charted
from recon.web.rendering import room_of
from recon.web.screen import BOOKS, Asked, NothingThere, Screen, View

#: How long the chart is, by name; the first is the default.
SPANS: Final = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}
#: What a unit may be, where an asset and a contract have one name.
KINDS: Final = ("asset", "contract")
#: Most observations in the table; the chart has all.
LISTED: Final = 60
_NAMES: Final = "SELECT u.account || '/' || u.unit AS place FROM ({units}\n) AS u WHERE u.gateway = :gateway"


class SpanLink(msgspec.Struct, frozen=True):
    """A length of the chart, and where it is."""

    name: str
    address: str
    here: bool


class EntryRow(msgspec.Struct, frozen=True):
    """An entry of the books as a row."""

    number: int
    at: datetime
    seq: int
    address: str
    cause: str
    amount: Figure
    running: Figure


class Observed(msgspec.Struct, frozen=True):
    """A row of the table of observations."""

    at: datetime
    seq: int
    address: str
    reported: Figure
    expected: Figure
    drift: Figure
    unexplained: Figure
    verdict: str


def _read(source: Source, asked: Asked) -> View:
    unit = _unit_at(source, asked)
    span = _span(asked.query.get("span"))
    now, past = asked.as_of.horizon(asked.now), asked.as_of.is_past
    until = _until(asked, now)
    history = read_history(source, unit, until - SPANS[span], until, now, asked.as_of)
    gateway, account, code = (str(unit[name]) for name in ("gateway", "account", "unit"))
    here, kind = unit_address(gateway, account, code), asked.query.get("kind")
    scale = _scale(history)
    rows = [_observed(gateway, row, scale) for row in reversed(history.observations[-LISTED:])]
    entries = [_entry(gateway, row) for row in history.entries]
    return View(
        title=f"{code}, {account}",
        sql=history.query.sql(),
        not_kept="rates, so worth and tolerances in USD; what was in flight; how sure a cause was; who had a break.",
        values={
            "unit": unit,
            "chart": Markup(drift_chart(_drift(history))),  # noqa: S704 - the chart escapes its texts
            "tolerance": _rounded_up(history.bound.amount),
            "follows_from": _follows_from(history),
            "within": _is_within(unit, history),
            "spans": [SpanLink(name, _at(here, name, kind, asked.query.get("until")), name == span) for name in SPANS],
            "earlier": _at(here, span, kind, _iso(until - SPANS[span])),
            "later": None if until >= now else _at(here, span, kind, _iso(until + SPANS[span])),
            "rows": rows,
            "total": len(history.observations),
            "more": history.more,
            "rooms": {name: room_of([getattr(row, name) for row in rows]) for name in _FIGURES},
            "entry_rooms": {name: room_of([getattr(row, name) for row in entries]) for name in ("amount", "running")},
            "lines": _arithmetic(unit),
            "drift_usd": _worth(unit),
            "breaks": [_break(row, scale, past=past) for row in history.breaks],
            "entries": entries,
            "open_breaks": sum(row["closed_at"] is None for row in history.breaks),
            "window": duration(window_of(history.rules)),
            "fees": "by schedule" if history.rules.fees else "learned from each fill",
            "ends_at": history.ends_at,
            "sources": [(str(row["source"]), source_words(row)) for row in read_sources(source, unit, asked.as_of)],
            "units_address": with_query("/units", [("gateway", gateway), ("account", account)]),
            "seen_address": None if unit["cut_seq"] is None else event_address(gateway, _int(unit["cut_seq"])),
        },
    )


_FIGURES: Final = ("reported", "expected", "drift", "unexplained")


def _unit_at(source: Source, asked: Asked) -> Row:
    gateway, place = asked.path["gateway"], asked.path["place"]
    found = find_units(source, gateway, place, asked.as_of)
    kind = asked.query.get("kind")
    if kind not in {None, *KINDS}:
        raise ConfigError(f"there is no kind of unit {kind!r}; it is {listed(KINDS, 'or')}")
    fitting = [row for row in found if kind in {None, row["unit_kind"]}]
    if fitting:
        return fitting[0]
    names = _NAMES.format(units=units_of(asked.as_of))
    known = [str(row["place"]) for row in Query(names, {"gateway": gateway, **asked.as_of.parameters}).rows(source)]
    then = " was known then" if asked.as_of.is_past else ""
    raise NothingThere(
        f"No unit{then} is at {gateway}/{place}. {sentence(place, known)}"
        if known
        else f"No unit of gateway {gateway}{then or ' is known'}."
    )


def _span(text: str | None) -> str:
    if text is None or text in SPANS:
        return text or "15m"
    raise ConfigError(f"a chart has no length {text!r}; it has {', '.join(SPANS)}")


def _until(asked: Asked, now: datetime) -> datetime:
    text = asked.query.get("until")
    if not text:
        return now
    at = parse_time(text, now)
    if at is None:
        raise ConfigError(f"until={text} is no time: give one such as 2026-01-05T09:00:00Z")
    return min(at, now)


def _at(here: str, span: str, kind: str | None, until: str | None) -> str:
    return with_query(here, [("kind", kind), ("span", None if span == "15m" else span), ("until", until)])


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _worth(unit: Row) -> str | None:
    """Return what the unexplained drift is worth; None where there is none, or no rate."""
    rate, drift = _decimal(unit["rate_usd"]), _decimal(unit["unexplained"])
    return None if not drift or rate is None else f"worth {worth(EXACT.multiply(rate, drift), signed=True)}"


def _rounded_up(tolerance: Decimal) -> str:
    """Return a tolerance with two digits that matter; one that follows from doubles has fifty."""
    digits = Context(prec=2, rounding=ROUND_CEILING)
    return figure(digits.plus(tolerance)).text


def _follows_from(history: UnitHistory) -> str:
    """Return what the tolerance follows from, in words: which value of the settings, or the numbers themselves."""
    of, rules, unit = history.bound.of, history.rules, str(history.unit["unit"])
    if of == "computed":
        return "what a sum of such numbers may be off by; none that is set is wider"
    own = rules.units.get(unit)
    whose = f"unit {unit}" if own is not None and own.tolerance is not None else "the account"
    value: Decimal = getattr(rules.tolerance_of(unit), of)
    rate = _decimal(history.unit["rate_usd"])
    at = f" at {figure(rate).text} USD" if of == "usd" and rate is not None else ""
    return f"{of} = {figure(value).text} of {whose}{at}"


def _is_within(unit: Row, history: UnitHistory) -> bool:
    """True if the unit agrees with a difference that the tolerance lets pass."""
    drift = _decimal(unit["unexplained"])
    return unit["verdict"] == "agreed" and bool(drift) and drift is not None and abs(drift) <= history.bound.amount


def _scale(history: UnitHistory) -> int:
    columns = ("reported", "expected", "drift", "unexplained")
    return scale_of(
        value for row in history.observations for name in columns if isinstance(value := row[name], Decimal)
    )


def _observed(gateway: str, row: Row, scale: int) -> Observed:
    seq = _int(row["seq"])
    return Observed(
        at=_time(row["at"]),
        seq=seq,
        address=event_address(gateway, seq),
        reported=figure(_decimal(row["reported"]), scale),
        expected=figure(_decimal(row["expected"]), scale),
        drift=figure(_decimal(row["drift"]), scale, signed=True),
        unexplained=figure(_decimal(row["unexplained"]), scale, signed=True),
        verdict=str(row["verdict"]),
    )


def _drift(history: UnitHistory) -> DriftHistory:
    """Return what the chart shows; after the end of a log that nobody records, nothing is known."""
    until, since = microseconds(history.until), microseconds(history.since)
    known = [_us(row["at"]) for row in history.observations[:1]]
    known += [microseconds(each.begin) for each in history.coverage[:1]]
    observed = history.unit["observed_at"]
    return DriftHistory(
        unit=str(history.unit["unit"]),
        account=str(history.unit["account"]),
        from_us=min(max(since, min(known, default=since)), until),
        until_us=until,
        points=[
            DriftPoint(
                _us(row["at"]),
                _us(row["judged_at"]),
                _int(row["seq"]),
                _decimal(row["unexplained"]),
                str(row["verdict"]),
            )
            for row in history.observations
        ],
        coverage=charted(history.coverage, history.ends_at),
        breaks=[
            BreakMark(
                _us(row["origin_at"]),
                _us(row["opened_at"]),
                _int(row["until_seq"]),
                _decimal(row["amount"]) or Decimal(0),
                str(row["cause"]),
            )
            for row in history.breaks
        ],
        tolerance=history.bound.amount,
        observed_us=microseconds(observed) if isinstance(observed, datetime) else None,
    )


def _arithmetic(unit: Row) -> list[tuple[str, Figure, bool]]:
    """Return what the report is made of, so that it adds up: each line, its figure, and whether it is a sum."""
    names = ("opening", "fills", "expected", "reported", "drift", "explained", "unexplained")
    values = {name: _decimal(unit[name]) for name in names}
    scale = scale_of(values.values())
    shown = (
        ("opening", "opening", False, False),
        ("+ fills", "fills", True, False),
        ("= expected", "expected", False, True),
        ("reported", "reported", False, False),
        ("reported - expected = drift", "drift", True, True),
        ("- explained", "explained", True, False),
        ("= unexplained", "unexplained", True, True),
    )
    return [(word, padded(values[name], scale, signed=signed), total) for word, name, signed, total in shown]


def _entry(gateway: str, row: Row) -> EntryRow:
    amount, running = _decimal(row["amount"]), _decimal(row["running"])
    seq = _int(row["seq"])
    return EntryRow(
        number=_int(row["entry_no"]),
        at=_time(row["occurred_at"]),
        seq=seq,
        address=event_address(gateway, seq),
        cause=str(row["cause"]),
        amount=figure(amount, signed=True),
        running=figure(running),
    )


def _break(row: Row, scale: int, *, past: bool) -> dict[str, object]:
    who = row["assignee"] or "nobody assigned"
    return {
        "state": row["state"],
        "amount": figure(_decimal(row["amount"]), scale, signed=True).text,
        "cause": row["cause"],
        "certainty": "" if past else f", {row['certainty']}",
        "who": "" if past else f"{who}, ",
        "since": row["origin_at"],
        "closed_at": row["closed_at"],
        "address": case_address(str(row["case_id"])),
    }


def _decimal(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


def _int(value: object) -> int:
    return int(str(value))


def _time(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError("an observation has no time")
    return value


def _us(value: object) -> int:
    return microseconds(_time(value))


SCREEN: Final = Screen(
    name="unit",
    path="/units/{gateway}/{place:path}",
    title="Unit",
    question="Since when does this balance differ, and by how much?",
    template="unit.html",
    read=_read,
    takes=("span", "until", "kind"),
    under="units",
    changes_with=BOOKS,
)
