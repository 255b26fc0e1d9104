"""`recon import`: a statement of a venue or a custodian, imported as facts (semantics 10.3)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recon.cli.balance_import import BalanceOptions, import_balances, refuse_of_balances
from recon.cli.options import Config, Json, NewAssets, settings_of, with_options
from recon.cli.recording import Name, Wait
from recon.cli.statement_import import ImportOptions, StatementOptions, import_statement
from recon.cli.tables.options import TableOptions, one_look_options
from recon.config import Settings
from recon.config.imports import BALANCE_ROW, Import
from recon.config.ready_formats import ready_formats
from recon.errors import ConfigError
from recon.nearest import hint
from recon.source_class import INDEPENDENCE

File = Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file or a workbook, with headings.")]
Mapping = Annotated[
    str | None,
    typer.Option("--mapping", "-m", metavar="NAME", help="The mapping of columns: [imports.NAME] in the settings."),
]
Ready = Annotated[
    str | None,
    typer.Option("--format", "-f", metavar="NAME", help=f"A venue's own export: {', '.join(ready_formats())}."),
]
GatewayName = Annotated[
    str | None, typer.Option("--gateway", "-g", metavar="NAME", help="The gateway; needed if no account tells it.")
]
Account = Annotated[
    str | None, typer.Option("--account", "-a", metavar="ID", help="The account, if no column names it.")
]
Asset = Annotated[str | None, typer.Option("--asset", metavar="CODE", help="The asset, if no column names it.")]
AsBalances = Annotated[
    bool, typer.Option("--as-balances", help="The rows are what was held at a time; they move nothing.")
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="Balances: the time that they are of, such as 2026-01-05T00:00:00Z."),
]
Source = Annotated[
    str | None, typer.Option("--source", metavar="CLASS", help=f"Who tells it: {', '.join(INDEPENDENCE)}.")
]
Contracts = Annotated[bool, typer.Option("--contracts", help="Balances: the rows are positions in contracts.")]
Complete = Annotated[bool, typer.Option("--complete", help="Balances: what the file does not list is told as zero.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what each row becomes; import nothing.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Skip rows that cannot be read.")]


@with_options(one_look_options)
def import_(
    options: TableOptions,
    file: File,
    *,
    mapping: Mapping = None,
    ready: Ready = None,
    gateway: GatewayName = None,
    account: Account = None,
    asset: Asset = None,
    new_asset: NewAssets = None,
    as_balances: AsBalances = False,
    at: At = None,
    source: Source = None,
    contracts: Contracts = False,
    complete: Complete = False,
    dry_run: DryRun = False,
    skip_bad: SkipBad = False,
    config: Config = None,
    name: Name = None,
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Import a statement: deposits, fees, funding, trades.

    Each row becomes a fact with its own time and id, so importing a file twice changes nothing. A trade that the EMS
    has reported adds only its fee. Nothing is imported unless every row can be read. A material file waits until a
    second person approves it (`recon facts`).

    With --as-balances the file says what was held at a time, and moves nothing: each row is held against the books of
    that time (`recon sources`).
    """
    settings = settings_of(config)
    how = ImportOptions(name, new_asset or [], wait=wait, dry_run=dry_run, skip_bad=skip_bad, json=json, table=options)
    if as_balances:
        told = BalanceOptions(gateway, account, at, source, contracts=contracts, complete=complete)
        import_balances(settings, file, _balances_mapping(settings, mapping, ready), told, how)
        return
    refuse_of_balances(at=at, contracts=contracts, complete=complete)
    what = StatementOptions(gateway, account, asset, source, _mapping(settings, mapping, ready), mapping or "")
    import_statement(settings, file, what, how)


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


def _balances_mapping(settings: Settings, name: str | None, ready: str | None) -> Import | None:
    """Return the mapping of balances that is named; None: the usual headings. Errors: ConfigError."""
    if name is None and ready is None:
        return None
    mapping = _mapping(settings, name, ready)
    if mapping.kind != BALANCE_ROW:
        raise ConfigError(f"{name or ready} maps no balances: its rows are of kind {mapping.kind or 'several'}")
    return mapping
