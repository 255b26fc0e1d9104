"""`recon break`: explain a break, and decide on breaks.

A step that a break's state does not allow is refused before anything is written. The fold refuses it too, because the
break may have changed in the meantime.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import typer

from recon.cli.as_of import KnownAt, ValidAt, past_of
from recon.cli.break_actions import BreakRequest, decide_proposal, take_step
from recon.cli.connection import reader_connection
from recon.cli.currency import say_currency
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.output import note, print_json, spelling, write
from recon.cli.past_case import past_case_screen
from recon.cli.recording import DecisionOptions, Name, Reason, Text, Wait, decision_options
from recon.cli.tables.options import TableOptions
from recon.cli.tables.show import print_screen
from recon.cli.tables.terminal import is_terminal
from recon.clock import utc_now
from recon.config.values import parse_decimal
from recon.deciding.proposals import proposal_of
from recon.deciding.selection import STATES, BreakFilter
from recon.deciding.steps import without_none
from recon.exact import plain
from recon.reads.as_of import AsOf
from recon.reads.breaks import ALL_BREAKS
from recon.reads.case.document import document
from recon.reads.case.past import PastCase, read_past_case
from recon.reads.case.read import case_of, read_case
from recon.reads.case.text import case_text
from recon.reads.filter import of_words
from recon.reads.known_names import check_cause
from recon.times import parse_time

app = typer.Typer(no_args_is_help=True, help="Explain breaks, and decide on them.")

Digest = Annotated[str, typer.Argument(metavar="DIGEST", help="The proposal's digest, or its first characters.")]


def _targets(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Breaks, by id or its first characters.")
    ] = None,
    *,
    case: Annotated[str | None, typer.Option(metavar="ID", help="All breaks of this case that allow the step.")] = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    unit: Annotated[str | None, typer.Option(metavar="CODE", help="Only this asset or contract.")] = None,
    cause: Annotated[str | None, typer.Option(metavar="CAUSE", help="Only this cause.")] = None,
    state: Annotated[str | None, typer.Option(metavar="STATE", help="Only this state. [default: active ones]")] = None,
    opened_since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only those opened since a time or an age (2h, 1d).")
    ] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", "-f", metavar="NAME=VALUE", help="Only these, as in `recon breaks`: severity=high."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation of a filter.")] = False,
    config: Config = None,
    name: Name = None,
    wait: Wait = True,
    json: Json = False,
) -> BreakRequest:
    if state is not None and state not in STATES:
        raise typer.BadParameter(f"must be one of {', '.join(STATES)}", param_hint="--state")
    since = None if opened_since is None else _time(opened_since, "--opened-since")
    if cause is not None:
        check_cause(cause)
    asked = of_words(filters or ())
    condition, parameters = ALL_BREAKS.condition(asked, utc_now())
    criteria = BreakFilter(
        ids or (), case, gateway, account, unit, cause, state, since,
        condition="" if condition == "true" else condition, parameters=parameters, names_states=bool(asked.state),
    )  # fmt: skip
    names = asked.also(gateway=gateway, account=account, unit=unit)
    return BreakRequest(DecisionOptions(settings_of(config), name, wait, json), criteria, yes, names)


def _time(text: str, option: str, *, ahead: bool = False) -> datetime:
    at = parse_time(text, utc_now(), ahead=ahead)
    if at is None:
        span = "a span from now (3d)" if ahead else "an age (2h, 1d)"
        raise typer.BadParameter(f"must be a time (2026-01-05T09:00:00Z) or {span}", param_hint=option)
    return at


def _decimal(text: str, option: str) -> Decimal:
    try:
        return parse_decimal(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


@app.command()
def show(
    which: Annotated[str, typer.Argument(metavar="ID|CASE", help="A break or a case, by id or its first characters.")],
    *,
    leg: Annotated[bool, typer.Option("--leg", help="Only this break, without the others of its case.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also how else it may be read, and the causes that do not fit.")
    ] = False,
    as_of: ValidAt = None,
    known_at: KnownAt = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Explain a case: the breaks of one cause, by the case or by one of its breaks.

    What can be done, what happened, the arithmetic, the evidence, where in the log it arose, and who did what so far.
    Of a past time its breaks as they were, and the steps that were known.
    """
    settings, past = settings_of(config), past_of(as_of, known_at)
    with reader_connection(settings, "break show") as connection:
        now = utc_now()
        breaks, named = case_of(connection, which)
        if past.is_past:
            _show_past(read_past_case(connection, breaks[0].gateway, breaks[0].case_id, past, now), past, json=json)
            return
        accounts = {each.account for each in breaks}
        account = accounts.pop() if len(accounts) == 1 else None
        currency = say_currency(connection, settings, gateway=breaks[0].gateway, account=account)
        case = read_case(connection, named if leg else breaks, now, currency.stale)
    if json:
        asked = {each.id for each in named}
        legs = [each for each in case.legs if each.row["id"] in asked]
        print_json([{**currency.document(), **document(case, each)} for each in legs])
    else:
        text = case_text(case, width=shutil.get_terminal_size().columns, verbose=verbose)
        write(spelling().of(text) if is_terminal() else text)


