"""`recon import --as-balances`: what an independent source says was held at a time, held against the books of then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection

from recon.cli.connection import operator_connection
from recon.cli.fact_recording import append_facts, booked_facts, check_accounts, one_gateway, with_file
from recon.cli.known_assets import check_assets, unknown_assets
from recon.cli.output import Column, Row, note, print_json
from recon.cli.progress import progress_bar
from recon.cli.recording import note_shared_login, wait_until_folded
from recon.cli.statement_import import ImportOptions, named_source
from recon.cli.statement_report import refuse_bad
from recon.cli.table import print_rows, print_table
from recon.clock import utc_now
from recon.config import Settings
from recon.config.imports import Import
from recon.db.source import query_rows
from recon.deciding.recording import Recorded
from recon.display.words import counted
from recon.errors import ConfigError
from recon.exact import ZERO
from recon.reads.rules_in_force import rules_in_force
from recon.source_class import INDEPENDENCE, IndependentSource
from recon.statements.balance_file import USUAL, BalanceFile, Telling, ToldBalance, absent_balances, read_balances
from recon.times import parse_time

_COLUMNS: Final = [
    *(Column(key) for key in ("account", "unit", "source")),
    Column("at", kind="time"),
    *(Column(key) for key in ("reported", "expected", "drift", "verdict")),
    Column("reason", prose=True),
]
_TOLD: Final = [
    *(Column(key) for key in ("line", "state", "account", "unit", "amount")),
    Column("at", kind="time"),
    Column("source"),
]
_CHECKS: Final = """
SELECT account, unit, source, at, reported, expected, drift, verdict, reason, break_id, seq
FROM recon_exact.source_checks
WHERE gateway = :gateway AND seq BETWEEN :first AND :last ORDER BY account, unit, at, seq
"""
_DIFFERED: Final = """
SELECT c.account, c.external_id
FROM (
    SELECT DISTINCT ON (x.account, x.external_id) x.account, x.external_id, x.verdict
    FROM recon_exact.source_checks AS x
    WHERE x.gateway = :gateway AND (x.account, x.external_id) IN
        (SELECT * FROM unnest(CAST(:accounts AS text[]), CAST(:ids AS text[])))
    ORDER BY x.account, x.external_id, x.seq DESC, x.number DESC
) AS c
WHERE c.verdict = 'break'
"""
_KNOWN_UNITS: Final = """
SELECT account, asset AS unit FROM recon_exact.balances WHERE gateway = :gateway AND NOT CAST(:contracts AS boolean)
UNION ALL SELECT account, symbol FROM recon_exact.positions WHERE gateway = :gateway AND CAST(:contracts AS boolean)
"""


class BalanceOptions(NamedTuple):
    """Who tells the balances of a file, of what, and of when."""

    gateway: str | None
    account: str | None
    at: str | None
    source: str | None
    contracts: bool
    complete: bool


def refuse_of_balances(*, at: str | None, contracts: bool, complete: bool) -> None:
    """Refuse options that only balances have. Errors: ConfigError."""
    given = {"--at": at is not None, "--contracts": contracts, "--complete": complete}
    wrong = [option for option, is_given in given.items() if is_given]
    if wrong:
        raise ConfigError(f"{', '.join(wrong)}: only with --as-balances")


def import_balances(
    settings: Settings, file: Path, mapping: Import | None, options: BalanceOptions, how: ImportOptions
) -> None:
    """Read a file of balances, record each, and show what the books of that time say of it. Errors: ConfigError."""
    how.table.check_list("a file of balances", _TOLD if how.dry_run else _COLUMNS)
    source, at = _told_by(options, mapping), _time(options.at)
    with operator_connection(settings, "import", decides=not how.dry_run) as connection:
        where = one_gateway(connection, options.gateway, filter(None, [options.account]))
        telling = Telling(source, at, options.account, options.contracts, _Homes(connection, where))
        found = read_balances(file, mapping or USUAL, telling)
        refuse_bad(file, found.bad_rows, skip_bad=how.skip_bad, dry_run=how.dry_run)
        check_accounts(connection, where, sorted({each.fact.account for each in found.told}))
        told = _worth_telling(connection, where, found, how, contracts=options.contracts)
        if options.complete:
            rows = query_rows(connection, _KNOWN_UNITS, {"gateway": where, "contracts": options.contracts})
            told += absent_balances(
                file.name, telling, found.told, [(str(row["account"]), str(row["unit"])) for row in rows]
            )
        known = booked_facts(connection, where, [(each.fact.account, each.fact.external_id) for each in told])
        differed = _differed(connection, where, list(known))
        fresh = [
            each for each in told if (key := (each.fact.account, each.fact.external_id)) not in known or key in differed
        ]
        if how.dry_run:
            _print_dry_run(told, fresh, how)
            return
        with progress_bar() as begin:
            facts = [(each.fact.account, with_file(each.payload, found.digest, ZERO, source)) for each in fresh]
            recorded = append_facts(connection, where, facts, how.name, begin(file.name))
        note_shared_login(connection, recorded)
        folded = bool(recorded) and wait_until_folded(connection, recorded, wait=how.wait)
        checks = _checks(connection, recorded) if folded else []
    _print_outcome(file, where, (len(fresh), len(told) - len(fresh)), checks, how)


class _Homes:
    """The code under which each asset is reconciled: that of its pool, by the rules in force."""

    def __init__(self, connection: Connection, gateway: str) -> None:
        self._rules = rules_in_force(connection, gateway)

    def __call__(self, account: str, code: str) -> str:
        rules = self._rules.of(account)
        return rules.pool_of(rules.assets.get(code, code))


def _told_by(options: BalanceOptions, mapping: Import | None) -> IndependentSource:
    named = options.source or (None if mapping is None else mapping.source)
    if named is None:
        raise ConfigError(f"who tells the balances is not said; give --source, one of {', '.join(INDEPENDENCE)}")
    return named_source(named)


def _time(given: str | None) -> datetime | None:
    """Return the time that balances are of, not after now. Errors: ConfigError."""
    if given is None:
        return None
    now = utc_now()
    at = now if given == "now" else parse_time(given, now)
    if at is None:
        raise ConfigError(f"--at {given}: give a time such as 2026-01-05T00:00:00Z, an age such as 2h, or now")
    if at > now:
        raise ConfigError(f"--at {given} is still to come; balances are of a time that was")
    return at


def _worth_telling(
    connection: Connection, gateway: str, found: BalanceFile, how: ImportOptions, *, contracts: bool
) -> list[ToldBalance]:
    """Return the balances of units that are known, or not zero; refuse other unknown assets. Errors: ConfigError."""
    if contracts:
        return list(found.told)
    named = {(each.fact.account, each.fact.unit or "") for each in found.told if each.fact.amount}
    if how.dry_run:
        for words in unknown_assets(connection, gateway, named, how.new_assets):
            note(words)
    else:
        check_assets(connection, gateway, named, how.new_assets)
    return [
        each
        for each in found.told
        if each.fact.amount or not unknown_assets(connection, gateway, [(each.fact.account, each.fact.unit or "")])
    ]


def _differed(connection: Connection, gateway: str, known: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which of these rows differed when they were judged last: the books may have come round to them since."""
    given = {"gateway": gateway, "accounts": [each for each, _ in known], "ids": [each for _, each in known]}
    return {(str(row["account"]), str(row["external_id"])) for row in query_rows(connection, _DIFFERED, given)}


