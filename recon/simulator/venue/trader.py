"""Random traders: orders arrive at a mean rate, on sides that keep the account solvent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from recon.simulator.event_queue import EventQueue
from recon.simulator.instruments import Instrument, Side
from recon.simulator.rng import Dice, stream
from recon.simulator.ticks import ticks
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.flow import Stream, Walk, draw_lots, draw_script
from recon.simulator.venue.ledger import Effect
from recon.simulator.venue.market import Market


class Trader:
    """Trades one account's streams from now until `ends_at` (ticks)."""

    def __init__(
        self,
        plan: AccountPlan,
        market: Market,
        queue: EventQueue,
        seed: tuple[int, str],
        *,
        held_back: Callable[[str], bool],
        ends_at: int,
    ) -> None:
        self._market = market
        self._queue = queue
        self._held_back = held_back
        self._ends_at = ends_at
        self._hedge = plan.habits.hedge
        self.walks = {each.symbol: Walk(each) for each in plan.instruments}
        for flow in plan.streams:
            if flow.fills_per_second > 0:
                self._next(flow, stream(*seed, plan.account, "flow", flow.symbol))

    def _next(self, flow: Stream, dice: Dice) -> None:
        pause = ticks(dice.expovariate(flow.orders_per_second)) + 1
        if self._queue.now + pause < self._ends_at:
            self._queue.after(pause, partial(self._arrive, flow, dice))

    def _arrive(self, flow: Stream, dice: Dice) -> None:
        each = self._market.instruments[flow.symbol]
        price = self.walks[flow.symbol].next(dice)
        lots = draw_lots(dice, each, flow)
        wanted = Side.BUY if dice.random() < 0.5 else Side.SELL
        if not self._held_back(flow.symbol):
            side, effect = self._choose(each, flow, wanted, sum(lots, Decimal(0)), price)
            script = draw_script(dice, each, lots, side=side, price=price, effect=effect, post_only=flow.post_only)
            self._market.place(script)
        self._next(flow, dice)

    def _choose(
        self, each: Instrument, flow: Stream, wanted: Side, amount: Decimal, price: Decimal
    ) -> tuple[Side, Effect]:
        """Reverse an order that the account could not pay for, or that would exceed its position limit."""
        if each.is_contract:
            return self._choose_contract(each, flow, wanted, amount)
        balances = self._market.ledger.balances
        if wanted is Side.SELL and balances[each.base_row] - self._market.locked(each.base_row) < amount:
            return Side.BUY, Effect.NET
        cost = amount * price
        if wanted is Side.BUY and balances[each.quote_row] - self._market.locked(each.quote_row) < cost:
            return Side.SELL, Effect.NET
        return wanted, Effect.NET

    def _choose_contract(self, each: Instrument, flow: Stream, wanted: Side, amount: Decimal) -> tuple[Side, Effect]:
        limit = flow.lot * 20
        if not self._hedge:
            net = self._market.ledger.net(each.symbol)
            if abs(net) > limit:
                return (Side.SELL if net > 0 else Side.BUY), Effect.NET
            return wanted, Effect.NET
        closable = self._market.closable(each.symbol, wanted.opposite)
        held = self._market.ledger.legs[each.symbol, wanted.opposite].quantity
        if closable - amount > 0 and held > limit / 2:
            return wanted, Effect.CLOSE
        return wanted, Effect.OPEN
