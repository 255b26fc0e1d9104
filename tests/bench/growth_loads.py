"""Hostile loads of any size: each has one thing in great number, which an EMS, a file or a person may send."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from recon.ledger.changes import LedgerChanges
from recon.ledger.facts.index import FactIndex
from recon.ledger.rules import AccountRules, ContractTerms, Rules
from recon.log import events
from recon.log.events import Event
from recon.log.read import PAGE_EVENTS
from recon.projection.fold import Fold, decode_event
from recon.reconciliation.model.break_ import Break
from recon.testing import is_readable
from recon.testing.log import START, new_fold

ACCOUNT: Final = "KRAKEN/JOHN"
BY: Final = {"login": "alice", "authenticated": True, "name": None}
TERMS: Final = ContractTerms(
    multiplier=Decimal(1), kind="linear", settlement_asset="USDT", realised="close", method="average"
)
FIFO: Final = msgspec.structs.replace(TERMS, method="fifo")
#: The log time between two events, and between two ticks, in microseconds.
STEP_US: Final = 1
TICK_US: Final = 1_000_000

Row = dict[str, object]
_encode = msgspec.json.Encoder(decimal_format="number").encode


#: Writes a load of so many rows.
Write = Callable[["Feed", int], None]


class Load(msgspec.Struct, frozen=True):
    """A load; of a costly one, a share of the rows is enough to show its growth."""

    write: Write
    share: int


#: The loads, by their names.
LOADS: Final[dict[str, Load]] = {}


def load(share: int = 1) -> Callable[[Write], Write]:
    """Register a load under the name of its function."""

    def register(write: Write) -> Write:
        LOADS[write.__name__.replace("_", " ")] = Load(write, share)
        return write

    return register


def fold_pages(fold: Fold, events: Sequence[Event]) -> None:
    """Decode and fold events as the projector does, a page at a time."""
    for start in range(0, len(events), PAGE_EVENTS):
        fold.fold([decode_event(event) for event in events[start : start + PAGE_EVENTS]])
        fold.ledger.changes, fold.ledger.fact_index = LedgerChanges(), FactIndex()
        fold.reconciler.changed, fold.reconciler.transitions = {}, []


class Feed:
    """Writes the events of a load; what comes before `begin` prepares, what comes after is measured."""

    def __init__(self, gateway: str = "bench") -> None:
        self.gateway = gateway
        self.events: list[Event] = []
        self.prepared = 0
        self.rows = 0
        self._now = START

    def begin(self, rows: int) -> None:
        """Begin what is measured: so many rows."""
        self.prepared, self.rows = len(self.events), rows

    def event(self, kind: str, document: object, *, after_us: int = STEP_US, account: str | None = None) -> None:
        self._now += timedelta(microseconds=after_us)
        payload = document if isinstance(document, bytes) else _encode(document)
        self.events.append(
            Event(len(self.events) + 1, self._now, self._now, kind, account, "s1", is_readable(payload), payload)
        )

    def frame(self, kind: str, data: Iterable[Row], *, account: str = ACCOUNT) -> None:
        """Receive a message with rows."""
        self.event(kind, {"type": kind, "exchange_id": account, "data": list(data)}, account=account)

    def row(self, kind: str, row: Row, *, account: str = ACCOUNT) -> None:
        """Receive a message that is a row."""
        self.event(kind, {"type": kind, "exchange_id": account, **row}, account=account)

    def server_info(self, account: str = ACCOUNT) -> None:
        self.row("SERVER_INFO", {"instance_guid": "g1", "is_running": True, "time": self.now()}, account=account)

    def rules(self, rules: AccountRules) -> None:
        self.event(events.RULES, msgspec.json.encode(Rules(defaults=rules)))

    def fact(self, number: int, unit: str, amount: str, *, ago_us: int = 0, manual: bool = False) -> None:
        document = {
            "by": BY,
            "fact": "deposit",
            "account": ACCOUNT,
            "external_id": f"{'told:' if manual else ''}{number}",
            "occurred_at": self.now(-ago_us),
            "source": "statement",
            "unit": unit,
            "amount": amount,
        }
        self.event(events.FACT, document, account=ACCOUNT)

    def decision(self, action: str, breaks: list[str], **more: object) -> None:
        document = {"by": BY, "action": action, "breaks": breaks} | more
        self.event(events.DECISION, document, account=ACCOUNT)

    def wait(self, seconds: int, *accounts: str) -> None:
        """Let log time pass, with heartbeats."""
        for _ in range(seconds):
            us = int((self._now - datetime(1970, 1, 1, tzinfo=self._now.tzinfo)).total_seconds() * 1_000_000)
            heartbeat = {"last_us": us + TICK_US, "count": 1, "lag_us": 1000}
            self.event(events.TICK, {"heartbeats": dict.fromkeys(accounts or (ACCOUNT,), heartbeat)}, after_us=TICK_US)

    def breaks(self) -> dict[str, list[Break]]:
        """Return the open breaks that what is written so far comes to, by unit."""
        fold = new_fold(self.gateway)
        fold_pages(fold, self.events)
        known = fold.reconciler.comparisons
        return {key[2]: comparison.breaks for key, comparison in known.items() if comparison.breaks}

    def now(self, after_us: int = 0) -> str:
        return (self._now + timedelta(microseconds=after_us)).isoformat()

    def connect(self) -> None:
        """Begin a session in which the account's snapshots came."""
        self.event(events.SESSION_OPENED, {"url": "wss://ems.example/", "site": 0})
        self.server_info()
        self.frame("ORDER_EXEC_REPORT_SNAPSHOT", [])


def balance(code: str, amount: object = 1, **more: object) -> Row:
    return {"asset_id_exchange": code, "asset_id_coinapi": code, "balance": amount, **more}


def position(code: str, quantity: object = 1) -> Row:
    coinapi = f"KRAKEN_PERP_{code}_USDT"
    return {"symbol_id_exchange": code, "symbol_id_coinapi": coinapi, "quantity": quantity, "side": "BUY"}


def symbol(code: str, base: str = "BTC", quote: str = "USDT", kind: str = "SPOT") -> Row:
    return {
        "symbol_id_exchange": code,
        "symbol_id_coinapi": f"KRAKEN_{kind}_{base}_{quote}",
        "asset_id_base_exchange": base,
        "asset_id_base_coinapi": base,
        "asset_id_quote_exchange": quote,
        "asset_id_quote_coinapi": quote,
    }


def order(feed: Feed, key: object, *, filled: object = 0, exchange: str | None = None, **more: object) -> Row:
    """Return an open order's report; without `key` only the exchange's number names it."""
    row: Row = {
        "client_order_id": key,
        "exchange_order_id": f"X{key}" if exchange is None else exchange,
        "symbol_id_exchange": "BTC/USDT",
        "symbol_id_coinapi": "KRAKEN_SPOT_BTC_USDT",
        "amount_order": 1_000_000,
        "amount_filled": filled,
        "amount_open": 1,
        "avg_px": 100,
        "side": "BUY",
        "order_type": "LIMIT",
        "time_in_force": "GOOD_TILL_CANCEL",
        "status": "PARTIALLY_FILLED" if filled else "NEW",
        "status_history": [["NEW", feed.now()]],
    }
    return row | more
