"""Close: whether a day can be signed, and what would be carried forward. And the signature, by the person's own login.

What is signed is what was shown: the form names the log positions, and the closings are computed at these again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from recon.closing.ageing import bands
from recon.closing.closing import Closing
from recon.closing.lines import CloseLine
from recon.db.source import Row, Source
from recon.deciding.recording import append_decisions
from recon.display.figures import Figure, figure, scale_of
from recon.display.shapes import shape_of
from recon.errors import ConfigError, DecisionRefused, DocumentRefused
from recon.reads.close import AccountClose, Signed, read_closes, signed_closes
from recon.reads.close_checks import check_rows
from recon.reads.known_names import check_filter
from recon.reads.query import Query
from recon.reads.signing import signatures
from recon.web.addresses import unit_address, with_query
from recon.web.filter_fields import filter_of
from recon.web.forms import Form, field, optional
from recon.web.rendering import room_of
from recon.web.screen import Asked, Deed, Done, Screen, View, Wanted

if TYPE_CHECKING:
    from sqlalchemy import Connection

FILTERS: Final = ("gateway", "account")
#: Most days before that are listed, and closings that are read for them.
MAX_DAYS: Final = 7
MAX_SIGNED: Final = 200
#: Most units that are listed.
MAX_UNITS: Final = 1000

_SQL: Final = """
SELECT c.*
FROM recon.closes AS c
WHERE c.business_day = CAST(:day AS date)
ORDER BY c.gateway, c.account, c.seq"""
_NO_PAST: Final = "a closing is of a past day already, as known at the log positions that it names; choose the day"
_FIGURES: Final = ("opening", "moved", "expected", "rolled", "drift")


class UnitRow(msgspec.Struct, frozen=True):
    """One unit of a day: its figures, verdict, and the age of its oldest open break."""

    key: str
    account: str
    unit: str
    address: str
    opening: Figure
    moved: Figure
    expected: Figure
    rolled: Figure
    drift: Figure
    verdict: str
    age: str


class DayRow(msgspec.Struct, frozen=True):
    """A day that was signed: its state, and by whom."""

    day: str
    state: str
    clean: bool
    who: str


def _read(source: Source, asked: Asked) -> View:
    wanted = filter_of(asked.query, FILTERS)
    check_filter(source, wanted)
    every = asked.query.get("show") or ""
    if every not in {"", "all"}:
        raise ConfigError(f"a close shows no {every!r}; it shows what does not agree, or all")
    day = _day(asked.path.get("day"))
    found = read_closes(source, asked.now, day=day, gateway=wanted.one("gateway"), accounts=wanted.account or None)
    day = day or max((each.now.day for each in found), default=None)
    closes = [each for each in found if each.now.day == day]
    values = _values(source, asked, closes, every=bool(every)) if closes and day else {"closes": (), "day": ""}
    title = f"Close {day}" if day else None
    return View(sql=Query(_SQL, {"day": str(day)}).sql(), title=title, values=values)


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no day: give one such as 2026-11-28") from None


def _values(source: Source, asked: Asked, closes: Sequence[AccountClose], *, every: bool) -> Mapping[str, object]:
    shown = [each.shown for each in closes]
    day = shown[0].day
    rows = [_unit(each, line) for each in shown for line in each.lines]
    listed = [row for row in rows if every or row.verdict != "agreed"]
    ages = [each.age for closing in shown for line in closing.lines for each in line.breaks]
    bounds = [bound for band in shown[0].ageing if (bound := band.under) is not None]
    here = [(name, asked.query.get(name)) for name in FILTERS]
    path = f"/close/{day}"
    return {
        "closes": closes,
        "day": str(day),
        "day_address": path,
        "clean": all(each.clean for each in shown) and not any(each.differs for each in closes),
        "cut_offs": sorted({each.cut_off for each in shown}),
        "unknown": all(each.unknown for each in closes),
        "over": all(each.cut_off <= asked.now for each in shown),
        "checks": [{**row, "shape": shape_of(str(row["mark"])).css} for row in check_rows(closes)],
        "rows": listed[:MAX_UNITS],
        "all_rows": len(listed),
        "agreed": sum(row.verdict == "agreed" for row in rows),
        "every": every,
        "all_address": with_query(path, [*here, ("show", None if every else "all")]),
        "rooms": {name: room_of([getattr(row, name) for row in listed]) for name in _FIGURES},
        "ages": bands(ages, bounds),
        "open": len(ages),
        "whole": all(each.whole for each in shown),
        "signatures": [_signature(each.signed) for each in closes if each.signed is not None],
        "signed": all(each.state == "signed" for each in closes),
        "mine": _mine(closes, asked.login),
        "changed": [(each.now.account, difference) for each in closes for difference in each.differs],
        "known": _known_text(closes),
        "shown": joint_digest(shown),
        "here": here,
        "login": asked.login or "",
        "days": _days(signed_closes(source, limit=MAX_SIGNED), day),
        "earlier": str(closes[0].now.former_day),
    }


def _unit(closing: Closing, line: CloseLine) -> UnitRow:
    amounts = {name: getattr(line, name) for name in _FIGURES}
    scale = scale_of(amount for amount in amounts.values() if isinstance(amount, Decimal))
    figures = {name: figure(each, scale, signed=name in {"moved", "drift"}) for name, each in amounts.items()}
    oldest = max((each.age for each in line.breaks), default=None)
    return UnitRow(
        key=f"{closing.gateway} {closing.account} {line.unit_kind} {line.unit}",
        account=closing.account,
        unit=line.unit,
        address=unit_address(closing.gateway, closing.account, line.unit, line.unit_kind),
        verdict=line.verdict,
        age="" if oldest is None else f"{oldest.days} d",
        **figures,
    )


def _signature(signed: Signed) -> Row:
    return {name: signed.row[name] for name in _SIGNATURE}


_SIGNATURE: Final = (
    "account",
    "seq",
    "signed_by",
    "signed_at",
    "text",
    "second_by",
    "second_at",
    "second_text",
    "restates",
)


def _mine(closes: Sequence[AccountClose], login: str | None) -> bool:
    """Tell whether all that is left to sign waits for another login."""
    left = [each for each in closes if each.state != "signed"]
    return bool(left) and all(
        each.state == "waiting" and each.signed is not None and each.signed.row["signed_by"] == login for each in left
    )


def _days(signed: Sequence[Signed], than: date) -> list[DayRow]:
    """Return the days before one that were signed, the newest first, each by the least that its accounts came to."""
    by_day: dict[date, list[Signed]] = {}
    for each in signed:
        if each.closing.day != than and each.state != "restated":
            by_day.setdefault(each.closing.day, []).append(each)
    return [
        DayRow(
            day=str(day),
            state=min((each.state for each in of_day), key=("waiting", "signed").index),
            clean=all(each.closing.clean for each in of_day),
            who=", ".join(
                sorted({str(each.row[name]) for each in of_day for name in ("signed_by", "second_by")} - {"None"})
            ),
        )
        for day, of_day in list(by_day.items())[:MAX_DAYS]
    ]


def joint_digest(shown: Sequence[Closing]) -> str:
    """Return one digest of all closings that are shown."""
    return hashlib.sha256("\n".join(sorted(each.digest for each in shown)).encode()).hexdigest()


def _known_text(closes: Sequence[AccountClose]) -> str:
    return "\n".join(sorted({f"{each.now.known_seq} {each.now.gateway}" for each in closes}))


def _known(text: str) -> dict[str, int]:
    known: dict[str, int] = {}
    for line in text.splitlines():
        seq, _, gateway = line.partition(" ")
        if not gateway or not seq.isascii() or not seq.isdigit():
            raise DocumentRefused("Nothing was written: the form does not say what was shown. Open the day again")
        known[gateway] = int(seq)
    return known


def _sign(connection: Connection, wanted: Wanted) -> Done:
    form = wanted.form
    text = field(form, "text", "the reason")
    day = _day(wanted.path["day"])
    account, gateway = optional(form, "account"), optional(form, "gateway")
    closes = read_closes(
        connection,
        wanted.now,
        day=day,
        gateway=gateway,
        accounts=None if account is None else [account],
        known=_known(field(form, "known", "what was shown")),
    )
    if joint_digest([each.shown for each in closes]) != form.get("shown"):
        raise DecisionRefused("Nothing was written: somebody signed or changed the day since it was shown. Look again")
    _check_carried(form, closes)
    accept_gaps = optional(form, "accept_gaps") is not None
    decisions = signatures(closes, text, wanted.now, login=wanted.login, accept_gaps=accept_gaps)
    recorded = append_decisions(connection, decisions, None, wanted.now)
    to = with_query(f"/close/{day}", [("gateway", gateway), ("account", account)])
    return Done(to=to, said=f"Signed {day}.", recorded=recorded)


def _check_carried(form: Form, closes: Sequence[AccountClose]) -> None:
    if any(line.breaks for each in closes for line in each.shown.lines) and optional(form, "carry") is None:
        raise DocumentRefused("Nothing was written: breaks are open; say that they are carried forward")


SCREEN: Final = Screen(
    name="close",
    path="/close",
    title="Close",
    question="Can this day be signed, and what would be carried forward?",
    template="close.html",
    read=_read,
    takes=(*FILTERS, "show"),
    no_past=_NO_PAST,
    menu="Close",
    key="d",
)
DAY: Final = Screen(
    name="close-day",
    path="/close/{day}",
    title="Close",
    question="Can this day be signed, and what would be carried forward?",
    template="close.html",
    read=_read,
    takes=(*FILTERS, "show"),
    no_past=_NO_PAST,
    under="close",
)
DEEDS: Final = (Deed(name="sign", path="/close/{day}/sign", screen="close-day", do=_sign),)
