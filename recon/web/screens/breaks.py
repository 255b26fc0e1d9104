"""Breaks: where reported and expected disagree, why, and who has it. One row is one case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from markupsafe import Markup

from recon.db.source import Source
from recon.display.charts.ageing import Bucket, ageing_bars
from recon.errors import ConfigError
from recon.nearest import hint
from recon.reads.breaks import ALL_CASES, OPEN_CASES, SHOWN_BREAKS
from recon.reads.filter import Filter, of_pairs
from recon.reads.known_names import check_filter
from recon.reads.query import Query
from recon.reads.read import Read
from recon.reconciliation.causes.registry import CAUSES
from recon.web.case_forms import MOST_TICKED, TICK, shown_of
from recon.web.case_rows import CaseRow, case_rows, needs_of, of_then, room_of, sums_of
from recon.web.csv_file import MAX_ROWS
from recon.web.screen import CASES, Asked, Screen, View

#: Rows of one page of the list.
ROWS: Final = 200
MAX_PAGES: Final = 500
#: What an address has beside the filter.
VIEW: Final = "view"
PAGE: Final = "page"
STATES: Final = ("open", "assigned", "investigating", "proposed", "accepted")
SEVERITIES: Final = ("critical", "high", "medium", "low", "info")

_OVER_TODAY: Final = (
    "\nWHERE c.state NOT IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')"
    " AND c.closed_at >= date_trunc('day', now(), 'UTC')"
)
_UNTAKEN: Final = "c.state = 'open' AND c.who IS NULL"


def _narrowed(read: Read, where: str) -> Read:
    return msgspec.structs.replace(read, select=f"{read.select}{where}")


#: The saved views, by their word in an address: the list that each shows.
VIEWS: Final[Mapping[str, tuple[str, Read]]] = {
    "open": ("Open", OPEN_CASES),
    "needs": ("Needs somebody", _narrowed(OPEN_CASES, f"\nWHERE c.digests IS NOT NULL OR {_UNTAKEN}")),
    "mine": ("Mine", OPEN_CASES),
    "unassigned": ("Unassigned", _narrowed(OPEN_CASES, "\nWHERE c.who IS NULL")),
    "approve": ("To approve", _narrowed(OPEN_CASES, "\nWHERE c.digests IS NOT NULL")),
    "closed": ("Closed today", _narrowed(ALL_CASES, _OVER_TODAY)),
}
#: How many each view has: of all that is open, and of what closed today.
_COUNTS: Final = """
SELECT count(*) AS open,
       count(*) FILTER (WHERE v.digests IS NOT NULL OR (v.state = 'open' AND v.who IS NULL)) AS needs,
       count(*) FILTER (WHERE v.who = :login) AS mine,
       count(*) FILTER (WHERE v.who IS NULL) AS unassigned,
       count(*) FILTER (WHERE v.digests IS NOT NULL) AS approve
