"""A file of balances: what a custodian or a venue says was held at a time, as facts of kind `balance` (semantics 5.12).

1. Each row is an amount of one asset or contract. One that stands twice is refused: which of the two holds is unknown.
2. Assets that the settings reconcile as a pool are told as their sum, under the code of the pool.
3. A zero of an asset that the account does not have says nothing, and is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from recon.config.imports import BALANCE_ROW, Import
from recon.config.zones import zone_of
from recon.errors import ConfigError, DocumentRefused
from recon.exact import ZERO, exact, plain
from recon.ledger.facts.external_fact import BALANCE, ExternalFact, parse_fact
from recon.source_class import IndependentSource
from recon.statements.row import Given, Row
from recon.statements.table import StatementTable

#: The headings of a file that no mapping describes.
USUAL: Final = Import.model_validate(
    {
        "kind": BALANCE_ROW,
        "columns": {
            "asset": ["asset", "currency", "coin", "symbol", "unit", "instrument", "code", "contract"],
            "balance": ["balance", "amount", "quantity", "total", "holding", "position", "wallet balance"],
        },
    }
)


class Telling(NamedTuple):
    """Who tells the balances of a file, of what time and of which account, where no column says it."""

    source: IndependentSource
    at: datetime | None
    account: str | None
    #: The rows are contracts, and no assets.
    contracts: bool
    #: Returns the code under which an asset of an account is reconciled: its own, or that of its pool.
    home: Callable[[str, str], str]


class ToldBalance(msgspec.Struct, frozen=True):
    """One amount: the first line that tells it, the payload to append, and the fact itself."""

    line: int
    payload: bytes
    fact: ExternalFact


class BadBalance(msgspec.Struct, frozen=True):
    """A row that cannot be read."""

    line: int
    problem: str


class BalanceFile(msgspec.Struct, frozen=True):
    """The balances of a file, the rows that cannot be read, and the SHA-256 of its rows in hex."""

    told: list[ToldBalance]
    bad_rows: list[BadBalance]
    digest: str


class _Held(msgspec.Struct):
    """What is held of one unit at one time: a sum where rows are of one pool."""

    line: int
    codes: list[str]
    amount: Decimal


_Key = tuple[str, str, datetime]


def read_balances(path: Path, mapping: Import, telling: Telling) -> BalanceFile:
    """Read a file of balances. Errors: ConfigError where the file as a whole cannot be read, or says too little."""
    if (mapping.columns.time is None) == (telling.at is None):
        missing = "give --at TIME" if telling.at is None else "leave --at out: the mapping has columns.time"
        raise ConfigError(f"which time the balances are of must be told once; {missing}")
    table = StatementTable(path, mapping)
    given = Given(telling.account or mapping.account, mapping.asset, zone_of(mapping.zone), path.name)
    held: dict[_Key, _Held] = {}
    bad: list[BadBalance] = []
    with exact():
        for line, cells in table:
            _find_account(table, mapping)
            try:
                row = Row(line, table.checked(cells), table.headings, mapping, given, "")
                if row.filtered is None:
                    _take(row, telling, held)
            except ValueError as error:
                bad.append(BadBalance(line, str(error)))
        if held and "account" not in table.headings and given.account is None:
            raise ConfigError("no account: give --account, or a column account")
        told = [told_balance(path.name, telling, key, each.amount, line=each.line) for key, each in held.items()]
    good: list[ToldBalance] = []
    for each in told:
        if isinstance(each, BadBalance):
            bad.append(each)
        else:
            good.append(each)
    return BalanceFile(good, sorted(bad, key=lambda row: row.line), table.sheet.digest.hexdigest())


def told_balance(
    file: str, telling: Telling, key: _Key, amount: Decimal, *, line: int = 0, absent: bool = False
) -> ToldBalance | BadBalance:
    """Return what a source says was held of (account, unit, time); `absent`: a zero that no row tells."""
    account, unit, at = key
    kind = "contract" if telling.contracts else "asset"
    payload: dict[str, object] = {
        "fact": BALANCE,
        "account": account,
        "external_id": _id_of(telling.source, kind, unit, at, amount),
        "occurred_at": at.isoformat(),
        "source": file,
        "unit_kind": kind,
        "unit": unit,
        "amount": plain(amount),
        "source_class": telling.source,
    }
    encoded = msgspec.json.encode(payload | ({"absent": True} if absent else {}))
    try:
        return ToldBalance(line, encoded, parse_fact(encoded))
    except DocumentRefused as error:
        return BadBalance(line, str(error))


def absent_balances(
    file: str, telling: Telling, told: Iterable[ToldBalance], known: Iterable[tuple[str, str]]
) -> list[ToldBalance]:
    """Return a zero for each (account, unit) that the books know and a complete file does not tell."""
    named = {(each.fact.account, each.fact.unit or "", each.fact.occurred_at) for each in told}
    whole = sorted({(account, at) for account, _, at in named})
    units = sorted({(account, telling.home(account, unit)) for account, unit in known})
    missing = [(account, unit, at) for account, at in whole for of, unit in units if of == account]
    zeros = [told_balance(file, telling, key, ZERO, absent=True) for key in missing if key not in named]
    return [each for each in zeros if isinstance(each, ToldBalance)]


def _take(row: Row, telling: Telling, held: dict[_Key, _Held]) -> None:
    """Take one row. Raise ValueError with the problem."""
    column = "amount" if row.mapping.columns.balance is None else "balance"
    if not row.text(column):
        raise ValueError("it tells no amount")
    code, amount = row.asset, row.number(column).number
    at = row.at if telling.at is None else telling.at.astimezone(UTC)
    unit = code if telling.contracts else telling.home(row.account, code)
    known = held.setdefault((row.account, unit, at), _Held(row.line, [], ZERO))
    if code in known.codes:
        raise ValueError(f"{code} stands in line {known.line} too, for the same time; add them up, or leave one out")
    known.codes.append(code)
    known.amount += amount


def _find_account(table: StatementTable, mapping: Import) -> None:
    """Find the column of the account in a file that no mapping describes: it may have one."""
    heading = table.heading("account") if mapping is USUAL and "account" not in table.headings else None
    if heading is not None:
        table.headings["account"] = heading


def _id_of(source: str, kind: str, unit: str, at: datetime, amount: Decimal) -> str:
    """Return the id of an amount: the same one told again has the same, whatever file it stands in."""
    text = "\x1f".join((kind, unit, at.isoformat(), plain(amount.normalize())))
    return f"{BALANCE}:{source}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
