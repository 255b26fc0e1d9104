"""Post spot fills: two legs and the fee. Pure (semantics 3.1)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Final

from recon.exact import ONE, ZERO
from recon.ledger.account import Account
from recon.ledger.fees.fee_key import BASE, QUOTE, role_of
from recon.ledger.fees.schedule import rates_of, rule_of
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.legs import FillShare, Leg, LegOrigin, Stamp, cash_legs, leg_of
from recon.ledger.orders import Order
from recon.ledger.posting.fees import learned_fee, scheduled_fee
from recon.ledger.posting.fill_entries import FillToPost, fill_posting, market_of_fill, post_legs
from recon.ledger.posting.openings import asset_unit
from recon.ledger.posting.third_assets import FeeSource, post_third_asset_fee, third_asset_of
from recon.ledger.rules import FeeRule
from recon.ledger.timeline import leg_uncertainty
from recon.ledger.units import FillRef, Posting, UnitState
from recon.times import LogTime

#: So many settlement windows long, cash that comes late gets the stamps of its fills.
AWAITED_WINDOWS: Final = 60


def post_spot(ledger: Ledger, account: Account, item: FillToPost, at: LogTime) -> str:
    """Post a spot fill: base and quote in opposite directions (semantics 3.1); return the code of the quote unit."""
    instrument, fill, ref = item.instrument, item.fill, item.ref
    base = asset_unit(ledger, account, instrument.base or "", instrument.base_coinapi, at)
    quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
    if instrument.symbol not in account.mappings.traded_pairs:
        account.mappings.add_pair(instrument.symbol, base.unit.code, quote.unit.code)
        ledger.mark_changed(account)
    rule = rule_of(ledger.rules_of(account.name).fees, instrument.symbol, instrument.type)
    role = role_of(rule, BASE, base.unit.code)
    _post(ledger, item, rule, base, [leg_of(item.origin, item.sign * fill.amount, role=role)], at)
    share = FillShare(fill.amount, item.origin)
    if fill.cash is None:
        item.order.booked.await_cash(share)
        return quote.unit.code
    role, shares = role_of(rule, QUOTE, quote.unit.code), [*item.earlier, share]
    legs = cash_legs(-item.sign * fill.cash, shares, error=item.price_error, role=role)
    _post(ledger, item, rule, quote, legs, at)
    liquidity = item.order.reported.liquidity
    sources = [
        FeeSource(ref, each.origin, abs(leg.amount), quote, liquidity) for leg, each in zip(legs, shares, strict=True)
    ]
    _post_third_asset_fees(ledger, account, rule, {base.unit.code, quote.unit.code}, sources, at)
    return quote.unit.code


def _post_third_asset_fees(
    ledger: Ledger,
    account: Account,
    rule: FeeRule | None,
    moved: Collection[str],
    sources: Sequence[FeeSource],
    at: LogTime,
) -> None:
    """Post the fees of cash if they are taken in an asset that the fills do not move, one for each fill."""
    third_asset = account.mappings.fee_asset if rule is None else third_asset_of(rule, moved)
    if third_asset is not None and third_asset not in moved:
        for source in sources:
            post_third_asset_fee(ledger, account, third_asset, rule, source, at)


def _post(
    ledger: Ledger, item: FillToPost, rule: FeeRule | None, state: UnitState, legs: Sequence[Leg], at: LogTime
) -> None:
    """Post an amount of a fill in one unit, with its fee there."""
    state.unit.fees.note_schedule(scheduled=rule is not None)
    amount, cash = sum((leg.amount for leg in legs), ZERO), legs[-1].rounded
    error = item.price_error if cash else ZERO
    uncertainty = leg_uncertainty(amount, rounded=int(cash), price_error=error)
    fees = _fees(item, rule, QUOTE if cash else BASE, state, amount)
    post_legs(ledger, state, legs, [fill_posting(amount, item.ref, uncertainty), *fees], at)


def _fees(item: FillToPost, rule: FeeRule | None, role: str, state: UnitState, amount: Decimal) -> list[Posting]:
    """Return the fee of a leg of a fill, in the leg's own asset."""
    if rule is None or state.unit.fees.model.learned:
        return learned_fee(state, amount, item.ref)  # the venue deviates from its schedule, if it has one
    asset = rule.asset
    if asset == "received":
        asset = BASE if item.sign > 0 else QUOTE
    if asset not in {role, state.unit.code} or item.fill.cash is None:
        return []
    return scheduled_fee(rates_of(rule, item.order.reported.liquidity), abs(amount), item.ref)


def post_late_cash(
    ledger: Ledger, account: Account, order: Order, instrument: Instrument, cash: Decimal, at: LogTime
) -> None:
    """Post the cash of fills that were booked earlier without cash (semantics 2.4)."""
    quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
    amount = cash if order.identity.side == "SELL" else -cash
    fill, error = FillRef(order.key, None, at.us), order.reported.cash_resolution
    fills = take_cashless(ledger, order, at)
    if not fills:
        market = market_of_fill(ledger, account.name, instrument)
        fills = [FillShare(ONE, LegOrigin(Stamp(at.us), at.us, order.key, order.reported.order_class, market))]
    uncertainty = leg_uncertainty(amount, rounded=1, price_error=error)
    postings = [fill_posting(amount, fill, uncertainty), *learned_fee(quote, amount, fill)]
    rule = rule_of(ledger.rules_of(account.name).fees, instrument.symbol, instrument.type)
    legs = cash_legs(amount, fills, error=error, role=role_of(rule, QUOTE, quote.unit.code))
    post_legs(ledger, quote, legs, postings, at)
    base = asset_unit(ledger, account, instrument.base or "", instrument.base_coinapi, at)
    liquidity = order.reported.liquidity
    sources = [
        FeeSource(fill, each.origin, abs(leg.amount), quote, liquidity) for leg, each in zip(legs, fills, strict=True)
    ]
    _post_third_asset_fees(ledger, account, rule, {base.unit.code, quote.unit.code}, sources, at)


def take_cashless(ledger: Ledger, order: Order, at: LogTime) -> list[FillShare]:
    """Take the fills of an order whose cash was awaited, but for those from too long ago."""
    window_us = ledger.rules_of(order.account).settlement_window_us
    return order.booked.take_cashless(at.us - AWAITED_WINDOWS * window_us)
