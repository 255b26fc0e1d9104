"""Rows of the gateway's order log, `/v1/orders/history`, as execution reports (protocol 11). Pure.

1. A row is the whole state of one order after one change: an execution report, and folded as one.
2. Its names are in camelCase, its lists flattened into parallel arrays. The arrays come flat, nested, or as JSON text
   inside a string. They are paired by index; a value without a partner is unknown.
3. `apikey` is a credential and is never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Final, TypeAlias

from recon.display.words import counted
from recon.ems.protocol import fields
from recon.ems.protocol.decode import usable_account
from recon.ems.protocol.fields import (
    MAX_NESTING,
    MAX_QUOTE,
    Field,
    Findings,
    RawMembers,
    array_elements,
    object_members,
)
from recon.ems.protocol.messages import FillRow, OrderReport, OrderReports, StatusStep
from recon.ems.protocol.timestamps import parse_time

_SIDES: Final = {"1": "BUY", "2": "SELL", "BUY": "BUY", "SELL": "SELL"}
_ERRORS: Final = ("errorMessageResult", "errorMessageReason", "errorMessageMessage")
_NOTHING: Final = frozenset({b"null", b'""'})
_FRACTION: Final = re.compile(r"\.([0-9]{1,9})")
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

_SortKey: TypeAlias = tuple[datetime, str]


def read_history(body: bytes, findings: Findings) -> tuple[tuple[OrderReports, ...], bool] | None:
    """Return the reports by account, in the order in which the changes happened; None if the body is not a list.

    The second value is true if every row could be read.
    """
    listed = array_elements(body)
    if listed is None:
        return None
    rows = [row for row in (_read(bytes(item), findings) for item in listed) if row is not None]
    rows.sort(key=lambda row: row[0])
    by_account: dict[str, list[OrderReport]] = {}
    for _, report in rows:
        by_account.setdefault(report.account or "", []).append(report)
    messages = tuple(
        OrderReports(account, tuple(reports), snapshot=False, complete=False) for account, reports in by_account.items()
    )
    return messages, len(rows) == len(listed)


def _read(item: bytes, findings: Findings) -> tuple[_SortKey, OrderReport] | None:
    """Return one row with its sort key; None, with a finding, if it cannot be attributed."""
    members = object_members(item)
    if members is None:
        findings.add("row", "history", "a row is not an object; it is left out")
        return None
    row = _Row(members, findings)
    report = row.report()
    if report.account is None or (report.client_order_id is None and report.exchange_order_id is None):
        findings.add("row", row.about, "a row of the history names no exchangeId or no order; it is left out")
        return None
    return row.sort_key(report.history), report


class _Row:
    """One row, field by field: a value that cannot be read is None, with a finding."""

    def __init__(self, members: RawMembers, findings: Findings) -> None:
        self._members = members
        self._findings = findings
        quiet = Findings()
        ids = (fields.string(self._raw(name), Field("", name, quiet)) for name in ("clientOrderId", "exchangeOrderId"))
        self.about = f"order {next((text for text in ids if text), '?')[:MAX_QUOTE]}"

    def report(self) -> OrderReport:
        """Return the row as an execution report."""
        return OrderReport(
            account=usable_account(self._text("exchangeId")),
            client_order_id=self._identifier("clientOrderId"),
            exchange_order_id=self._identifier("exchangeOrderId"),
            symbol=self._identifier("symbolIdExchange"),
            symbol_coinapi=self._identifier("symbolIdCoinapi"),
            amount_order=fields.number(*self._field("amountOrder")),
            amount_open=fields.number(*self._field("amountOpen")),
            amount_filled=fields.number(*self._field("amountFilled")),
            price=fields.number(*self._field("price")),
            avg_px=fields.number(*self._field("avgPx")),
            side=self._side(),
            order_type=self._code("orderType"),
            time_in_force=self._code("timeInForce"),
            exec_inst=tuple(filter(None, self._texts("execInst"))),
            status=self._code("status"),
            history=self._steps(),
            fills=self._fills(),
            error_message=self._error(),
        )

    def sort_key(self, history: tuple[StatusStep, ...]) -> _SortKey:
        """Return when the change was logged, else the last time in the row.

        Stamps may be 100 ns apart, hence the fraction as text beside a moment in whole seconds.
        """
        text = self._text("createdTime")
        moment = parse_time(text)
        if moment is None:
            text = next((step.time for step in reversed(history) if step.time is not None), None)
            moment = parse_time(text)
        if text is None or moment is None:
            return _NEVER, ""
        fraction = _FRACTION.search(text)
        return moment.replace(microsecond=0), "" if fraction is None else fraction[1].ljust(9, "0")

    def _raw(self, name: str) -> bytes:
        raw = self._members.get(name)
        return b"null" if raw is None else bytes(raw)

    def _field(self, name: str) -> tuple[bytes, Field]:
        return self._raw(name), Field(self.about, name, self._findings)

    def _text(self, name: str) -> str | None:
        return fields.string(*self._field(name)) or None

    def _identifier(self, name: str) -> str | None:
        text = self._text(name)
        return None if text is None else fields.identifier(text, self._field(name)[1])

    def _code(self, name: str) -> str | None:
        text = self._text(name)
        return None if text is None else fields.code(text, self._field(name)[1])

    def _side(self) -> str | None:
        """Return the side, written as 1 or 2, as a number or text, or in words (protocol 11)."""
        raw, field = self._field("side")
        if raw in _NOTHING:
            return None
        text = (fields.string(raw, field) or "").strip().upper()
        side = _SIDES.get(text.removesuffix(".0"))
        if side is None:
            field.note("field", "is neither 1 (buy) nor 2 (sell)", raw)
        return side

    def _values(self, name: str) -> list[bytes]:
        raw, field = self._field(name)
        return [] if raw in _NOTHING else list(_values(raw, field))

    def _texts(self, name: str) -> list[str | None]:
        field = self._field(name)[1]
        return [fields.string(leaf, field) for leaf in self._values(name)]

    def _steps(self) -> tuple[StatusStep, ...]:
        statuses, times = self._texts("statusHistoryStatus"), self._texts("statusHistoryTime")
        if len(statuses) != len(times):
            self._unequal(
                "history", f"{counted(len(statuses), 'status', 'statuses')} and {counted(len(times), 'time')}"
            )
        pairs = zip_longest(statuses, times[: len(statuses)])
        field = self._field("statusHistoryStatus")[1]
        return tuple(
            StatusStep(fields.code(status, field), fields.usable_time(time)) for status, time in pairs if status
        )

    def _fills(self) -> tuple[FillRow, ...]:
        price_of, amount_of = self._field("fillsPrice")[1], self._field("fillsAmount")[1]
        times = self._texts("fillsTime")
        prices = [fields.number(leaf, price_of) for leaf in self._values("fillsPrice")]
        amounts = [fields.number(leaf, amount_of) for leaf in self._values("fillsAmount")]
        if not len(times) == len(prices) == len(amounts):
            self._unequal(
                "fills",
                f"{counted(len(times), 'time')}, {counted(len(prices), 'price')} and {counted(len(amounts), 'amount')}",
            )
        count = max(len(prices), len(amounts))
        rows = zip_longest(times[:count], prices, amounts)
        return tuple(FillRow(fields.usable_time(time), price, amount) for time, price, amount in rows)

    def _unequal(self, what: str, counts: str) -> None:
        self._findings.add("history", self.about, f"the {what} are {counts}; what has no partner is not known")

    def _error(self) -> str | None:
        """Return the three parts of the error document in one line, for people."""
        parts = (fields.display_text(*self._field(name)) for name in _ERRORS)
        text = ": ".join(part for part in parts if part)
        return fields.saying(text, self._field(_ERRORS[0])[1]) or None


def _values(text: bytes, field: Field, depth: int = 0) -> Iterator[bytes]:
    """Yield the values of a list in order, through nested lists and lists written as JSON text inside strings."""
    if depth > MAX_NESTING:
        field.note("history", "is nested too deeply", text)
        return
    inner = array_elements(text)
    if inner is None and text[:1] == b'"':
        inside = (fields.string(text, field) or "").strip()
        if inside.startswith("["):
            inner = array_elements(inside.encode())
    if inner is None:
        yield text
        return
    for item in inner:
        yield from _values(bytes(item), field, depth + 1)
