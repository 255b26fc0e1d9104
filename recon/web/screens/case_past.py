"""A case as it was: its state, legs, timeline, and the steps that were known."""

from __future__ import annotations

from markupsafe import Markup

from recon.db.source import Source
from recon.display.charts.timeline import timeline
from recon.display.figures import figure
from recon.display.ids import short_id
from recon.display.words import counted
from recon.reads.case.around import around, two_messages
from recon.reads.case.model import Leg
from recon.reads.case.past import case_then, read_past_case
from recon.reads.case.text import amounts_said
from recon.web.addresses import event_address, unit_address, why_address
from recon.web.case_figures import LINES, columns_of, history_of
from recon.web.case_forms import life_of
from recon.web.screen import Asked, NothingThere, View


def past_view(source: Source, asked: Asked, gateway: str, case_id: str) -> View:
    """Return the screen. Errors: NothingThere where the case had not begun then, or was not known."""
    past = read_past_case(source, gateway, case_id, asked.as_of, asked.now)
    if not past.breaks:
        raise NothingThere(f"Case {short_id(case_id)} had not begun, or was not known, {asked.as_of.words}.")
    case = case_then(source, past, asked.as_of, asked.now, short_id(case_id))
    drawn = around(source, case)
    rows = [leg.row for leg in case.legs]
    accounts, causes, units = (list(dict.fromkeys(str(row[name]) for row in rows)) for name in _NAMED)
    origins = [row["origin_at"] for row in rows if row["origin_at"]]
    return View(
        template="case_past.html",
        title=f"{' and '.join(accounts)}: {' and '.join(causes)}, {' and '.join(units)}",
        not_kept="worth, severity, certainty, evidence, proposals, and who had it. The steps name who decided what.",
        values={
            "case": case,
            "row": rows[0],
            "causes_said": ", ".join(causes),
            "legs": [_leg(leg) for leg in case.legs],
            "why_address": why_address(gateway, case.id),
            "log_address": event_address(gateway, int(rows[0]["until_seq"] or rows[0]["seq"])),
            "since": min(origins, default=None),
            "opened": min(row["opened_at"] for row in rows),
            "stages": life_of(case),
            "said": f"{amounts_said(case).removesuffix(' is')} was reported than the books expected",
            "timeline": None if drawn is None else Markup(timeline(drawn)),  # noqa: S704 - drawn by recon.display
            "messages": two_messages(source, case),
            "columns": columns_of(case),
            "lines": LINES,
            "history": history_of(case),
            "breaks_word": counted(len(rows), "break"),
        },
        sql="\n\n".join(query.sql() for query in past.queries),
    )


_NAMED = ("account", "cause", "unit")


def _leg(leg: Leg) -> dict[str, object]:
    row = leg.row
    return {
        "id": str(row["id"]),
        "account": str(row["account"]),
        "unit": str(row["unit"]),
        "address": unit_address(*(str(row[name]) for name in ("gateway", "account", "unit", "unit_kind"))),
        "amount": figure(row["amount"], signed=True).text,
        "state": str(row["state"]),
        "cause": str(row["cause"]),
        "since": row["origin_at"],
        "opened": row["opened_at"],
    }
