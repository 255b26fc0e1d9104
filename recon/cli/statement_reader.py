"""Reading a statement: from the rows of a CSV file to facts, by a mapping of the settings.

1. A row that cannot be read is reported with its line and the problem; it never becomes another fact.
2. A fact's external id is the statement's own, else a digest of the row and its number among equal rows (semantics
   10.3): the same file gives the same ids.
3. Numbers are read exactly; no float is involved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from recon.cli.statement_rows import StatementRows
from recon.config.imports import Columns, Import, RowKind
from recon.config.values import parse_decimal
from recon.errors import ConfigError, DocumentRefused
from recon.exact import ZERO, exact, plain
from recon.ledger.facts.external_fact import SIGNS, ExternalFact, parse_fact

#: Most characters of a value that a message repeats.
_SHOWN: Final = 40
#: Seconds or milliseconds since 1970. An exponent has lost digits, or is a number that no time is.
_UNIX: Final = re.compile(r"[+-]?[0-9]{1,17}(?:\.[0-9]{1,9})?")

Payload = dict[str, str]


class StatementFact(msgspec.Struct, frozen=True):
    """One fact of a statement: its line, the payload to append, and the fact itself."""

    line: int
    payload: bytes
    fact: ExternalFact


class BadRow(msgspec.Struct, frozen=True):
    """A row that cannot be read."""

    line: int
    problem: str


class Statement(msgspec.Struct, frozen=True):
    """The content of a file: facts in the order of time, rows without an amount, and rows that cannot be read."""

    facts: list[StatementFact]
    empty_rows: int
    bad_rows: list[BadRow]
    #: SHA-256 of the rows as read, in hex.
    digest: str


def read_statement(path: Path, mapping: Import, account: str | None) -> Statement:
    """Read a file. Errors: ConfigError where the file as a whole cannot be read, or no account is given."""
    account = account or mapping.account
    if account is None and mapping.columns.account is None:
        raise ConfigError("no account: give --account, or set account or columns.account in the mapping")
    result: list[StatementFact] = []
    bad: list[BadRow] = []
    empty_rows = 0
    seen: dict[tuple[str, str], StatementFact] = {}
    rows = StatementRows(path, mapping)
    for line, cells in rows:
        try:
            row = rows.checked(cells)
            with exact():
                payloads = _payloads(row, mapping, account, path.name, rows.ordinal(row))
            facts = [_fact(line, payload) for payload in payloads]
        except ValueError as error:
            bad.append(BadRow(line, str(error)))
            continue
        empty_rows += not facts
        for each in facts:
            key = (each.fact.account, each.fact.external_id)
            first = seen.setdefault(key, each)
            if first is each:
                result.append(each)
            elif first.payload != each.payload:
                bad.append(
                    BadRow(line, f"id {each.fact.external_id} is in line {first.line} too, with another content")
                )
    result.sort(key=lambda each: each.fact.occurred_us)  # files run either way
    return Statement(result, empty_rows, bad, rows.digest.hexdigest())


def _fact(line: int, payload: Payload) -> StatementFact:
    encoded = msgspec.json.encode(payload)
    try:
        return StatementFact(line, encoded, parse_fact(encoded))
    except DocumentRefused as error:
        raise ValueError(str(error)) from None


def _payloads(row: Mapping[str, str], mapping: Import, account: str | None, source: str, own_id: str) -> list[Payload]:
    """Return the facts of a row. Errors: ValueError with the problem."""
    columns = mapping.columns
    kind = _kind(row, mapping)
    if kind == "ignore":
        return []
    of = _text(row, columns.account)
    common: Payload = {
        "account": mapping.accounts.get(of, of) or account or "",
        "external_id": _text(row, columns.id) or own_id,
        "occurred_at": _moment(row[columns.time], mapping).isoformat(),
        "source": source,
    }
    if text := _text(row, columns.text):
        common["text"] = text
    if kind == "trade":
        return [_trade(row, mapping, common)]
    payloads: list[Payload] = []
    asset = _asset(_text(row, columns.asset), mapping)
    if kind != "only_fee":
        amount = _signed(kind, _number(row, columns, "amount"), mapping)
        if amount:
            payloads.append({"fact": kind, **common, "unit": asset, "amount": plain(amount), **_counter(row, mapping)})
    fee = _number(row, columns, "fee") if columns.fee and _text(row, columns.fee) else ZERO
    if fee:
        change = fee if mapping.fee_sign == "signed" else -fee
        of_fee = _asset(_text(row, columns.fee_asset), mapping) or asset
        fact = "fee" if change < 0 else "rebate"
        fee_id = f"{common['external_id']}/fee"
        payloads.append(common | {"external_id": fee_id, "fact": fact, "unit": of_fee, "amount": plain(change)})
    return payloads


def _trade(row: Mapping[str, str], mapping: Import, common: Payload) -> Payload:
    columns = mapping.columns
    symbol, side = _text(row, columns.symbol), _text(row, columns.side)
    payload = {
        "fact": "trade",
        **common,
        "symbol": mapping.symbols.get(symbol, symbol),
        "side": mapping.sides.get(side, side.upper()),
        "quantity": plain(abs(_number(row, columns, "quantity"))),
    }
    for key in ("price", "cash"):
        if getattr(columns, key) and _text(row, getattr(columns, key)):
            payload[key] = plain(abs(_number(row, columns, key)))
    if columns.fee and _text(row, columns.fee):
        fee = _number(row, columns, "fee")
        payload["fee"] = plain(-fee if mapping.fee_sign == "signed" else fee)
        payload["fee_asset"] = _asset(_text(row, columns.fee_asset), mapping) or mapping.fee_asset or ""
    for key in ("order_id", "trade_id"):
        if value := _text(row, getattr(columns, key)):
            payload[key] = value
    return payload


def _kind(row: Mapping[str, str], mapping: Import) -> RowKind:
    if mapping.kind is not None:
        return mapping.kind
    written = _text(row, mapping.columns.type)
    kind = mapping.types.get(written)
    if kind is None:
        raise ValueError(f"type {written!r} is not in the mapping's types; add it, or map it to ignore")
    return kind


def _counter(row: Mapping[str, str], mapping: Import) -> Payload:
    other = _text(row, mapping.columns.counter_account)
    return {"counter_account": mapping.accounts.get(other, other)} if other else {}


def _signed(kind: str, amount: Decimal, mapping: Import) -> Decimal:
    sign = SIGNS.get(kind)
    if mapping.sign == "signed" or sign is None:
        return amount
    return abs(amount) * sign


def _asset(written: str, mapping: Import) -> str:
    return mapping.assets.get(written, written)


def _text(row: Mapping[str, str], column: str | None) -> str:
    return "" if column is None else row.get(column, "").strip()


def _number(row: Mapping[str, str], columns: Columns, key: str) -> Decimal:
    heading = getattr(columns, key)
    written = _text(row, heading)
    try:
        return parse_decimal(written) + ZERO
    except ValueError:
        raise ValueError(f"{heading}: {_short(written)} is not a number such as -1234.56") from None


def _moment(written: str, mapping: Import) -> datetime:
    text, form = written.strip(), mapping.time_format
    problem = f"{mapping.columns.time}: {_short(text)} is not a time of the form {form}"
    if any(sign.isdigit() and not sign.isascii() for sign in text):
        raise ValueError(problem)
    try:
        if form in {"unix", "unix_ms"}:
            return _unix(text, form)
        at = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007 - below
        return (at.replace(tzinfo=ZoneInfo(mapping.zone)) if at.tzinfo is None else at).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{problem} within the years 1 to 9999 in UTC") from None
    except (ValueError, ArithmeticError, OSError):
        raise ValueError(problem) from None


def _unix(text: str, form: str) -> datetime:
    if _UNIX.fullmatch(text) is None:
        raise ValueError("not a count")
    micros = int(Decimal(text).scaleb(6 if form == "unix" else 3))
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


def _short(written: str) -> str:
    """Return a value as a message repeats it."""
    return repr(written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…")
