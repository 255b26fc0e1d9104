"""From a frame's bytes to a message; no bytes raise (protocol sections 3 and 16). Pure.

Every type has two shapes: the row itself (flat), and rows in a `data` list. The presence of `data` decides which. A
message is a snapshot if its type says so, unless its row is flat: the published tables give updates the snapshot's
type. Rows in a `data` list under an update's type stay an update: a row missing from such a list does not prove a zero.

A snapshot without any list, its `data` null or missing, is not complete but `nothing`: the EMS reports that the account
has nothing (protocol 3; its exact form is not documented). The ledger decides what follows. A list that cannot be read
is neither.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from recon.ems.protocol import rows as kinds
from recon.ems.protocol.bounds import MAX_ID_CHARS
from recon.ems.protocol.fields import UNREADABLE, Field, Findings, RawMembers, array_elements, object_members, string
from recon.ems.protocol.messages import (
    BALANCE_SNAPSHOT,
    BALANCE_UPDATE,
    MESSAGE_REJECT,
    ORDER_EXEC_REPORT_SNAPSHOT,
    ORDER_EXEC_REPORT_UPDATE,
    POSITION_SNAPSHOT,
    POSITION_UPDATE,
    SERVER_INFO,
    SYMBOLS_SNAPSHOT,
    BalanceRow,
    Balances,
    Decoded,
    Envelope,
    Message,
    OrderReport,
    OrderReports,
    PositionRow,
    Positions,
    ServerInfo,
    SymbolRow,
    Symbols,
    Unknown,
)
from recon.ems.protocol.rows import RowKind

#: The members of a message beside its content.
_ENVELOPE: Final = frozenset({"type", "exchange_id", "data"})

Row = TypeVar("Row", bound=msgspec.Struct)


class _Head(msgspec.Struct, gc=False):
    type: str | None = None
    exchange_id: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Marks(msgspec.Struct, gc=False):
    """The two fields that identify an execution report without a type."""

    status: str | msgspec.UnsetType = msgspec.UNSET
    client_order_id: str | int | msgspec.UnsetType = msgspec.UNSET


_HEAD: Final = msgspec.json.Decoder(_Head)
_MARKS: Final = msgspec.json.Decoder(_Marks)


def usable_account(text: str | None) -> str | None:
    """Return an `exchange_id` that can be stored and compared, else None; a longer one counts as missing."""
    if not text or len(text) > MAX_ID_CHARS or "\x00" in text:
        return None
    return text


def _head(payload: bytes) -> _Head | None:
    """Return type, account and data; None if the payload is not a JSON object."""
    try:
        return _HEAD.decode(payload)
    except UNREADABLE:
        members = object_members(payload)
    if members is None:
        return None
    ignored = Field("message", "head", Findings())
    read = {name: string(bytes(members[name]), ignored) for name in ("type", "exchange_id") if name in members}
    return _Head(read.get("type"), read.get("exchange_id"), members.get("data", msgspec.UNSET))


def _is_report(payload: bytes) -> bool:
    try:
        marks = _MARKS.decode(payload)
    except UNREADABLE:
        return False
    return marks.status is not msgspec.UNSET and marks.client_order_id is not msgspec.UNSET


def _type(head: _Head, payload: bytes) -> str | None:
    if head.type:
        return head.type
    return ORDER_EXEC_REPORT_UPDATE if _is_report(payload) else None


def envelope(payload: bytes) -> Envelope:
    """Return the type and account of a frame; never raises."""
    head = _head(payload)
    if head is None:
        return Envelope(None, None, is_object=False)
    return Envelope(_type(head, payload), usable_account(head.exchange_id), is_object=True)


def decode(payload: bytes) -> Decoded:
    """Return one message; a payload that is not a JSON object gives `Unknown` with a finding. Never raises."""
    head = _head(payload)
    if head is None:
        return _unreadable(payload)
    kind = _type(head, payload)
    reader = _LISTS.get(kind or "")
    if reader is not None:
        return reader.read(kind or "", head, payload)
    if kind == SERVER_INFO:
        return _single(kinds.SERVER_INFOS, head, payload)
    if kind == MESSAGE_REJECT:
        return _single(kinds.REJECTS, head, payload)
    return Decoded(Unknown(kind, usable_account(head.exchange_id)))


def _unreadable(payload: bytes) -> Decoded:
    findings = Findings()
    what = "JSON, but not an object" if array_elements(payload) is not None else "not a JSON object"
    findings.add("unreadable", "message", f"the frame of {len(payload)} bytes is {what}; it is kept and not used")
    return Decoded(Unknown(None, None), findings.collected())


def _single(kind: RowKind[Row], head: _Head, payload: bytes) -> Decoded:
    """Decode a type that is always one row, also if it is wrapped in `data`."""
    findings = Findings()
    row = kind.fast(payload) if head.data is msgspec.UNSET else None
    if row is None:
        members = dict(object_members(payload) or {})
        inner = None if head.data is msgspec.UNSET else object_members(bytes(head.data))
        row = kind.slow(members | (inner or {}), findings)
    account: str | None = getattr(row, "account", None)
    if account != usable_account(account):
        row = msgspec.structs.replace(row, account=None)
    if isinstance(row, ServerInfo) and row.account is None:
        findings.add("account", SERVER_INFO, "exchange_id is missing or unusable; the heartbeat is nobody's")
    # mypy cannot see that these two kinds are members of Message.
    return Decoded(row, findings.collected())  # type: ignore[arg-type]


class _Family(msgspec.Struct, Generic[Row], frozen=True):
    """A family of types that carry rows: orders, balances, positions or symbols."""

    kind: RowKind[Row]
    build: Callable[[str | None, tuple[Row, ...], bool, bool], Message]
    snapshot_type: str

    def read(self, type_: str, head: _Head, payload: bytes) -> Decoded:
        account = usable_account(head.exchange_id)
        if head.data is msgspec.UNSET:
            row = self.kind.fast(payload)
            if row is not None and account is not None:
                return Decoded(self.build(account, (row,), False, False))
        reading = _Reading(self, type_, account, payload)
        message = reading.flat() if head.data is msgspec.UNSET else reading.wrapped(bytes(head.data))
        return Decoded(message, reading.findings.collected())


class _Reading(Generic[Row]):
    """A message with rows that is not simply one sound row."""

    def __init__(self, family: _Family[Row], type_: str, account: str | None, payload: bytes) -> None:
        self.findings = Findings()
        self._kind = family.kind
        self._build = family.build
        self._type = type_
        self._snapshot = type_ == family.snapshot_type
        self._account = account
        self._payload = payload
        if account is None:
            self._note("account", "exchange_id is missing or unusable; the message is nobody's")

    def flat(self) -> Message:
        """Read the message itself as one row."""
        row = self._with_account(self._kind.slow(object_members(self._payload) or {}, self.findings))
        if self._kind.is_identified(row):
            return self._build(self._account, (row,), False, False)
        self._note("data", "there is neither data nor a row that says what it is about; nothing is taken from it")
        return self._nothing(unreadable=any(name not in _ENVELOPE for name in object_members(self._payload) or {}))

    def wrapped(self, data: bytes) -> Message:
        """Read the rows of `data`, all at once if possible, else one by one."""
        if self._kind is kinds.ORDERS or b'"exchange_id"' not in data:
            rows = self._kind.fast_rows(data)
            if rows is not None:
                attributed = tuple(map(self._attributed, rows))
                return self._build(self._account, attributed, self._snapshot, self._snapshot)
        listed = array_elements(data)
        if listed is None:
            return self._no_list(data)
        read = (self._row(bytes(item)) for item in listed)
        kept = tuple(row for row in read if row is not None)
        return self._build(self._account, kept, self._snapshot, self._snapshot and len(kept) == len(listed))

    def _no_list(self, data: bytes) -> Message:
        """Read `data` that is not a list; the message is never complete."""
        if object_members(data) is not None:
            self._note("data", "data is one row instead of a list; it is read as such")
            row = self._row(data)
            return self._build(self._account, () if row is None else (row,), self._snapshot, False)
        if data == b"null" and not self._snapshot:
            return self.flat()
        what = "null" if data == b"null" else "not a list"
        self._note("data", f"data is {what}; the message is taken as incomplete")
        return self._nothing(unreadable=data != b"null")

    def _nothing(self, *, unreadable: bool) -> Message:
        """Build a message without rows; `unreadable`: there was content, but it cannot be read."""
        message = self._build(self._account, (), self._snapshot, False)
        if isinstance(message, OrderReports | Balances | Positions):
            return msgspec.structs.replace(message, nothing=self._snapshot and not unreadable)
        return message

    def _row(self, item: bytes) -> Row | None:
        """Read one row of a list; None, with a finding, if it cannot be attributed."""
        members = object_members(item)
        if members is None:
            self._left_out("is not an object")
            return None
        if self._kind is not kinds.ORDERS and _belongs_elsewhere(members, self._account):
            self._left_out("names another exchange_id")
            return None
        row = self._kind.fast(item)
        if row is None:
            row = self._kind.slow(members, self.findings)
        if not self._kind.is_identified(row):
            self._left_out("does not say what it is about")
            return None
        return self._attributed(row)

    def _attributed(self, row: Row) -> Row:
        """Give a report its account: the one that it names, else the wrapper's; a difference is a finding."""
        if isinstance(row, OrderReport):
            named = usable_account(row.account)
            if named is not None and self._account is not None and named != self._account:
                about = f"order {row.client_order_id or row.exchange_order_id}"
                text = f"the report says {named} within a message of {self._account}; its own counts"
                self.findings.add("account", about, text)
        return self._with_account(row)

    def _with_account(self, row: Row) -> Row:
        if not isinstance(row, OrderReport):
            return row
        named = usable_account(row.account) or self._account
        return row if named == row.account else msgspec.structs.replace(row, account=named)

    def _left_out(self, why: str) -> None:
        self._note("row", f"a row {why}; it is left out, and the list counts as incomplete")

    def _note(self, kind: str, text: str) -> None:
        self.findings.add(kind, self._type, text)


