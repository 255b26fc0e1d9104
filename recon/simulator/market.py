"""The venue's side of one account: orders live by their scripts, fills are booked, prices move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Final

from recon.exact import ONE, ZERO
from recon.simulator.agenda import Agenda
from recon.simulator.dice import Dice, code, guid
from recon.simulator.flow import Script, Step
from recon.simulator.instruments import Side
from recon.simulator.ledger import Entry, Ledger
from recon.simulator.orders import Fill, Order, Report, Status
from recon.simulator.plan import AccountPlan
from recon.simulator.stamps import ticks

#: A step held back while trading rests is tried again after this long, in seconds.
_REST_SECONDS: Final = 0.25
#: From the request to cancel at the end of the day to the cancel, in seconds.
_CANCEL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Change:
    """One step of an order, done: the report of it, and what it changed in the books."""

    script: Script
    step: Step
    report: Report
    entries: tuple[Entry, ...] = ()
    fees: tuple[Entry, ...] = ()


@dataclass(slots=True)
class _Life:
    """An order on its way through its script."""

    order: Order
    script: Script
    index: int = 0

    @property
    def is_over(self) -> bool:
        return self.index >= len(self.script.steps)


class Market:
    """Where one account trades; `held_back` tells whether a symbol rests, `told` hears of changes."""

    def __init__(
        self,
        plan: AccountPlan,
        agenda: Agenda,
        ids: Dice,
        *,
        held_back: Callable[[str], bool],
        told: Callable[[Change], None],
    ) -> None:
        habits = plan.habits
        self._account = plan.account
        self._cycle = habits.reused_client_ids
        self._agenda = agenda
        self._ids = ids
        self._held_back = held_back
        self._told = told
        self._placed = 0
        self._lives: dict[Order, _Life] = {}
        self.instruments = {each.symbol: each for each in plan.instruments}
        #: Last price of each symbol.
        self.marks = {each.symbol: each.price for each in plan.instruments}
        self.ledger = Ledger(
            plan.assets,
            plan.instruments,
            plan.balances,
            plan.positions,
            cash_quantum=habits.cash_quantum,
            cash_truncated=habits.cash_truncated,
        )

    def place(self, script: Script) -> None:
        """Take an order and begin its life."""
        order = Order(
            account=self._account,
            client_id=self._client_id(),
            client_id_exchange=str(self._ids.randrange(10**7, 10**10)),
            exchange_id=_exchange_id(self._ids),
            instrument=self.instruments[script.symbol],
            side=script.side,
            price=script.price,
            amount=script.amount,
            time_in_force=script.time_in_force,
            exec_inst=script.exec_inst,
            effect=script.effect,
        )
        life = self._lives[order] = _Life(order, script)
        self._agenda.after(script.steps[0].pause, partial(self._step, life))

    def cancel_all(self) -> None:
        """End the day: what the scripts still hold is void, and every open order is cancelled."""
        for life in list(self._lives.values()):
            life.index = len(life.script.steps)
            if life.order.status in {Status.NEW, Status.PARTIALLY_FILLED}:
                self._move(life, Step(status=Status.PENDING_CANCEL))
            self._agenda.after(ticks(_CANCEL_SECONDS), partial(self._cancel, life))

    def locked(self, asset: str) -> Decimal:
        """Return what the open spot orders hold of a balance row."""
        held = ZERO
        for order in self._lives:
            each = order.instrument
            if not each.is_contract and asset == (each.quote_row if order.side is Side.BUY else each.base_row):
                held += order.open_amount * (order.price if order.side is Side.BUY else ONE)
        return held

    def closable(self, symbol: str, side: Side) -> Decimal:
        """Return what of a leg no open order is about to close (hedge mode)."""
        closing = (
            order.open_amount
            for order in self._lives
            if order.instrument.symbol == symbol and order.side is side.opposite
        )
        return self.ledger.legs[symbol, side].quantity - sum(closing, ZERO)

    def _client_id(self) -> str:
        if self._cycle is None:
            return guid(self._ids)
        taken = {order.client_id for order in self._lives}
        while True:
            self._placed += 1
            drawn = str((self._placed - 1) % max(self._cycle, len(taken) + 1) + 1)
            if drawn not in taken:
                return drawn

    def _step(self, life: _Life) -> None:
        if life.is_over:
            return
        if life.script.fault is None and self._held_back(life.script.symbol):
            self._agenda.after(ticks(_REST_SECONDS), partial(self._step, life))
            return
        step = life.script.steps[life.index]
        life.index += 1
        self._move(life, step)
        if not life.is_over:
            self._agenda.after(life.script.steps[life.index].pause, partial(self._step, life))

    def _cancel(self, life: _Life) -> None:
        if life.order.status in {Status.RECEIVED, Status.ROUTING}:
            life.order.error = "The day is over"
            self._move(life, Step(status=Status.REJECTED))
        elif life.order.status in {Status.ROUTED, Status.PENDING_CANCEL}:
            self._move(life, Step(status=Status.CANCELED))
        else:  # it had not even been received
            self._lives.pop(life.order, None)

    def _move(self, life: _Life, step: Step) -> None:
        order, script = life.order, life.script
        if step.status is Status.REJECTED and script.error is not None:
            order.error = script.error
        order.move(step.status, self._agenda.now)
        entries: tuple[Entry, ...] = ()
        if step.amount is not None and step.price is not None:
            self.marks[script.symbol] = step.price
            entries = self.ledger.fill(order.instrument, order.side, step.amount, step.price, order.effect)
            order.fill(Fill(self._agenda.now, step.price, step.amount), entries)
        fees = () if step.fee is None else (self.ledger.move(*step.fee),)
        if order.is_final:
            del self._lives[order]
        self._told(Change(script, step, order.report(), entries, fees))


def _exchange_id(dice: Dice) -> str:
    written = code(dice, 17)
    return f"O{written[:5]}-{written[5:10]}-{written[10:]}"
