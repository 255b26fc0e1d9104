"""A gateway driven by hand: frames in our own words, shaped as the protocol shapes them, folded one by one.

Log time is virtual. `Desk` shares nothing with the fold but its input and what can be read of its state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import TypeAlias

import msgspec
from hypothesis import HealthCheck, settings

from recon.exact import exact
from recon.ledger.ledger import Book, Clock, Finding
from recon.ledger.orders import Order
from recon.ledger.rules import Rules
from recon.ledger.units import Entry, Held, Unit
from recon.log import events
from recon.log.events import Event
from recon.projection.fold import Fold, read
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import Comparison
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.reconciler import Engine
from recon.times import microseconds

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | bool | Decimal | None"
Row: TypeAlias = dict[str, Json]

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
#: Time between two events that a test does not time itself.
STEP = 0.01
ACCOUNT = "BINANCE"
BTC_USDT = ("BTCUSDT", "BINANCE_SPOT_BTC_USDT", "BTC", "USDT")
ETH_USDT = ("ETHUSDT", "BINANCE_SPOT_ETH_USDT", "ETH", "USDT")
PERPETUAL = ("BTCUSDT-PERP", "BINANCE_PERP_BTC_USDT", "BTC", "USDT")

_encode = msgspec.json.Encoder(decimal_format="number").encode


def steady(examples: int) -> settings:
    """The same examples on every run."""
    return settings(
        max_examples=examples, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )


def number(value: str | Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def is_readable(payload: bytes) -> bool:
    """UTF-8, JSON, and no U+0000 in any string: the log decides alike."""
    try:
        return not _has_nul(msgspec.json.decode(payload))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_has_nul(part) for part in value)


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def symbol_row(symbol: str, coinapi: str, base: str, quote: str, **codes: str) -> Row:
    """One row of a SYMBOLS_SNAPSHOT; `codes` gives CoinAPI codes that differ from the venue's."""
    return {
        "symbol_id_exchange": symbol,
        "symbol_id_coinapi": coinapi,
        "asset_id_base_exchange": base,
        "asset_id_quote_exchange": quote,
        "asset_id_base_coinapi": codes.get("base_coinapi", base),
        "asset_id_quote_coinapi": codes.get("quote_coinapi", quote),
        "price_precision": Decimal("0.01"),
        "size_precision": Decimal("0.0001"),
    }


def balance_row(asset: str, balance: str | Decimal | None, *, coinapi: str | None = "=", **more: Json) -> Row:
    """One balance; `coinapi="="` repeats the asset's own code, None leaves it null; balance None leaves it out."""
    row: Row = {"asset_id_exchange": asset, "asset_id_coinapi": asset if coinapi == "=" else coinapi}
    if balance is not None:
        row |= {"balance": Decimal(balance), "available": Decimal(balance), "locked": 0}
    return row | {"last_updated_by": "EXCHANGE", "rate_usd": None} | more


def position_row(
    quantity: str | Decimal, side: str | None, *, price: str | None = "100", of: tuple[str, str, str, str] = PERPETUAL
) -> Row:
    return {
        "symbol_id_exchange": of[0],
        "symbol_id_coinapi": of[1],
        "quantity": Decimal(quantity),
        "side": side,
        "avg_entry_price": number(price),
        "unrealised_pnl": 0,
    }


