"""What people do on the screen of a case: the steps of `recon break`, by their own login, on all its breaks or one.

What was shown goes with each form. If the case changed since then, nothing is written, and the answer says both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from recon.config.values import parse_decimal
from recon.db.source import query_rows
from recon.deciding import selection
from recon.deciding.proposals import proposal_of, waiting_proposal
from recon.deciding.recording import Recorded, append_decisions
from recon.deciding.selection import SelectedBreak
from recon.deciding.steps import Payload, decisions_of, without_none
from recon.display.ids import short_id
from recon.display.words import is_blank
from recon.errors import DecisionRefused, DocumentRefused
from recon.exact import plain
from recon.reads.breaks import SHOWN_BREAKS
from recon.reads.known_names import check_cause
from recon.reconciliation.model.lifecycle import PersonStep
from recon.times import parse_time
from recon.web.case_forms import shown_of, words_of
from recon.web.forms import Form, field, optional
from recon.web.screen import Deed, Done, Wanted

if TYPE_CHECKING:
    from sqlalchemy import Connection


class ShownCase(NamedTuple):
    """A case as a person saw it: its id, the digest of what was shown, and the same in words where they are known."""

    id: str
    shown: str
    was: str = ""


#: Makes the payload of a step from a form, when it is asked, and by whom.
Make = Callable[[Form, datetime, list[SelectedBreak], str], Payload]


def _assign(form: Form, _: datetime, __: list[SelectedBreak], login: str) -> Payload:
    return {"assignee": optional(form, "to") or login, **without_none(text=optional(form, "text"))}


def _text_needed(form: Form, _: datetime, __: list[SelectedBreak], ___: str) -> Payload:
    return {"text": field(form, "text", "the reason")}


def _text_allowed(form: Form, _: datetime, __: list[SelectedBreak], ___: str) -> Payload:
    return without_none(text=optional(form, "text"))


def _propose(form: Form, _: datetime, selected: list[SelectedBreak], __: str) -> Payload:
    cause = optional(form, "other_cause") or field(form, "cause", "the cause")
    check_cause(cause)
    evidence = [line.strip() for line in field(form, "evidence", "the evidence").split("\n") if not is_blank(line)]
    return proposal_of(selected, cause, None, evidence, optional(form, "text"))


def _accept(form: Form, now: datetime, _: list[SelectedBreak], __: str) -> Payload:
    given = field(form, "until", "until when")
    until = parse_time(given, now, ahead=True)
    if until is None or until <= now:
        raise DocumentRefused(f"Nothing was written: {given} is no time ahead; give one, or a span such as 3d")
    amount = optional(form, "amount")
    try:
        most = None if amount is None else parse_decimal(amount.replace(",", ""))
    except ValueError as error:
        raise DocumentRefused(f"Nothing was written: the amount {error}") from None
    if most is not None and most < 0:
        raise DocumentRefused("Nothing was written: the amount must not be negative")
    until_text = until.astimezone(UTC).isoformat()
    return {
        "until": until_text,
        **without_none(amount=None if most is None else plain(most), text=optional(form, "text")),
    }


MAKES: Final[Mapping[PersonStep, tuple[Make, str]]] = {
    "assign": (_assign, "Assigned."),
    "comment": (_text_needed, "Commented."),
    "investigate": (_text_allowed, "Investigating."),
    "propose": (_propose, "Proposed."),
    "accept": (_accept, "Accepted; or proposed, where it is material."),
    "reopen": (_text_needed, "Reopened."),
}


#: The step that undoes one; a comment stays, and what was rejected can be proposed again.
_UNDONE_BY: Final[Mapping[PersonStep, PersonStep]] = {
    "assign": "reopen",
    "investigate": "reopen",
    "accept": "reopen",
    "approve": "reopen",
    "propose": "reject",
}


def decide_case(
    connection: Connection, case: ShownCase, step: PersonStep, form: Form, now: datetime, login: str
) -> list[Recorded]:
    """Append the decisions of one step on a case, or on one leg of it, as it was shown.

    Errors: DocumentRefused for a form that lacks something, ConfigError, DecisionRefused, AppendRefused.
    """
    make, _ = MAKES[step]
    case_id, rows = _shown(connection, case)
    only = optional(form, "leg")
    wished = [row["id"] for row in rows if only is None or row["id"] == only]
    breaks = selection.by_ids(connection, [str(each) for each in wished])
    selected = selection.those_allowing(breaks, step, f"of case {short_id(case_id)}")
    decisions = decisions_of(step, lambda ours: make(form, now, list(ours), login), selected)
    return append_decisions(connection, decisions, None, now)


def _step(step: PersonStep) -> Callable[[Connection, Wanted], Done]:
    _, said = MAKES[step]

    def do(connection: Connection, wanted: Wanted) -> Done:
        case = _case_of(wanted)
        recorded = decide_case(connection, case, step, wanted.form, wanted.now, wanted.login)
        return Done(to=_address(case.id), said=said, recorded=recorded, undo=_UNDONE_BY.get(step, ""))

    return do


def _decide(step: PersonStep, said: str, make: Make) -> Callable[[Connection, Wanted], Done]:
    def do(connection: Connection, wanted: Wanted) -> Done:
        case, _ = _shown(connection, _case_of(wanted))
        digest, ids = waiting_proposal(connection, field(wanted.form, "digest", "the digest of the proposal"))
        selected = selection.those_allowing(selection.by_ids(connection, ids), step, "of the proposal")
        payload = {"digest": digest, **make(wanted.form, wanted.now, selected, wanted.login)}
        recorded = append_decisions(connection, decisions_of(step, payload, selected), None, wanted.now)
        return Done(to=_address(case), said=said, recorded=recorded, undo=_UNDONE_BY.get(step, ""))

    return do


def _case_of(wanted: Wanted) -> ShownCase:
    return ShownCase(wanted.path["id"], wanted.form.get("shown", ""), wanted.form.get("was", ""))


def _shown(connection: Connection, case: ShownCase) -> tuple[str, list[Mapping[str, Any]]]:
    """Return the case and its breaks, as they were shown. Errors: DecisionRefused where they changed since then."""
    breaks = selection.case(connection, case.id)
    rows = query_rows(connection, SHOWN_BREAKS, {"cases": [breaks[0].case_id]})
    if shown_of(rows) != case.shown:
        was = f"It was {case.was[:500]}; now" if case.was else "Now"
        raise DecisionRefused(f"the case changed since it was shown. {was} it is {words_of(rows)}")
    return breaks[0].case_id, list(rows)


def _address(case: str) -> str:
    return f"/cases/{quote(case)}"


def _deed(step: str, do: Callable[[Connection, Wanted], Done]) -> Deed:
    return Deed(name=f"case_{step}", path=f"/cases/{{id}}/{step}", screen="case", do=do)


DEEDS: Final[tuple[Deed, ...]] = (
    *(_deed(step, _step(step)) for step in MAKES),
    _deed("approve", _decide("approve", "Approved.", _text_allowed)),
    _deed("reject", _decide("reject", "Rejected; the investigation goes on.", _text_needed)),
)
