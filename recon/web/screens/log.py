"""The log, a page at a time by log position; and one event with its payload, exactly as it came."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from recon.db.source import Row, Source, query_rows
from recon.errors import ConfigError
from recon.nearest import hint, listed, sentence
from recon.reads.archived import archived_ends, archived_words
from recon.reads.event_words import words_of
from recon.reads.known_names import check_filter, check_kind
from recon.reads.log_page import BEGINNING, event_query, heads, position_at, read_event, read_page
from recon.times import parse_time
from recon.web.addresses import event_address, with_query
from recon.web.filter_fields import Field, fields_of, filter_of
from recon.web.screen import Asked, NothingThere, Screen, View

FILTERS: Final = ("account", "kind", "since")
#: Most characters of a payload that are shown; the rest is in SQL.
MAX_PAYLOAD: Final = 200_000

_ACCOUNTS: Final = "SELECT a.account FROM recon.accounts AS a WHERE a.gateway = :gateway ORDER BY a.account"
#: The kinds that a list is mostly narrowed to; any other can be typed into the address.
_KINDS: Final = (
    *("ORDER_EXEC_REPORT_UPDATE", "ORDER_EXEC_REPORT_SNAPSHOT", "BALANCE_UPDATE", "BALANCE_SNAPSHOT"),
    *("POSITION_UPDATE", "POSITION_SNAPSHOT", "SYMBOLS_SNAPSHOT", "SERVER_INFO", "MESSAGE_REJECT", "tick"),
    *("session.opened", "session.closed", "session.failed", "rules", "rules.proposed", "decision", "fact"),
    *("catch_up.begun", "rest.answer", "catch_up.ended", "venue.answer", "venue.trade", "event.refused"),
)


class EventRow(msgspec.Struct, frozen=True):
    """An event as a row."""

    seq: int
    address: str
    at: datetime
    kind: str
    account: str
    words: str


def _read(source: Source, asked: Asked) -> View:
    known = heads(source, asked.as_of)
    if not known:
        return View(values={**_EMPTY, "gateways": [], "fields": []}, sql="SELECT * FROM recon.events;")
    gateway = asked.query.get("gateway") or next(iter(known))
    if gateway not in known:
        raise ConfigError(f"there is no gateway {gateway!r}; {hint(gateway, known)}")
    head = known[gateway]
    wanted = filter_of(asked.query, FILTERS)
    check_filter(source, wanted.also(gateway=gateway))
    for kind in wanted.kind:
        check_kind(kind)
    places = [name for name in ("before", "after", "since") if asked.query.get(name)]
    if len(places) > 1:
        raise ConfigError(f"a page of the log begins at one place: give {listed(places, 'or')}")
    before, after = _position(asked, "before"), _position(asked, "after")
    if before is None and after is None and wanted.since:
        at = parse_time(wanted.since[0], asked.as_of.now(asked.now))
        if at is None:
            raise ConfigError(f"since={wanted.since[0]} is no time: give one such as 2026-01-05T09:00:00Z, or 5m")
        after = position_at(source, gateway, head, at)
    page = read_page(source, gateway, head, wanted.given, before=before, after=after, as_of=asked.as_of)
    here = [("gateway", gateway), *((name, asked.query.get(name)) for name in ("account", "kind"))]
    choices = {
        "account": [str(row["account"]) for row in query_rows(source, _ACCOUNTS, {"gateway": gateway})],
        "kind": _KINDS,
    }
    fields = [Field("gateway", gateway, sorted(known)), *fields_of(asked.query, FILTERS, choices)]
    return View(
        sql=page.query.sql(),
        listed=page.query,
        values={
            "rows": [_row(row) for row in page.events],
            "gateways": sorted(known),
            "gateway": gateway,
            "head": head,
            "fields": fields,
            "older": None if page.before is None else with_query("/log", [*here, ("before", str(page.before))]),
            "newer": None if page.after is None else with_query("/log", [*here, ("after", str(page.after))]),
            "newest": with_query("/log", here),
            "looked": (page.looked_from, page.looked_to),
            "narrowed": bool(wanted.given),
            "archived": next(iter(archived_words(source, [gateway], page.looked_from)), None),
        },
    )


_EMPTY: Final[Mapping[str, object]] = {
    **dict.fromkeys(("older", "newer", "newest", "gateway")),
    "rows": [],
    "head": 0,
    "looked": (0, 0),
    "narrowed": False,
    "archived": None,
}


def _position(asked: Asked, name: str) -> int | None:
    text = asked.query.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ConfigError(f"{name}={text} is no log position: give a number such as 1205")
    return int(text)


def _row(row: Row) -> EventRow:
    seq, beginning = int(str(row["seq"])), row["beginning"]
    text = None if beginning is None else str(beginning)
    at = row["recorded_at"]
    if not isinstance(at, datetime):
        raise TypeError("an event has no time")
    return EventRow(
        seq=seq,
        address=event_address(str(row["gateway"]), seq),
        at=at,
        kind=str(row["kind"]),
        account=str(row["account"] or ""),
        words=words_of(str(row["kind"]), text, cut=text is not None and len(text) >= BEGINNING),
    )


def _read_event(source: Source, asked: Asked) -> View:
    gateway, text = asked.path["gateway"], asked.path["seq"]
    known = heads(source, asked.as_of)
    if gateway not in known:
        raise NothingThere(f"No gateway is named {gateway}. {sentence(gateway, known)}")
    head = known[gateway]
    row = read_event(source, gateway, int(text), asked.as_of) if text.isdigit() and len(text) < 19 else None
    if row is None:
        end = archived_ends(source).get(gateway)
        if end is not None and text.isdigit() and 0 < int(text) <= end.last_seq:
            raise NothingThere(f"Event {int(text):,} is not here: {end.words}.")
        had, were = ("had", "were then") if asked.as_of.is_past else ("has", "are")
        raise NothingThere(f"Gateway {gateway} {had} no event {text}: its events {were} 1 to {head:,}.")
    seq = int(text)
    payload = str(row["payload"])
    return View(
        title=f"Event {seq:,} of {gateway}",
        sql=event_query(gateway, seq, asked.as_of).sql(),
        values={
            "event": row,
            "seq": seq,
            "payload": _shown(payload, readable=bool(row["readable"]))[:MAX_PAYLOAD],
            "cut": len(payload) > MAX_PAYLOAD,
            "words": words_of(str(row["kind"]), payload if row["readable"] else None),
            "before": event_address(gateway, seq - 1) if seq > 1 else None,
            "after": event_address(gateway, seq + 1) if seq < head else None,
            "around": with_query("/log", [("gateway", gateway), ("before", str(seq + 20))]),
        },
    )


def _shown(payload: str, *, readable: bool) -> str:
    """Return a payload with a line for each value; numbers keep their digits as they came."""
    if not readable:
        raw = base64.b64decode(payload)
        return raw.decode("utf-8", "backslashreplace")
    return msgspec.json.format(payload, indent=2)


SCREEN: Final = Screen(
    name="log",
    path="/log",
    title="Log",
    question="What was said, exactly as it came?",
    template="log.html",
    read=_read,
    has_file=True,
    takes=("gateway", *FILTERS, "before", "after"),
    menu="Log",
    key="l",
)
EVENT: Final = Screen(
    name="event",
    path="/log/{gateway}/{seq}",
    title="Event",
    question="What was said, exactly as it came?",
    template="event.html",
    read=_read_event,
    under="log",
)