@dataclass
class Life:
    """One order and its fills; `report(n)` is what is reported after n of them."""

    key: str
    fills: Sequence[tuple[str, str]]
    side: str = "BUY"
    amount: str | None = None
    of: tuple[str, str, str, str] = BTC_USDT
    exchange_id: str | None = "="
    began: datetime = START
    digits: int = 12
    listed: bool = True
    more: Row = field(default_factory=dict)

    @property
    def ordered(self) -> Decimal:
        return Decimal(self.amount) if self.amount is not None else self.filled(len(self.fills))

    def filled(self, count: int) -> Decimal:
        with localcontext(prec=200):
            return sum((Decimal(amount) for amount, _ in self.fills[:count]), Decimal(0))

    def cash(self, count: int) -> Decimal:
        with localcontext(prec=200):
            return sum((Decimal(amount) * Decimal(price) for amount, price in self.fills[:count]), Decimal(0))

    def average(self, count: int) -> Decimal | None:
        with localcontext(prec=200):
            filled = self.filled(count)
            return round(self.cash(count) / filled, self.digits).normalize() if filled else None

    def at(self, step: int) -> datetime:
        return self.began + timedelta(seconds=step)

    def report(self, count: int, *, status: str | None = None, **more: Json) -> Row:
        """After `count` fills; `status` ends or changes it (default: NEW, PARTIALLY_FILLED or FILLED)."""
        steps = ["RECEIVED", "ROUTING", "ROUTED", "NEW"]
        whole = self.filled(count) == self.ordered
        steps += ["PARTIALLY_FILLED"] * (count - whole) + ["FILLED"] * whole if count else []
        if status is not None and status != steps[-1]:
            steps.append(status)
        with localcontext(prec=200):
            left = self.ordered - self.filled(count)
        row: Row = {
            "exchange_id": ACCOUNT,
            "client_order_id": self.key,
            "exchange_order_id": "X-" + self.key if self.exchange_id == "=" else self.exchange_id,
            "symbol_id_exchange": self.of[0],
            "symbol_id_coinapi": self.of[1],
            "amount_order": self.ordered,
            "amount_open": left,
            "amount_filled": self.filled(count),
            "price": Decimal(self.fills[0][1]) if self.fills else 1,
            "avg_px": self.average(count),
            "side": self.side,
            "order_type": "LIMIT",
            "time_in_force": "GOOD_TILL_CANCEL",
            "status": steps[-1],
            "status_history": [[step, stamp(self.at(index))] for index, step in enumerate(steps)],
            "fills": [
                {"time": stamp(self.at(4 + index)), "price": Decimal(price), "amount": Decimal(amount)}
                for index, (amount, price) in enumerate(self.fills[:count])
            ]
            if self.listed
            else [],
        }
        return row | self.more | more


