"""Positions that the venue closed: liquidation, auto-deleveraging, expiry. Pure.

1. Each of them moves a position towards zero without an own report. If an own order admits the trade, none matches.
2. A liquidation happens at the liquidation price: compare the price of the realised cash, else the last known price.
3. Auto-deleveraging always looks like a trade made outside the EMS as well.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.exact import ZERO, divide
from recon.reconciliation.causes import advice, trades
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import AccountContract, BreakContext, BreakSummary
from recon.reconciliation.causes.formatting import number_text, percent_text
from recon.reconciliation.causes.trades import Trade
from recon.reconciliation.model.break_ import Evidence
from recon.times import to_datetime

#: A price so near to the liquidation price, or beyond it, matches: fees and slippage are part of it.
_NEAR_SHARE: Final = Decimal("0.01")


def _liquidation(context: BreakContext) -> CauseMatch:
    closed = _closed_position(context)
    if isinstance(closed, str):
        return _liquidation_by_cash(context) or no_match(closed)
    trade, position, contract = closed
    limit = contract.liquidation_price
    if not limit:
        return CauseMatch(Strength.POSSIBLE, f"{trade.why}; no liquidation price was reported", (), trade.breaks)
    price = trade.price or contract.price
    if price is None:
        return CauseMatch(Strength.POSSIBLE, f"{trade.why}; no price is known", (), trade.breaks)
    long = (position.expected or 0) > 0
    distance = divide(price - limit, limit) if long else divide(limit - price, limit)
    why = f"a price of {number_text(price)} against the liquidation price {shown(limit)}"
    evidence = (Evidence(trade.why, position.until_seq, position.amount), Evidence(why, None, limit))
    if distance <= _NEAR_SHARE:
        return CauseMatch(Strength.STRONG, f"{trade.why}; {why}", evidence, trade.breaks)
    if trade.price is not None:
        return no_match(f"{why}: {percent_text(distance)} short of it")
    return CauseMatch(Strength.LIKELY, f"{trade.why}; {why}, which is the last known", evidence, trade.breaks)


def _liquidation_by_cash(context: BreakContext) -> CauseMatch | None:
    """Match cash that equals the loss of a whole position at its liquidation price: its report may come later."""
    break_ = context.break_
    if break_.kind != "asset" or not isinstance(trades.trade_of(context), str):
        return None
    for contract in context.contracts:
        limit, position = contract.liquidation_price, contract.position
        if contract.settles_in != break_.code or not limit or not position:
            continue
        price = trades.implied_price(contract, -position, break_.amount)
        if price is not None and abs(divide(price - limit, limit)) <= _NEAR_SHARE:
            closing = f"{shown(break_.amount)} {break_.code} is what closing {shown(position)} {contract.code} costs"
            prices = f"at {number_text(price)}, against the liquidation price {shown(limit)}"
            why = f"{closing} {prices}; the position is still reported"
            return CauseMatch(Strength.LIKELY, why, (Evidence(why, break_.until_seq, break_.amount),))
    return None


def _adl(context: BreakContext) -> CauseMatch:
    closed = _closed_position(context)
    if isinstance(closed, str):
        return no_match(closed)
    trade, position, _ = closed
    evidence = Evidence(trade.why, position.until_seq, position.amount)
    return CauseMatch(Strength.LIKELY, f"{trade.why}, towards zero", (evidence,), trade.breaks)


def _expiry(context: BreakContext) -> CauseMatch:
    closed = _closed_position(context)
    if isinstance(closed, str):
        return no_match(closed)
    trade, position, contract = closed
    if contract.expires_us is None:
        return no_match(f"{contract.code} names no day on which it ends")
    day = to_datetime(contract.expires_us).date().isoformat()
    if context.break_.seen_us < contract.expires_us:
        return no_match(f"{contract.code} ends on {day}")
    if position.reported:
        return no_match(f"{shown(position.reported)} is still held, and {contract.code} ended on {day}")
    evidence = Evidence(f"{contract.code} ended on {day}, and nothing is held any more", position.until_seq)
    return CauseMatch(Strength.STRONG, evidence.text, (evidence,), trade.breaks)


def _closed_position(context: BreakContext) -> tuple[Trade, BreakSummary, AccountContract] | str:
    """Return the trade, the break and the contract of a position that shrank; else the reason why none did."""
    trade = trades.trade_of(context)
    if isinstance(trade, str) or not trade.contract:
        return "no position moved"
    position = _break_of(context, trade.symbol)
    if not _shrinks(position):
        return f"{trade.why}, which is not towards zero"
    order = trades.admitting_order(context, trade)
    if order is not None:
        return f"our order {order.key} could account for it"
    return trade, position, trades.contract_of(context, trade)


def _break_of(context: BreakContext, contract: str) -> BreakSummary:
    contracts = (leg for leg in (context.break_, *context.related_breaks) if leg.kind == "contract")
    return next(leg for leg in contracts if leg.code == contract)


def _shrinks(position: BreakSummary) -> bool:
    """True if the position moved towards zero, and not beyond."""
    before, amount = position.expected or ZERO, position.amount
    return bool(before) and (before > 0) != (amount > 0) and abs(amount) <= abs(before)


LIQUIDATION: Final = Cause(
    "liquidation",
    meaning="the venue closed a position at its liquidation price",
    floor="high",
    advice=advice.VENUE_TRADES,
    test=_liquidation,
)
ADL: Final = Cause(
    "adl",
    meaning="the venue closed a position to make up for others' losses",
    floor="high",
    advice=advice.VENUE_TRADES,
    test=_adl,
)
EXPIRY: Final = Cause(
    "expiry",
    meaning="a contract ended",
    floor="low",
    advice=advice.VENUE_TRADES,
    test=_expiry,
)
CAUSES: Final = (LIQUIDATION, ADL, EXPIRY)
