"""Reading a statement: from the rows of a file to facts, by a mapping of the settings.

1. A row that cannot be read is reported with its line and the problem; it never becomes another fact.
2. A fact's external id is the statement's own, else a digest of the row and its number among equal rows (semantics
   10.3): the same file gives the same ids.
3. What each row became is kept, so that it can be shown before anything is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from typing import Final, Literal

import msgspec

from recon.config.imports import PARTS, Import
from recon.config.zones import zone_of, zone_within
from recon.errors import ConfigError, DocumentRefused
from recon.exact import exact
from recon.ledger.facts.external_fact import ExternalFact, parse_fact
from recon.statements.balance_chain import BalanceChains
from recon.statements.joined_trades import JoinedTrades, joined_payloads
from recon.statements.moment import MINUTE_US
from recon.statements.payloads import Payload, payloads_of
from recon.statements.row import Given, Row
from recon.statements.table import StatementTable

#: So many times of whole minutes say that a file tells no seconds.
_WHOLE_MINUTES: Final = 3

Outcome = Literal["left_out", "ignored", "no_amount", "part"]


class StatementFact(msgspec.Struct, frozen=True):
    """One fact of a statement: its line, the payload to append, and the fact itself."""

    line: int
    payload: bytes
    fact: ExternalFact


class BadRow(msgspec.Struct, frozen=True):
    """A row that cannot be read."""

    line: int
    problem: str


class RowWithoutFact(msgspec.Struct, frozen=True):
    """A row that became no fact of its own, and why."""

    line: int
    outcome: Outcome
    reason: str


class Statement(msgspec.Struct, frozen=True):
    """The content of a file: facts in the order of time, rows that became none, and rows that cannot be read."""

    facts: list[StatementFact]
    without_fact: list[RowWithoutFact]
    bad_rows: list[BadRow]
    #: SHA-256 of the rows as read, in hex.
    digest: str

    @property
    def empty_rows(self) -> int:
        """Return the number of rows that move nothing, or that the mapping ignores."""
        return sum(row.outcome in {"no_amount", "ignored"} for row in self.without_fact)

    @property
    def left_out(self) -> int:
        """Return the number of rows that the mapping's filters leave out."""
        return sum(row.outcome == "left_out" for row in self.without_fact)


def read_statement(
    path: Path, mapping: Import, account: str | None, asset: str | None = None, *, name: str = ""
) -> Statement:
    """Read a file; `name` is the mapping's.

    Errors: ConfigError where the file as a whole cannot be read, or no account is given.
    """
    account = account or mapping.account
    if account is None and mapping.columns.account is None:
        raise ConfigError("no account: give --account, or set account or columns.account in the mapping")
    given = Given(account, asset or mapping.asset, UTC, path.name, net=mapping.amounts == "net")
    reading = _Reading(path, mapping, given, mapping.format or name)
    with exact():
        reading.read()
    return reading.statement()


