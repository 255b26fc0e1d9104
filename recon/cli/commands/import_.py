"""`recon import`: a statement into the books, as a venue or a custodian writes it (semantics 10.3)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.commands.maintenance import progress_bar
from recon.cli.connection import deciding
from recon.cli.fact_recording import Known, append_facts, check_accounts, known_facts, one_gateway, outcome
from recon.cli.options import Config, Json, settings_of
from recon.cli.output import Column, Row, note, print_json, print_table
from recon.cli.recording import Name, Wait, folded
from recon.cli.statement_reader import BadRow, Statement, Told, read_statement
from recon.config import Settings
from recon.config.imports import Import
from recon.errors import ConfigError
from recon.ledger.facts.external_fact import digest_of, movements_of

#: Rows that cannot be read which are named before the rest is counted.
MAX_NAMED: Final = 20

_FACTS: Final = [
    Column(key)
    for key in ("line", "state", "account", "fact", "unit", "amount", "fee", "fee_asset", "occurred_at", "external_id")
]
_EFFECTS: Final = [Column(key) for key in ("fact", "effect", "facts")]
_FOUND: Final = [Column("kind"), Column("found"), Column("message", cut=True)]


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file with headings.")],
    *,
    mapping: Annotated[
        str,
        typer.Option("--mapping", "-m", metavar="NAME", help="How it is to be read: [imports.NAME] in the settings."),
    ],
    gateway: Annotated[
        str | None, typer.Option("--gateway", "-g", metavar="NAME", help="The gateway; needed where there are several.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", "-a", metavar="ID", help="The account, where no column tells it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be told; append nothing.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out rows that cannot be read.")] = False,
    config: Config = None,
    name: Name = None,
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Import a statement: deposits, fees, funding, trades.

    Each row becomes a fact with its own time and id, so importing a file twice changes nothing. Trades that reports
    have told add their fee alone. Nothing is appended unless every row can be read.
    """
    settings = settings_of(config)
    statement = read_statement(file, _mapping(settings, mapping), account)
    _refuse_bad(file, statement.bad, skip_bad=skip_bad, dry_run=dry_run)
    with deciding(settings, "import") as connection:
        where = one_gateway(connection, gateway)
        check_accounts(connection, where, [told.fact.account for told in statement.told])
        ids = [(told.fact.account, told.fact.external_id) for told in statement.told]
        known = known_facts(connection, where, ids)
        if dry_run:
            _print_dry(statement, known, as_json=json)
            return
        fresh = [told for told in statement.told if _state(told, known) != "known"]
        with progress_bar() as begin:
            facts = [(told.fact.account, told.payload) for told in fresh]
            landed = append_facts(connection, where, facts, name, begin(file.name))
        effects, found = outcome(connection, landed) if landed and folded(connection, landed, wait=wait) else ([], [])
    summary: dict[str, object] = {
        "file": str(file),
        "gateway": where,
        "appended": len(fresh),
        "known": len(statement.told) - len(fresh),
        "silent": statement.silent,
        "left_out": [msgspec.structs.asdict(row) for row in statement.bad],
        "first_seq": landed[0].first_seq if landed else None,
        "last_seq": landed[-1].last_seq if landed else None,
        "effects": effects,
        "findings": found,
    }
    if json:
        print_json(summary)
    else:
        _print(summary, effects, found)


def _print(summary: Row, effects: list[Row], found: list[Row]) -> None:
    note(f"{summary['appended']} facts appended, {summary['known']} were known")
    if summary["silent"]:
        note(f"{summary['silent']} rows tell nothing")
    if effects:
        print_table(effects, _EFFECTS, title="what became of them")
    if found:
        print_table(found, _FOUND, title="findings")


def _mapping(settings: Settings, name: str) -> Import:
    known = settings.imports.get(name)
    if known is None:
        there = f"there are {', '.join(sorted(settings.imports))}" if settings.imports else "there is none yet"
        raise ConfigError(f"the settings have no [imports.{name}]; {there}")
    return known


def _refuse_bad(file: Path, bad: list[BadRow], *, skip_bad: bool, dry_run: bool) -> None:
    """Name the rows that cannot be read. Errors: ConfigError, unless they are to be left out or only looked at."""
    lines = [f"{file}: line {row.line}: {row.problem}" for row in bad[:MAX_NAMED]]
    if len(bad) > MAX_NAMED:
        lines.append(f"{file}: and {len(bad) - MAX_NAMED} more")
    if not bad or skip_bad or dry_run:
        for line in lines:
            note(line)
        return
    raise ConfigError("\n".join([*lines, "nothing was appended; mend the rows or the mapping, or give --skip-bad"]))


def _state(told: Told, known: dict[tuple[str, str], Known]) -> str:
    """Tell whether a fact is new, known, or known with another content (which the books will find)."""
    before = known.get((told.fact.account, told.fact.external_id))
    if before is None:
        return "new"
    own = movements_of(told.fact)
    return "known" if before.digest == digest_of(told.fact, own[0] if own else None) else "conflict"


def _print_dry(statement: Statement, known: dict[tuple[str, str], Known], *, as_json: bool) -> None:
    rows: list[Row] = []
    for told in statement.told:
        fact = told.fact
        traded = {"unit": fact.symbol, "amount": fact.quantity, "fee": fact.fee, "fee_asset": fact.fee_asset}
        moved = {"unit": fact.unit, "amount": fact.amount, "fee": None, "fee_asset": None}
        rows.append(
            {
                "line": told.line,
                "state": _state(told, known),
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
        print_table(rows, _FACTS, empty="the file tells nothing")
