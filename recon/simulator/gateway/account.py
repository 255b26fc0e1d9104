"""The gateway's side of one account: its knowledge of the venue, and its messages to clients.

The venue is the truth. Each of its changes travels to the gateway as a report, a balance or a position message, each
with its own delay. The gateway forwards every arrival, and sends its present knowledge to a new connection.
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
from recon.simulator.habits import MIN_DELAY_SECONDS, OVERTAKEN_SECONDS, AveragePrice
from recon.simulator.instruments import Side
from recon.simulator.rng import Dice, stream
from recon.simulator.ticks import ticks
from recon.simulator.uncertainty import UncertaintyOfFills
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.ledger import Entry, Unit
from recon.simulator.venue.market import Change, Market
from recon.simulator.venue.orders import EARLY, Order, Report, Status
from recon.simulator.venue.venue_books import VenueBooks

#: Interval and duration of the extra polls of a fault's units, in seconds. They give a waiting engine the
#: further observations it needs, even while trading is paused.
REPOLL_EVERY_SECONDS: Final = 1.2
REPOLL_FOR_SECONDS: Final = 8.4
#: Seconds between a stale first snapshot and the fresh rows.
_FRESHENED_AFTER_SECONDS: Final = 0.4
#: Seconds between a report and its duplicate.
_DUPLICATE_AFTER_SECONDS: Final = 0.7


class Account:
    """One account at the gateway, with its market; `order_log` is kept if the gateway has a REST API."""

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
            is_paused=self.is_paused,
            on_change=self._changed,
        )
        self._known_orders: dict[Order, Report] = {}
        self._known_balances = dict(self.market.ledger.balances)
        self._known_positions = {self._key(row): row for row in self._position_rows()}
        #: Orders that ended with unreported fills.
        self.missed: list[Order] = []
        #: Error of each reported balance, per row.
        self.bias: dict[str, Decimal] = {}
        #: Factor of each reported balance, per row; and contracts reported on the other side.
        self.factors: dict[str, Decimal] = {}
        self.flipped: set[str] = set()
        #: How many of the next reports are sent three times.
        self.duplicates_due = 0

    @property
    def now(self) -> int:
        """Return the time in ticks."""
        return self._queue.now

    @property
    def is_present(self) -> bool:
        """True while the gateway reports the account."""
        return self._queue.now >= self._from and (self._until is None or self._queue.now < self._until)

    def books(self) -> VenueBooks:
        """Return the venue's own books now."""
        ledger = self.market.ledger
        contracts = [instrument.symbol for instrument in self.plan.instruments if instrument.is_contract]
        positions = {symbol: ledger.net(symbol) for symbol in contracts}
        return VenueBooks(self.name, dict(ledger.balances), positions, tuple(self.market.orders()))

    def largest(self, symbol: str) -> PositionRow:
        """Return the larger leg of a position."""
        rows = [row for row in self._position_rows() if row.instrument.symbol == symbol]
        return max(rows, key=lambda row: row.quantity)

    def begin(self) -> None:
        """Start the periodic habits."""
        if self._habits.polled_every is not None:
            self._queue.after(ticks(self._habits.polled_every), self._poll)
        if self._habits.stale_every is not None:
            self._queue.after(ticks(self._habits.stale_every), self._send_stale)

    def _send_stale(self) -> None:
        frame = self._writer.snapshot("BALANCE_SNAPSHOT", self.balance_rows(stale=True))
        if frame is not None:
            self._send(frame)
        self._queue.after(ticks(self._habits.stale_every or 1.0), self._send_stale)

    def pause(self, symbol: str, until: int | None) -> None:
        """Stop trading in a symbol until a time in ticks, or (None) for the rest of the day."""
        self._paused[symbol] = until

    def retire(self, symbol: str) -> None:
        """Cancel the open orders of a symbol, and stop its trading for the rest of the day."""
        self.pause(symbol, None)
        self.market.cancel_all(symbol)

    def pause_contracts(self, until: int) -> None:
        """Stop trading in all contracts until a time in ticks."""
        for instrument in self.plan.instruments:
            if instrument.is_contract:
                self.pause(instrument.symbol, until)

    def is_paused(self, symbol: str) -> bool:
        """True while ordinary trading of a symbol is paused."""
        until = self._paused.get(symbol, 0)
        return self._gateway.trading_paused() or until is None or self._queue.now < until

    def misreport(self, asset: str, step: Decimal) -> Entry:
        """Report a balance with an error from now on; return the error as an entry."""
        self.bias[asset] = self.bias.get(asset, ZERO) + step
        return Entry(Unit("asset", asset), step * self.factors.get(asset, ONE))

    def misread(self, asset: str, factor: Decimal) -> Entry:
        """Report a balance times a factor from now on; return the error as an entry."""
        before = self._reported(asset, self.market.ledger.balances[asset])
        self.factors[asset] = factor
        return Entry(Unit("asset", asset), self._reported(asset, self.market.ledger.balances[asset]) - before)

    def flip(self, symbol: str) -> Entry:
        """Report a position on the other side from now on; return the error as an entry."""
        self.flipped.add(symbol)
        return Entry(Unit("contract", symbol), -2 * self.market.ledger.net(symbol))

    def units(self) -> frozenset[Unit]:
        """Return every unit of the account."""
        contracts = (instrument.symbol for instrument in self.plan.instruments if instrument.is_contract)
        return frozenset(Unit("asset", code) for code in self._assets) | {
            Unit("contract", symbol) for symbol in contracts
        }

    # From the venue to the gateway.

    def _changed(self, change: Change) -> None:
        order, step = change.report.order, change.step
        if step.amount is not None and step.price is not None:
            self.uncertainty.record(self._queue.now, order.instrument, order.side, step.amount, step.price, order)
        arrives = self._send_change(change)
        if change.script.fault is not None:
            self._record_fault(change, change.script.fault, arrives)
        self.observe({entry.unit for entry in (*change.entries, *change.fees)})
        if change.report.status is Status.NEW and self._dice.random() < self._habits.manager_share:
            self._send_lock(order)

    def _record_fault(self, change: Change, fault: Fault, arrives: int | None) -> None:
        """Record the amounts that a fault's own order hid, charged or contradicted."""
        late = fault.kind is FaultKind.LATE_FILL and bool(change.entries)
        hidden = change.entries if late or change.step.lost else ()
        if hidden or change.fees:
            self._gateway.planted(fault, self.name, (*hidden, *change.fees), ends_at=arrives if late else None)
        if change.contradicts and arrives is not None:
            # A denied balance moved with the fill; a contradiction begins with the arrival of the report.
            at = self._queue.now if change.step.misprices else arrives
            mended = arrives + ticks(fault.lasts) if fault.lasts else None
            self._gateway.planted(fault, self.name, change.contradicts, at=at, ends_at=mended)

    def _delay(self, longest: float) -> int:
        return ticks(self._dice.uniform(MIN_DELAY_SECONDS, max(longest, MIN_DELAY_SECONDS)))

    def _send_change(self, change: Change) -> int | None:
        """Send a report on its way; return its arrival time, None if it is lost."""
        report, step = change.report, change.step
        order, now = report.order, self._queue.now
        if step.lost:
            self._known_orders.pop(order, None)
            if self.order_log is not None:
                self.order_log.forget(order)
            return None
        if report.status in EARLY and not self._habits.early_reports:
            return None
        # Contracts keep their order, because realised profit depends on it in the average method.
        lane = f"contract/{order.instrument.symbol}" if order.instrument.is_contract else f"order/{order.exchange_id}"
        if step.delay is not None:
            arrives = now + step.delay
        elif report.is_final and self._habits.last_overtakes and not order.instrument.is_contract:
            arrives = now + ticks(MIN_DELAY_SECONDS)  # it overtakes what is still on its way in the order's lane
        else:
            behind = self._habits.merged_last and bool(report.filled) and not order.instrument.is_contract
            longest = OVERTAKEN_SECONDS if behind else 0.0
            arrives = self._lanes.arrival(lane, now, ticks(longest) + self._delay(self._habits.report_delay))
        if report.is_final and not order.instrument.is_contract:
            self._lanes.close(lane)
        self._queue.at(arrives, partial(self._learn_report, report))
        return arrives

    def observe(self, units: Iterable[Unit], *, again: bool = False) -> None:
        """Send the present balances and positions of these units on their way.

        `again` also sends unchanged ones, and does not wait for the next poll.
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
        """Report these units repeatedly for a while, from now or from a later time."""
        polled = frozenset(units)
        start = self._queue.now if since is None else since
        for turn in range(1, int(REPOLL_FOR_SECONDS / REPOLL_EVERY_SECONDS) + 1):
            self._queue.at(start + ticks(turn * REPOLL_EVERY_SECONDS), partial(self.observe, polled, again=True))

    def _poll(self) -> None:
        due, self._unpolled = self._unpolled, set()
        self.observe(due, again=True)
        self._queue.after(ticks(self._habits.polled_every or 1.0), self._poll)

    def _position_rows(self) -> Iterator[PositionRow]:
        for instrument in self.plan.instruments:
            if not instrument.is_contract:
                continue
            legs = [(side, self.market.ledger.legs[instrument.symbol, side]) for side in (Side.BUY, Side.SELL)]
            if not self._habits.hedge:  # one row: the open leg, or a flat one
                legs = [pair for pair in legs if pair[1].quantity] or legs[:1]
            for side, leg in legs:
                yield PositionRow(instrument, side, leg.quantity, leg.entry_price(instrument.kind))

    def _key(self, row: PositionRow) -> tuple[str, str]:
        """Return the key of a position row: one leg in hedge mode, else the whole position."""
        return (row.instrument.symbol, row.side.value if self._habits.hedge else "")

    # At the gateway, and from it to the client.

    def _learn_report(self, report: Report) -> None:
        order = report.order
        if self.order_log is not None:
            self.order_log.note(self._queue.now, report)
        if len(report.history) > order.states_learnt:
            order.states_learnt = len(report.history)
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
        sent = self._send(payload)
        report.order.reported = report.order.reported or sent
        if self.duplicates_due and sent:
            self.duplicates_due -= 1
            self._send(payload)
            self._queue.after(ticks(_DUPLICATE_AFTER_SECONDS), partial(self._send, payload))
        return sent

    def _learn_balance(self, asset: str, balance: Decimal) -> None:
        self._stale.remember(self._queue.now, asset, self._known_balances[asset])
        self._known_balances[asset] = balance
        self._send(self._writer.update("BALANCE_UPDATE", self._balance_row(asset, balance)))

    def _send_lock(self, order: Order) -> None:
        """Report the lock of a new order by the balance manager, with the total that the gateway knows."""
        instrument = order.instrument
        if not instrument.is_contract:
            asset = instrument.quote_row if order.side is Side.BUY else instrument.base_row
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
        """Return all frames of this account for a new connection, in a drawn order."""
        if not self.is_present:
            return []
        rows = {
            "SYMBOLS_SNAPSHOT": [self._writer.symbol_row(instrument) for instrument in self.plan.instruments],
            "ORDER_EXEC_REPORT_SNAPSHOT": self.order_rows(),
            "BALANCE_SNAPSHOT": self.balance_rows(stale=first and self._habits.stale_first > 0),
            "POSITION_SNAPSHOT": self.position_rows(),
        }
        for order, report in self._known_orders.items():
            order.disclosed = max(order.disclosed, report.filled)
            order.reported = True
        frames = [self.heartbeat(), *(self._writer.snapshot(kind, instrument) for kind, instrument in rows.items())]
        dice.shuffle(frames)
        return [frame for frame in frames if frame is not None]

    def order_rows(self) -> list[Row]:
        """Return the rows of the known open orders."""
        return [self._writer.report_row(report) for report in self._known_orders.values()]

    def report_row(self, report: Report) -> Row:
        """Return the row of one report."""
        return self._writer.report_row(report)

    def position_rows(self) -> list[Row]:
        """Return the rows of the known positions."""
        known = self._known_positions.values()
        return [self._position_row(row) for row in known if self._habits.zero_rows or row.quantity]

    def balance_rows(self, *, stale: bool = False) -> list[Row]:
        """Return the rows of the known balances, or (`stale`) of those a little earlier."""
        balances = dict(self._known_balances)
        if stale:
            balances |= self._made_stale()
        return [
            self._balance_row(asset, balance)
            for asset, balance in balances.items()
            if self._habits.zero_rows or balance + self.bias.get(asset, ZERO)
        ]

    def _made_stale(self) -> dict[str, Decimal]:
        """Return the earlier amounts of recently changed balances; fresh rows follow."""
        stale = self._stale.balances(self._queue.now)
        fresh = {Unit("asset", asset) for asset in stale}
        self._queue.after(ticks(_FRESHENED_AFTER_SECONDS), partial(self.observe, fresh, again=True))
        return stale
