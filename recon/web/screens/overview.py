"""The overview: what needs somebody now, and whether the rest can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from recon.db.source import Source
from recon.display.words import counted
from recon.display.worth import worth
from recon.reads.breaks import OPEN_CASES
from recon.reads.case.evidence import reason_said
from recon.reads.currency import read_stale
from recon.reads.filter import Filter
from recon.reads.needs import read_needs
from recon.reads.query import Query
from recon.reads.standing import Standing, read_standing
from recon.web.addresses import case_address, event_address
from recon.web.need_lines import line_of, verdicts_of, working
from recon.web.screen import BOOKS, Asked, Screen, View
from recon.web.screens.coverage import GatewayCoverage, groups_of, read_both, start_of
from recon.web.screens.overview_past import past_view

#: Steps of breaks that are listed, and how far back the strips of coverage go.
STEPS: Final = 8
SPAN: Final = timedelta(hours=1)
#: Most things of one list; of more, the number is said.
MOST: Final = 30

_STEPS: Final = """
SELECT h.at, h.gateway, h.seq, h.event, h.reason, b.account, b.case_id,
       string_agg(DISTINCT b.unit, ', ') AS units, min(h.cause) AS cause, min(b.note) AS note
FROM recon_exact.break_history AS h
JOIN recon_exact.breaks AS b ON b.gateway = h.gateway AND b.id = h.id
GROUP BY h.at, h.gateway, h.seq, h.event, h.reason, b.account, b.case_id
ORDER BY h.at DESC, h.gateway, h.seq DESC
LIMIT :most
"""


def _read(source: Source, asked: Asked) -> View:
    if asked.as_of.is_past:
        return past_view(source, asked)
    stale = read_stale(source, ())
    needs = read_needs(source, asked.now, stale)
    standing = read_standing(source, asked.now)
    lines = [line_of(each) for each in needs.needs]
    groups, start = _coverage(source, asked.now)
    return View(
        values={
            "needs": lines[:MOST],
            # One filled button a screen: on the first that waits for a second person.
            "main": next((each.key for each in lines if each.word == "approve"), ""),
            "needs_said": f"{counted(len(lines), 'thing')}, most urgent first",
            "work": [working(each) for each in needs.in_work[:MOST]],
            "work_said": counted(len(needs.in_work), "case"),
            "steps": [_step(row) for row in Query(_STEPS, {"most": STEPS}).rows(source)],
            "verdicts": verdicts_of(standing.units),
            "units_said": counted(sum(standing.units.values()), "unit"),
            "open_said": _open(standing),
            "standing": standing,
            "rows": standing.gateways,
            "connected": sum(row["state"] == "connected" for row in standing.gateways),
            "groups": groups,
            "from_time": start,
        },
        sql="\n\n".join(
            (
                OPEN_CASES.query(Filter(), asked.now).sql(),
                Query("SELECT * FROM recon.gateways ORDER BY name").sql(),
                Query("SELECT * FROM recon.accounts ORDER BY gateway, account").sql(),
                Query(_STEPS.strip(), {"most": STEPS}).sql(),
            )
        ),
        count=len(lines) or None,
    )


def _step(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        **{key: row[key] for key in ("at", "seq", "event", "account", "units")},
        "reason": reason_said(row["reason"], {row["note"]}) or str(row["cause"]),
        "case": case_address(str(row["case_id"])),
        "place": event_address(str(row["gateway"]), int(row["seq"])),
    }


def _open(standing: Standing) -> str:
    if not standing.open_cases:
        return "no open case"
    known = "worth unknown" if standing.usd is None else f"{worth(standing.usd)} known"
    return f"{counted(standing.open_cases, 'open case')}: {known}"


def _coverage(source: Source, now: datetime) -> tuple[Sequence[GatewayCoverage], datetime]:
    since = now - SPAN
    found, strips = read_both(source, gateway=None, account=None, since=since, now=now)
    start = start_of(strips, since)
    return groups_of(found, strips, start, now), start


SCREEN: Final = Screen(
    name="overview",
    path="/",
    title="Overview",
    question="What needs somebody now, and can the rest be believed?",
    template="overview.html",
    read=_read,
    menu="Overview",
    key="o",
    changes_with=BOOKS,
)
