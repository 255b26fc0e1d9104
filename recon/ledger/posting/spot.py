"""Post spot fills: two legs and the fee. Pure (semantics 3.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO, divide
from recon.ledger.account import Account
from recon.ledger.fees.model import FEE_DIGITS, FEE_QUANTUM
from recon.ledger.fees.schedule import rates_of, rule_of
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.ledger.posting.fees import post_cost, post_learned_fee, post_scheduled_fee
from recon.ledger.posting.fill_entries import fill_posting, post_fill
from recon.ledger.posting.openings import asset_unit
from recon.ledger.rules import FeeRule
from recon.ledger.timeline import leg_uncertainty
from recon.ledger.units import FillRef, UnitState
from recon.times import LogTime

#: Error of a fee in a third asset, as a share: the price moves between the fill and the last reported rate.
THIRD_ASSET_SHARE: Final = Decimal("0.02")


def post_spot(
    ledger: Ledger,
    account: Account,
    order: Order,
    instrument: Instrument,
    fill: Fill,
    at: LogTime,
    *,
    price_error: Decimal,
) -> str:
    """Post a spot fill: base and quote in opposite directions (semantics 3.1); return the code of the quote unit.

    `price_error` bounds the error of the cash, because the average price is rounded.
    """
    base = asset_unit(ledger, account, instrument.base or "", instrument.base_coinapi, at)
    quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
    if instrument.symbol not in account.mappings.traded_pairs:
        account.mappings.add_pair(instrument.symbol, base.unit.code, quote.unit.code)
        ledger.mark_changed(account)
    sign = -1 if order.identity.side == "SELL" else 1
    ref = FillRef(order.key, fill.ordinal, fill.occurred_us)
    rule = rule_of(ledger.rules_of(account.name).fees, instrument.symbol, instrument.type)
    legs = [(base, sign * fill.amount, leg_uncertainty(sign * fill.amount))]
    if fill.cash is not None:
        cash = -sign * fill.cash
        legs.append((quote, cash, leg_uncertainty(cash, rounded=1, price_error=price_error)))
    for state, amount, uncertainty in legs:
        state.unit.fees.note_schedule(scheduled=rule is not None)
        post_fill(ledger, state, fill_posting(amount, ref, uncertainty), at)
        if rule is None or state.unit.fees.model.learned:
            post_learned_fee(ledger, state, amount, ref, at)
    if rule is not None and fill.cash is not None:
        _post_scheduled(ledger, account, order, fill, rule, (base, quote), at)
    elif rule is None and account.mappings.fee_asset not in {None, base.unit.code, quote.unit.code}:
        _post_third_asset_fee(ledger, account, fill.cash, ref, quote, at)
    return quote.unit.code


def _post_scheduled(
    ledger: Ledger,
    account: Account,
    order: Order,
    fill: Fill,
    rule: FeeRule,
    pair: tuple[UnitState, UnitState],
    at: LogTime,
) -> None:
    """Post the fee of a spot fill by the venue's schedule, in the schedule's fee asset (semantics 8.5)."""
    base, quote = pair
    target, worth, error = quote, fill.cash or ZERO, ZERO
    if rule.asset == "base" or (rule.asset == "received" and order.identity.side != "SELL"):
        target, worth = base, fill.amount
    elif rule.asset not in {"quote", "received"}:
        target = asset_unit(ledger, account, rule.asset, None, at)
        converted = _convert(target, quote, worth)
        if converted is None:
            return
        worth, error = converted, converted * THIRD_ASSET_SHARE
    if target.unit.fees.model.learned:
        return  # the venue deviates from its schedule: the learned fee is posted already
    ref = FillRef(order.key, fill.ordinal, fill.occurred_us)
    post_scheduled_fee(ledger, target, rates_of(rule, order.reported.liquidity), worth, ref, at, error=error)


def _post_third_asset_fee(
    ledger: Ledger, account: Account, cash: Decimal | None, fill: FillRef, quote: UnitState, at: LogTime
) -> None:
    """Post a spot fill's learned fee in the account's fee asset.

    Until the rate is learned, an entry of zero carries the fill's turnover in that asset. Samples need the turnover.
    """
    target = asset_unit(ledger, account, account.mappings.fee_asset or "", None, at)
    worth = _convert(target, quote, cash) if cash else None
    if worth is None:
        return
    model = target.unit.fees.model
    half_width, spread = model.open_cost_of(-worth)
    uncertainty = leg_uncertainty(-worth, rounded=1, price_error=half_width + FEE_QUANTUM, rate_spread=spread)
    post_cost(ledger, target, model.cost_of(-worth), uncertainty, fill, at)


def _convert(target: UnitState, quote: UnitState, cash: Decimal) -> Decimal | None:
    """Return the worth of cash in another asset at the last reported rates; None where a rate is unknown."""
    quote_rate, target_rate = quote.unit.reported.rate_usd, target.unit.reported.rate_usd
    if not quote_rate or not target_rate:
        return None
    return divide(cash * quote_rate, target_rate, FEE_DIGITS)


def post_late_cash(
    ledger: Ledger, account: Account, order: Order, instrument: Instrument, cash: Decimal, at: LogTime
) -> None:
    """Post the cash of a quantity that was booked earlier without cash (semantics 2.4)."""
    quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
    amount = cash if order.identity.side == "SELL" else -cash
    fill = FillRef(order.key, None, at.us)
    uncertainty = leg_uncertainty(amount, rounded=1, price_error=order.reported.cash_resolution)
    post_fill(ledger, quote, fill_posting(amount, fill, uncertainty), at)
    post_learned_fee(ledger, quote, amount, fill, at)
