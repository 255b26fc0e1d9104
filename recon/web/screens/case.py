"""A case: why it is there, since when, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from markupsafe import Markup

from recon.db.source import Source
from recon.display.charts.timeline import timeline
from recon.display.figures import figure
from recon.display.words import counted
from recon.errors import ConfigError
from recon.reads.case.advice import advices
from recon.reads.case.around import around, two_messages
from recon.reads.case.document import items_of, mappings
from recon.reads.case.evidence import said_elsewhere
from recon.reads.case.model import Case
from recon.reads.case.read import case_of, read_case
from recon.reads.case.text import amounts_said, case_text, worth_said
from recon.reads.query import Query
from recon.reconciliation.causes.registry import CAUSES
from recon.web.addresses import event_address, why_address
from recon.web.case_figures import LINES, columns_of, history_of
from recon.web.case_forms import causes_of, life_of, shown_of, steps_of, to_propose, waiting_of, who_approves, words_of
from recon.web.screen import CASES, Asked, NothingThere, Screen, View
from recon.web.screens.case_past import past_view

#: The width of the text as a command prints it, in characters.
WIDTH: Final = 100
_LOG: Final = """
SELECT h.at, h.gateway, h.seq, h.event, h.state, h.amount, h.reason, h.actor
FROM recon_exact.breaks AS b
JOIN recon_exact.break_history AS h ON h.gateway = b.gateway AND h.id = b.id
WHERE b.case_id = :case
ORDER BY h.at, h.seq, h.number
"""


def _read(source: Source, asked: Asked) -> View:
    which = asked.path["id"]
    try:
        selected, _ = case_of(source, which)
    except ConfigError as error:
        raise NothingThere(str(error)) from None
    if asked.as_of.is_past:
        return past_view(source, asked, selected[0].gateway, selected[0].case_id)
    case = read_case(source, selected, asked.now)
    rows = [leg.row for leg in case.legs]
    drawn = around(source, case)
    row = rows[0]
    accounts = list(dict.fromkeys(str(each["account"]) for each in rows))
    units = [str(each["unit"]) for each in rows]
    causes = list(dict.fromkeys(str(each["cause"]) for each in rows))
    open_legs = to_propose(case)
    return View(
        title=f"{' and '.join(accounts)}: {' and '.join(causes)}, {' and '.join(dict.fromkeys(units))}",
        values={
            "case": case,
            "row": row,
            "why_address": why_address(str(row["gateway"]), case.id),
            "log_address": event_address(str(row["gateway"]), int(row["until_seq"])),
            "causes_said": ", ".join(causes),
            "certainties": ", ".join(dict.fromkeys(str(each["certainty"]) for each in rows)),
            "who": ", ".join(dict.fromkeys(str(each["assignee"]) for each in rows if each["assignee"])),
            "since": min((each["origin_at"] for each in rows if each["origin_at"]), default=None),
            "opened": min(each["opened_at"] for each in rows),
            "stages": life_of(case),
            "said": f"{amounts_said(case)} reported than the books expect",
            "notes_of": list(dict.fromkeys(str(each["note"]) for each in rows if each["note"])),
            "worth_said": worth_said(case),
            "timeline": None if drawn is None else Markup(timeline(drawn)),  # noqa: S704 - drawn by recon.display
            "messages": two_messages(source, case),
            "columns": columns_of(case),
            "lines": LINES,
            "evidence": _evidence(case),
            "tried": _tried(case),
            "history": history_of(case),
            "text": case_text(case, width=WIDTH),
            "advice": advices(case),
            "steps": steps_of(case) if asked.why_not is None else frozenset(),
            "waiting": waiting_of(case, asked.login),
            "who_approves": who_approves(case),
            "causes": causes_of(case),
            # Of several none is chosen beforehand: whoever proposes says which explains all legs.
            "several": len({str(leg.row["cause"]) for leg in open_legs}) > 1,
            "other_causes": [cause for cause in CAUSES if cause not in causes_of(case)],
            "open_legs": open_legs,
            "entries": ", ".join(
                f"{figure(Decimal(leg.row['amount']), signed=True).text} {leg.row['unit']}" for leg in open_legs
            ),
            "login": asked.login or "",
            "shown": shown_of(rows),
            "was": words_of(rows),
            "legs_word": _legs_word(len(case.active or rows)),
            "breaks_word": counted(len(rows), "break"),
        },
        sql="\n\n".join(
            (
                Query("SELECT * FROM recon_exact.breaks WHERE case_id = :case", {"case": case.id}).sql(),
                Query(_LOG.strip(), {"case": case.id}).sql(),
            )
        ),
    )


def _legs_word(legs: int) -> str:
    return {1: "one break", 2: "both legs at once"}.get(legs, f"all {legs} legs at once")


def _evidence(case: Case) -> list[Mapping[str, Any]]:
    """Return the items of all breaks, each once, in the order of the log."""
    found: dict[str, Mapping[str, Any]] = {}
    notes = {leg.row["note"] for leg in case.legs}
    for leg in case.legs:
        for item in items_of(leg.row):
            if said_elsewhere(str(item["text"]), notes):
                continue
            seq = item.get("seq")
            at = case.times.get((str(leg.row["gateway"]), seq)) if isinstance(seq, int) else None
            place = None if seq is None else event_address(str(leg.row["gateway"]), int(seq))
            found.setdefault(str(item["text"]), {"seq": seq, "at": at, "text": str(item["text"]), "place": place})
    return sorted(found.values(), key=lambda item: (item["seq"] is None, item["seq"] or 0))


def _tried(case: Case) -> list[Mapping[str, Any]]:
    """Return the causes that were tried, each once, those that fit first."""
    found: dict[str, Mapping[str, Any]] = {}
    for leg in case.legs:
        for each in mappings(leg.row["tried"]):
            if each["fits"] or str(each["cause"]) not in found:
                found[str(each["cause"])] = {
                    "cause": str(each["cause"]), "fits": bool(each["fits"]), "why": str(each["why"]),
                }  # fmt: skip
    return sorted(found.values(), key=lambda each: not each["fits"])


SCREEN: Final = Screen(
    name="case",
    path="/cases/{id}",
    title="Case",
    question="Why is it there, since when, and what can be done?",
    template="case.html",
    read=_read,
    under="breaks",
    changes_with=CASES,
)
