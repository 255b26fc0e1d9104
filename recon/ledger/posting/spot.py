"""Legs: from an asset, as symbols write it, to entries in the unit it is kept in. Pure (semantics 3.1, 3.3, 4.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ONE, ZERO, divide
from recon.ledger.account import Account
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.fees.model import FEE_DIGITS, FEE_QUANTUM
from recon.ledger.fees.schedule import rates_of, rule_of
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.ledger.rules import FeeRule
from recon.ledger.timeline import CERTAIN, Uncertainty
from recon.ledger.units import FEE, FILL, OPENING, UnitState, post
from recon.times import LogTime

#: A third asset's price moves between the fill and the rate last reported: a fee paid in it is known to this share.
THIRD_ASSET_SHARE: Final = Decimal("0.02")


def post_spot(
    ledger: Ledger, account: Account, order: Order, instrument: Instrument, fill: Fill, at: LogTime, blur: Decimal
) -> str:
    """Post a spot fill: base one way, quote the other (semantics 3.1); return the asset that pays."""
    base = asset_unit(ledger, account, instrument.base or "", instrument.base_coinapi, at)
    quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
    if instrument.symbol not in account.traded_pairs:
        account.traded_pairs = {**account.traded_pairs, instrument.symbol: (base.unit.code, quote.unit.code)}
        ledger.mark_changed(account)
    sign = -1 if order.side == "SELL" else 1
    amount = sign * fill.amount
    cash = None if fill.cash is None else -sign * fill.cash
    rule = rule_of(ledger.rules_of(account.name).fees, instrument.symbol, instrument.type)
    for state, moved, slack in (
        (base, amount, leg_uncertainty(amount)),
        (quote, cash, leg_uncertainty(cash or ZERO, rounded=1, blur=blur)),
    ):
        if moved is None:
            continue
        state.unit.fees_scheduled = state.unit.fees_scheduled or rule is not None
        post_fill(ledger, state, moved, at, order.key, fill.ordinal, occurred_us=fill.occurred_us, slack=slack)
        if rule is None or state.unit.fee.learned:
            post_fee(ledger, state, moved, at, order.key, fill.ordinal, occurred_us=fill.occurred_us)
    if rule is not None and fill.cash is not None:
        _post_scheduled(ledger, account, order, fill, rule, (base, quote), at)
    elif rule is None and account.fee_asset not in {None, base.unit.code, quote.unit.code}:
        _post_third_asset_fee(ledger, account, order, fill, quote, at)
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
    """Post the fee that the venue's schedule names for a spot fill, where it is taken (semantics 8.5)."""
    base, quote = pair
    cash = fill.cash or ZERO
    target, worth, rough = quote, cash, ZERO
    if rule.asset == "base" or (rule.asset == "received" and order.side != "SELL"):
        target, worth = base, fill.amount
    elif rule.asset not in {"quote", "received"}:
        target = asset_unit(ledger, account, rule.asset, None, at)
        converted = _convert(target, quote, cash)
        if converted is None:
            return
        worth, rough = converted, converted * THIRD_ASSET_SHARE
    if target.unit.fee.learned:
        return  # the venue does not keep to its schedule, and what it takes instead is booked already
    post_scheduled(
        ledger,
        target,
        rule,
        worth,
        at,
        order.key,
        fill.ordinal,
        kind=order.liquidity,
        occurred_us=fill.occurred_us,
        rough=rough,
    )


def _post_third_asset_fee(
    ledger: Ledger, account: Account, order: Order, fill: Fill, quote: UnitState, at: LogTime
) -> None:
    """Post what a spot fill costs in the asset that the account's fees seem to be taken in, as far as it is learned.

    Until it is, an entry of nothing tells what the fill was worth there, so that reports show its share.
    """
    target = asset_unit(ledger, account, account.fee_asset or "", None, at)
    worth = _convert(target, quote, fill.cash) if fill.cash else None
    if worth is None:
        return
    cost, (half, doubt) = target.unit.fee.cost_of(-worth), target.unit.fee.open_cost_of(-worth)
    slack = leg_uncertainty(-worth, rounded=1, blur=half + FEE_QUANTUM, doubt=doubt)
    _post_cost(ledger, target, cost, at, order.key, fill.ordinal, occurred_us=fill.occurred_us, slack=slack)


def _convert(target: UnitState, quote: UnitState, cash: Decimal) -> Decimal | None:
    """Return what cash is worth in another asset, at the rates last reported; None where one is not known."""
    if not quote.unit.rate_usd or not target.unit.rate_usd:
        return None
    return divide(cash * quote.unit.rate_usd, target.unit.rate_usd, FEE_DIGITS)


def post_scheduled(
    ledger: Ledger,
    state: UnitState,
    rule: FeeRule,
    worth: Decimal,
    at: LogTime,
    order: str,
    ordinal: int,
    *,
    kind: str | None,
    occurred_us: int,
    rough: Decimal = ZERO,
) -> None:
    """Post a scheduled fee on what a fill is worth in a unit; what the schedule leaves open is in doubt."""
    rate, other = rates_of(rule, kind)
    cost = divide(rate * worth, ONE, FEE_DIGITS)
    doubt = divide((rate - other) * worth, ONE, FEE_DIGITS)
    slack = Uncertainty(1, max(abs(rate), abs(other)) * rough + FEE_QUANTUM, rate_spread=doubt)
    _post_cost(ledger, state, cost, at, order, ordinal, occurred_us=occurred_us, slack=slack)


