"""The coverage of accounts as a person sees it: shares, a strip of time, gaps, and what is open. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.cli.output import Column, Row, columns, text_of
from recon.cli.tables.cells import is_stale
from recon.cli.tables.screen import Screen
from recon.cli.tables.table import Note, Table
from recon.display.ages import time_of_day
from recon.display.strip import LEGEND, Stretch, mark, strip
from recon.display.words import counted
from recon.reads.gaps import HISTORY, short

ACCOUNTS: Final = [
    Column("gateway"),
    Column("account"),
    Column("state", "now", kind="state"),
    Column("since", kind="time", rank=3),
    Column("covered", "share", kind="share", rank=2),
    Column("observed", "observed", kind="share", wide=True),
    Column("gaps", kind="count", rank=5),
    Column("last_alive_at", "seen", kind="age", rank=4),
    Column("catch_up", "last gap", kind="state", wide=True),
    Column("clock_skew", "EMS clock", kind="skew", rank=6),
    Column("strip", kind="strip", rank=1),
    Column("reason", prose=True, wide=True, blank=True),
]
GAPS: Final = [
    *columns("gateway", "account"),
    Column("from_seq", "event", kind="count", rank=4),
    Column("from_time", "from", kind="time"),
    Column("back_at", "until", kind="time", rank=2),
    Column("complete", "complete", kind="time"),
    Column("reasons", "why", prose=True, rank=1),
    Column("lasted", kind="duration"),
    Column("orders_found", "orders found", kind="count", rank=3),
    Column("fills_found", "fills booked", kind="count", rank=3),
    Column("requests", "asked", kind="count", rank=5),
]
#: What is known of accounts now alone.
_OF_NOW: Final = frozenset({"last_alive_at", "catch_up", "clock_skew"})
STRETCHES: Final = [
    *columns("gateway", "account"),
    Column("from_time", "from", kind="time"),
    Column("until_time", "until", kind="time"),
    Column("lasted", kind="duration"),
    Column("state", kind="state"),
    Column("reason", prose=True, rank=1),
    Column("recovery", prose=True, rank=2),
]
QUESTIONS: Final = [
    *columns("gateway", "account"),
    Column("from_seq", "event", kind="count", rank=1),
    Column("from_time", "from", kind="time", rank=2),
    Column("until_time", "until", kind="time", rank=3),
    Column("shown", "question", prose=True),
]


def coverage_screen(
    document: Mapping[str, Sequence[Row]],
    strips: Mapping[tuple[object, object], Sequence[Stretch]],
    *,
    since: datetime,
    now: datetime,
    every: bool,
    moment: str,
    past: bool = False,
) -> Screen:
    """Return coverage as a screen; of a past time it has stretches in the place of gaps."""
    # A strip begins with what is known: a first hour would be one character of a day.
    known = min((each.begin for stretches in strips.values() for each in stretches), default=since)
    accounts = _accounts(document, strips, since=since, begin=max(since, known), now=now, past=past)
    share = "share: of the time since WHEN, or since its first event, in which every report was seen"
    return Screen(
        tables=[accounts, _gaps(document, since, every=every, past=past), _questions(document)],
        sums=[_sum(document["accounts"], document["gaps"])],
        moment=moment,
        marks=[(mark(state, glyphs=True), mark(state, glyphs=False), state) for state in LEGEND],
        legend=[share if past else f"{share}   seen: age of the last sign of life"],
        empty="no accounts yet",
    )


def _accounts(
    document: Mapping[str, Sequence[Row]],
    strips: Mapping[tuple[object, object], Sequence[Stretch]],
    *,
    since: datetime,
    begin: datetime,
    now: datetime,
    past: bool,
) -> Table:
    rows: list[Row] = []
    for row in document["accounts"]:
        key = (row["gateway"], row["account"])
        gaps = sum((each["gateway"], each["account"]) == key for each in document["gaps"])
        rows.append({**row, "gaps": gaps, "strip": _Drawn(strips.get(key, ()), begin, now)})
    ends = f"{time_of_day(begin, now)}|{time_of_day(now, now)}"
    known = [each for each in ACCOUNTS if not past or each.key not in _OF_NOW]
    shown = [msgspec.structs.replace(each, title=ends) if each.kind == "strip" else each for each in known]
    title = f"accounts, in % of the time since {text_of(since)}, or since each one's first event"
    return Table(columns=shown, rows=rows, pipe_title=title)


class _Drawn:
    """A strip that is drawn when its width is known."""

    def __init__(self, stretches: Sequence[Stretch], since: datetime, until: datetime) -> None:
        self._stretches, self._since, self._until = stretches, since, until

    def __call__(self, width: int, *, glyphs: bool) -> str:
        return strip(self._stretches, self._since, self._until, width, glyphs=glyphs)


def _gaps(document: Mapping[str, Sequence[Row]], since: datetime, *, every: bool, past: bool) -> Table:
    if every or past:
        which = "all stretches" if every else "stretches that were not covered,"
        return Table(columns=STRETCHES, rows=document["stretches"], title=f"{which} since {text_of(since)}")
    rows = [{**row, "complete": row["open"] or row["whole_at"]} for row in document["gaps"]]
    return Table(columns=GAPS, rows=rows, title=f"gaps since {text_of(since)}, and older ones with open questions")


def _questions(document: Mapping[str, Sequence[Row]]) -> Table:
    rows = [{**row, "shown": short(str(row["question"]))} for row in document["open_questions"]]
    return Table(columns=QUESTIONS, rows=rows, title="open questions", notes=_notes)


def _notes(row: Row, _shown: Collection[str]) -> Sequence[Note]:
    """Return what a short question stands for, and the command that settles it."""
    meant = [Note("is", str(row["question"]))] if row["shown"] == HISTORY else []
    return [*meant, Note("settle", str(row["command"]), command=True)]


def _sum(accounts: Sequence[Row], gaps: Sequence[Row]) -> str:
    covered = sum(row["state"] == "covered" and not is_stale(row) for row in accounts)
    first = f"{covered} of {counted(len(accounts), 'account')} covered"
    if not gaps:
        return f"{first}; no gap" if all(row["covered_throughout"] for row in accounts) else first
    still = sum(row["open"] is not None for row in gaps)
    state = "all complete" if not still else f"{still} not complete"
    return f"{first}; {counted(len(gaps), 'gap')}, {state}"
