"""Messages that a hostile or broken gateway may send, each of another kind, and what people may record of that kind.

Every one of them once stopped the books of all accounts of its gateway.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterable, Iterator

import msgspec

from recon.testing import BTC_USDT, ETH_USDT, PERPETUAL, Json, OrderScript, Row, balance_row, position_row, symbol_row

_encode = msgspec.json.Encoder(decimal_format="number").encode

#: The account that sends them.
POISONED = "POISONED"
#: Characters of a text that no index of Postgres takes, however well it compresses.
LONG = 6000
#: Rows of the longest list.
MANY = 11_000

_random = random.Random(11)


def long_text() -> str:
    """Return a text that is too long for an index."""
    return "".join(_random.choices(string.ascii_letters + string.digits, k=LONG))


def frames() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the name of each poison and its frames."""
    yield "long client order id", [_report("a", client_order_id=long_text())]
    yield "long exchange order id", [_report("b", exchange_order_id=long_text())]
    yield "long symbol of an order", [_report("c", symbol_id_exchange=long_text(), symbol_id_coinapi=long_text())]
    yield "long asset", [_message("BALANCE_UPDATE", balance_row(long_text(), "1"))]
    yield "long symbol of a position", [_position(long_text())]
    yield "long symbols", [_list("SYMBOLS_SNAPSHOT", [symbol_row(long_text(), long_text(), long_text(), long_text())])]
    yield "one number in two symbols", [_numbered("77", symbol) for symbol in (BTC_USDT.exchange, ETH_USDT.exchange)]
    yield "one order in two spellings", [_numbered("78", symbol) for symbol in ("BTCUSDT", "btcusdt", "BTC/USDT")]
    yield "numbers that no decimal takes", [_number(digits) for digits in ("1e999999", "-1e-999999", "9" * 5000)]
    yield (
        "deep nesting",
        [b'{"type":"BALANCE_UPDATE","exchange_id":"POISONED","x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"],
    )
    yield "positions without terms", [_list("POSITION_SNAPSHOT", list(_positions(MANY)))]
    yield "orders that vanish and come again", list(_vanishing(MANY))
    yield "many coins", [_list("BALANCE_SNAPSHOT", [balance_row(f"COIN{n}", "1") for n in range(MANY)])]


def facts() -> Iterator[tuple[str, str, str]]:
    """Yield the name of each thing that a person may record, its kind in the log, and its JSON."""
    fact: dict[str, Json] = {
        "account": POISONED, "movement": "deposit", "asset": "BTC", "amount": "1",
        "occurred_at": "2026-01-05T09:00:00Z", "external_id": "1", "source": "test",
    }  # fmt: skip
    yield "long asset", "fact", json.dumps(fact | {"asset": long_text()})
    for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        yield f"at {at}", "fact", json.dumps(fact | {"occurred_at": at})
    yield "huge amount", "fact", json.dumps(fact | {"amount": "1e999999"})
    yield "nested", "decision", '{"action":"note","text":' + "[" * 5000 + "]" * 5000 + "}"
    yield "of no shape", "decision", '{"action":{"a":1},"breaks":7,"account":"POISONED"}'


def _message(kind: str, row: Row) -> bytes:
    return _encode({"type": kind, "exchange_id": POISONED} | row)


def _list(kind: str, rows: Iterable[Row]) -> bytes:
    return _encode({"type": kind, "exchange_id": POISONED, "data": list(rows)})


def _report(key: str, **fields: Json) -> bytes:
    return _message(
        "ORDER_EXEC_REPORT_UPDATE", OrderScript(key, [("1", "100")]).report(1) | {"exchange_id": POISONED} | fields
    )


def _numbered(number: str, symbol: str) -> bytes:
    return _report(
        "", client_order_id=None, exchange_order_id=number, symbol_id_exchange=symbol, symbol_id_coinapi=None
    )


def _position(symbol: str) -> bytes:
    return _message(
        "POSITION_UPDATE", position_row("1", "LONG") | {"symbol_id_exchange": symbol, "symbol_id_coinapi": None}
    )


def _positions(count: int) -> Iterator[Row]:
    for number in range(count):
        yield position_row(
            "1", "LONG", symbol=PERPETUAL._replace(exchange=f"P{number}", coinapi=f"X_PERP_P{number}_USDT")
        )


def _number(digits: str) -> bytes:
    return (
        b'{"type":"BALANCE_UPDATE","exchange_id":"POISONED","asset_id_exchange":"BTC","balance":'
        + digits.encode()
        + b"}"
    )


def _vanishing(count: int) -> Iterator[bytes]:
    rows = [OrderScript(f"v{number}", [("1", "100")]).report(0) | {"exchange_id": POISONED} for number in range(count)]
    for listed in (rows, [], rows):
        yield _list("ORDER_EXEC_REPORT_SNAPSHOT", listed)
