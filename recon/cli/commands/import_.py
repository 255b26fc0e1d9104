"""`recon import`: a statement of a venue or a custodian, imported as facts (semantics 10.3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from recon.cli.connection import operator_connection
from recon.cli.fact_recording import (
    append_facts,
    assets_of,
    booked_facts,
    check_accounts,
    effects_and_findings,
    one_gateway,
    usd_of_file,
    with_file,
)
from recon.cli.known_assets import check_assets, unknown_assets
from recon.cli.options import Config, Json, NewAssets, settings_of
from recon.cli.output import note, print_json
from recon.cli.progress import progress_bar
from recon.cli.recording import Name, Wait, note_shared_login, wait_until_folded
from recon.cli.statement_report import print_dry_run, print_summary, state_of, summary_of
from recon.cli.waiting_facts import note_waiting
from recon.config import Settings
from recon.config.imports import Import
from recon.config.ready_formats import ready_formats
from recon.errors import ConfigError
from recon.nearest import hint
from recon.statements.statement import BadRow, Statement, read_statement

#: Most unreadable rows that are named; the rest is counted.
MAX_NAMED: Final = 20


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file or a workbook, with headings.")],
    *,
    mapping: Annotated[
        str | None,
        typer.Option("--mapping", "-m", metavar="NAME", help="The mapping of columns: [imports.NAME] in the settings."),
    ] = None,
    ready: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="NAME", help=f"A venue's own export: {', '.join(ready_formats())}."),
    ] = None,
    gateway: Annotated[
        str | None, typer.Option("--gateway", "-g", metavar="NAME", help="The gateway; needed where there are several.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", "-a", metavar="ID", help="The account, if no column names it.")
    ] = None,
    asset: Annotated[
        str | None, typer.Option("--asset", metavar="CODE", help="The asset, if no column names it.")
    ] = None,
    new_asset: NewAssets = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what each row becomes; import nothing.")] = False,
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
    statement = read_statement(file, _mapping(settings, mapping, ready), account, asset, name=mapping or "")
    _refuse_bad(file, statement.bad_rows, skip_bad=skip_bad, dry_run=dry_run)
    with operator_connection(settings, "import") as connection:
        where = one_gateway(connection, gateway)
        check_accounts(connection, where, list(_accounts(statement)))
        ids = [(each.fact.account, each.fact.external_id) for each in statement.facts]
        known = booked_facts(connection, where, ids)
        fresh = [each for each in statement.facts if state_of(each, known) != "known"]
        named = [asset for each in fresh for asset in assets_of(each.fact)]
        if dry_run:
            unknown = unknown_assets(connection, where, named, new_asset or [])
            print_dry_run(statement, known, unknown, as_json=json)
            return
        check_assets(connection, where, named, new_asset or [])
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
    summary = summary_of(file, where, statement, fresh, recorded) | {"waiting": waiting}
    summary |= {"effects": effects, "findings": findings}
    if json:
        print_json(summary)
    else:
        print_summary(summary, effects, findings)


def _mapping(settings: Settings, name: str | None, ready: str | None) -> Import:
    """Return the mapping that is named. Errors: ConfigError unless exactly one is."""
    if (name is None) == (ready is None):
        raise ConfigError("give one of --mapping NAME and --format NAME")
    if ready is not None:
        if ready not in ready_formats():
            raise ConfigError(f"there is no format {ready!r}; {hint(ready, ready_formats())}")
        return Import.model_validate({"format": ready})
    mapping = settings.imports.get(name or "")
    if mapping is None:
        raise ConfigError(f"the settings have no [imports.{name}]; {hint(name or '', settings.imports)}")
    return mapping


def _accounts(statement: Statement) -> Iterator[str]:
    for each in statement.facts:
        yield each.fact.account
        if each.fact.counter_account is not None:
            yield each.fact.counter_account


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