class Desk:
    """One gateway, one account by default, its log and its fold."""

    def __init__(self, rules: Rules | None = None, *, account: str = ACCOUNT) -> None:
        self.account = account
        self.book = Book("prod-eu", Clock(), Rules())
        self.fold = Fold(self.book, Engine(self.book))
        self.engine = self.fold.engine
        self.now = START
        self.log: list[Event] = []
        self.session: str | None = None
        self.guids: dict[str, str] = {}
        if rules is not None:
            self.rules(rules)

    # -- what happens ----------------------------------------------------------------------------------------------

    def event(self, kind: str, payload: bytes, *, account: str | None = None, after: float = STEP) -> None:
        self.now += timedelta(seconds=after)
        event = Event(len(self.log) + 1, self.now, self.now, kind, account, self.session, is_readable(payload), payload)
        self.log.append(event)
        self.fold.fold([read(event)])

    def frame(self, message: Row | bytes, *, after: float = STEP) -> None:
        if isinstance(message, bytes):
            self.event(events.FRAME, message, after=after)
            return
        kind, account = message.get("type"), message.get("exchange_id")
        self.event(
            kind if isinstance(kind, str) else events.FRAME,
            _encode(message),
            account=account if isinstance(account, str) else None,
            after=after,
        )

    def rules(self, rules: Rules) -> None:
        self.event(events.RULES, msgspec.json.encode(rules))

    def open(self, session: str = "s1", *, after: float = STEP) -> None:
        self.session = session
        self.event(events.SESSION_OPENED, _encode({"url": "wss://ems.example/", "site": 0}), after=after)

    def close(self, reason: str = "disconnected", *, after: float = STEP) -> None:
        self.event(events.SESSION_CLOSED, _encode({"reason": reason}), after=after)

    def tick(self, *, after: float = 1.0, silent: Iterable[str] = ()) -> None:
        last_us = microseconds(self.now + timedelta(seconds=after))
        beats = {
            name: {"last_us": last_us, "count": 1, "lag_us": 1000} for name in self.guids if name not in set(silent)
        }
        self.event(events.TICK, _encode({"heartbeats": beats}), after=after)

    def wait(self, seconds: float, *, silent: Iterable[str] = ()) -> None:
        """Let log time pass: a tick each second."""
        whole = int(seconds)
        for _ in range(whole):
            self.tick(silent=silent)
        if seconds > whole:
            self.tick(after=seconds - whole, silent=silent)

    def info(self, guid: str = "g1", *, running: bool | None = True, account: str | None = None) -> None:
        name = account or self.account
        self.guids[name] = guid
        self.frame(
            {
                "type": "SERVER_INFO",
                "exchange_id": name,
                "instance_guid": guid,
                "is_running": running,
                "server_version": "1.3521",
                "time": stamp(self.now),
            }
        )

    def snapshot(
        self, kind: str, rows: Sequence[Row] | None, *, account: str | None = None, after: float = STEP
    ) -> None:
        self.frame({"type": kind, "exchange_id": account or self.account, "data": rows}, after=after)

    def symbols(self, *symbols: tuple[str, str, str, str], account: str | None = None) -> None:
        self.snapshot("SYMBOLS_SNAPSHOT", [symbol_row(*each) for each in symbols], account=account)

    def orders(self, *rows: Row, account: str | None = None) -> None:
        self.snapshot("ORDER_EXEC_REPORT_SNAPSHOT", rows, account=account)

    def balances(self, *rows: Row, account: str | None = None) -> None:
        self.snapshot("BALANCE_SNAPSHOT", rows, account=account)

    def positions(self, *rows: Row) -> None:
        self.snapshot("POSITION_SNAPSHOT", rows)

    def report(self, row: Row, *, after: float = STEP) -> None:
        self.frame({"type": "ORDER_EXEC_REPORT_UPDATE"} | row, after=after)

    def balance(self, asset: str, amount: str | Decimal | None, *, after: float = STEP, **more: Json) -> None:
        coinapi = more.pop("coinapi", "=")
        row = balance_row(asset, amount, coinapi=coinapi if isinstance(coinapi, str) else None, **more)
        self.frame({"type": "BALANCE_UPDATE", "exchange_id": self.account} | row, after=after)

    def position(self, row: Row, *, after: float = STEP) -> None:
        self.frame({"type": "POSITION_UPDATE", "exchange_id": self.account} | row, after=after)

    def poll(self, asset: str, amount: str | Decimal, seconds: int, *, every: float = 1.0, **more: Json) -> None:
        """The same balance again and again for a while."""
        for _ in range(int(seconds / every)):
            self.balance(asset, amount, after=every, **more)

    def begin(
        self,
        *rows: Row,
        symbols: Sequence[tuple[str, str, str, str]] = (BTC_USDT, ETH_USDT, PERPETUAL),
        positions: Sequence[Row] = (),
        orders: Sequence[Row] = (),
        settle: float = 30,
    ) -> None:
        """Open a session with all its snapshots, and let the openings settle."""
        self.open()
        self.info()
        self.symbols(*symbols)
        self.orders(*orders)
        self.balances(*rows)
        self.positions(*positions)
        self.wait(settle)

    # -- what came of it -------------------------------------------------------------------------------------------

    def held(self, code: str, kind: str = "asset", *, account: str | None = None) -> Held:
        return next(held for key, held in self.book.units.items() if key == (account or self.account, kind, code))

    def unit(self, code: str, kind: str = "asset", *, account: str | None = None) -> Unit:
        return self.held(code, kind, account=account).unit

    def has_unit(self, code: str, kind: str = "asset") -> bool:
        return any(key == (self.account, kind, code) for key in self.book.units)

    def value(self, code: str, kind: str = "asset") -> Decimal | None:
        with exact():
            return self.unit(code, kind).value

    def comparison(self, code: str, kind: str = "asset") -> Comparison:
        return self.engine.of(self.held(code, kind))

    def breaks(self, code: str, kind: str = "asset") -> list[Break]:
        return self.comparison(code, kind).breaks

    def entries(self, code: str, kind: str = "asset") -> list[Entry]:
        return [each for each in self.book.changes.entries if (each.unit, each.kind) == (code, kind)]

    def findings(self, kind: str | None = None) -> list[Finding]:
        return [each for each in self.book.changes.findings if kind is None or each.kind == kind]

    def order(self, key: str) -> Order:
        return self.book.orders[self.account, key]

    def transitions(self, *events_: str) -> list[Transition]:
        return [each for each in self.engine.transitions if not events_ or each.event in events_]

    def opened(self) -> list[tuple[str, Decimal]]:
        return [(each.unit, each.break_.amount) for each in self.transitions("opened")]

    def state(self) -> tuple[str, str | None]:
        account = self.book.accounts[self.account]
        return account.state, account.reason
