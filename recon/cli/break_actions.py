"""Taking a step on breaks: confirm the selection, record the decisions, print the outcome."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec
import typer
from sqlalchemy import Connection

from recon.cli.connection import operator_connection
from recon.cli.output import Column, note, print_json, write
from recon.cli.recording import DecisionOptions, check_digest, record, wait_until_folded
from recon.cli.table import print_table
from recon.deciding import selection
from recon.deciding.proposals import awaiting_approval, waiting_proposal
from recon.deciding.recording import Decision, findings_at, raise_refusals, refusals
from recon.deciding.selection import SHORT, BreakFilter, SelectedBreak
from recon.deciding.steps import Payload, decisions_of, outcomes, without_none
from recon.display.figures import shown
from recon.display.ids import short_id
from recon.display.words import counted
from recon.errors import ConfigError
from recon.reads.filter import Filter
from recon.reads.known_names import check_filter
from recon.reconciliation.model.lifecycle import ACTIVE, PersonStep

_OUTCOME: Final = [
    Column(key) for key in ("gateway", "id", "account", "unit", "amount", "step", "was", "state", "seq", "outcome")
]


#: Who may approve what was proposed; the limit is that of the rules.
_WHO: Final = "A second login approves it, or any where it is not material"
_VERBS: Final[Mapping[str, str]] = {
    "assign": "Assign",
    "comment": "Comment on",
    "investigate": "Investigate",
    "propose": "Propose a cause for",
    "accept": "Accept",
    "reopen": "Reopen",
}


#: Steps that are meant for all breaks of a case.
_WHOLE: Final = ("propose", "accept")


class BreakRequest(msgspec.Struct, frozen=True):
    """The breaks that a step is for, and how to record and print it."""

    options: DecisionOptions
    filter: BreakFilter
    #: True if a filter needs no confirmation.
    yes: bool
    #: The names that the filter asks for, which must be names of something.
    names: Filter = Filter()


def take_step(
    request: BreakRequest, step: PersonStep, payload: Payload | Callable[[Sequence[SelectedBreak]], Payload]
) -> None:
    """Take a step on the selected breaks; a payload may be made from them, for each gateway.

    Errors: ConfigError, DecisionRefused, AppendRefused, DatabaseError.
    """
    with operator_connection(request.options.settings, f"break {step}") as connection:
        check_filter(connection, request.names, request.options.settings.gateways)
        selected = selection.select_breaks(connection, request.filter, step)
        if request.filter.ids and step in _WHOLE:
            _note_other_legs(connection, selected)
        if request.filter.filtered and not request.yes:
            connection.rollback()  # no transaction waits for a person
            _confirm(step, selected)
        _finish(connection, request.options, step, selected, decisions_of(step, payload, selected))


def _note_other_legs(connection: Connection, selected: Sequence[SelectedBreak]) -> None:
    """Say where a step is for a part of a case: one leg alone books half of what happened.

    Legs of another cause have a step of their own.
    """
    ids, causes = {each.id for each in selected}, {each.cause for each in selected}
    for case_id in dict.fromkeys(each.case_id for each in selected):
        active = [each for each in selection.case(connection, case_id) if each.state in ACTIVE]
        if any(each.id not in ids and each.cause in causes for each in active):
            taken, short = sum(each.id in ids for each in active), short_id(case_id)
            note(f"{taken} of {len(active)} breaks of case {short}: --case {short} takes all of it")


def _confirm(step: str, selected: Sequence[SelectedBreak]) -> None:
    """Ask whether to take the step on the breaks that a filter selected."""
    amounts = [abs(each.amount_usd) for each in selected if each.amount_usd is not None]
    worth = f"about {shown(sum(amounts, Decimal(0)).quantize(Decimal(1)))} USD" if amounts else "worth unknown"
    unknown = len(selected) - len(amounts)
    also = f", {unknown} of unknown worth" if amounts and unknown else ""
    cases = counted(len({each.case_id for each in selected}), "case")
    confirm(f"{_VERBS.get(step, step)} {counted(len(selected), 'break')} ({cases}, {worth}{also})")


def confirm(action: str) -> None:
    """Go on if the person says yes. Errors: ConfigError where nobody can be asked; Exit after a no."""
    if not sys.stdin.isatty():
        raise ConfigError(f"this needs a confirmation: {action}? Give --yes to confirm")
    try:
        confirmed = typer.confirm(f"{action}?", err=True)
    except typer.Abort as error:
        # typer takes Ctrl-C at a question for the end of the input, which has another exit status.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    if not confirmed:
        note("nothing was done")
        raise typer.Exit(1)


def decide_proposal(options: DecisionOptions, step: PersonStep, start: str, text: str | None) -> None:
    """Approve or reject the one proposal whose digest starts so. Errors: as `take_step`."""
    with operator_connection(options.settings, f"break {step}") as connection:
        digest, ids = waiting_proposal(connection, check_digest(start))
        selected = selection.those_allowing(selection.by_ids(connection, ids), step, "of the proposal")
        payload = {"digest": digest, **without_none(text=text)}
        _finish(connection, options, step, selected, decisions_of(step, payload, selected))


def _finish(
    connection: Connection,
    options: DecisionOptions,
    step: PersonStep,
    selected: Sequence[SelectedBreak],
    decisions: Sequence[Decision],
) -> None:
    """Record the decisions and print their outcome. Errors: DecisionRefused where the fold refused one."""
    recorded = record(connection, decisions, options.name)
    passed = wait_until_folded(connection, recorded, wait=options.wait)
    refused = refusals(findings_at(connection, recorded)) if passed else []
    rows = outcomes(connection, step, selected, recorded, refused, folded=passed)
    digests = list(dict.fromkeys(str(each.payload["digest"]) for each in decisions if "digest" in each.payload))
    if step == "accept" and passed:
        digests = awaiting_approval(connection, recorded)
    if options.json:
        print_json({"step": step, "folded": passed, "digests": digests, "breaks": rows})
    else:
        print_table(rows, _OUTCOME)
        if step in {"propose", "accept"} and not refused:
            write("".join(f"Proposed. {_WHO}: recon break approve {digest[:SHORT]}\n" for digest in digests))
    raise_refusals(refused)
