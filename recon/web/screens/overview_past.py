"""The overview of a past time: what needed somebody then, and how gateways, accounts and units stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from recon.db.source import Row, Source
from recon.display.words import counted
from recon.reads.alert_list import channels_of
from recon.reads.case.evidence import reason_said
from recon.reads.past_needs import read_past_needs
from recon.reads.past_views import GATEWAYS, HORIZON
from recon.reads.query import Query
from recon.web.addresses import case_address, event_address
from recon.web.need_lines import line_then, verdicts_of, working
from recon.web.screen import Asked, View
from recon.web.screens.coverage import groups_of, read_then, start_of

#: Steps of breaks that are listed, how far back the strips of coverage go, and most things of one list.
STEPS: Final = 8
SPAN: Final = timedelta(hours=1)
MOST: Final = 30

_STEPS: Final = f"""
SELECT h.at, h.gateway, h.seq, h.event, h.reason, b.account, b.case_id,
       string_agg(DISTINCT b.unit, ', ') AS units, min(h.cause) AS cause
FROM recon_exact.break_history AS h
JOIN recon_exact.breaks AS b ON b.gateway = h.gateway AND b.id = h.id
WHERE h.at <= {HORIZON}
GROUP BY h.at, h.gateway, h.seq, h.event, h.reason, b.account, b.case_id
ORDER BY h.at DESC, h.gateway, h.seq DESC
LIMIT :most"""  # noqa: S608 - ours


class Told(msgspec.Struct, frozen=True):
    """What was told on the day before."""

    sent: int
    waiting: int
    failed: int
    channels: int
    last_sent_at: datetime | None


def past_view(source: Source, asked: Asked) -> View:
    """Return the screen of a past time."""
    as_of, now = asked.as_of, asked.as_of.horizon(asked.now)
    found = read_past_needs(source, as_of, asked.now)
    gateways = Query(f"{GATEWAYS.strip()}\nORDER BY g.name", as_of.parameters)
    steps = Query(_STEPS.strip(), {**as_of.parameters, "most": STEPS})
    covered, strips, _ = read_then(source, as_of, gateway=None, account=None, since=now - SPAN, now=now)
    start = start_of(strips, now - SPAN)
    lines = [line_then(each) for each in found.needs.needs]
    rows = gateways.rows(source)
    return View(
        not_kept="worth, who had a case, and which lines of the settings a unit lacked.",
        values={
            "needs": lines[:MOST],
            "main": "",
            "needs_said": f"{counted(len(lines), 'thing')}, most urgent first",
            "work": [working(each) for each in found.needs.in_work[:MOST]],
            "work_said": counted(len(found.needs.in_work), "case"),
            "steps": [_step(row) for row in steps.rows(source)],
            "verdicts": verdicts_of(found.verdicts),
            "units_said": counted(sum(found.verdicts.values()), "unit"),
            "open_said": f"{counted(found.cases, 'open case')}; what they were worth is not kept",
            "standing": _told(channels_of(as_of).rows(source)),
            "rows": rows,
            "connected": sum(row["state"] == "connected" for row in rows),
            "groups": groups_of(covered, strips, start, now),
            "from_time": start,
        },
        sql="\n\n".join(query.sql() for query in (*found.queries, gateways, steps)),
    )


def _step(row: Row) -> Mapping[str, Any]:
    return {
        **{key: row[key] for key in ("at", "seq", "event", "account", "units")},
        "reason": reason_said(row["reason"], set()) or str(row["cause"]),
        "case": case_address(str(row["case_id"])),
        "place": event_address(str(row["gateway"]), int(str(row["seq"]))),
    }


def _told(rows: Sequence[Row]) -> Told:
    sums = {name: sum(int(str(row[name])) for row in rows) for name in ("sent", "waiting", "failed")}
    times = [row["delivered_at"] for row in rows if isinstance(row["delivered_at"], datetime)]
    return Told(**sums, channels=len(rows), last_sent_at=max(times, default=None))
