"""`recon facts`: material facts that wait for a second person, and decisions on them (semantics 10.7)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Final

import typer

from recon.cli.answer import Answer, answer
from recon.cli.connection import operator_connection
from recon.cli.options import Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.output import Column, Row, columns, note, print_json
from recon.cli.recording import DecisionOptions, Reason, Text, check_digest, decision_options, record, wait_until_folded
from recon.cli.table import print_table
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.screen import NextStep, Screen
from recon.cli.tables.table import Note, Table
from recon.cli.tables.terminal import is_terminal
from recon.cli.waiting_facts import MAX_DECIDED, WaitingGroup, approval_command, chosen_group, waiting_groups
from recon.db.source import Source
from recon.deciding.recording import Decision, findings_at, raise_refusals
from recon.deciding.steps import NOT_FOLDED
from recon.display.words import counted
from recon.ledger.facts.waiting import facts_digest

app = typer.Typer(no_args_is_help=True, help="Show material facts that wait, and decide on them.")

FactsDigest = Annotated[str, typer.Argument(metavar="DIGEST", help="The facts' digest, or its first characters.")]

WAITING: Final = [
    Column("gateway", rank=2),
    Column("digest", kind="id"),
    Column("account"),
    Column("facts", kind="count", rank=3),
    Column("what", prose=True),
    Column("usd", kind="worth"),
    Column("told_by", "told by", rank=1),
    Column("told_at", "age", kind="age"),
    Column("vouched_by", "vouched by", rank=4, blank=True),
    Column("reason", prose=True, wide=True),
]
_DECIDED: Final = columns("gateway", "facts", "digest", "seq", "outcome")


@app.command("show")
@with_options(table_options)
def show_facts(
    options: TableOptions, *, gateway: GatewayFilter = None, config: Config = None, json: Json = False
) -> None:
    """Show the facts that change nothing until a second person approves them."""
    place = options.narrowed(gateway=gateway).singles("facts", "gateway")

    def read(connection: Source) -> Answer:
        groups = waiting_groups(connection, place["gateway"])
        if not json and not is_terminal():
            for group in groups:
                note(f"to let it take effect, a second person runs: {approval_command(group.digest)}")
        table = Table(columns=WAITING, rows=[group.shown for group in groups], notes=_reason, notes_under="account")
        screen = Screen(
            tables=[table],
            sums=[f"{counted(len(groups), 'file or fact', 'files or facts')} waiting for a second person"],
            steps=[NextStep(approval_command(group.digest), "a second person runs this") for group in groups[:1]],
            empty="no fact waits for a second person",
        )
        return Answer(screen, [{**group.shown, "seqs": [seq for seq, _ in group.facts]} for group in groups])

    answer(settings_of(config), "facts show", options, read, json=json)


def _reason(row: Row, shown: Collection[str]) -> Sequence[Note]:
    return [] if "reason" in shown or not row["reason"] else [Note("why", str(row["reason"]))]


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
