"""`recon import`: a statement of a venue or a custodian, imported as facts (semantics 10.3)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.connection import operator_connection
from recon.cli.fact_recording import (
    BookedFact,
    append_facts,
    booked_facts,
    check_accounts,
    effects_and_findings,
    one_gateway,
    usd_of_file,
    with_file,
)
from recon.cli.options import Config, Json, settings_of
from recon.cli.output import Column, Row, note, print_json
from recon.cli.progress import progress_bar
from recon.cli.recording import Name, Wait, note_shared_login, wait_until_folded
from recon.cli.statement_reader import BadRow, Statement, StatementFact, read_statement
from recon.cli.table import print_table
from recon.cli.waiting_facts import note_waiting
from recon.config import Settings
from recon.config.imports import Import
from recon.ems.diagnostics.report import counted
from recon.errors import ConfigError
from recon.ledger.facts.external_fact import digest_of, movements_of

#: Most unreadable rows that are named; the rest is counted.
MAX_NAMED: Final = 20

_FACTS: Final = [
    Column(key)
    for key in ("line", "state", "account", "fact", "unit", "amount", "fee", "fee_asset", "occurred_at", "external_id")
]
_EFFECTS: Final = [Column(key) for key in ("fact", "effect", "facts")]
_FOUND: Final = [Column("kind"), Column("found"), Column("message", cut=True)]


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file with a header row.")],
    *,
    mapping: Annotated[
        str,
        typer.Option("--mapping", "-m", metavar="NAME", help="The mapping of columns: [imports.NAME] in the settings."),
    ],
    gateway: Annotated[
        str | None, typer.Option("--gateway", "-g", metavar="NAME", help="The gateway; needed where there are several.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", "-a", metavar="ID", help="The account, if no column names it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be imported; import nothing.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Skip rows that cannot be read.")] = False,
    config: Config = None,
    name: Name = None,
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Import a statement: deposits, fees, funding, trades.

    Each row becomes a fact with its own time and id, so importing a file twice changes nothing. A trade that the EMS
    has reported adds only its fee. Nothing is imported unless every row can be read. A material file waits until a
    second person approves it (`recon facts`).
    """
    settings = settings_of(config)
    statement = read_statement(file, _mapping(settings, mapping), account)
    _refuse_bad(file, statement.bad_rows, skip_bad=skip_bad, dry_run=dry_run)
    with operator_connection(settings, "import") as connection:
        where = one_gateway(connection, gateway)
        check_accounts(connection, where, [each.fact.account for each in statement.facts])
        ids = [(each.fact.account, each.fact.external_id) for each in statement.facts]
        known = booked_facts(connection, where, ids)
        if dry_run:
            _print_dry(statement, known, as_json=json)
            return
        fresh = [each for each in statement.facts if _state(each, known) != "known"]
        with progress_bar() as begin:
            usd = usd_of_file(connection, where, [each.fact for each in fresh])
            facts = [(each.fact.account, with_file(each.payload, statement.digest, usd)) for each in fresh]
            recorded = append_facts(connection, where, facts, name, begin(file.name))
        note_shared_login(connection, recorded)
        effects, findings = (
            effects_and_findings(connection, recorded)
            if recorded and wait_until_folded(connection, recorded, wait=wait)
            else ([], [])
        )
        waiting = note_waiting(connection, where, recorded[0].first_seq, recorded[-1].last_seq) if recorded else 0
    summary: dict[str, object] = {
        "file": str(file),
        "gateway": where,
        "appended": len(fresh),
        "known": len(statement.facts) - len(fresh),
        "waiting": waiting,
        "silent": statement.empty_rows,
        "left_out": [msgspec.structs.asdict(row) for row in statement.bad_rows],
        "first_seq": recorded[0].first_seq if recorded else None,
        "last_seq": recorded[-1].last_seq if recorded else None,
        "effects": effects,
        "findings": findings,
    }
    if json:
        print_json(summary)
    else:
        _print(summary, effects, findings)


def _print(summary: Row, effects: list[Row], findings: list[Row]) -> None:
    new, duplicates, empty = (int(str(summary[key])) for key in ("appended", "known", "silent"))
    note(f"{counted(new, 'new record')} imported, {counted(duplicates, 'duplicate')}")
    if empty:
        note(f"{counted(empty, 'row')} without an amount")
    if effects:
        print_table(effects, _EFFECTS, title="effects")
    if findings:
        print_table(findings, _FOUND, title="findings")


def _mapping(settings: Settings, name: str) -> Import:
    mapping = settings.imports.get(name)
    if mapping is None:
        others = f"there are {', '.join(sorted(settings.imports))}" if settings.imports else "there is none yet"
        raise ConfigError(f"the settings have no [imports.{name}]; {others}")
    return mapping


def _refuse_bad(file: Path, bad: list[BadRow], *, skip_bad: bool, dry_run: bool) -> None:
    """Name the rows that cannot be read. Errors: ConfigError, unless they are skipped or it is a dry run."""
    lines = [f"{file}: line {row.line}: {row.problem}" for row in bad[:MAX_NAMED]]
    if len(bad) > MAX_NAMED:
        lines.append(f"{file}: and {len(bad) - MAX_NAMED} more")
    if not bad or skip_bad or dry_run:
        for line in lines:
            note(line)
        return
    raise ConfigError("\n".join([*lines, "nothing was imported; fix the rows or the mapping, or give --skip-bad"]))


def _state(each: StatementFact, known: dict[tuple[str, str], BookedFact]) -> str:
    """Return whether a fact is new, known, or in conflict: known with another content."""
    before = known.get((each.fact.account, each.fact.external_id))
    if before is None:
        return "new"
    own = movements_of(each.fact)
    return "known" if before.digest == digest_of(each.fact, own[0] if own else None) else "conflict"


def _print_dry(statement: Statement, known: dict[tuple[str, str], BookedFact], *, as_json: bool) -> None:
    rows: list[Row] = []
    for each in statement.facts:
        fact = each.fact
        traded = {"unit": fact.symbol, "amount": fact.quantity, "fee": fact.fee, "fee_asset": fact.fee_asset}
        moved = {"unit": fact.unit, "amount": fact.amount, "fee": None, "fee_asset": None}
        rows.append(
            {
                "line": each.line,
                "state": _state(each, known),
                "account": fact.account,
                "fact": fact.fact if fact.side is None else f"{fact.fact} {fact.side}",
                **(moved if fact.side is None else traded),
                "occurred_at": fact.occurred_at,
                "external_id": fact.external_id,
            }
        )
    if as_json:
        print_json(rows)
    else:
        print_table(rows, _FACTS, empty="the file has no facts")
