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
    """Trades one account's streams from now until `ends_at`; the day starts at `starts_at` (ticks)."""

    def __init__(
        self,
        plan: AccountPlan,
        market: Market,
        queue: EventQueue,
        seed: tuple[int, str],
        *,
        is_paused: Callable[[str], bool],
        starts_at: int,
        ends_at: int,
    ) -> None:
        self._market = market
        self._queue = queue
        self._is_paused = is_paused
        self._hedge = plan.habits.hedge
        self.walks = {instrument.symbol: Walk(instrument) for instrument in plan.instruments}
        for flow in plan.streams:
            if flow.fills_per_second > 0:
                self._next(flow, stream(*seed, plan.account, "flow", flow.symbol), ends_at)
            for burst in flow.bursts:
                begins = starts_at + ticks(burst.after)
                dice = stream(*seed, plan.account, "burst", flow.symbol, f"{burst.after:g}")
                ends = min(begins + ticks(burst.lasting), ends_at)
                queue.at(begins, partial(self._next, flow.in_burst(burst), dice, ends))

    def _next(self, flow: Stream, dice: Dice, ends_at: int) -> None:
        pause = ticks(dice.expovariate(flow.orders_per_second)) + 1
        if self._queue.now + pause < ends_at:
            self._queue.after(pause, partial(self._arrive, flow, dice, ends_at))

    def _arrive(self, flow: Stream, dice: Dice, ends_at: int) -> None:
        instrument = self._market.instruments[flow.symbol]
        price = self.walks[flow.symbol].next(dice)
        lots = draw_lots(dice, instrument, flow)
        preferred = Side.BUY if dice.random() < 0.5 else Side.SELL
        if not self._is_paused(flow.symbol):
            side, effect = self._choose(instrument, flow, preferred, sum(lots, Decimal(0)), price)
            script = draw_script(
                dice, instrument, lots, side=side, price=price, effect=effect, post_only=flow.post_only
            )
            self._market.place(script)
        self._next(flow, dice, ends_at)

    def _choose(
        self, instrument: Instrument, flow: Stream, preferred: Side, amount: Decimal, price: Decimal
    ) -> tuple[Side, Effect]:
        """Reverse an order that the account could not pay for, or that would exceed its position limit."""
        if instrument.is_contract:
            return self._choose_contract(instrument, flow, preferred, amount)
        balances = self._market.ledger.balances
        if preferred is Side.SELL and balances[instrument.base_row] - self._market.locked(instrument.base_row) < amount:
            return Side.BUY, Effect.NET
        cost = amount * price
        if preferred is Side.BUY and balances[instrument.quote_row] - self._market.locked(instrument.quote_row) < cost:
            return Side.SELL, Effect.NET
        return preferred, Effect.NET

    def _choose_contract(
        self, instrument: Instrument, flow: Stream, preferred: Side, amount: Decimal
    ) -> tuple[Side, Effect]:
        limit = flow.lot * 20
        if not self._hedge:
            net = self._market.ledger.net(instrument.symbol)
            if abs(net) > limit:
                return (Side.SELL if net > 0 else Side.BUY), Effect.NET
            return preferred, Effect.NET
        closable = self._market.closable(instrument.symbol, preferred.opposite)
        quantity = self._market.ledger.legs[instrument.symbol, preferred.opposite].quantity
        if closable - amount > 0 and quantity > limit / 2:
            return preferred, Effect.CLOSE
        return preferred, Effect.OPEN
