"""Alerts: who was told what, when, and what was held back; and the silences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.db.source import Row, Source
from recon.deciding import silences
from recon.display.ages import duration, moment
from recon.display.figures import amount
from recon.display.ids import short_id
from recon.errors import DocumentRefused
from recon.reads.alert_list import COLUMNS, MAX_SIGNALS, channels_of, signals_of
from recon.reads.alert_pending import past_document, pending_document
from recon.reads.known_names import check_filter
from recon.reads.query import Query
from recon.times import parse_time
from recon.web.addresses import why_address
from recon.web.csv_file import MAX_ROWS
from recon.web.filter_fields import fields_of, filter_of
from recon.web.forms import field, optional
from recon.web.screen import SIGNALS as SIGNALS_CHANGE
from recon.web.screen import Asked, Deed, Done, Screen, View, Wanted

FILTERS: Final = ("gateway", "account", "unit", "cause", "severity", "since")
#: What a silence may be of, in the order of the form.
SILENCE_OF: Final = ("gateway", "account", "unit", "case", "cause")
#: The words for what became of a signal; its shape goes by them.
_STATES: Final[Mapping[str, str]] = {"not_sent": "held back", "waiting": "waiting", "sending": "running"}

_ACCOUNTS: Final = Query("SELECT a.gateway, a.account FROM recon.accounts AS a ORDER BY a.gateway, a.account")


class SignalRow(msgspec.Struct, frozen=True):
    """A signal as a row."""

    key: str
    at: datetime | None
    event: str
    what: str
    state: str
    channels: str
    why: str


class ChannelRow(msgspec.Struct, frozen=True):
    """A channel as a row."""

    name: str
    state: str
    sent: int
    waiting: int
    failed: int
    p99: str
    delivered_at: datetime | None
    error: str


def _read(source: Source, asked: Asked) -> View:
    wanted = filter_of(asked.query, FILTERS)
    wanted.check_words()
    check_filter(source, wanted)
    as_of = asked.as_of
    condition = wanted.condition(COLUMNS, as_of.now(asked.now))
    parameters = {**condition.parameters, **as_of.parameters, "limit": MAX_SIGNALS + 1}
    query = Query(signals_of(as_of).format(where=condition.text), parameters)
    rows = query.rows(source)
    pending = past_document(source, as_of) if as_of.is_past else pending_document(source)
    accounts = _ACCOUNTS.rows(source)
    choices = {
        "gateway": sorted({str(row["gateway"]) for row in accounts}),
        "account": sorted({str(row["account"]) for row in accounts}),
        "severity": ("info", "low", "medium", "high", "critical"),
    }
    return View(
        sql=query.sql(),
        listed=Query(query.text, {**query.parameters, "limit": MAX_ROWS}),
        values={
            "rows": [_signal(row) for row in rows[:MAX_SIGNALS]],
            "more": len(rows) > MAX_SIGNALS,
            "channels": [_channel(row) for row in channels_of(as_of).rows(source)],
            "held": pending["held"],
            "silences": pending["silences"],
            "unrouted": pending["unrouted"],
            "fields": fields_of(asked.query, FILTERS, choices),
            "silence_of": [(name, asked.query.get(name, "")) for name in SILENCE_OF],
            "asked": " and ".join(wanted.words()),
        },
        not_kept="what the policy held back, and how often a message was tried. Why a case was told says what it did.",
    )


def _signal(row: Row) -> SignalRow:
    moved = row["amount"]
    parts = [
        str(row["account"] or ""),
        amount(moved, str(row["unit"])) if isinstance(moved, Decimal) else str(row["unit"] or ""),
        str(row["cause"] or ""),
    ]
    told = " ".join(part for part in parts if part) or str(row["detail"] or row["break_id"])
    at, channels, state = row["occurred_at"], row["channels"], str(row["state"])
    gateway, case = str(row["gateway"] or ""), str(row["case_id"])
    return SignalRow(
        key=f"{gateway} {row['id']}",
        at=at if isinstance(at, datetime) else None,
        event=str(row["event"]),
        what=f"{told}, by {row['actor']}" if row["actor"] else told,
        state=_STATES.get(state, state),
        channels=", ".join(map(str, channels)) if isinstance(channels, list) else "",
        why=why_address(gateway, case),
    )


def _channel(row: Row) -> ChannelRow:
    numbers = {name: int(str(row[name])) for name in ("sent", "waiting", "failed", "gone", "retrying")}
    state = "gone" if numbers["gone"] else "retrying" if numbers["retrying"] else "delivered"
    p99, last = row["p99"], row["delivered_at"]
    return ChannelRow(
        name=str(row["channel"]),
        state=state if numbers["sent"] or state != "delivered" else "waiting",
        sent=numbers["sent"],
        waiting=numbers["waiting"] + numbers["gone"],
        failed=numbers["failed"],
        p99=duration(p99 if isinstance(p99, timedelta) else None),
        delivered_at=last if isinstance(last, datetime) else None,
        error=str(row["last_error"] or ""),
    )


def _silence(connection: Connection, wanted: Wanted) -> Done:
    form = wanted.form
    of = {name: optional(form, name) for name in SILENCE_OF}
    if not any(of.values()):
        raise DocumentRefused(
            "Nothing was written: say what to be silent about: a gateway, account, unit, case or cause"
        )
    text = field(form, "until", "until when")
    until = _until(text, wanted.now)
    id_ = silences.ask_for_silence(connection, until, field(form, "reason", "the reason"), None, of)
    told = ", ".join(f"{name} {value}" for name, value in of.items() if value)
    said = f"Silenced until {moment(until)}: {told}. What is held is summed up at the end; silence {short_id(id_)}."
    return Done(to="/alerts", said=said)


def _until(text: str, now: datetime) -> datetime:
    """Return a time; an age such as `4h` counts from now on. Errors: DocumentRefused."""
    at = parse_time(text, now)
    if at is None:
        raise DocumentRefused(f"Nothing was written: {text} is no time: give one such as 4h, or 2026-01-05T09:00:00Z")
    return at if at > now else now + (now - at)


def _end(connection: Connection, wanted: Wanted) -> Done:
    id_ = silences.end_silence(connection, field(wanted.form, "id", "which silence"))
    return Done(to="/alerts", said=f"Silence {short_id(id_)} is over.")


SCREEN: Final = Screen(
    name="alerts",
    path="/alerts",
    title="Alerts",
    question="Who was told what, when, why, and what was held back?",
    template="alerts.html",
    read=_read,
    has_file=True,
    takes=tuple(dict.fromkeys((*FILTERS, *SILENCE_OF))),
    menu="Alerts",
    key="a",
    changes_with=SIGNALS_CHANGE,
)
DEEDS: Final = (
    Deed(name="silence", path="/alerts/silence", screen="alerts", do=_silence),
    Deed(name="unsilence", path="/alerts/unsilence", screen="alerts", do=_end),
)
