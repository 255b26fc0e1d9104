"""`recon facts`: material facts that wait for a second person, and decisions on them (semantics 10.7)."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from recon.cli.connection import operator_connection, reader_connection
from recon.cli.options import Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.output import Column, columns, note, print_json
from recon.cli.recording import DecisionOptions, Reason, Text, check_digest, decision_options, record, wait_until_folded
from recon.cli.table import print_table
from recon.cli.waiting_facts import MAX_DECIDED, WaitingGroup, approval_command, chosen_group, waiting_groups
from recon.deciding.recording import Decision, findings_at, raise_refusals
from recon.deciding.steps import NOT_FOLDED
from recon.ledger.facts.waiting import facts_digest

app = typer.Typer(no_args_is_help=True, help="Show material facts that wait, and decide on them.")

FactsDigest = Annotated[str, typer.Argument(metavar="DIGEST", help="The facts' digest, or its first characters.")]

WAITING: Final = [
    *columns("gateway", "digest", "account", "facts", "what", "usd", "told_by", "told_at", "vouched_by"),
    Column("reason", prose=True),
]
_DECIDED: Final = columns("gateway", "facts", "digest", "seq", "outcome")


@app.command("show")
def show_facts(*, gateway: GatewayFilter = None, config: Config = None, json: Json = False) -> None:
    """Show the facts that change nothing until a second person approves them."""
    with reader_connection(settings_of(config), "facts show") as connection:
        groups = waiting_groups(connection, gateway)
    if json:
        print_json([{**group.shown, "seqs": [seq for seq, _ in group.facts]} for group in groups])
        return
    print_table([group.shown for group in groups], WAITING, empty="no fact waits for a second person")
    for group in groups:
        note(f"to let it take effect, a second person runs: {approval_command(group.digest)}")


@app.command("approve")
@with_options(decision_options)
def approve_facts(
    options: DecisionOptions, digest: FactsDigest, *, gateway: GatewayFilter = None, text: Text = None
) -> None:
    """Let facts that another person told take effect, a file as a whole; this needs a login of your own."""
    _decide_facts(options, "approve_facts", digest, gateway, text)


@app.command("reject")
@with_options(decision_options)
def reject_facts(options: DecisionOptions, digest: FactsDigest, *, text: Reason, gateway: GatewayFilter = None) -> None:
    """Reject facts that wait; they change nothing, and may be told again."""
    _decide_facts(options, "reject_facts", digest, gateway, text)


def _decide_facts(options: DecisionOptions, action: str, start: str, gateway: str | None, text: str | None) -> None:
    with operator_connection(options.settings, action.replace("_", " ")) as connection:
        group = chosen_group(connection, gateway, check_digest(start))
        recorded = record(connection, _decisions(group, action, text), options.name)
        passed = wait_until_folded(connection, recorded, wait=options.wait)
        findings = findings_at(connection, recorded) if passed else []
    outcome = "; ".join(dict.fromkeys(str(row["message"]) for row in findings)) if passed else NOT_FOLDED
    shown = {"gateway": group.gateway, "facts": len(group.facts), "digest": group.digest, "outcome": outcome}
    row = {**shown, "seq": recorded[0].last_seq}
    if options.json:
        print_json({**row, "folded": passed})
    else:
        print_table([row], _DECIDED)
    raise_refusals(findings)


def _decisions(group: WaitingGroup, action: str, text: str | None) -> list[Decision]:
    """Return the decisions on all facts of a group; each binds to the facts that it names."""
    decisions: list[Decision] = []
    for start in range(0, len(group.facts), MAX_DECIDED):
        facts = group.facts[start : start + MAX_DECIDED]
        payload: dict[str, object] = {
            "action": action,
            "facts": [seq for seq, _ in facts],
            "digest": facts_digest(facts),
        }
        decisions.append(Decision(group.gateway, payload | ({} if text is None else {"text": text})))
    return decisions