def _show_past(case: PastCase, past: AsOf, *, json: bool) -> None:
    if json:
        print_json({**past.document(), "breaks": case.breaks, "steps": case.steps})
        return
    if not is_terminal():
        note(past.words)
    print_screen(past_case_screen(case, past.words), TableOptions())


@app.command()
@with_options(_targets)
def assign(
    request: BreakRequest,
    *,
    to: Annotated[str, typer.Option(metavar="WHO", help="The person who works on it.")],
    text: Text = None,
) -> None:
    """Assign breaks to a person."""
    take_step(request, "assign", {"assignee": to, **without_none(text=text)})


@app.command()
@with_options(_targets)
def comment(request: BreakRequest, *, text: Reason) -> None:
    """Comment on breaks, in their history."""
    take_step(request, "comment", {"text": text})


@app.command()
@with_options(_targets)
def investigate(request: BreakRequest, *, text: Text = None) -> None:
    """Mark breaks as under investigation."""
    take_step(request, "investigate", without_none(text=text))


@app.command()
@with_options(_targets)
def propose(
    request: BreakRequest,
    *,
    cause: Annotated[
        str, typer.Option(metavar="CAUSE", help="The cause, such as deposit; `recon docs architecture` has all.")
    ],
    entry: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="The amount to book, signed. [default: each break's amount]")
    ] = None,
    evidence: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="What proves the cause; may be given several times.")
    ] = None,
    text: Text = None,
) -> None:
    """Propose a cause, and the entry that explains the break.

    Prints the digest to approve.
    """
    check_cause(cause)
    items, amount = evidence or [], None if entry is None else _decimal(entry, "--entry")

    take_step(request, "propose", lambda selected: proposal_of(selected, cause, amount, items, text))


@app.command()
@with_options(decision_options)
def approve(options: DecisionOptions, digest: Digest, *, text: Text = None) -> None:
    """Approve a proposal: book its entry, or accept the break.

    A material proposal needs another login than the proposer's.
    """
    decide_proposal(options, "approve", digest, text)


@app.command()
@with_options(decision_options)
def reject(options: DecisionOptions, digest: Digest, *, text: Reason) -> None:
    """Reject a proposal; the investigation continues."""
    decide_proposal(options, "reject", digest, text)


@app.command()
@with_options(_targets)
def accept(
    request: BreakRequest,
    *,
    until: Annotated[str, typer.Option(metavar="WHEN", help="Until a time, or for a span from now (3d).")],
    amount: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", help="Up to this drift, without sign. [default: each break's amount]"),
    ] = None,
    text: Text = None,
) -> None:
    """Accept breaks until a date.

    They open again after that date, or when the drift exceeds the amount. A material acceptance is a proposal first:
    another login must approve the digest that is printed.
    """
    end = _time(until, "--until", ahead=True)
    if end <= utc_now():
        raise typer.BadParameter("must be in the future", param_hint="--until")
    limit = None if amount is None else _decimal(amount, "--amount")
    if limit is not None and limit < 0:
        raise typer.BadParameter("must not be negative", param_hint="--amount")
    most = None if limit is None else plain(limit)
    take_step(request, "accept", {"until": end.astimezone(UTC).isoformat(), **without_none(amount=most, text=text)})


@app.command()
@with_options(_targets)
def reopen(request: BreakRequest, *, text: Reason) -> None:
    """Reopen breaks that were taken up, accepted, explained or resolved.

    An entry that was booked for a break is reversed; nothing is erased.
    """
    take_step(request, "reopen", {"text": text})
