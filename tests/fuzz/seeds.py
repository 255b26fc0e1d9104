"""The seeds: sound messages of every type, which the mutations spoil; published examples and cases join if present.

A seed is a list of members, each a raw name and a raw value, so that names can repeat and values can be no JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from recon.testing import BTC_USDT, ETH_USDT, PERPETUAL, OrderScript, balance_row, position_row, symbol_row
from tests.fuzz.grammar import ACCOUNTS, CALM
from tests.support.rest_driver import history_row
from tests.support.wire_messages import balance, position, report, server_info

#: Where published examples and real cases lie beside the project, if they do.
SHARED: Final = Path(__file__).parents[3] / "shared"
#: Most seeds of one kind from outside, and the most bytes of one.
MAX_EACH: Final = 40
MAX_BYTES: Final = 20_000

Members: TypeAlias = list[tuple[bytes, bytes]]

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_LINE: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def members_of(message: object) -> Members:
    """Return the members of a message; raw bytes are read, and anything else is encoded first."""
    raw = message if isinstance(message, bytes) else _encode(message)
    return [(_encode(name), bytes(value)) for name, value in _LINE.decode(raw).items()]


def _own() -> Iterator[dict[str, object]]:
    """Yield a sound message of every type, of the shapes that the tests know."""
    evil = {"exchange_id": ACCOUNTS[0]}
    scripts = [
        OrderScript("a", [("1", "100"), ("1", "110")], symbol=BTC_USDT),
        OrderScript("b", [("0.5", "2000")], side="SELL", symbol=ETH_USDT, exchange_id="1"),
        OrderScript("c", [("2", "100")], symbol=PERPETUAL),
    ]
    reports = [script.report(count) | evil for script in scripts for count in range(len(script.fills) + 1)]
    for row in reports:
        yield {"type": "ORDER_EXEC_REPORT_UPDATE", **row}
        yield {"type": "ORDER_EXEC_REPORT_UPDATE", **row, "client_order_id": None}
    yield {"type": "ORDER_EXEC_REPORT_SNAPSHOT", **evil, "data": reports[:3]}
    yield {"type": "ORDER_EXEC_REPORT_SNAPSHOT", **evil, "data": []}
    balances = [balance_row("BTC", "10", rate_usd=50_000), balance_row("USDT", "1000.5", rate_usd=1)]
    for balance_ in balances:
        yield {"type": "BALANCE_UPDATE", **evil, **balance_}
    yield {"type": "BALANCE_SNAPSHOT", **evil, "data": balances}
    yield {"type": "POSITION_UPDATE", **evil, **position_row("2", "BUY")}
    yield {"type": "POSITION_SNAPSHOT", **evil, "data": [position_row("2", "BUY"), position_row("1", "SELL")]}
    symbols = [symbol_row(*each) for each in (BTC_USDT, ETH_USDT, PERPETUAL)]
    yield {"type": "SYMBOLS_SNAPSHOT", **evil, "data": symbols}
    yield {"type": "MESSAGE_REJECT", **evil, "reject_reason": "OTHER", "message": "no", "rejected_message": '{"broken'}
    for message in (report(), balance(), position(), server_info()):
        yield message | evil


def _examples() -> Iterator[bytes]:
    for path in sorted((SHARED / "ems" / "examples").glob("*.json")):
        yield path.read_bytes()


def _cases() -> Iterator[bytes]:
    for path in sorted((SHARED / "cases").glob("*/frames.jsonl")):
        for line in path.read_bytes().splitlines()[:MAX_EACH]:
            row = _LINE.decode(line)
            if "frame" in row:
                yield bytes(row["frame"])


def frames() -> list[Members]:
    """Return every seed that is an object, with its account replaced by a hostile one."""
    found = [members_of(message) for message in _own()]
    for raw in (*_examples(), *_cases()):
        try:
            found.append([(name, _renamed(name, value)) for name, value in members_of(raw)])
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return [each for each in found if sum(len(value) for _, value in each) < MAX_BYTES]


def _renamed(name: bytes, value: bytes) -> bytes:
    return _encode(ACCOUNTS[0]) if name == b'"exchange_id"' or CALM.encode() in value else value


def history_rows() -> list[Members]:
    """Return rows of the order log, as REST answers them."""
    scripts = (OrderScript("a", [("1", "100")]), OrderScript("b", [("1", "100"), ("2", "90")], side="SELL"))
    rows = [history_row(each.report(1), created="2026-01-05T09:00:00.0000000Z") for each in scripts]
    return [members_of(row | {"exchangeId": ACCOUNTS[0]}) for row in rows]
