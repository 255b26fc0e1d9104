"""A venue of ours on a real socket that speaks Kraken's REST, spot and futures, as far as the library asks it to.

It checks the signature of each private question, remembers every path, and knows no way to trade.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs

KEY: Final = "kr-key-5d1e07aa42c9"
SECRET: Final = base64.b64encode(b"a secret of the fake venue, 3b9f").decode()
#: Kraken's codes, and the library's.
ASSETS: Final = {"XXBT": "XBT", "XETH": "ETH", "ZUSD": "USD", "SOL": "SOL", "USDT": "USDT"}
PAIRS: Final = {
    "XXBTZUSD": ("XBTUSD", "XXBT", "ZUSD"),
    "XETHZUSD": ("ETHUSD", "XETH", "ZUSD"),
    "SOLUSD": ("SOLUSD", "SOL", "ZUSD"),
}
READING: Final = ("query-funds", "query-open-trades", "query-closed-trades")
#: The most trades that one answer has, as at Kraken.
PAGE: Final = 50


@dataclass(frozen=True)
class Traded:
    """A trade at the venue."""

    id: str
    quantity: str
    price: str
    at: datetime
    order_id: str = "O-1"
    side: str = "buy"
    pair: str = "XXBTZUSD"
    fee: str = "0"
    #: Where quantity times price is rounded.
    cash: str | None = None


@dataclass
class FakeKraken:
    """What the venue holds, and how it behaves."""

    balances: Callable[[], dict[str, str]] = dict
    trades: list[Traded] = field(default_factory=list)
    #: Futures: symbol to signed size.
    positions: dict[str, str] = field(default_factory=dict)
    rights: tuple[str, ...] = READING
    #: Errors to answer before anything else, by path: a status, or a word of Kraken's; used up one by one.
    troubles: dict[str, list[int | str]] = field(default_factory=dict)
    #: Whether amounts are numbers of JSON, as some venues write them.
    bare: bool = False
    asked: list[str] = field(default_factory=list)
    #: A body to answer in the place of any other, by path.
    bodies: dict[str, bytes] = field(default_factory=dict)
    #: Answers to what is private wait until it is set.
    go: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def __post_init__(self) -> None:
        """Answer at once, unless a test says otherwise."""
        self.go.set()

    def answer(self, path: str, form: dict[str, list[str]]) -> object:
        """Return the result of a question."""
        match path:
            case "/0/public/Assets":
                return {code: {"aclass": "currency", "altname": alt, "decimals": 10} for code, alt in ASSETS.items()}
            case "/0/public/AssetPairs":
                return {name: _pair(*parts) for name, parts in PAIRS.items()}
            case "/0/private/BalanceEx":
                told = {code: {"balance": held, "hold_trade": "0"} for code, held in self.balances().items()}
                return _Bare(told) if self.bare else told
            case "/0/private/TradesHistory":
                return self._history(Decimal(form.get("start", ["0"])[0]))
            case "/0/private/GetApiKeyInfo":
                return {"api_key_name": "recon", "permissions": list(self.rights)}
        return None

    def _history(self, start: Decimal) -> dict[str, object]:
        """Return the latest trades after a time, the newest first."""
        found = [each for each in self.trades if Decimal(str(each.at.timestamp())) > start]
        newest = sorted(found, key=lambda each: each.at, reverse=True)[:PAGE]
        return {"count": len(found), "trades": {each.id: _row(each) for each in newest}}

    def futures(self, path: str) -> dict[str, object] | None:
        """Return what Kraken's futures answer."""
        if path == "/derivatives/api/v3/instruments":
            listed = [{"symbol": "pf_xbtusd", "type": "flexible_futures", "tickSize": 1, "contractSize": 1}]
            return {"result": "success", "instruments": [each | {"tradeable": True} for each in listed]}
        if path == "/derivatives/api/v3/openpositions":
            rows = [
                {"symbol": symbol, "side": "short" if size.startswith("-") else "long", "size": float(size.lstrip("-"))}
                for symbol, size in self.positions.items()
            ]
            return {"result": "success", "openPositions": rows}
        return None


class _Bare(dict[str, object]):
    """Amounts that are written as numbers."""


def _pair(alt: str, base: str, quote: str) -> dict[str, object]:
    return {
        "altname": alt, "wsname": f"{ASSETS[base]}/{ASSETS[quote]}", "aclass_base": "currency", "base": base,
        "aclass_quote": "currency", "quote": quote, "lot": "unit", "pair_decimals": 1, "lot_decimals": 8,
        "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [], "fees": [[0, 0.26]], "fees_maker": [[0, 0.16]],
        "ordermin": "0.0001", "status": "online",
    }  # fmt: skip


def _row(trade: Traded) -> dict[str, object]:
    cash = str(Decimal(trade.quantity) * Decimal(trade.price)) if trade.cash is None else trade.cash
    return {
        "ordertxid": trade.order_id, "postxid": "T", "pair": trade.pair, "time": trade.at.timestamp(),
        "type": trade.side, "ordertype": "limit", "price": trade.price, "cost": cash, "fee": trade.fee,
        "vol": trade.quantity, "margin": "0", "misc": "", "maker": True,
    }  # fmt: skip


def _signature(path: str, nonce: str, body: bytes) -> str:
    inner = hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(hmac.new(base64.b64decode(SECRET), path.encode() + inner, hashlib.sha512).digest()).decode()


class _Handler(BaseHTTPRequestHandler):
    venue: FakeKraken

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("content-length", 0))))

    def _serve(self, body: bytes) -> None:
        venue, path = self.venue, self.path.partition("?")[0]
        venue.asked.append(path)
        if "/private/" in path:
            venue.go.wait(60)
        troubles = venue.troubles.get(path, [])
        trouble = troubles.pop(0) if troubles else None
        if path in venue.bodies:
            self._send(200, venue.bodies[path])
        elif isinstance(trouble, int):
            self._send(trouble, f"<html>{KEY} {SECRET}</html>".encode())
        elif trouble is not None:
            self._send(200, json.dumps({"error": [trouble, f"you sent {KEY} {SECRET}"]}).encode())
        elif path.startswith("/derivatives/"):
            self._send(200, json.dumps(venue.futures(path) or {"result": "error", "error": "notFound"}).encode())
        else:
            self._spot(path, body)

    def _spot(self, path: str, body: bytes) -> None:
        form = parse_qs(body.decode())
        if path.startswith("/0/private/"):
            nonce = form.get("nonce", [""])[0]
            signed = self.headers.get("API-Sign") == _signature(path, nonce, body)
            if self.headers.get("API-Key") != KEY or not signed:
                self._send(200, b'{"error":["EAPI:Invalid key"]}')
                return
        result = self.venue.answer(path, form)
        if result is None:
            self._send(200, b'{"error":["EGeneral:Unknown method"]}')
            return
        text = json.dumps({"error": [], "result": result})
        if isinstance(result, _Bare):
            for row in result.values():
                held = row["balance"]  # type: ignore[index]  # a table
                text = text.replace(f'"balance": "{held}"', f'"balance": {held}')
        self._send(200, text.encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def fake_kraken(venue: FakeKraken | None = None) -> Iterator[FakeKraken]:
    """Serve the venue on a port of this machine."""
    venue = FakeKraken() if venue is None else venue
    handler = type("Handler", (_Handler,), {"venue": venue})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    venue.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield venue
    finally:
        venue.go.set()
        server.shutdown()
        server.server_close()
        thread.join()