def leg_uncertainty(amount: Decimal, *, rounded: int = 0, blur: Decimal = ZERO, doubt: Decimal = ZERO) -> Uncertainty:
    """Return what one leg may lose."""
    gained, given = (amount, ZERO) if amount > 0 else (ZERO, -amount)
    return Uncertainty(rounded, blur, gained, given, doubt)


def post_fee(
    ledger: Ledger,
    state: UnitState,
    leg_amount: Decimal,
    at: LogTime,
    order: str,
    ordinal: int | None,
    *,
    occurred_us: int,
) -> None:
    """Post the fee that a leg is expected to cost, once the unit's rate is learned (semantics 8.5)."""
    cost = state.unit.fee.cost_of(leg_amount)
    half, doubt = state.unit.fee.open_cost_of(leg_amount)
    if cost or half or doubt:
        slack = Uncertainty(1, half + FEE_QUANTUM, rate_spread=doubt)
        _post_cost(ledger, state, cost, at, order, ordinal, occurred_us=occurred_us, slack=slack)


def _post_cost(
    ledger: Ledger,
    state: UnitState,
    cost: Decimal,
    at: LogTime,
    order: str,
    ordinal: int | None,
    *,
    occurred_us: int,
    slack: Uncertainty,
) -> None:
    certainty, cause = "inferred", FEE
    post_fill(
        ledger, state, -cost, at, order, ordinal, occurred_us=occurred_us, slack=slack, cause=cause, certainty=certainty
    )


def post_late_cash(
    ledger: Ledger, account: Account, order: Order, instrument: Instrument, cash: Decimal, at: LogTime
) -> None:
    """Post cash that became known after its quantity was booked (semantics 2.4)."""
    quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
    amount = cash if order.side == "SELL" else -cash
    slack = leg_uncertainty(amount, rounded=1, blur=order.cash_resolution)
    post_fill(ledger, quote, amount, at, order.key, None, occurred_us=at.us, slack=slack)
    post_fee(ledger, quote, amount, at, order.key, None, occurred_us=at.us)


def post_fill(
    ledger: Ledger,
    state: UnitState,
    amount: Decimal,
    at: LogTime,
    order: str,
    ordinal: int | None,
    *,
    occurred_us: int,
    slack: Uncertainty = CERTAIN,
    cause: str = FILL,
    certainty: str = "exact",
) -> None:
    """Post one entry that follows from a fill."""
    entry = post(
        state,
        amount,
        cause=cause,
        certainty=certainty,
        seq=at.seq,
        clock=max(ledger.clock_of_fill(state.unit.account, occurred_us, at), state.timeline.clocks[-1]),
        occurred_us=occurred_us,
        recorded_us=at.us,
        slack=slack,
        order=order,
        ordinal=ordinal,
    )
    ledger.record_entry(entry, state)


def asset_unit(ledger: Ledger, account: Account, asset: str, coinapi: str | None, at: LogTime) -> UnitState:
    """Return the unit that an asset's legs are kept in, noting where no balance row is known to be it."""
    home = resolve_asset(asset, coinapi, account.balance_rows, ledger.rules_of(account.name))
    if not home.mapped and home.unit not in account.unmapped:
        account.unmapped = {**account.unmapped, home.unit: coinapi}
        ledger.mark_changed(account)
        if account.balances_complete:
            message = f"{asset}: {home.reason}; kept under its own code until one is"
            ledger.note_finding(account.name, at, "unmapped", home.unit, message)
    state = ledger.unit(account.name, "asset", home.unit, coinapi)
    open_if_absent(ledger, account, state, at)
    return state


def open_if_absent(ledger: Ledger, account: Account, state: UnitState, at: LogTime) -> bool:
    """Open a unit at zero if complete snapshots were seen without it; return True if done (semantics 4.3)."""
    unit = state.unit
    complete = account.balances_complete if unit.kind == "asset" else account.positions_complete
    if not complete or unit.entry_count or unit.opening is not None or unit.scale is not None or unit.sides:
        return False
    if unit.kind == "asset" and unit.code in account.balance_rows:
        return False
    post_opening(ledger, state, ZERO, "inferred", at)
    unit.opening_us = account.started_us  # nothing was there since
    return True


def post_opening(ledger: Ledger, state: UnitState, amount: Decimal, certainty: str, at: LogTime) -> None:
    """Fix a unit's opening: once, visibly, never moved (architecture 2.7)."""
    entry = post(
        state,
        amount,
        cause=OPENING,
        certainty=certainty,
        seq=at.seq,
        clock=at.clock,
        occurred_us=at.us,
        recorded_us=at.us,
    )
    ledger.record_entry(entry, state)