FROM ({open}) AS v
"""
_CLOSED: Final = "SELECT count(*) AS closed FROM ({closed}) AS v"
#: Ages that are counted together, each up to its end.
_BUCKETS: Final = (
    ("under 1 h", timedelta(hours=1)),
    ("under 1 d", timedelta(days=1)),
    ("under 2 d", timedelta(days=2)),
    ("under 5 d", timedelta(days=5)),
)
_OLDEST: Final = "over 5 d"


class SavedView(msgspec.Struct, frozen=True):
    """A link to a view, with how many it has."""

    word: str
    path: str
    here: bool
    count: int


def _read(source: Source, asked: Asked) -> View:
    filter_of = {name: value for name, value in asked.query.items() if name not in {VIEW, PAGE} and value}
    narrowed = of_pairs(filter_of.items())
    narrowed.check_words()
    check_filter(source, narrowed)
    view = asked.query.get(VIEW, "open")
    if view not in VIEWS:
        raise ConfigError(f"there is no view {view[:60]!r}; {hint(view, VIEWS)}")
    if asked.as_of.is_past and view != "open":
        raise ConfigError(f"the view {view} is of now alone; of a past time there is the view open")
    word, read = VIEWS[view]
    if view == "mine":
        narrowed = narrowed.also(who=asked.login or "nobody")
    page = _page(asked.query.get(PAGE))
    query = read.query(narrowed, asked.now, limit=ROWS + 1, as_of=asked.as_of)
    if page > 1:
        query = Query(f"{query.text}\nOFFSET :offset", {**query.parameters, "offset": (page - 1) * ROWS})
    found = query.rows(source)
    rows = of_then(case_rows(found[:ROWS])) if asked.as_of.is_past else case_rows(found[:ROWS])
    counts = {} if asked.as_of.is_past else _counts(source, asked)
    first, money = sums_of(rows)
    return View(
        values={
            "rows": rows,
            "room": room_of(rows),
            "first": first,
            "money": "" if asked.as_of.is_past else money,
            "views": [
                SavedView(each, f"/breaks?view={name}", name == view, counts[name])
                for name, (each, _) in VIEWS.items()
                if name in counts
            ],
            "ticks": {} if asked.as_of.is_past or asked.why_not else _ticks(source, rows),
            "tick": TICK,
            "most_at_once": MOST_TICKED,
            "here": f"/breaks?{urlencode(asked.query)}" if asked.query else "/breaks",
            "login": asked.login or "",
            "view": view,
            "view_word": word,
            "filter": filter_of,
            "narrowed": bool(filter_of),
            "choices": _choices(source),
            "ageing": Markup(ageing_bars(_buckets(rows, asked.as_of.horizon(asked.now)), 340)),  # noqa: S704 - drawn by recon.display
            "older": _address(asked, page + 1) if len(found) > ROWS else None,
            "newer": _address(asked, page - 1) if page > 1 else None,
        },
        sql=query.sql(),
        listed=read.query(narrowed, asked.now, limit=MAX_ROWS, as_of=asked.as_of),
        count=needs_of(rows) or None,
        not_kept="worth, severity, certainty, and who had it. So cases stand in the order of their origin.",
    )


def _ticks(source: Source, rows: Sequence[CaseRow]) -> dict[str, str]:
    """Return what is shown of each case, which goes with a decision on several of them."""
    found = Query(SHOWN_BREAKS, {"cases": [row.id for row in rows]}).rows(source)
    return {str(case): shown_of(list(breaks)) for case, breaks in groupby(found, key=lambda row: row["case_id"])}


def _page(text: str | None) -> int:
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MAX_PAGES):
        raise ConfigError(f"{PAGE}={text[:60]} is no page of the list: give a number from 1 to {MAX_PAGES}")
    return int(text)


def _address(asked: Asked, page: int) -> str:
    return f"/breaks?{urlencode({**asked.query, **dict(asked.as_of.pairs()), PAGE: str(page)})}"


def _counts(source: Source, asked: Asked) -> dict[str, int]:
    whole = OPEN_CASES.query(Filter(), asked.now)
    (row,) = Query(_COUNTS.format(open=whole.text), {"login": asked.login}).rows(source)
    closed = VIEWS["closed"][1].query(Filter(), asked.now)
    (over,) = Query(_CLOSED.format(closed=closed.text), closed.parameters).rows(source)
    return {name: int(str(count)) for name, count in {**row, **over}.items()}


def _choices(source: Source) -> dict[str, Sequence[str]]:
    """Return what the fields of the filter offer."""
    rows: Sequence[Mapping[str, Any]] = Query(
        "SELECT a.gateway, a.account FROM recon.accounts AS a ORDER BY a.gateway, a.account"
    ).rows(source)
    return {
        "gateway": list(dict.fromkeys(str(row["gateway"]) for row in rows)),
        "account": list(dict.fromkeys(str(row["account"]) for row in rows)),
        "cause": list(CAUSES),
        "state": STATES,
        "severity": SEVERITIES,
    }


def _buckets(rows: Sequence[CaseRow], now: datetime) -> list[Bucket]:
    """Return how many cases are how old, since the first report that shows them."""
    groups: dict[str, list[Decimal | None]] = {label: [] for label in (*(label for label, _ in _BUCKETS), _OLDEST)}
    for row in rows:
        age = timedelta() if row.since is None else now - row.since
        label = next((label for label, end in _BUCKETS if age < end), _OLDEST)
        groups[label].append(row.usd)
    return [Bucket(label, len(usds), _sum(usds)) for label, usds in groups.items()]


def _sum(usds: Sequence[Decimal | None]) -> Decimal | None:
    known = [usd for usd in usds if usd is not None]
    return sum(known, Decimal(0)) if len(known) == len(usds) else None


SCREEN: Final = Screen(
    name="breaks",
    path="/breaks",
    title="Breaks",
    question="Where do reported and expected disagree, why, and who has it?",
    template="breaks.html",
    read=_read,
    has_file=True,
    takes=(*OPEN_CASES.filters, VIEW, PAGE),
    menu="Breaks",
    key="b",
    changes_with=CASES,
)
