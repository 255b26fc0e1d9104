"""The gateway's side of one account: what it has learnt of the venue, and what it tells its clients.

The venue is the truth. Each change of it travels to the gateway as a report, a balance or a position message,
each with a delay of its own; the gateway forwards what arrives, and greets a new connection with what it has
learnt by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Final

from recon.exact import ONE, ZERO
from recon.simulator.event_queue import Lanes
from recon.simulator.fault import Fault, FaultKind
from recon.simulator.gateway.gateway_context import GatewayContext
from recon.simulator.gateway.order_log import OrderLog
from recon.simulator.gateway.stale_balances import StaleBalances
from recon.simulator.gateway.wire import PositionRow, Row, Writer
from recon.simulator.habits import MIN_DELAY_SECONDS, AveragePrice
from recon.simulator.instruments import Side
from recon.simulator.rng import Dice, stream
from recon.simulator.ticks import ticks
from recon.simulator.uncertainty import UncertaintyOfFills
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.ledger import Entry, Unit
from recon.simulator.venue.market import Change, Market
from recon.simulator.venue.orders import EARLY, Order, Report, Status
from recon.simulator.venue.venue_books import VenueBooks

#: How often and how long the units of a fault are polled again afterwards, in seconds: an engine that waits
#: for further observations gets them even where trading rests.
REPOLL_EVERY_SECONDS: Final = 1.2
REPOLL_FOR_SECONDS: Final = 8.4
#: A stale first snapshot is followed by fresh rows after this long, in seconds.
_FRESHENED_AFTER_SECONDS: Final = 0.4
#: A duplicated report comes at once and again after this long, in seconds.
_DUPLICATE_AFTER_SECONDS: Final = 0.7


class Account:
    """One account at the gateway, with its market behind it; `order_log` is kept if the gateway has a REST API."""

    def __init__(
        self, plan: AccountPlan, seed: int, gateway: str, context: GatewayContext, order_log: OrderLog | None = None
    ) -> None:
        self.plan = plan
        self.name = plan.account
        self._gateway = context
        self._queue = context.queue
        self._habits = plan.habits
        self._writer = Writer(plan.account, plan.habits)
        self._dice = stream(seed, gateway, plan.account, "messages")
        self.uncertainty = UncertaintyOfFills(plan, context.starts_at)
        self._lanes = Lanes()
        self._unpolled: set[Unit] = set()
        self._stale = StaleBalances(plan.habits.stale_first)
        self._from = context.starts_at + ticks(plan.appears_after)
        self._until = None if plan.disappears_after is None else context.starts_at + ticks(plan.disappears_after)
        self.order_log = order_log
        self._paused: dict[str, int | None] = {}
        self._assets = {asset.code: asset for asset in plan.assets}
        self.market = Market(
            plan,
            context.queue,
            stream(seed, gateway, plan.account, "ids"),
            stream(seed, gateway, plan.account, "liquidity"),
            day=context.starts_at,
            held_back=self.held_back,
            on_change=self._changed,
        )
        self._known_orders: dict[Order, Report] = {}
        self._known_balances = dict(self.market.ledger.balances)
        self._known_positions = {self._key(row): row for row in self._position_rows()}
        #: Orders that ended with fills nobody was told of.
        self.missed: list[Order] = []
        #: Reported off by this, per balance row.
        self.bias: dict[str, Decimal] = {}
        #: Reported times this, per balance row; and contracts reported on the other side.
        self.factors: dict[str, Decimal] = {}
        self.flipped: set[str] = set()
        #: This many of the next reports are sent three times.
        self.duplicates_due = 0

    @property
    def now(self) -> int:
        """Return the time in ticks."""
        return self._queue.now

    @property
    def is_present(self) -> bool:
        """Tell whether the gateway speaks of the account now."""
        return self._queue.now >= self._from and (self._until is None or self._queue.now < self._until)

    def books(self) -> VenueBooks:
        """Return the venue's own books now."""
        ledger = self.market.ledger
        contracts = [each.symbol for each in self.plan.instruments if each.is_contract]
        positions = {symbol: ledger.net(symbol) for symbol in contracts}
        return VenueBooks(self.name, dict(ledger.balances), positions, tuple(self.market.orders()))

    def largest(self, symbol: str) -> PositionRow:
        """Return the larger leg of a position."""
        rows = [row for row in self._position_rows() if row.instrument.symbol == symbol]
        return max(rows, key=lambda row: row.quantity)

    def begin(self) -> None:
        """Start the habits that go by the clock."""
        if self._habits.polled_every is not None:
            self._queue.after(ticks(self._habits.polled_every), self._poll)

    def pause(self, symbol: str, until: int | None) -> None:
        """Let nobody trade a symbol until a time in ticks, or (None) for the rest of the day."""
        self._paused[symbol] = until

    def retire(self, symbol: str) -> None:
        """Cancel what is open in a symbol, and let nobody trade it for the rest of the day."""
        self.pause(symbol, None)
        self.market.cancel_all(symbol)

    def pause_contracts(self, until: int) -> None:
        """Let nobody trade any contract until a time in ticks."""
        for each in self.plan.instruments:
            if each.is_contract:
                self.pause(each.symbol, until)

    def held_back(self, symbol: str) -> bool:
        """Tell whether ordinary trading of a symbol rests now."""
        until = self._paused.get(symbol, 0)
        return self._gateway.quiet() or until is None or self._queue.now < until

    def misreport(self, asset: str, step: Decimal) -> Entry:
        """Report a balance off by a step from now on; return it as if it were an entry."""
        self.bias[asset] = self.bias.get(asset, ZERO) + step
        return Entry(Unit("asset", asset), step * self.factors.get(asset, ONE))

    def misread(self, asset: str, factor: Decimal) -> Entry:
        """Report a balance times a factor from now on; return it as if it were an entry."""
        before = self._reported(asset, self.market.ledger.balances[asset])
        self.factors[asset] = factor
        return Entry(Unit("asset", asset), self._reported(asset, self.market.ledger.balances[asset]) - before)

    def flip(self, symbol: str) -> Entry:
        """Report a position on the other side from now on; return it as if it were an entry."""
        self.flipped.add(symbol)
        return Entry(Unit("contract", symbol), -2 * self.market.ledger.net(symbol))

    def units(self) -> frozenset[Unit]:
        """Return every unit of the account."""
        contracts = (each.symbol for each in self.plan.instruments if each.is_contract)
        return frozenset(Unit("asset", code) for code in self._assets) | {Unit("contract", each) for each in contracts}

    # From the venue to the gateway.

    def _changed(self, change: Change) -> None:
        order, step = change.report.order, change.step
        if step.amount is not None and step.price is not None:
            self.uncertainty.note(self._queue.now, order.instrument, order.side, step.amount, step.price, order)
        arrives = self._tell(change)
        if change.script.fault is not None:
            self._own_up(change, change.script.fault, arrives)
        self.observe({entry.unit for entry in (*change.entries, *change.fees)})
        if change.report.status is Status.NEW and self._dice.random() < self._habits.manager_share:
            self._tell_lock(order)

    def _own_up(self, change: Change, fault: Fault, arrives: int | None) -> None:
        """Record what a fault's own order hid, took or contradicted."""
        late = fault.kind is FaultKind.LATE_FILL and bool(change.entries)
        hidden = change.entries if late or change.step.lost else ()
        if hidden or change.fees:
            self._gateway.planted(fault, self.name, (*hidden, *change.fees), ends_at=arrives if late else None)
        if change.contradicts and arrives is not None:
            # A balance that a report denies moved with the fill; an order is contradicted once the report is there.
            at = self._queue.now if change.step.misprices else arrives
            mended = arrives + ticks(fault.lasts) if fault.lasts else None
            self._gateway.planted(fault, self.name, change.contradicts, at=at, ends_at=mended)

    def _delay(self, longest: float) -> int:
        return ticks(self._dice.uniform(MIN_DELAY_SECONDS, max(longest, MIN_DELAY_SECONDS)))

    def _tell(self, change: Change) -> int | None:
        """Send a report on its way; return when it arrives, None for never."""
        report, step = change.report, change.step
        order, now = report.order, self._queue.now
        if step.lost:
            self._known_orders.pop(order, None)
            if self.order_log is not None:
                self.order_log.forget(order)
            return None
        if report.status in EARLY and not self._habits.early_reports:
            return None
        # Contracts keep their order: by the average method, what is realised depends on it.
        lane = f"contract/{order.instrument.symbol}" if order.instrument.is_contract else f"order/{order.exchange_id}"
        if step.delay is not None:
            arrives = now + step.delay
        else:
            arrives = self._lanes.arrival(lane, now, self._delay(self._habits.report_delay))
        if report.is_final and not order.instrument.is_contract:
            self._lanes.close(lane)
        self._queue.at(arrives, partial(self._learn_report, report))
        return arrives

    def observe(self, units: Iterable[Unit], *, again: bool = False) -> None:
        """Send balance and position messages of these units, as they are now, on their way.

        `again` sends what did not change too, and does not wait for the next poll.
        """
        for unit in sorted(units):
            if self._habits.polled_every is not None and not again:
                self._unpolled.add(unit)
                continue
            lane = f"{unit.kind}/{unit.code}"
            arrives = self._lanes.arrival(lane, self._queue.now, self._delay(self._habits.balance_delay))
            if unit.kind == "asset":
                balance = self.market.ledger.balances[unit.code]
                self._queue.at(arrives, partial(self._learn_balance, unit.code, balance))
            else:
                rows = [row for row in self._position_rows() if row.instrument.symbol == unit.code]
                self._queue.at(arrives, partial(self._learn_positions, rows, again=again))

    def repoll(self, units: Iterable[Unit], since: int | None = None) -> None:
        """Observe these units again and again for a while, from now or from a later time."""
        wanted = frozenset(units)
        start = self._queue.now if since is None else since
        for turn in range(1, int(REPOLL_FOR_SECONDS / REPOLL_EVERY_SECONDS) + 1):
            self._queue.at(start + ticks(turn * REPOLL_EVERY_SECONDS), partial(self.observe, wanted, again=True))

    def _poll(self) -> None:
        due, self._unpolled = self._unpolled, set()
        self.observe(due, again=True)
        self._queue.after(ticks(self._habits.polled_every or 1.0), self._poll)

    def _position_rows(self) -> Iterator[PositionRow]:
        for each in self.plan.instruments:
            if not each.is_contract:
                continue
            legs = [(side, self.market.ledger.legs[each.symbol, side]) for side in (Side.BUY, Side.SELL)]
            if not self._habits.hedge:  # one row: the leg that is held, or a flat one
                legs = [pair for pair in legs if pair[1].quantity] or legs[:1]
            for side, leg in legs:
                yield PositionRow(each, side, leg.quantity, leg.entry_price(each.kind))

    def _key(self, row: PositionRow) -> tuple[str, str]:
        """Return what a position row replaces: one leg in hedge mode, else the whole position."""
        return (row.instrument.symbol, row.side.value if self._habits.hedge else "")

    # At the gateway, and from it to the client.

    def _learn_report(self, report: Report) -> None:
        order = report.order
        if self.order_log is not None:
            self.order_log.note(self._queue.now, report)
        if len(report.history) > order.known:
            order.known = len(report.history)
            if report.is_final:
                self._known_orders.pop(order, None)
            else:
                self._known_orders[order] = report
        unpriced = bool(report.filled) and self._habits.average_price is not AveragePrice.PRESENT
        if self._send_report(report, priced=not unpriced):
            order.disclosed = max(order.disclosed, report.filled)
        elif report.is_final and order.disclosed < order.filled:
            self.missed.append(order)
        if unpriced:
            self._queue.after(ticks(self._habits.average_price_after), partial(self._send_report, report))

    def _send(self, payload: bytes) -> bool:
        return self.is_present and self._gateway.send(payload)

    def _send_report(self, report: Report, *, priced: bool = True) -> bool:
        row = self._writer.report_row(report, priced=priced)
        payload = self._writer.update("ORDER_EXEC_REPORT_UPDATE", row)
        heard = self._send(payload)
        report.order.told = report.order.told or heard
        if self.duplicates_due and heard:
            self.duplicates_due -= 1
            self._send(payload)
            self._queue.after(ticks(_DUPLICATE_AFTER_SECONDS), partial(self._send, payload))
        return heard

    def _learn_balance(self, asset: str, balance: Decimal) -> None:
        self._stale.remember(self._queue.now, asset, self._known_balances[asset])
        self._known_balances[asset] = balance
        self._send(self._writer.update("BALANCE_UPDATE", self._balance_row(asset, balance)))

    def _tell_lock(self, order: Order) -> None:
        """Let the gateway's balance manager tell the lock of a new order; the total is what it knew."""
        each = order.instrument
        if not each.is_contract:
            asset = each.quote_row if order.side is Side.BUY else each.base_row
            row = self._balance_row(asset, self._known_balances[asset], by="BALANCE_MANAGER")
            self._send(self._writer.update("BALANCE_UPDATE", row))

    def _learn_positions(self, rows: Iterable[PositionRow], *, again: bool) -> None:
        for row in rows:
            key = self._key(row)
            if again or self._known_positions.get(key) != row:
                self._known_positions[key] = row
                self._send(self._writer.update("POSITION_UPDATE", self._position_row(row)))

    def _balance_row(self, asset: str, balance: Decimal, by: str = "EXCHANGE") -> Row:
        locked = self.market.locked(asset) * self.factors.get(asset, ONE)
        return self._writer.balance_row(self._assets[asset], self._reported(asset, balance), locked, by)

    def _reported(self, asset: str, balance: Decimal) -> Decimal:
        return (balance + self.bias.get(asset, ZERO)) * self.factors.get(asset, ONE)

    def _position_row(self, row: PositionRow) -> Row:
        if row.instrument.symbol in self.flipped:
            row = replace(row, side=row.side.opposite)
        return self._writer.position_row(row, self.market.marks[row.instrument.symbol])

    def heartbeat(self, *, running: bool = True) -> bytes:
        """Render SERVER_INFO."""
        return self._writer.server_info(self._gateway.process, self._queue.now, running=running)

    def snapshots(self, dice: Dice, *, first: bool) -> list[bytes]:
        """Render all that a new connection is sent of this account, in a drawn order."""
        if not self.is_present:
            return []
        rows = {
            "SYMBOLS_SNAPSHOT": [self._writer.symbol_row(each) for each in self.plan.instruments],
            "ORDER_EXEC_REPORT_SNAPSHOT": self.order_rows(),
            "BALANCE_SNAPSHOT": self.balance_rows(stale=first and self._habits.stale_first > 0),
            "POSITION_SNAPSHOT": self.position_rows(),
        }
        for order, report in self._known_orders.items():
            order.disclosed = max(order.disclosed, report.filled)
            order.told = True
        frames = [self.heartbeat(), *(self._writer.snapshot(kind, each) for kind, each in rows.items())]
        dice.shuffle(frames)
        return [frame for frame in frames if frame is not None]

    def order_rows(self) -> list[Row]:
        """Render what is known of the open orders."""
        return [self._writer.report_row(each) for each in self._known_orders.values()]

    def report_row(self, report: Report) -> Row:
        """Render one report."""
        return self._writer.report_row(report)

    def position_rows(self) -> list[Row]:
        """Render what is known of the positions."""
        known = self._known_positions.values()
        return [self._position_row(row) for row in known if self._habits.zero_rows or row.quantity]

    def balance_rows(self, *, stale: bool = False) -> list[Row]:
        """Render what is known of the balances, or (`stale`) was a little earlier."""
        balances = dict(self._known_balances)
        if stale:
            balances |= self._made_stale()
        return [
            self._balance_row(asset, balance)
            for asset, balance in balances.items()
            if self._habits.zero_rows or balance + self.bias.get(asset, ZERO)
        ]

    def _made_stale(self) -> dict[str, Decimal]:
        """Return what the balances that changed lately were before; fresh rows follow."""
        stale = self._stale.balances(self._queue.now)
        fresh = {Unit("asset", asset) for asset in stale}
        self._queue.after(ticks(_FRESHENED_AFTER_SECONDS), partial(self.observe, fresh, again=True))
        return stale
