"""What an import says: what each row becomes before it is imported, and what came of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from recon.cli.fact_recording import BookedFact
from recon.cli.output import Column, Row, note
from recon.cli.table import print_rows, print_tables
from recon.cli.tables.options import TableOptions
from recon.cli.tables.table import Table
from recon.deciding.recording import Recorded
from recon.display.words import counted
from recon.errors import ConfigError
from recon.ledger.facts.external_fact import digest_of, movements_of
from recon.statements.balance_file import BadBalance
from recon.statements.statement import BadRow, Statement, StatementFact

#: Most unreadable rows that are named; the rest is counted.
MAX_NAMED: Final = 20

_FACTS: Final = [
    *(Column(key) for key in ("line", "state", "account", "fact", "unit", "amount", "fee", "fee_asset", "occurred_at")),
    Column("external_id"),
    Column("reason", prose=True),
]
_EFFECTS: Final = [Column(key) for key in ("fact", "effect", "facts")]
_FOUND: Final = [Column("kind"), Column("found"), Column("message", prose=True)]


def summary_of(
    file: Path, gateway: str, statement: Statement, fresh: Sequence[StatementFact], recorded: Sequence[Recorded]
) -> dict[str, object]:
    """Return what was imported of a file, and what was not."""
    return {
        "file": str(file),
        "gateway": gateway,
        "appended": len(fresh),
        "known": len(statement.facts) - len(fresh),
        "silent": statement.empty_rows,
        "filtered": statement.left_out,
        "left_out": [msgspec.structs.asdict(row) for row in statement.bad_rows],
        "first_seq": recorded[0].first_seq if recorded else None,
        "last_seq": recorded[-1].last_seq if recorded else None,
    }


def check_shown(options: TableOptions, *, dry_run: bool) -> None:
    """Refuse what no table of an import can be asked for, before anything is imported. Errors: ConfigError."""
    if dry_run:
        options.check_list("a dry run", _FACTS)
    else:
        options.check_list("an import", [*_EFFECTS, *_FOUND])


def print_summary(summary: Row, effects: Sequence[Row], findings: Sequence[Row], options: TableOptions) -> None:
    """Print what came of an import."""
    new, duplicates, empty = (int(str(summary[key])) for key in ("appended", "known", "silent"))
    note(f"{counted(new, 'new record')} imported, {counted(duplicates, 'duplicate')}")
    if empty:
        note(f"{counted(empty, 'row')} without an amount")
    if filtered := int(str(summary["filtered"])):
        note(f"{counted(filtered, 'row')} left out by the mapping's filters")
    if effects or findings:
        found = [
            Table(columns=_EFFECTS, rows=effects, title="effects"),
            Table(columns=_FOUND, rows=findings, title="findings"),
        ]
        print_tables(found, options=options)


def state_of(each: StatementFact, known: Mapping[tuple[str, str], BookedFact]) -> str:
    """Return whether a fact is new, known, or in conflict: known with another content."""
    before = known.get((each.fact.account, each.fact.external_id))
    if before is None:
        return "new"
    own = movements_of(each.fact)
    return "known" if before.digest == digest_of(each.fact, own[0] if own else None) else "conflict"


def print_dry_run(
    statement: Statement,
    known: Mapping[tuple[str, str], BookedFact],
    unknown: Sequence[str],
    options: TableOptions,
    *,
    as_json: bool,
) -> None:
    """Print what each row becomes, in the order of the file."""
    rows: list[Row] = [_shown(each, state_of(each, known)) for each in statement.facts]
    rows += [{"line": row.line, "state": row.outcome, "reason": row.reason} for row in statement.without_fact]
    rows += [{"line": row.line, "state": "bad", "reason": row.problem} for row in statement.bad_rows]
    rows.sort(key=lambda row: int(str(row["line"])))
    shown = rows if as_json else [{"reason": None} | dict(row) for row in rows]
    print_rows(shown, _FACTS, as_json=as_json, empty="the file has no rows", options=options)
    for words in unknown:
        note(words)


def _shown(each: StatementFact, state: str) -> Row:
    """Return the columns of a fact."""
    fact = each.fact
    traded = {"unit": fact.symbol, "amount": fact.quantity, "fee": fact.fee, "fee_asset": fact.fee_asset or fact.fee_in}
    moved = {"unit": fact.unit, "amount": fact.amount, "fee": None, "fee_asset": None}
    return {
        "line": each.line,
        "state": state,
        "account": fact.account,
        "fact": fact.fact if fact.side is None else f"{fact.fact} {fact.side}",
        **(moved if fact.side is None else traded),
        "occurred_at": fact.occurred_at,
        "external_id": fact.external_id,
    }


def refuse_bad(file: Path, bad: Sequence[BadRow | BadBalance], *, skip_bad: bool, dry_run: bool) -> None:
    """Name the rows that cannot be read. Errors: ConfigError, unless they are skipped or it is a dry run."""
    lines = [f"{file}: line {row.line}: {row.problem}" for row in bad[:MAX_NAMED]]
    if len(bad) > MAX_NAMED:
        lines.append(f"{file}: and {len(bad) - MAX_NAMED} more")
    if not bad or skip_bad or dry_run:
        for line in lines:
            note(line)
        return
    raise ConfigError("\n".join([*lines, "nothing was imported; fix the rows or the mapping, or give --skip-bad"]))
