"""The venue's side of one account: orders follow their scripts, fills are booked, prices move."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Final

from recon.exact import ONE, ZERO, divide
from recon.simulator.event_queue import EventQueue
from recon.simulator.instruments import Instrument, Side
from recon.simulator.rng import Dice, code, guid
from recon.simulator.ticks import TICKS_PER_SECOND, ticks
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.fees import Cashier, has_rested, known_liquidity
from recon.simulator.venue.flow import Script, Step
from recon.simulator.venue.ledger import Entry, Ledger, Unit
from recon.simulator.venue.orders import Fill, Order, Report, Status
from recon.simulator.venue.venue_books import VenueOrder

#: Seconds until a step that a trading pause delayed is tried again.
_REST_SECONDS: Final = 0.25
#: Seconds between the cancel request at the end of the day and the cancel.
_CANCEL_SECONDS: Final = 0.05
#: Most ended orders that the venue's books keep.
MAX_ENDED: Final = 100_000
_LEAST_DIGITS: Final = 10**15


@dataclass(frozen=True, slots=True)
class Change:
    """One completed step of an order: its report, and its changes of the books.

    `entries` are the changes of its fill, with the venue's own fee. `fees` are a fault's extra fees. `contradicts` is
    the error of the report, or the amount beyond the order.
    """

    script: Script
    step: Step
    report: Report
    entries: tuple[Entry, ...] = ()
    fees: tuple[Entry, ...] = ()
    contradicts: tuple[Entry, ...] = ()


@dataclass(slots=True)
class _LiveOrder:
    """An order and its position in its script."""

    order: Order
    script: Script
    index: int = 0
    #: True if the order takes although it rested.
    crosses: bool = False

    @property
    def is_over(self) -> bool:
        return self.index >= len(self.script.steps)


class Market:
    """Where one account trades; `is_paused` is true while a symbol is paused. Each change goes to `on_change`.

    `chance` draws everything outside the scripts; `day` is the start of the day, in ticks.
    """

    def __init__(
        self,
        plan: AccountPlan,
        queue: EventQueue,
        ids: Dice,
        chance: Dice,
        *,
        day: int,
        is_paused: Callable[[str], bool],
        on_change: Callable[[Change], None],
    ) -> None:
        habits = plan.habits
        self._account = plan.account
        self._cycle = habits.reused_client_ids
        self._queue = queue
        self._ids = ids
        self._chance = chance
        self._day = day
        self._crossing = 0.0 if plan.fees is None else plan.fees.crossing
        self._cashier = None if plan.fees is None else Cashier(plan.fees, plan.assets)
        self._is_paused = is_paused
        self._on_change = on_change
        self._placed = 0
        self._live_orders: dict[Order, _LiveOrder] = {}
        self._ended: deque[VenueOrder] = deque(maxlen=MAX_ENDED)
        self._digit_ids = habits.digit_order_ids
        self.instruments = {instrument.symbol: instrument for instrument in plan.instruments}
        #: Last price of each symbol.
        self.marks = {instrument.symbol: instrument.price for instrument in plan.instruments}
        #: Amounts locked for reasons other than orders, per balance row.
        self.holds: dict[str, Decimal] = {}
        self.ledger = Ledger(
            plan.assets,
            plan.instruments,
            plan.balances,
            plan.positions,
            cash_quantum=habits.cash_quantum,
            cash_truncated=habits.cash_truncated,
        )

    def place(self, script: Script) -> None:
        """Accept an order and start its script."""
        order = Order(
            account=self._account,
            client_id=self._client_id(),
            client_id_exchange=str(self._ids.randrange(10**7, 10**10)),
            exchange_id=_exchange_id(self._ids, digits=self._digit_ids),
            instrument=self.instruments[script.symbol],
            side=script.side,
            price=script.price,
            amount=script.amount,
            time_in_force=script.time_in_force,
            exec_inst=script.exec_inst,
            effect=script.effect,
        )
        crosses = self._crossing > 0 and self._chance.random() < self._crossing
        live = self._live_orders[order] = _LiveOrder(order, script, crosses=crosses)
        self._queue.after(script.steps[0].pause, partial(self._step, live))

    def cancel_all(self, symbol: str | None = None) -> None:
        """Drop the remaining steps and cancel every open order, of the whole account or of one symbol."""
        for live in [live for live in self._live_orders.values() if symbol in {None, live.script.symbol}]:
            live.index = len(live.script.steps)
            if live.order.status in {Status.NEW, Status.PARTIALLY_FILLED}:
                self._move(live, Step(status=Status.PENDING_CANCEL))
            self._queue.after(ticks(_CANCEL_SECONDS), partial(self._cancel, live))

    def orders(self) -> Iterator[VenueOrder]:
        """Yield every order of the venue, ended ones first."""
        yield from self._ended
        for order in self._live_orders:
            if order.status is not None:
                yield VenueOrder.of(order, order.status)

    def locked(self, asset: str) -> Decimal:
        """Return the amount of a balance row that open spot orders and holds lock."""
        held = self.holds.get(asset, ZERO)
        for order in self._live_orders:
            instrument = order.instrument
            if not instrument.is_contract and asset == (
                instrument.quote_row if order.side is Side.BUY else instrument.base_row
            ):
                held += order.open_amount * (order.price if order.side is Side.BUY else ONE)
        return held

    def closable(self, symbol: str, side: Side) -> Decimal:
        """Return the quantity of a leg that no open order is about to close (hedge mode)."""
        closing = (
            order.open_amount
            for order in self._live_orders
            if order.instrument.symbol == symbol and order.side is side.opposite
        )
        return self.ledger.legs[symbol, side].quantity - sum(closing, ZERO)

    def _client_id(self) -> str:
        if self._cycle is None:
            return guid(self._ids)
        used = {order.client_id for order in self._live_orders}
        while True:
            self._placed += 1
            drawn = str((self._placed - 1) % max(self._cycle, len(used) + 1) + 1)
            if drawn not in used:
                return drawn

    def _step(self, live: _LiveOrder) -> None:
        if live.is_over:
            return
        if live.script.fault is None and self._is_paused(live.script.symbol):
            self._queue.after(ticks(_REST_SECONDS), partial(self._step, live))
            return
        step = live.script.steps[live.index]
        live.index += 1
        self._move(live, step)
        if not live.is_over:
            self._queue.after(live.script.steps[live.index].pause, partial(self._step, live))

    def _cancel(self, live: _LiveOrder) -> None:
        if live.order.status in {Status.RECEIVED, Status.ROUTING}:
            live.order.error = "The day is over"
            self._move(live, Step(status=Status.REJECTED))
        elif live.order.status in {Status.ROUTED, Status.PENDING_CANCEL}:
            self._move(live, Step(status=Status.CANCELED))
        else:  # the venue had not received it yet
            self._live_orders.pop(live.order, None)

    def _move(self, live: _LiveOrder, step: Step) -> None:
        order, script = live.order, live.script
        if step.status is Status.REJECTED and script.error is not None:
            order.error = script.error
        order.move(step.status, self._queue.now)
        entries: tuple[Entry, ...] = ()
        if step.amount is not None and step.price is not None:
            entries = self._fill(live, step, step.amount, step.price)
        fees = () if step.fee is None else (self.ledger.move(*step.fee),)
        if order.is_final:
            del self._live_orders[order]
            self._ended.append(VenueOrder.of(order, step.status))
        report, contradicts = _as_reported(order.report(), step)
        self._on_change(Change(script, step, report, entries, fees, contradicts))

    def _fill(self, live: _LiveOrder, step: Step, amount: Decimal, price: Decimal) -> tuple[Entry, ...]:
        """Book a step's fill, or its two equal halves, now; return all entries."""
        order = live.order
        self.marks[live.script.symbol] = price
        parts = (amount,) if not step.twins else (divide(amount, Decimal(2)),) * 2
        entries: list[Entry] = []
        for part in parts:
            moved = (
                *self.ledger.fill(order.instrument, order.side, part, price, order.effect),
                *self.charge(order.instrument, order.side, part, price, taking=self._takes(live)),
            )
            order.fill(Fill(self._queue.now, price, part), moved, beyond=step.beyond)
            entries += moved
        return tuple(entries)

    def _takes(self, live: _LiveOrder) -> bool:
        taking = known_liquidity(live.order)
        return taking if taking is not None else live.crosses or not has_rested(live.order)

    def charge(
        self, instrument: Instrument, side: Side, amount: Decimal, price: Decimal, *, taking: bool
    ) -> tuple[Entry, ...]:
        """Book the venue's fee of a fill, if any."""
        if self._cashier is None:
            return ()
        second = (self._queue.now - self._day) / TICKS_PER_SECOND
        row, fee = self._cashier.fee(instrument, side, amount, price, taking=taking, second=second)
        return (self.ledger.move(row, -fee),) if fee else ()


def _as_reported(report: Report, step: Step) -> tuple[Report, tuple[Entry, ...]]:
    """Return the report as the step distorts it, and its contradiction with its own or earlier numbers."""
    order = report.order
    instrument, sign = order.instrument, order.side.sign
    filled = Unit("contract", instrument.symbol) if instrument.is_contract else Unit("asset", instrument.base_row)
    if step.beyond:
        return report, (Entry(filled, (report.filled - order.amount) * sign),)
    if step.takes_back:
        *kept, last = report.fills
        less = replace(
            report, fills=tuple(kept), filled=report.filled - last.amount, cash=report.cash - last.amount * last.price
        )
        return less, (Entry(filled, -last.amount * sign),)
    if step.misprices:
        off = report.cash * step.misprices
        return replace(report, cash=report.cash + off), (Entry(Unit("asset", instrument.quote_row), off * sign),)
    return report, ()


def _exchange_id(dice: Dice, *, digits: bool) -> str:
    written = code(dice, 17)
    if digits:  # sixteen of them, none of which a double would lose
        return str(_LEAST_DIGITS + int(written, 36) % _LEAST_DIGITS)
    return f"O{written[:5]}-{written[5:10]}-{written[10:]}"
