"""`recon break`: look at a break as a colleague would explain it, and decide on it.

A step that the life of a break does not allow is refused before anything is written; the fold refuses it too, because
the break may have moved on in the meantime.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import typer

from recon.cli import break_report, break_selection
from recon.cli.break_actions import Meant, Payload, act, given_keys, rule
from recon.cli.break_selection import STATES, Chosen, Wanted
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, moment_of, settings_of, sharing
from recon.cli.output import print_json, write
from recon.cli.queries import reading
from recon.cli.recording import Answering, Name, Reason, Text, Wait, answering
from recon.cli.rules_in_force import rules_in_force
from recon.clock import utc_now
from recon.config.values import parse_decimal
from recon.errors import ConfigError
from recon.exact import plain
from recon.reconciliation.breaks.decisions import joint_digest, proposal_digest

app = typer.Typer(no_args_is_help=True, help="Explain breaks, and decide on them.")

Digest = Annotated[str, typer.Argument(metavar="DIGEST", help="The proposal's digest, or the beginning of it.")]


def _targets(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Breaks, by id or the beginning of one.")
    ] = None,
    *,
    case: Annotated[str | None, typer.Option(metavar="ID", help="All breaks of this case that allow it.")] = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    unit: Annotated[str | None, typer.Option(metavar="CODE", help="Only this asset or contract.")] = None,
    cause: Annotated[str | None, typer.Option(metavar="CAUSE", help="Only this cause.")] = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only this state; default: all active ones.")
    ] = None,
    opened_since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only those opened since a time, or an age (2h, 1d).")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether the filter's breaks are meant.")] = False,
    config: Config = None,
    name: Name = None,
    wait: Wait = True,
    json: Json = False,
) -> Meant:
    if state is not None and state not in STATES:
        raise typer.BadParameter(f"must be one of {', '.join(STATES)}", param_hint="--state")
    since = None if opened_since is None else _moment(opened_since, "--opened-since")
    wanted = Wanted(ids or (), case, gateway, account, unit, cause, state, since)
    return Meant(Answering(settings_of(config), name, wait, json), wanted, yes)


def _moment(given: str, option: str, *, ahead: bool = False) -> datetime:
    at = moment_of(given, utc_now(), ahead=ahead)
    if at is None:
        span = "a span from now (3d)" if ahead else "an age (2h, 1d)"
        raise typer.BadParameter(f"must be a time (2026-01-05T09:00:00Z) or {span}", param_hint=option)
    return at


def _decimal(given: str, option: str) -> Decimal:
    try:
        return parse_decimal(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


@app.command()
def show(
    which: Annotated[str, typer.Argument(metavar="ID|CASE", help="A break or a case, or the beginning of its id.")],
    *,
    config: Config = None,
    json: Json = False,
) -> None:
    """Explain a break as a colleague would.

    What it is, since when, where in the log it arose, the arithmetic, why, what was tried, and what can be done.
    """
    with reading(settings_of(config), "break show") as connection:
        now, meant = utc_now(), break_selection.named(connection, which)
        rules = {name: rules_in_force(connection, name) for name in dict.fromkeys(known.gateway for known in meant)}
        told = [break_report.gather(connection, known, now, rules[known.gateway].of(known.account)) for known in meant]
    if json:
        print_json([break_report.document(each) for each in told])
    else:
        write("\n".join(break_report.text(each) for each in told))


@app.command()
@sharing(_targets)
def assign(
    meant: Meant,
    *,
    to: Annotated[str, typer.Option(metavar="WHO", help="Who looks after it from now on.")],
    text: Text = None,
) -> None:
    """Give breaks to somebody."""
    act(meant, "assign", {"assignee": to, **given_keys(text=text)})


@app.command()
@sharing(_targets)
def comment(meant: Meant, *, text: Reason) -> None:
    """Add a remark to the history of breaks."""
    act(meant, "comment", {"text": text})


@app.command()
@sharing(_targets)
def investigate(meant: Meant, *, text: Text = None) -> None:
    """Say that somebody is looking into it."""
    act(meant, "investigate", given_keys(text=text))


@app.command()
@sharing(_targets)
def propose(
    meant: Meant,
    *,
    cause: Annotated[str, typer.Option(metavar="CAUSE", help="What it was: deposit, missed_fill, fee_variance, …")],
    entry: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="What is to be booked, signed; default: each break's amount.")
    ] = None,
    evidence: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="What proves it; may be given several times.")
    ] = None,
    text: Text = None,
) -> None:
    """Propose a cause, and the entry that explains the break.

    Prints the digest that an approval binds to.
    """
    words, amount = evidence or [], None if entry is None else _decimal(entry, "--entry")

    def proposal(chosen: Sequence[Chosen]) -> Payload:
        if amount is not None and len(chosen) > 1:
            raise ConfigError(f"--entry is for one break, not for {len(chosen)}; without it each break's own is meant")
        entries = [known.owned if amount is None else amount for known in chosen]
        digests = [proposal_digest(known.id, cause, own, words) for known, own in zip(chosen, entries, strict=True)]
        return {
            "cause": cause,
            # Several have no entry in common; the fold takes each break's own, and the digest tells if one has moved.
            "entry": plain(entries[0]) if len(entries) == 1 else None,
            "evidence": words,
            "digest": joint_digest(digests),
            **given_keys(text=text),
        }

    act(meant, "propose", proposal)


@app.command()
@sharing(answering)
def approve(given: Answering, digest: Digest, *, text: Text = None) -> None:
    """Approve what was proposed: its entry is booked, or the break is accepted.

    What is material needs another login than the proposer's.
    """
    rule(given, "approve", digest, text)


@app.command()
@sharing(answering)
def reject(given: Answering, digest: Digest, *, text: Reason) -> None:
    """Reject what was proposed; the investigation goes on."""
    rule(given, "reject", digest, text)


@app.command()
@sharing(_targets)
def accept(
    meant: Meant,
    *,
    until: Annotated[str, typer.Option(metavar="WHEN", help="Until a time, or for a span from now (3d).")],
    amount: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="Up to this drift, without sign; default: each break's amount.")
    ] = None,
    text: Text = None,
) -> None:
    """Live with breaks for a while.

    They come back when the time is over, or the drift has grown beyond the amount. What is material is proposed, and
    accepted once another login has approved the digest that is printed.
    """
    end = _moment(until, "--until", ahead=True)
    if end <= utc_now():
        raise typer.BadParameter("is over already", param_hint="--until")
    limit = None if amount is None else _decimal(amount, "--amount")
    if limit is not None and limit < 0:
        raise typer.BadParameter("is a size, without sign", param_hint="--amount")
    most = None if limit is None else plain(limit)
    act(meant, "accept", {"until": end.astimezone(UTC).isoformat(), **given_keys(amount=most, text=text)})


@app.command()
@sharing(_targets)
def reopen(meant: Meant, *, text: Reason) -> None:
    """Open again what was explained, resolved or accepted.

    An entry that was booked for it is reversed by an opposite one; nothing is erased.
    """
    act(meant, "reopen", {"text": text})
