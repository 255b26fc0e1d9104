"""Reverse fills booked from a statement, once execution reports show the same fills. Pure (semantics 10.3)."""

from __future__ import annotations

from decimal import Decimal

from recon.exact import divide
from recon.ledger.account import Account
from recon.ledger.facts.external_fact import MISSED_FILL
from recon.ledger.ledger import Ledger
from recon.ledger.legs import LegOrigin, leg_of
from recon.ledger.posting.derivatives import contract_of
from recon.ledger.posting.fill_entries import FillToPost, fill_posting, post_legs
from recon.ledger.posting.openings import asset_unit
from recon.ledger.units import FillRef, UnitState
from recon.times import LogTime


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
    message = f"{quantity} of order {order.key} was in a statement first; it is booked once"
    ledger.note_finding(account.name, at, "told_ahead", order.key, message)


def _reverse(ledger: Ledger, state: UnitState, origin: LegOrigin, amount: Decimal, ref: FillRef, at: LogTime) -> None:
    post_legs(ledger, state, [leg_of(origin, amount)], fill_posting(amount, ref, cause=MISSED_FILL), at)
