"""What an event says, in one line: of the EMS's messages what matters in a list, of others how they begin. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from recon.display.words import counted

#: Most rows of a message that are named.
_NAMED: Final = 3
#: Longest line, in characters.
MAX_LINE: Final = 160
#: Characters of an id that are told.
_ID: Final = 12

_UPDATES: Final = frozenset({"BALANCE_UPDATE", "POSITION_UPDATE", "ORDER_EXEC_REPORT_UPDATE"})

_read: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


#: A value that the message lacks.
_NONE: Final = msgspec.Raw()


class _Row(msgspec.Struct):
    """What a list tells of one row: numbers are texts as they came, so nothing is rounded."""

    asset_id_exchange: str | None = None
    asset_id_coinapi: str | None = None
    symbol_id_exchange: str | None = None
    symbol_id_coinapi: str | None = None
    balance: msgspec.Raw = _NONE
    quantity: msgspec.Raw = _NONE
    side: str | None = None
    price: msgspec.Raw = _NONE
    amount_order: msgspec.Raw = _NONE
    amount_filled: msgspec.Raw = _NONE
    status: str | None = None
    client_order_id: str | None = None
    exchange_order_id: str | None = None


_row: Final = msgspec.json.Decoder(_Row).decode


def words_of(kind: str, payload: str | None, *, cut: bool = False) -> str:
    """Return an event in one line; of a payload that is cut off, or of another kind, how it begins."""
    if payload is None:
        return "not readable as JSON"
    told = None if cut else _told(kind, payload)
    return _short(payload if told is None else told)


def _told(kind: str, payload: str) -> str | None:
    try:
        return _what_matters(kind, payload.encode())
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def _what_matters(kind: str, payload: bytes) -> str | None:
    if kind in _UPDATES:
        return _update(kind, payload)
    values = _read(payload)
    if kind.endswith("_SNAPSHOT"):
        return _snapshot(kind, values.get("data"))
    if "heartbeats" in values:
        return f"heartbeats of {', '.join(_read(values['heartbeats']))}"
    if kind == "SERVER_INFO":
        return f"running {_text(values.get('is_running', _NONE))}"
    return _named(values) if "reason" in values or "action" in values else None


def _snapshot(kind: str, data: msgspec.Raw | None) -> str | None:
    if data is None or bytes(data) == b"null":
        return "no rows"
    rows = msgspec.json.decode(data, type=list[msgspec.Raw])
    if not rows:
        return "0 rows"
    shown = [told for row in rows[:_NAMED] if (told := _update(kind, bytes(row)))]
    more = f", and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    many = counted(len(rows), "row")
    return f"{many}: {', '.join(shown)}{more}" if shown else many


def _update(kind: str, payload: bytes) -> str | None:
    row = _row(payload)
    if kind.startswith("BALANCE"):
        return _joined(row.asset_id_exchange or row.asset_id_coinapi, _text(row.balance))
    if kind.startswith("POSITION"):
        return _joined(row.side, _text(row.quantity), row.symbol_id_exchange or row.symbol_id_coinapi)
    if kind.startswith("ORDER_EXEC"):
        filled = f"filled {_text(row.amount_filled)} of {_text(row.amount_order)}"
        symbol = row.symbol_id_exchange or row.symbol_id_coinapi
        order = (row.client_order_id or row.exchange_order_id or "")[:_ID]
        price = None if _text(row.price) == "-" else f"at {_text(row.price)}"
        return _joined(row.side, _text(row.amount_order), symbol, price, row.status, f"{filled};", f"order {order}")
    return None


def _named(values: Mapping[str, msgspec.Raw]) -> str:
    known = [(name, values[name]) for name in ("action", "reason", "detail", "text") if name in values]
    return ", ".join(f"{name} {_text(value)}" for name, value in known if _text(value) != "-")


def _joined(*parts: str | None) -> str | None:
    return " ".join(part for part in parts if part) or None


def _text(value: msgspec.Raw) -> str:
    text = bytes(value).decode().strip('"')
    return "-" if text in {"", "null"} else text


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"
