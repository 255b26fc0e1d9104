"""Reading a statement: from the rows of a CSV file to facts, by a mapping of the settings.

1. A row that cannot be read is reported with its line and the problem; it never becomes another fact.
2. A fact's external id is the statement's own, else a digest of the row and its number among equal rows (semantics
   10.3): the same file gives the same ids.
3. Numbers are read exactly; no float is involved.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from recon.config.imports import Columns, Import, RowKind
from recon.config.values import parse_decimal
from recon.errors import ConfigError
from recon.exact import ZERO, exact, plain
from recon.ledger.facts.external_fact import SIGNS, ExternalFact, parse_fact

#: Largest statement, in bytes.
MAX_STATEMENT_BYTES: Final = 256 << 20

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
    rows = _Rows(path, mapping)
    for line, row in rows:
        try:
            facts = [_fact(line, payload) for payload in _payloads(row, mapping, account, path.name, rows.ordinal(row))]
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


class _Rows:
    """The rows of a file with their line numbers; equal rows are counted."""

    def __init__(self, path: Path, mapping: Import) -> None:
        self._path = path
        self._mapping = mapping
        self._equal: dict[str, int] = {}
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        path, mapping = self._path, self._mapping
        try:
            if path.stat().st_size > MAX_STATEMENT_BYTES:
                raise ConfigError(f"{path}: larger than {MAX_STATEMENT_BYTES} bytes; split it")
            with path.open(encoding=mapping.encoding, newline="") as stream:
                reader = csv.DictReader(stream, delimiter=mapping.delimiter, strict=True, restkey="")
                headings = [name for name in mapping.columns.model_dump().values() if name is not None]
                missing = [name for name in headings if name not in (reader.fieldnames or ())]
                if missing:
                    raise ConfigError(
                        f"{path}: no column {', '.join(missing)}; the mapping is for another kind of file"
                    )
                for row in reader:
                    self.digest.update("\x1f".join(map(str, row.values())).encode("utf-8", "surrogatepass") + b"\x1e")
                    yield reader.line_num, {key: value for key, value in row.items() if isinstance(value, str)}
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror or 'unknown reason'}") from error
        except UnicodeDecodeError:
            raise ConfigError(f"{path}: is not text in {mapping.encoding}") from None
        except csv.Error as error:
            raise ConfigError(f"{path}: is not CSV: {error}") from None

    def ordinal(self, row: Mapping[str, str]) -> str:
        """Return an id for a row without one: its digest, and its number among equal rows."""
        digest = hashlib.sha256("\x1f".join(f"{key}\x1e{row[key]}" for key in sorted(row)).encode()).hexdigest()[:32]
        number = self._equal[digest] = self._equal.get(digest, 0) + 1
        return f"row:{digest}:{number}"


def _fact(line: int, payload: Payload) -> StatementFact:
    encoded = msgspec.json.encode(payload)
    try:
        return StatementFact(line, encoded, parse_fact(encoded))
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
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
        with exact():
            return parse_decimal(written) + ZERO
    except ValueError:
        raise ValueError(f"{heading}: {written!r} is not a number") from None


def _moment(written: str, mapping: Import) -> datetime:
    text, form = written.strip(), mapping.time_format
    try:
        if form in {"unix", "unix_ms"}:
            micros = int(Decimal(text).scaleb(6 if form == "unix" else 3))
            return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)
        at = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007 - below
    except (ValueError, ArithmeticError, OverflowError, OSError):
        raise ValueError(f"{mapping.columns.time}: {text!r} is not a time of the form {form}") from None
    return (at.replace(tzinfo=ZoneInfo(mapping.zone)) if at.tzinfo is None else at).astimezone(UTC)