def _belongs_elsewhere(members: RawMembers, account: str | None) -> bool:
    raw = members.get("exchange_id")
    if raw is None or account is None:
        return False
    named = string(bytes(raw), Field("row", "exchange_id", Findings()))
    return bool(named) and named != account


def _symbols(account: str | None, rows: tuple[SymbolRow, ...], _snapshot: bool, complete: bool) -> Message:
    return Symbols(account, rows, complete)


_ORDERS: Final = _Family(kinds.ORDERS, OrderReports, ORDER_EXEC_REPORT_SNAPSHOT)
_BALANCES: Final = _Family(kinds.BALANCES, Balances, BALANCE_SNAPSHOT)
_POSITIONS: Final = _Family(kinds.POSITIONS, Positions, POSITION_SNAPSHOT)
_SYMBOLS: Final = _Family(kinds.SYMBOLS, _symbols, SYMBOLS_SNAPSHOT)
_LISTS: Final[
    dict[
        str,
        _Family[OrderReport] | _Family[BalanceRow] | _Family[PositionRow] | _Family[SymbolRow],
    ]
] = {
    ORDER_EXEC_REPORT_SNAPSHOT: _ORDERS,
    ORDER_EXEC_REPORT_UPDATE: _ORDERS,
    BALANCE_SNAPSHOT: _BALANCES,
    BALANCE_UPDATE: _BALANCES,
    POSITION_SNAPSHOT: _POSITIONS,
    POSITION_UPDATE: _POSITIONS,
    SYMBOLS_SNAPSHOT: _SYMBOLS,
}
