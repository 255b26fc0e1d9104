"""Rows of the wire as typed structs: decoded at once, or field by field if that fails. Pure.

A row that decodes at once and is sound is used as it is. Any other row is read field by field. One bad field then costs
that field and a finding, never the row or its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, Generic, TypeVar

import msgspec

from recon.ems.protocol import fields
from recon.ems.protocol.bounds import MAX_CODE_CHARS, MAX_ID_CHARS, MAX_TEXT_CHARS, MAX_TIME_CHARS
from recon.ems.protocol.fields import FIRST_TIME, UNREADABLE, Field, Findings, RawMembers, Reader
from recon.ems.protocol.messages import (
    BalanceRow,
    FillRow,
    OrderReport,
    PositionRow,
    Reject,
    ServerInfo,
    StatusStep,
    SymbolRow,
)
from recon.exact import bounded, without_noise

#: A number whose plain text is at most this long needs no closer look.
SHORT_NUMBER: Final = 38
#: A number with fewer digits than this has no noise of a double behind it (semantics 1.2).
NOISY_NUMBER: Final = 16

Row = TypeVar("Row", bound=msgspec.Struct)

#: The reader of a field, by the declared type of the field.
_READERS: Final[dict[object, Reader]] = {
    str | None: fields.string,
    Decimal | None: fields.number,
    bool | None: fields.boolean,
    tuple[str, ...] | str | None: fields.texts,
    tuple[StatusStep, ...]: fields.history,
    tuple[FillRow, ...]: fields.fills,
}
#: Fields in which an empty string means that the value is missing.
_IDS: Final = frozenset({
    "client_order_id", "exchange_order_id", "symbol", "symbol_coinapi", "asset", "asset_coinapi",
    "base", "quote", "base_coinapi", "quote_coinapi", "instance_guid",
})  # fmt: skip
_TIMES: Final = frozenset({"time", "time_server_start"})
_NUL: Final = rb"\u0000"
#: Texts for people, of any JSON type on the wire.
_ANYTHING: Final = frozenset({"error_message", "message", "rejected_message"})


def are_sound(*values: Decimal | None) -> bool:
    """True if numbers are finite, within bounds and without noise; `bounded` itself costs six times as much."""
    for value in values:
        if value is not None:
            text = str(value)
            if len(text) < NOISY_NUMBER and "E" not in text and text[-1] <= "9":  # as nearly always
                continue
            if (len(text) > SHORT_NUMBER or "E" in text or text[-1] > "9") and not bounded(value):
                return False
            if len(text) >= NOISY_NUMBER + ("." in text) and without_noise(value) is not value:
                return False
    return True


def fit(most: int, *texts: str | None) -> bool:
    """True if no text has more than so many characters."""
    for text in texts:  # noqa: SIM110  # a generator takes twice as long, and each field of each row comes here
        if text is not None and len(text) > most:
            return False
    return True


def _bounded_text(name: str, text: str, field: Field) -> str | None:
    """Return the text of a field within its bound; an account that is too long counts as missing."""
    if name == "account":
        return text or None
    if name in _IDS:
        return fields.identifier(text, field) or None
    if name in _TIMES:
        return fields.usable_time(text)
    return fields.saying(text, field) if name in _ANYTHING else fields.code(text, field)


class RowKind(Generic[Row]):
    """The reader of one kind of rows.

    `is_sound` is true for a decoded row that is identified and needs no closer look. `names` are the fields that
    identify a row, and `spellings` maps another spelling on the wire to ours.
    """

    def __init__(
        self,
        struct: type[Row],
        is_sound: Callable[[Row], bool],
        *,
        noun: str,
        names: tuple[str, ...] = (),
        spellings: Mapping[str, str] | None = None,
    ) -> None:
        self.names = names
        self._noun = noun
        self._is_sound = is_sound
        self._spellings = dict(spellings or {})
        self._marks = tuple(f'"{other}"'.encode() for other in self._spellings)
        self._build: Callable[..., Row] = struct
        self._one = msgspec.json.Decoder(struct)
        self._many = msgspec.json.Decoder(tuple[struct, ...])  # type: ignore[valid-type]  # a type made at run time
        self._fields = tuple(self._reader(field) for field in msgspec.structs.fields(struct))

    @staticmethod
    def _reader(field: msgspec.structs.FieldInfo) -> tuple[str, str, Reader]:
        reader = fields.display_text if field.name in _ANYTHING else _READERS[field.type]
        return field.name, field.encode_name, reader

    def fast(self, payload: bytes) -> Row | None:
        """Return the row if it decodes at once and is sound."""
        if self._needs_look(payload):
            return None
        try:
            row = self._one.decode(payload)
        except UNREADABLE:
            return None
        return row if self._is_sound(row) else None

    def fast_rows(self, payload: bytes) -> tuple[Row, ...] | None:
        """Return all rows of a JSON array if they decode at once and are sound."""
        if self._needs_look(payload):
            return None
        try:
            rows: tuple[Row, ...] = self._many.decode(payload)
        except UNREADABLE:
            return None
        return rows if all(map(self._is_sound, rows)) else None

    def slow(self, members: RawMembers, findings: Findings) -> Row:
        """Return a row read field by field; a value that cannot be read is None, with a finding."""
        for other, ours in self._spellings.items():
            if other in members:
                members.setdefault(ours, members[other])
        about = self._about(members)
        values: dict[str, object] = {}
        for name, wire, reader in self._fields:
            raw = members.get(wire)
            if raw is None:
                continue
            field = Field(about, wire, findings)
            value = reader(bytes(raw), field)
            values[name] = _bounded_text(name, value, field) if isinstance(value, str) else value
        return self._build(**values)

    def is_identified(self, row: Row) -> bool:
        """True if at least one of the fields that identify a row is present."""
        return not self.names or any(getattr(row, name) is not None for name in self.names)

    def _needs_look(self, payload: bytes) -> bool:
        """True if a field may be spelled otherwise, or a text may hold U+0000."""
        if _NUL in payload:
            return True
        return bool(self._marks) and any(mark in payload for mark in self._marks)

    def _about(self, members: RawMembers) -> str:
        quiet = Findings()
        for name, wire, _ in self._fields:
            if name in self.names and wire in members:
                text = fields.string(bytes(members[wire]), Field("", wire, quiet))
                if text:
                    return f"{self._noun} {text[: fields.MAX_QUOTE]}"
        return self._noun


def _is_time(text: str) -> bool:
    return text >= FIRST_TIME and len(text) <= MAX_TIME_CHARS


def _order_is_sound(row: OrderReport) -> bool:
    client, exchange = row.client_order_id, row.exchange_order_id
    if client == "" or exchange == "" or client is exchange is None:
        return False
    if row.account == "" or row.symbol == "" or row.symbol_coinapi == "":
        return False
    if not fit(MAX_ID_CHARS, client, exchange, row.symbol, row.symbol_coinapi):
        return False
    if not fit(MAX_CODE_CHARS, row.side, row.order_type, row.time_in_force, row.status):
        return False
    for step in row.history:
        # A step without a time may be a whole history written as JSON text inside a string.
        if step.time is None or not _is_time(step.time) or len(step.status) > MAX_CODE_CHARS:
            return False
    for fill in row.fills:
        if not are_sound(fill.price, fill.amount) or (fill.time is not None and not _is_time(fill.time)):
            return False
    return fit(MAX_TEXT_CHARS, row.error_message) and are_sound(
        row.amount_order, row.amount_open, row.amount_filled, row.price, row.avg_px
    )


def _balance_is_sound(row: BalanceRow) -> bool:
    asset, coinapi, by = row.asset, row.asset_coinapi, row.last_updated_by
    if not asset or len(asset) > MAX_ID_CHARS or (by is not None and len(by) > MAX_CODE_CHARS):
        return False
    if coinapi is not None and not 0 < len(coinapi) <= MAX_ID_CHARS:
        return False
    return are_sound(row.balance, row.available, row.locked, row.rate_usd)


def _position_is_sound(row: PositionRow) -> bool:
    if row.symbol == "" or row.symbol_coinapi == "" or row.symbol is row.symbol_coinapi is None:
        return False
    if not fit(MAX_ID_CHARS, row.symbol, row.symbol_coinapi) or not fit(MAX_CODE_CHARS, row.side):
        return False
    return are_sound(row.quantity, row.avg_entry_price, row.unrealized_pnl, row.liquidation_price, row.leverage)


def _symbol_is_sound(row: SymbolRow) -> bool:
    if row.symbol is row.symbol_coinapi is None:
        return False
    texts = (row.symbol, row.symbol_coinapi, row.base, row.quote, row.base_coinapi, row.quote_coinapi)
    return "" not in texts and fit(MAX_ID_CHARS, *texts) and are_sound(row.price_step, row.size_step)


def _info_is_sound(row: ServerInfo) -> bool:
    times = (row.time, row.time_server_start)
    if row.account == "" or not fit(MAX_ID_CHARS, row.instance_guid):
        return False
    codes = (row.server_version, row.server_name, row.dns_name)
    return fit(MAX_CODE_CHARS, *codes) and all(time is None or _is_time(time) for time in times)


def _reject_is_sound(row: Reject) -> bool:
    return (
        row.account != "" and fit(MAX_CODE_CHARS, row.reason) and fit(MAX_TEXT_CHARS, row.message, row.rejected_message)
    )


ORDERS: Final = RowKind(OrderReport, _order_is_sound, noun="order", names=("client_order_id", "exchange_order_id"))
BALANCES: Final = RowKind(BalanceRow, _balance_is_sound, noun="balance", names=("asset",))
POSITIONS: Final = RowKind(
    PositionRow,
    _position_is_sound,
    noun="position",
    names=("symbol", "symbol_coinapi"),
    spellings={"unrealised_pnl": "unrealized_pnl"},
)
SYMBOLS: Final = RowKind(SymbolRow, _symbol_is_sound, noun="symbol", names=("symbol", "symbol_coinapi"))
SERVER_INFOS: Final = RowKind(ServerInfo, _info_is_sound, noun="SERVER_INFO")
REJECTS: Final = RowKind(Reject, _reject_is_sound, noun="MESSAGE_REJECT")
