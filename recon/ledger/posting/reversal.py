"""Fills that a statement told before any report did: booked once, whoever tells them first. Pure (semantics 10.3)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from recon.exact import ZERO, divide
from recon.ledger.account import Account
from recon.ledger.external_facts import MISSED_FILL
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Book
from recon.ledger.orders import Order
from recon.ledger.posting.derivatives import contract_of, settle_trades
from recon.ledger.posting.spot import leg, post_fill
from recon.ledger.units import PendingTrade
from recon.times import LogTime


def take_back(
    book: Book, account: Account, order: Order, instrument: Instrument, fills: Sequence[Fill], at: LogTime
) -> None:
    """Reverse what was booked of an order from outside, as far as its reports have told it now."""
    quantity = min(order.ahead, sum((fill.amount for fill in fills), ZERO))
    if not quantity:
        return
    whole = quantity == order.ahead
    cash = order.ahead_cash if whole else divide(order.ahead_cash * quantity, order.ahead)
    order.ahead, order.ahead_cash = order.ahead - quantity, order.ahead_cash - cash
    sign = 1 if order.side == "SELL" else -1
    occurred_us = fills[-1].occurred_us

    def reverse(code: str, coinapi: str | None, amount: Decimal) -> None:
        held = leg(book, account, code, coinapi, at)
        post_fill(book, held, amount, at, order.key, None, occurred_us=occurred_us, cause=MISSED_FILL)

    if instrument.spot:
        reverse(instrument.base or "", instrument.base_coinapi, sign * quantity)
        if cash:
            reverse(instrument.quote or "", instrument.quote_coinapi, -sign * cash)
    else:
        held = contract_of(book, account, instrument.symbol, instrument.symbol_coinapi, at)
        post_fill(book, held, sign * quantity, at, order.key, None, occurred_us=occurred_us, cause=MISSED_FILL)
        unit = held.unit
        back = PendingTrade(sign * quantity, cash or None, unit.entries, at.clock, order.key, 0, occurred_us)
        unit.pending_trades = [*unit.pending_trades, back]
        settle_trades(book, account, held, at)
    message = f"{quantity} of order {order.key} was told by a statement first; it is booked once"
    book.find(account.name, at, "told_ahead", order.key, message)
