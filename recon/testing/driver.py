"""A gateway driven by hand: each message becomes an event of the log and is folded at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from recon.ems.protocol.decode import envelope
from recon.ems.protocol.messages import INBOUND_TYPES
from recon.exact import exact
from recon.ledger.changes import Finding
from recon.ledger.orders import Order
from recon.ledger.rules import Rules
from recon.ledger.units import Entry, Unit, UnitState
from recon.log import events
from recon.log.events import Event
from recon.projection.fold import decode_event
from recon.reconciliation.context import show_cut
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.snapshot import Transition
from recon.testing.log import START, is_readable, new_fold, rules_payload
from recon.testing.messages import (
    ACCOUNT,
    BTC_USDT,
    ETH_USDT,
    PERPETUAL,
    Json,
    Row,
    Symbol,
    balance_row,
    stamp,
    symbol_row,
)
from recon.times import microseconds

#: Seconds between two events that a test does not time itself.
STEP: Final = 0.01

_encode = msgspec.json.Encoder(decimal_format="number").encode


class GatewayDriver:
    """One gateway with one account by default: its log and its fold.

    The first half of the methods writes events, each `after` so many seconds; the second half reads the result. The
    driver shares nothing with the fold but its input and its state.
    """

    def __init__(self, rules: Rules | None = None, *, account: str = ACCOUNT, start: datetime = START) -> None:
        self.account = account
        self.fold = new_fold("prod-eu")
        self.ledger = self.fold.ledger
        self.reconciler = self.fold.reconciler
        self.now = start
        self.log: list[Event] = []
        self.session: str | None = None
        #: The instance GUID of each account that has sent a SERVER_INFO, and so has heartbeats.
        self.instance_guids: dict[str, str] = {}
        if rules is not None:
            self.set_rules(rules)

    # -- events ----------------------------------------------------------------------------------------------------

    def event(self, kind: str, payload: bytes, *, account: str | None = None, after: float = STEP) -> None:
        """Append an event and fold it."""
        self.now += timedelta(seconds=after)
        event = Event(len(self.log) + 1, self.now, self.now, kind, account, self.session, is_readable(payload), payload)
        self.log.append(event)
        self.fold.fold([decode_event(event)])

    def frame(self, message: Row | bytes, *, after: float = STEP) -> None:
        """Receive a frame: a message of the EMS, or any bytes."""
        if isinstance(message, bytes):
            self.event(events.FRAME, message, after=after)
            return
        payload = _encode(message)
        head = envelope(payload)
        # As a session records it: other types are no message of the protocol.
        kind = head.type if head.type in INBOUND_TYPES else None
        self.event(kind or events.FRAME, payload, account=head.account, after=after)

    def set_rules(self, rules: Rules) -> None:
        """Put rules in force."""
        self.event(events.RULES, rules_payload(rules))

    def open_session(self, session: str = "s1", *, after: float = STEP) -> None:
        """Connect; the events that follow belong to the session."""
        self.session = session
        self.event(events.SESSION_OPENED, _encode({"url": "wss://ems.example/", "site": 0}), after=after)

    def close_session(self, reason: str = "disconnected", *, after: float = STEP) -> None:
        """Lose the connection."""
        self.event(events.SESSION_CLOSED, _encode({"reason": reason}), after=after)

    def tick(self, *, after: float = 1.0, silent: Iterable[str] = ()) -> None:
        """Record a tick with a heartbeat of every account that has sent a SERVER_INFO, but those in `silent`."""
        last_us = microseconds(self.now + timedelta(seconds=after))
        heartbeat = {"last_us": last_us, "count": 1, "lag_us": 1000}
        heartbeats = {name: heartbeat for name in self.instance_guids if name not in set(silent)}
        self.event(events.TICK, _encode({"heartbeats": heartbeats}), after=after)

    def wait(self, seconds: float, *, silent: Iterable[str] = ()) -> None:
        """Let log time pass, with a tick each second."""
        whole = int(seconds)
        for _ in range(whole):
            self.tick(silent=silent)
        if seconds > whole:
            self.tick(after=seconds - whole, silent=silent)

    def server_info(self, guid: str = "g1", *, running: bool | None = True, account: str | None = None) -> None:
        """Receive the SERVER_INFO of an account; another `guid` than before means that its instance restarted."""
        name = account or self.account
        self.instance_guids[name] = guid
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
        """Receive a snapshot; rows of None are a null."""
        self.frame({"type": kind, "exchange_id": account or self.account, "data": rows}, after=after)

    def symbols(self, *symbols: Symbol, account: str | None = None) -> None:
        """Receive the symbols of an account."""
        self.snapshot("SYMBOLS_SNAPSHOT", [symbol_row(*each) for each in symbols], account=account)

    def orders(self, *rows: Row, account: str | None = None) -> None:
        """Receive the open orders of an account."""
        self.snapshot("ORDER_EXEC_REPORT_SNAPSHOT", rows, account=account)

    def balances(self, *rows: Row, account: str | None = None) -> None:
        """Receive all balances of an account."""
        self.snapshot("BALANCE_SNAPSHOT", rows, account=account)

    def positions(self, *rows: Row) -> None:
        """Receive all positions of the account."""
        self.snapshot("POSITION_SNAPSHOT", rows)

    def report(self, row: Row, *, after: float = STEP) -> None:
        """Receive an execution report."""
        self.frame({"type": "ORDER_EXEC_REPORT_UPDATE"} | row, after=after)

    def balance(self, asset: str, amount: str | Decimal | None, *, after: float = STEP, **more: Json) -> None:
        """Receive a balance of the account; `more`: further fields of its row."""
        coinapi = more.pop("coinapi", "=")
        row = balance_row(asset, amount, coinapi=coinapi if isinstance(coinapi, str) else None, **more)
        self.frame({"type": "BALANCE_UPDATE", "exchange_id": self.account} | row, after=after)

    def position(self, row: Row, *, after: float = STEP) -> None:
        """Receive a position of the account."""
        self.frame({"type": "POSITION_UPDATE", "exchange_id": self.account} | row, after=after)

    def poll(self, asset: str, amount: str | Decimal, seconds: int, *, every: float = 1.0, **more: Json) -> None:
        """Receive the same balance `every` so many seconds, for `seconds` seconds."""
        for _ in range(int(seconds / every)):
            self.balance(asset, amount, after=every, **more)

    def start(
        self,
        *balances: Row,
        symbols: Sequence[Symbol] = (BTC_USDT, ETH_USDT, PERPETUAL),
        positions: Sequence[Row] = (),
        orders: Sequence[Row] = (),
        quiet: float = 30,
    ) -> None:
        """Open a session with all its snapshots; `quiet` seconds follow, in which the opening balances are settled."""
        self.open_session()
        self.server_info()
        self.symbols(*symbols)
        self.orders(*orders)
        self.balances(*balances)
        self.positions(*positions)
        self.wait(quiet)

    # -- results ---------------------------------------------------------------------------------------------------

    def unit_state(self, code: str, kind: str = "asset", *, account: str | None = None) -> UnitState:
        """Return the state of a unit: its balance in the ledger, and its timeline."""
        return next(state for key, state in self.ledger.units.items() if key == (account or self.account, kind, code))

    def unit(self, code: str, kind: str = "asset", *, account: str | None = None) -> Unit:
        """Return an asset or (kind `contract`) a contract of the ledger."""
        return self.unit_state(code, kind, account=account).unit

    def has_unit(self, code: str, kind: str = "asset") -> bool:
        """True if the ledger has the unit."""
        return any(key == (self.account, kind, code) for key in self.ledger.units)

    def value(self, code: str, kind: str = "asset") -> Decimal | None:
        """Return the amount that the ledger expects; None before the opening balance is settled."""
        with exact():
            return self.unit(code, kind).value

    def comparison(self, code: str, kind: str = "asset") -> ComparisonState:
        """Return the state of comparing a unit with its reports, with its figures up to date."""
        state = self.unit_state(code, kind)
        comparison = self.reconciler.comparison_of(state)
        show_cut(state.unit, comparison, self.reconciler.trellises.of(state.unit.account))
        return comparison

    def breaks(self, code: str, kind: str = "asset") -> list[Break]:
        """Return the breaks of a unit that are not closed."""
        return self.comparison(code, kind).breaks

    def entries(self, code: str, kind: str = "asset") -> list[Entry]:
        """Return all entries that were posted to a unit."""
        return [entry for entry in self.ledger.changes.entries if (entry.unit, entry.kind) == (code, kind)]

    def findings(self, kind: str | None = None) -> list[Finding]:
        """Return the findings, of one kind or of all."""
        return [finding for finding in self.ledger.changes.findings if kind is None or finding.kind == kind]

    def order(self, key: str) -> Order:
        """Return an order by its key in the ledger: `c:` and the client order id, or `x:` and the exchange's."""
        return self.ledger.orders[self.account, key]

    def transitions(self, *kinds: str) -> list[Transition]:
        """Return the transitions of breaks, of some kinds or of all."""
        return [each for each in self.reconciler.transitions if not kinds or each.event in kinds]

    def opened_breaks(self) -> list[tuple[str, Decimal]]:
        """Return the unit and the amount of each break that opened, in the order of the log."""
        return [(each.unit, each.break_.amount) for each in self.transitions("opened")]

    def coverage(self) -> tuple[str, str | None]:
        """Return the coverage of the account: its state and the reason."""
        account = self.ledger.accounts[self.account]
        return account.coverage.state, account.coverage.reason
