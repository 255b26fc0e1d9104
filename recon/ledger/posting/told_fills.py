"""What statements told of an order before its reports, and its reversal when they come. Pure (semantics 10.3).

1. A trade that no report contained is booked under a key of its own. If an order's fills are that trade, by the order's
   ids or by time, the order takes it over.
2. Then the quantity that was booked from the statement is reversed, as far as the reports contain it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from recon.display.figures import shown
from recon.exact import divide
from recon.ledger.account import Account
from recon.ledger.facts.external_fact import MISSED_FILL
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.legs import LegOrigin, leg_of
from recon.ledger.orders import Order
from recon.ledger.posting.derivatives import contract_of
from recon.ledger.posting.fill_entries import FillToPost, fill_posting, post_legs
from recon.ledger.posting.openings import asset_unit
from recon.ledger.told import joined
from recon.ledger.told_ahead import Claimed, ClaimingFill
from recon.ledger.units import FillRef, UnitState
from recon.times import LogTime


def claim_fills(ledger: Ledger, account: Account, order: Order, instrument: Instrument, fills: Sequence[Fill]) -> None:
    """Let an order take over what statements told of these fills before the order was reported."""
    if not account.told_ahead.trades:
        return
    side, early = order.identity.side or "", order.booked.early
    for fill in fills:
        known = min(early, fill.amount)
        early -= known
        if fill.amount > known:
            untold = ClaimingFill(fill.amount - known, fill.price, fill.occurred_us)
            claimed = account.told_ahead.claim(_ids(order), instrument.symbol, side, untold)
            _take(ledger, account, order, claimed)


def claim_by_id(ledger: Ledger, account: Account, order: Order, instrument: Instrument, trade_id: str | None) -> bool:
    """Let an order take over what statements told of it by its ids; return True if there was something."""
    ids = _ids(order)
    mine = [
        trade
        for trade in account.told_ahead.trades
        if (trade.order_id in ids or (trade_id is not None and trade.trade_id == trade_id))
        and (trade.symbol, trade.side) == (instrument.symbol, order.identity.side)
    ]
    for trade in mine:
        account.told_ahead.remove(trade.key)
        _take(ledger, account, order, Claimed(trade.quantity, trade.cash, trade.told))
    return bool(mine)


def reverse_early_booking(ledger: Ledger, account: Account, item: FillToPost, filled: Decimal, at: LogTime) -> None:
    """Reverse the quantity booked from a statement, as far as the order's own reports now contain the quantity.

    `filled` is the quantity that the latest report added, `item` the last fill of it.
    """
    order, instrument, sign = item.order, item.instrument, -item.sign
    quantity = min(order.booked.early, filled)
    if not quantity:
        return
    early, cash = order.booked.early, order.booked.early_cash
    if quantity != early:
        cash = divide(cash * quantity, early)
    order.booked.add_early(-quantity, -cash)
    ref = FillRef(order.key, None, item.fill.occurred_us)
    if instrument.spot:
        base = asset_unit(ledger, account, instrument.base or "", instrument.base_coinapi, at)
        _reverse(ledger, base, item.origin, sign * quantity, ref, at)
        if cash:
            quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
            _reverse(ledger, quote, item.origin, -sign * cash, ref, at)
    else:
        # Its part of the cost basis stays: `post_contract` left the told part of the fill out.
        state = contract_of(ledger, account, instrument.symbol, instrument.symbol_coinapi, at)
        _reverse(ledger, state, item.origin, sign * quantity, ref, at)
    message = f"{shown(quantity)} of order {order.key} was in a statement first; it is booked once"
    ledger.note_finding(account.name, at, "told_ahead", order.key, message)


def _ids(order: Order) -> frozenset[str]:
    identity = order.identity
    return frozenset(each for each in (identity.exchange_order_id, identity.client_order_id) if each is not None)


def _take(ledger: Ledger, account: Account, order: Order, claimed: Claimed | None) -> None:
    if claimed is None:
        return
    order.booked.add_early(claimed.quantity, claimed.cash)
    order.booked.set_told(joined(order.booked.told, claimed.told))
    ledger.changes.orders[order.account, order.key] = order
    ledger.mark_changed(account)


def _reverse(ledger: Ledger, state: UnitState, origin: LegOrigin, amount: Decimal, ref: FillRef, at: LogTime) -> None:
    leg = msgspec.structs.replace(leg_of(origin, amount), takes_back=True, explains=True)
    post_legs(ledger, state, [leg], fill_posting(amount, ref, cause=MISSED_FILL), at)
