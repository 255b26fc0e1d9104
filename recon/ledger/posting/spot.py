"""Post spot fills: two legs and the fee. Pure (semantics 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from recon.display.figures import shown
from recon.exact import ONE, ZERO
from recon.ledger.account import Account
from recon.ledger.fees.fee_key import BASE, QUOTE, role_of
from recon.ledger.fees.schedule import rule_of
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.legs import FillShare, Leg, LegOrigin, Stamp, cash_legs, leg_of
from recon.ledger.orders import Order
from recon.ledger.posting.fill_entries import FillToPost, fill_posting, market_of_fill, post_legs
from recon.ledger.posting.openings import asset_unit
from recon.ledger.posting.third_assets import FeeSource, post_third_asset_fees, third_assets_of
from recon.ledger.units import FillRef, UnitState
from recon.times import LogTime


def post_spot(ledger: Ledger, account: Account, item: FillToPost, at: LogTime) -> str:
    """Post a spot fill: base and quote in opposite directions (semantics 3.1); return the code of the quote unit."""
    instrument, fill, ref = item.instrument, item.fill, item.ref
    base = asset_unit(ledger, account, instrument.base or "", instrument.base_coinapi, at)
    quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
    if instrument.symbol not in account.mappings.traded_pairs:
        account.mappings.add_pair(instrument.symbol, base.unit.code, quote.unit.code)
        ledger.mark_changed(account)
    rule = rule_of(ledger.rules_of(account.name).fees, instrument.symbol, instrument.type)
    sign, fee_told = item.sign, item.fee_told
    role = None if fee_told else role_of(rule, BASE, base.unit.code)
    _post(ledger, item, base, [leg_of(item.origin, sign * fill.amount, role=role)], ref, at)
    share = FillShare(fill.amount, item.origin)
    if fill.cash is None:
        item.order.booked.await_cash(share)
        ledger.effects.cash_to_come.append((quote, item.order.key))
        return quote.unit.code
    role, shares = None if fee_told else role_of(rule, QUOTE, quote.unit.code), [*item.earlier, share]
    legs = cash_legs(-sign * fill.cash, shares, error=item.price_error, role=role)
    _post(ledger, item, quote, legs, ref, at)
    moved = {base.unit.code, quote.unit.code}
    if fee_told or not third_assets_of(account, rule, moved):
        return quote.unit.code
    for leg, each in zip(legs, shares, strict=True):
        source = FeeSource(ref, each.origin, abs(leg.amount), quote)
        post_third_asset_fees(ledger, account, rule, moved, source, at)
    return quote.unit.code


def _post(ledger: Ledger, item: FillToPost, state: UnitState, legs: Sequence[Leg], ref: FillRef, at: LogTime) -> None:
    """Post an amount of a fill in one unit, with its fee there, unless the unit's opening contains it."""
    if item.waited and state.unit.balance.opening is not None:
        opened_us = state.unit.balance.opening_us
        # While it waited, the first report of the unit opened it, and had seen the fill.
        kept = [leg for leg in legs if leg.stamp.us > opened_us]
        if len(kept) < len(legs):
            inside = shown(sum((leg.amount for leg in legs if leg.stamp.us <= opened_us), ZERO))
            message = f"{inside} of order {item.order.key} was in the first report of {state.unit.code} already"
            ledger.note_finding(item.order.account, at, "fill_before_opening", state.unit.code, message)
            legs = kept
    if not legs:
        return
    amount = legs[0].amount if len(legs) == 1 else sum((leg.amount for leg in legs), ZERO)
    post_legs(ledger, state, legs, fill_posting(amount, ref), at)


def post_late_cash(
    ledger: Ledger, account: Account, order: Order, instrument: Instrument, cash: Decimal, at: LogTime
) -> None:
    """Post the cash of fills that were booked earlier without cash (semantics 2.4)."""
    quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
    amount = cash if order.identity.side == "SELL" else -cash
    fill, error = FillRef(order.key, None, at.us), order.reported.cash_resolution
    fills = order.booked.take_cashless()
    if not fills:
        market = market_of_fill(ledger, account.name, instrument)
        fills = [FillShare(ONE, LegOrigin(Stamp(at.us), at.us, order.key, order.reported.order_class, market))]
    rule = rule_of(ledger.rules_of(account.name).fees, instrument.symbol, instrument.type)
    legs = cash_legs(amount, fills, error=error, role=role_of(rule, QUOTE, quote.unit.code))
    post_legs(ledger, quote, legs, fill_posting(amount, fill), at)
    base = asset_unit(ledger, account, instrument.base or "", instrument.base_coinapi, at)
    moved = {base.unit.code, quote.unit.code}
    for leg, each in zip(legs, fills, strict=True):
        source = FeeSource(fill, each.origin, abs(leg.amount), quote)
        post_third_asset_fees(ledger, account, rule, moved, source, at)
