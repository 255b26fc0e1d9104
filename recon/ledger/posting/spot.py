"""Post spot fills: two legs and the fee. Pure (semantics 3.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO, divide
from recon.ledger.account import Account
from recon.ledger.fees.fee_key import BASE, QUOTE, third
from recon.ledger.fees.model import FEE_DIGITS
from recon.ledger.fees.schedule import rates_of, rule_of
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.legs import Leg, LegOrigin, leg_of
from recon.ledger.orders import Order
from recon.ledger.posting.fees import learned_fee, scheduled_fee, third_asset_fee
from recon.ledger.posting.fill_entries import FillToPost, fill_posting, post_leg
from recon.ledger.posting.openings import asset_unit
from recon.ledger.rules import FeeRule
from recon.ledger.timeline import leg_uncertainty
from recon.ledger.units import FillRef, Posting, UnitState
from recon.times import LogTime

#: Error of a fee in a third asset, as a share: the price moves between the fill and the last reported rate.
THIRD_ASSET_SHARE: Final = Decimal("0.02")


def post_spot(ledger: Ledger, account: Account, item: FillToPost, at: LogTime) -> str:
    """Post a spot fill: base and quote in opposite directions (semantics 3.1); return the code of the quote unit."""
    instrument, fill, ref = item.instrument, item.fill, item.ref
    base = asset_unit(ledger, account, instrument.base or "", instrument.base_coinapi, at)
    quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
    if instrument.symbol not in account.mappings.traded_pairs:
        account.mappings.add_pair(instrument.symbol, base.unit.code, quote.unit.code)
        ledger.mark_changed(account)
    rule = rule_of(ledger.rules_of(account.name).fees, instrument.symbol, instrument.type)
    for state, role in ((base, BASE), (quote, QUOTE)):
        moved = fill.amount if role == BASE else fill.cash
        if moved is None:
            continue
        state.unit.fees.note_schedule(scheduled=rule is not None)
        amount = item.sign * moved if role == BASE else -item.sign * moved
        rounded, error = (0, ZERO) if role == BASE else (1, item.price_error)
        uncertainty = leg_uncertainty(amount, rounded=rounded, price_error=error)
        fees = _fees(item, rule, role, state, amount)
        leg = leg_of(item.origin, amount, role=role, error=error, rounded=bool(rounded))
        post_leg(ledger, state, leg, [fill_posting(amount, ref, uncertainty), *fees], at)
    if fill.cash is not None:
        _post_third_asset_fee(ledger, account, item, rule, (base, quote), at)
    return quote.unit.code


def _fees(item: FillToPost, rule: FeeRule | None, role: str, state: UnitState, amount: Decimal) -> list[Posting]:
    """Return the fee of a leg of a fill, in the leg's own asset."""
    if rule is None or state.unit.fees.model.learned:
        return learned_fee(state, amount, item.ref)  # the venue deviates from its schedule, if it has one
    asset = rule.asset
    if asset == "received":
        asset = BASE if item.sign > 0 else QUOTE
    if asset != role or item.fill.cash is None:
        return []
    return scheduled_fee(rates_of(rule, item.order.reported.liquidity), abs(amount), item.ref)


def _post_third_asset_fee(
    ledger: Ledger,
    account: Account,
    item: FillToPost,
    rule: FeeRule | None,
    pair: tuple[UnitState, UnitState],
    at: LogTime,
) -> None:
    """Post the fee of a spot fill that is taken in a third asset: the schedule's, else the account's learned one."""
    base, quote = pair
    asset = account.mappings.fee_asset if rule is None else rule.asset
    if asset is None or not item.fill.cash:
        return
    if asset in ({base.unit.code, quote.unit.code} if rule is None else {BASE, QUOTE, "received"}):
        return
    target = asset_unit(ledger, account, asset, None, at)
    worth = _convert(target, quote, item.fill.cash)
    if worth is None:
        return
    fees: list[Posting] = []
    if rule is None:
        fees = third_asset_fee(target, worth, item.ref)
    elif not target.unit.fees.model.learned:
        rates = rates_of(rule, item.order.reported.liquidity)
        fees = scheduled_fee(rates, worth, item.ref, error=worth * THIRD_ASSET_SHARE)
    post_leg(ledger, target, _third_leg(item.origin, target, worth), fees, at)


def _third_leg(origin: LegOrigin, target: UnitState, worth: Decimal) -> Leg:
    """Return the leg of a fill in an asset that it does not move, and in which its fee is taken."""
    key = origin.key(third(target.unit.code), 0)
    return Leg(ZERO, origin.stamp, origin.arrived_us, origin.order, turnover=worth, fee_key=key)


def _convert(target: UnitState, quote: UnitState, cash: Decimal) -> Decimal | None:
    """Return the worth of cash in another asset at the last reported rates; None where a rate is unknown."""
    quote_rate, target_rate = quote.unit.reported.rate_usd, target.unit.reported.rate_usd
    if not quote_rate or not target_rate:
        return None
    return divide(cash * quote_rate, target_rate, FEE_DIGITS)


def post_late_cash(
    ledger: Ledger,
    account: Account,
    order: Order,
    instrument: Instrument,
    cash: Decimal,
    origin: LegOrigin,
    at: LogTime,
) -> None:
    """Post the cash of a quantity that was booked earlier without cash (semantics 2.4)."""
    quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
    amount = cash if order.identity.side == "SELL" else -cash
    fill, error = FillRef(order.key, None, at.us), order.reported.cash_resolution
    uncertainty = leg_uncertainty(amount, rounded=1, price_error=error)
    leg = leg_of(origin, amount, role=QUOTE, error=error, rounded=True)
    postings = [fill_posting(amount, fill, uncertainty), *learned_fee(quote, amount, fill)]
    post_leg(ledger, quote, leg, postings, at)