def _checks(connection: Connection, recorded: Sequence[Recorded]) -> list[Row]:
    return [
        row
        for each in recorded
        for row in query_rows(
            connection, _CHECKS, {"gateway": each.gateway, "first": each.first_seq, "last": each.last_seq}
        )
    ]


def _print_dry_run(told: Sequence[ToldBalance], fresh: Sequence[ToldBalance], how: ImportOptions) -> None:
    new = {id(each) for each in fresh}
    rows: list[Row] = [
        {
            "line": each.line or None,
            "state": "new" if id(each) in new else "known",
            "account": each.fact.account,
            "unit": each.fact.unit,
            "amount": each.fact.amount,
            "at": each.fact.occurred_at,
            "source": each.fact.source_of,
        }
        for each in told
    ]
    print_rows(rows, _TOLD, as_json=how.json, empty="the file has no balances", options=how.table)


def _print_outcome(file: Path, gateway: str, told: tuple[int, int], checks: Sequence[Row], how: ImportOptions) -> None:
    counts: Mapping[str, int] = Counter(str(row["verdict"]) for row in checks)
    new, known = told
    if how.json:
        print_json({"file": str(file), "gateway": gateway, "appended": new, "known": known, "checks": list(checks)})
        return
    note(f"{counted(new, 'balance')} told, {counted(known, 'duplicate')}")
    if checks:
        note(", ".join(f"{count} {verdict.replace('_', ' ')}" for verdict, count in sorted(counts.items())))
        print_table(checks, _COLUMNS, options=how.table)
    if counts.get("pending"):
        note("what is pending is judged once the entries of its time have had time to come: recon sources")
