"""Importing a statement: its rows read, what is new of them recorded, and what came of it shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

from sqlalchemy import Connection

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
from recon.cli.output import print_json
from recon.cli.progress import progress_bar
from recon.cli.recording import note_shared_login, wait_until_folded
from recon.cli.statement_report import check_shown, print_dry_run, print_summary, refuse_bad, state_of, summary_of
from recon.cli.tables.options import TableOptions
from recon.cli.waiting_facts import note_waiting
from recon.config import Settings
from recon.config.imports import Import
from recon.deciding.recording import Recorded
from recon.errors import ConfigError
from recon.nearest import hint
from recon.source_class import INDEPENDENCE, VENUE, IndependentSource
from recon.statements.statement import Statement, StatementFact, read_statement


class ImportOptions(NamedTuple):
    """How a file is imported."""

    name: str | None
    new_assets: Sequence[str]
    wait: bool
    dry_run: bool
    skip_bad: bool
    json: bool
    #: Which rows of what came of it are shown; all are imported.
    table: TableOptions


class StatementOptions(NamedTuple):
    """Whose statement it is, and how it is read."""

    gateway: str | None
    account: str | None
    asset: str | None
    source: str | None
    mapping: Import
    mapping_name: str


def import_statement(settings: Settings, file: Path, options: StatementOptions, how: ImportOptions) -> None:
    """Read a statement, record its new facts, and show what came of them. Errors: ConfigError."""
    check_shown(how.table, dry_run=how.dry_run)
    source = VENUE if (named := options.source or options.mapping.source) is None else named_source(named)
    statement = read_statement(file, options.mapping, options.account, options.asset, name=options.mapping_name)
    refuse_bad(file, statement.bad_rows, skip_bad=how.skip_bad, dry_run=how.dry_run)
    with operator_connection(settings, "import", decides=not how.dry_run) as connection:
        accounts = list(_accounts(statement))
        # No fact names an account where no row could be read: the one that was given tells the gateway too.
        where = one_gateway(connection, options.gateway, accounts or filter(None, [options.account]))
        check_accounts(connection, where, accounts)
        ids = [(each.fact.account, each.fact.external_id) for each in statement.facts]
        known = booked_facts(connection, where, ids)
        fresh = [each for each in statement.facts if state_of(each, known) != "known"]
        assets = [asset for each in fresh for asset in assets_of(each.fact)]
        if how.dry_run:
            unknown = unknown_assets(connection, where, assets, how.new_assets)
            print_dry_run(statement, known, unknown, how.table, as_json=how.json)
            return
        check_assets(connection, where, assets, how.new_assets)
        recorded = _record(connection, where, file, (statement, fresh, source), how.name)
        effects, findings = (
            effects_and_findings(connection, recorded)
            if recorded and wait_until_folded(connection, recorded, wait=how.wait)
            else ([], [])
        )
        waiting = note_waiting(connection, where, recorded[0].first_seq, recorded[-1].last_seq) if recorded else 0
    summary = summary_of(file, where, statement, fresh, recorded) | {"waiting": waiting}
    summary |= {"effects": effects, "findings": findings}
    if how.json:
        print_json(summary)
    else:
        print_summary(summary, effects, findings, how.table)


def named_source(named: str) -> IndependentSource:
    """Return the class of sources of this name. Errors: ConfigError."""
    found: IndependentSource | None = next((each for each in INDEPENDENCE if each == named), None)
    if found is None:
        raise ConfigError(f"there is no source {named!r}; {hint(named, get_args(IndependentSource))}")
    return found


def _record(
    connection: Connection,
    gateway: str,
    file: Path,
    what: tuple[Statement, Sequence[StatementFact], IndependentSource],
    name: str | None,
) -> list[Recorded]:
    statement, fresh, source = what
    with progress_bar() as begin:
        usd = usd_of_file(connection, gateway, [each.fact for each in fresh])
        facts = [(each.fact.account, with_file(each.payload, statement.digest, usd, source)) for each in fresh]
        recorded = append_facts(connection, gateway, facts, name, begin(file.name))
    note_shared_login(connection, recorded)
    return recorded


def _accounts(statement: Statement) -> Iterator[str]:
    for each in statement.facts:
        yield each.fact.account
        if each.fact.counter_account is not None:
            yield each.fact.counter_account
