"""Fills that a statement told before any report did: booked once, whoever tells them first. Pure (semantics 10.3)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from recon.exact import ZERO, divide
from recon.ledger.account import Account
from recon.ledger.external_facts import MISSED_FILL
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.ledger.posting.derivatives import contract_of, realise_trades
from recon.ledger.posting.spot import asset_unit, post_fill
from recon.ledger.units import PendingTrade
from recon.times import LogTime


def reverse_early_booking(
    ledger: Ledger, account: Account, order: Order, instrument: Instrument, fills: Sequence[Fill], at: LogTime
) -> None:
    """Reverse what was booked of an order from outside, as far as its reports have told it now."""
    quantity = min(order.booked_early, sum((fill.amount for fill in fills), ZERO))
    if not quantity:
        return
    whole = quantity == order.booked_early
    cash = order.booked_early_cash if whole else divide(order.booked_early_cash * quantity, order.booked_early)
    order.booked_early, order.booked_early_cash = order.booked_early - quantity, order.booked_early_cash - cash
    sign = 1 if order.side == "SELL" else -1
    occurred_us = fills[-1].occurred_us

    def reverse(code: str, coinapi: str | None, amount: Decimal) -> None:
        state = asset_unit(ledger, account, code, coinapi, at)
        post_fill(ledger, state, amount, at, order.key, None, occurred_us=occurred_us, cause=MISSED_FILL)

    if instrument.spot:
        reverse(instrument.base or "", instrument.base_coinapi, sign * quantity)
        if cash:
            reverse(instrument.quote or "", instrument.quote_coinapi, -sign * cash)
    else:
        state = contract_of(ledger, account, instrument.symbol, instrument.symbol_coinapi, at)
        post_fill(ledger, state, sign * quantity, at, order.key, None, occurred_us=occurred_us, cause=MISSED_FILL)
        unit = state.unit
        back = PendingTrade(sign * quantity, cash or None, unit.entry_count, at.clock, order.key, 0, occurred_us)
        unit.pending_trades = [*unit.pending_trades, back]
        realise_trades(ledger, account, state, at)
    message = f"{quantity} of order {order.key} was told by a statement first; it is booked once"
    ledger.note_finding(account.name, at, "told_ahead", order.key, message)