class _Reading:
    """A file that is being read."""

    def __init__(self, path: Path, mapping: Import, given: Given, name: str) -> None:
        self._name = name
        self._table = StatementTable(path, mapping)
        self._mapping = mapping
        self._given = given
        self._payloads: list[tuple[int, Payload]] = []
        self._without_fact: list[RowWithoutFact] = []
        self._bad: list[BadRow] = []
        self._trades = JoinedTrades()

    def read(self) -> None:
        """Read all rows. Errors: ConfigError."""
        rows = list(self._rows())
        self._check_balances(rows)
        for row in rows:
            row.given = self._given
            try:
                self._take(row)
            except ValueError as error:
                self._bad.append(BadRow(row.line, str(error)))
        for external_id, parts in self._trades:
            try:
                self._payloads += [(parts[0].line, payload) for payload in joined_payloads(external_id, parts)]
            except ValueError as error:
                self._bad.append(BadRow(parts[0].line, str(error)))
        self._bad.sort(key=lambda row: row.line)

    def _rows(self) -> Iterator[Row]:
        """Yield the rows that the mapping's filters let through."""
        for line, cells in self._table:
            if not self._given.zoned:
                self._find_zone()
            try:
                content = self._table.checked(cells)
            except ValueError as error:
                self._bad.append(BadRow(line, str(error)))
                continue
            own_id = self._table.ordinal(content)
            row = Row(line, content, self._table.headings, self._mapping, self._given, own_id)
            filtered = row.filtered
            if filtered is None:
                yield row
            else:
                self._without_fact.append(RowWithoutFact(line, "left_out", filtered))

    def _find_zone(self) -> None:
        """Find the zone of times without one: the lines above the headings may tell it."""
        above = self._table.sheet.above if self._mapping.zone_above else []
        told = next((zone for line in above if (zone := zone_within(line)) is not None), None)
        zone, times = told or zone_of(self._mapping.zone), self._table.sheet.is_workbook
        self._given = self._given._replace(zone=zone, zoned=True, times=times)

    def _check_balances(self, rows: Sequence[Row]) -> None:
        """Check the running balances, and learn from them whether amounts contain the fee."""
        if self._mapping.columns.balance is None:
            return
        readings = {net: BalanceChains(net=net) for net in (False, True)}
        for row in rows:
            with suppress(ValueError):  # the row is reported when it is read
                for chains in readings.values():
                    chains.add(row)
        missing = {net: chains.missing() for net, chains in readings.items()}
        if self._mapping.amounts == "by_balance":
            self._given = self._given._replace(net=len(missing[True]) < len(missing[False]))
        self._bad += [BadRow(each.line, each.problem) for each in missing[self._given.net]]

    def _take(self, row: Row) -> None:
        """Take one row. Raise ValueError with the problem."""
        kind = row.kind
        if kind in PARTS:
            _ = row.at, row.asset, row.amount("amount"), row.fee
            first = self._trades.add(row)
            if first != row.line:
                self._without_fact.append(RowWithoutFact(row.line, "part", f"of the trade of line {first}"))
            return
        payloads = payloads_of(row)
        if not payloads:
            outcome: Outcome = "ignored" if kind == "ignore" else "no_amount"
            reason = f"type {row.cell('type')!r} is ignored" if kind == "ignore" else "it moves nothing"
            self._without_fact.append(RowWithoutFact(row.line, outcome, reason))
        self._payloads += [(row.line, payload) for payload in payloads]

    def statement(self) -> Statement:
        """Return what was read; the same id twice in one file is a bad row."""
        facts: list[StatementFact] = []
        seen: dict[tuple[str, str], StatementFact] = {}
        for line, each in self._facts():
            key = (each.fact.account, each.fact.external_id)
            first = seen.setdefault(key, each)
            if first is each:
                facts.append(each)
            elif first.payload != each.payload:
                problem = f"id {each.fact.external_id} is in line {first.line} too, with another content"
                self._bad.append(BadRow(line, problem))
        facts.sort(key=lambda each: each.fact.occurred_us)  # files run either way
        return Statement(facts, self._without_fact, self._bad, self._table.sheet.digest.hexdigest())

    def _facts(self) -> Iterator[tuple[int, StatementFact]]:
        """Yield the facts that can be read; note the others."""
        more = self._told_with_each()
        for line, payload in self._payloads:
            of_trade = more if payload["fact"] == "trade" or "of_trade" in payload else {}
            encoded = msgspec.json.encode(payload | of_trade)
            try:
                yield line, StatementFact(line, encoded, parse_fact(encoded))
            except DocumentRefused as error:
                self._bad.append(BadRow(line, str(error)))

    def _told_with_each(self) -> dict[str, int | str]:
        """Return what the file as a whole says of each of its trades."""
        told: dict[str, int | str] = {"statement": self._name} if self._name else {}
        return told | ({"step_us": MINUTE_US} if self._only_minutes([each for _, each in self._payloads]) else {})

    def _only_minutes(self, payloads: Sequence[Payload]) -> bool:
        """True if the times of the file tell no seconds."""
        forms = self._mapping.time_format
        if all("%" in form and not any(mark in form for mark in ("%S", "%T", "%c", "%X", "%s")) for form in forms):
            return True
        times = {payload["occurred_at"] for payload in payloads}
        return len(times) >= _WHOLE_MINUTES and all(":00+00:00" in str(time) for time in times)
