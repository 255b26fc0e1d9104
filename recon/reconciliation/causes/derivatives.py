"""Positions that the venue closed: liquidation, auto-deleveraging, expiry. Pure.

1. All of them take a position towards zero without a report of ours; where an order of ours admits it, none is named.
2. A liquidation happens at the liquidation price: the cash that it realised tells, else the last price known.
3. Nothing tells auto-deleveraging from a trade made elsewhere.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import divide, plain
from recon.reconciliation.causes import advice, trades
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import CaseContext, ContractSeen, Residual, percent, shown
from recon.reconciliation.causes.trades import Trade
from recon.reconciliation.model.break_ import Evidence
from recon.times import to_datetime

#: A price this near to the liquidation price, or beyond it, is at it: fees and slippage are in it.
NEAR_SHARE: Final = Decimal("0.01")


def liquidation(case: CaseContext) -> CauseMatch:
    """The venue closed a position because its margin was gone."""
    closed = _closed(case)
    if isinstance(closed, str):
        return _of_cash(case) or no_match(closed)
    trade, position, contract = closed
    limit = contract.liquidation_price
    if not limit:
        return CauseMatch(Strength.POSSIBLE, f"{trade.why}; no liquidation price was told", (), trade.partners)
    price = trade.price or contract.price
    if price is None:
        return CauseMatch(Strength.POSSIBLE, f"{trade.why}; no price is known", (), trade.partners)
    long = (position.expected or 0) > 0
    off = divide(price - limit, limit) if long else divide(limit - price, limit)
    why = f"a price of {shown(price)} against the liquidation price {plain(limit)}"
    seen = (Evidence(trade.why, position.until_seq, position.amount), Evidence(why, None, limit))
    if off <= NEAR_SHARE:
        return CauseMatch(Strength.STRONG, f"{trade.why}; {why}", seen, trade.partners)
    if trade.price is not None:
        return no_match(f"{why}: {percent(off)} short of it")
    return CauseMatch(Strength.LIKELY, f"{trade.why}; {why}, which is the last known", seen, trade.partners)


def _of_cash(case: CaseContext) -> CauseMatch | None:
    """Read cash alone as what closing a whole position at its liquidation price costs; that may be told later."""
    own = case.own
    if own.kind != "asset" or not isinstance(trades.read(case), str):
        return None
    for contract in case.contracts:
        limit = contract.liquidation_price
        if contract.settles_in != own.code or not limit or not contract.position:
            continue
        price = trades.implied_price(contract, -contract.position, own.amount)
        if price is not None and abs(divide(price - limit, limit)) <= NEAR_SHARE:
            why = f"{plain(own.amount)} {own.code} is what closing {plain(contract.position)} {contract.code} costs at "
            why += f"{shown(price)}, against the liquidation price {plain(limit)}; the position is still told"
            return CauseMatch(Strength.LIKELY, why, (Evidence(why, own.until_seq, own.amount),))
    return None


def adl(case: CaseContext) -> CauseMatch:
    """The venue closed a position, or a part of it, to make up for others' losses."""
    closed = _closed(case)
    if isinstance(closed, str):
        return no_match(closed)
    trade, position, _ = closed
    seen = Evidence(trade.why, position.until_seq, position.amount)
    return CauseMatch(Strength.LIKELY, f"{trade.why}, towards zero", (seen,), trade.partners)


def expiry(case: CaseContext) -> CauseMatch:
    """The contract ended on the day that its symbol names."""
    closed = _closed(case)
    if isinstance(closed, str):
        return no_match(closed)
    trade, position, contract = closed
    if contract.expires_us is None:
        return no_match(f"{contract.code} names no day on which it ends")
    day = to_datetime(contract.expires_us).date().isoformat()
    if case.own.seen_us < contract.expires_us:
        return no_match(f"{contract.code} ends on {day}")
    if position.reported:
        return no_match(f"{plain(position.reported)} is still held, and {contract.code} ended on {day}")
    seen = Evidence(f"{contract.code} ended on {day}, and nothing is held any more", position.until_seq)
    return CauseMatch(Strength.STRONG, seen.text, (seen,), trade.partners)


def _closed(case: CaseContext) -> tuple[Trade, Residual, ContractSeen] | str:
    """Return what was closed of a position, if the case is of that."""
    trade = trades.read(case)
    if isinstance(trade, str) or not trade.contract:
        return "no position moved"
    position = next(leg for leg in (case.own, *case.legs) if leg.kind == "contract" and leg.code == trade.symbol)
    before = position.expected
    if not before or (before > 0) == (position.amount > 0) or abs(position.amount) > abs(before):
        return f"{trade.why}, which is not towards zero"
    order = trades.admitting(case, trade)
    if order is not None:
        return f"order {order.key} of ours admits it"
    return trade, position, trades.contract_of(case, trade)


LIQUIDATION: Final = Cause(
    "liquidation",
    meaning="the venue closed a position at its liquidation price",
    floor="high",
    advice=advice.VENUE_TRADES,
    test=liquidation,
)
ADL: Final = Cause(
    "adl",
    meaning="the venue closed a position to make up for others' losses",
    floor="high",
    advice=advice.VENUE_TRADES,
    test=adl,
)
EXPIRY: Final = Cause(
    "expiry",
    meaning="a contract ended",
    floor="low",
    advice=advice.VENUE_TRADES,
    test=expiry,
)
CAUSES: Final = (LIQUIDATION, ADL, EXPIRY)
