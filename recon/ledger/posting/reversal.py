"""Reverse fills booked from a statement, once execution reports show the same fills. Pure (semantics 10.3)."""

from __future__ import annotations

from collections.abc import Sequence

from recon.exact import ZERO, divide
from recon.ledger.account import Account
from recon.ledger.facts.external_fact import MISSED_FILL
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.ledger.posting.derivatives import contract_of, realise_trades
from recon.ledger.posting.fill_entries import fill_posting, post_fill
from recon.ledger.posting.openings import asset_unit
from recon.ledger.units import FillRef, PendingTrade
from recon.times import LogTime


def reverse_early_booking(
    ledger: Ledger, account: Account, order: Order, instrument: Instrument, fills: Sequence[Fill], at: LogTime
) -> None:
    """Reverse the quantity booked from a statement, as far as the order's own reports now contain the quantity."""
    quantity = min(order.booked.early, sum((fill.amount for fill in fills), ZERO))
    if not quantity:
        return
    early, cash = order.booked.early, order.booked.early_cash
    if quantity != early:
        cash = divide(cash * quantity, early)
    order.booked.add_early(-quantity, -cash)
    sign = 1 if order.identity.side == "SELL" else -1
    ref = FillRef(order.key, None, fills[-1].occurred_us)
    if instrument.spot:
        base = asset_unit(ledger, account, instrument.base or "", instrument.base_coinapi, at)
        post_fill(ledger, base, fill_posting(sign * quantity, ref, cause=MISSED_FILL), at)
        if cash:
            quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
            post_fill(ledger, quote, fill_posting(-sign * cash, ref, cause=MISSED_FILL), at)
    else:
        state = contract_of(ledger, account, instrument.symbol, instrument.symbol_coinapi, at)
        post_fill(ledger, state, fill_posting(sign * quantity, ref, cause=MISSED_FILL), at)
        entry, reversed_fill = state.unit.balance.entry_count, FillRef(order.key, 0, ref.occurred_us)
        state.unit.contract.add_trade(PendingTrade(sign * quantity, cash or None, entry, at.clock, reversed_fill))
        realise_trades(ledger, account, state, at)
    message = f"{quantity} of order {order.key} was in a statement first; it is booked once"
    ledger.note_finding(account.name, at, "told_ahead", order.key, message)
