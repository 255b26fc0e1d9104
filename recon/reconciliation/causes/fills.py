"""Fills that no report contained, and trades made outside the EMS. Pure (semantics 8.2).

1. Across a gap a trade is a missed fill, whoever placed the order; an own order that admits it makes that certain.
2. Without a gap it is a missed fill if an own order admits it; else the trade was made outside the EMS.
3. If not every open order is remembered, the two cannot be told apart.
"""

from __future__ import annotations

from typing import Final

from recon.display.figures import shown
from recon.reconciliation.causes import advice, trades
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import BreakContext, OwnOrder
from recon.reconciliation.causes.trades import MissingLeg, Trade
from recon.reconciliation.model.break_ import Evidence


def _missed_fill_gap(context: BreakContext) -> CauseMatch:
    trade = trades.trade_of(context)
    if context.gap is None:
        return no_match("the account was covered all the time in which it arose")
    if isinstance(trade, str):
        return no_match(trade)
    order = trades.admitting_order(context, trade)
    orders = trades.vanished_orders(context, trade) if order is None else [order]
    if orders:
        evidence = (_trade_evidence(trade), *map(_order_evidence, orders))
        return CauseMatch(_strength_of_own(trade), trade.why, evidence, trade.breaks, _reference(order))
    if trade.missing_leg is not None:
        return no_match(f"{trade.why}, and none of our orders could account for it")
    return CauseMatch(Strength.LIKELY, trade.why, (_trade_evidence(trade),), trade.breaks)


def _missed_fill(context: BreakContext) -> CauseMatch:
    trade = trades.trade_of(context)
    if isinstance(trade, str):
        return no_match(trade)
    if context.gap is not None:
        since = context.gap.from_seq
        return no_match(f"the account was not observed from event {since} on: see {MISSED_FILL_GAP.code}")
    order = trades.admitting_order(context, trade)
    if order is not None:
        evidence = (_trade_evidence(trade), _order_evidence(order))
        return CauseMatch(_strength_of_own(trade), trade.why, evidence, trade.breaks, _reference(order))
    if context.orders_complete or trade.missing_leg is not None:
        return no_match(f"none of our open orders in {trade.symbol} could account for it")
    why = f"{trade.why}; not every open order is remembered"
    return CauseMatch(_strength_of_any(trade), why, (_trade_evidence(trade),), trade.breaks)


def _external_order(context: BreakContext) -> CauseMatch:
    trade = trades.trade_of(context)
    if isinstance(trade, str):
        return no_match(trade)
    order = trades.admitting_order(context, trade)
    if order is not None:
        return no_match(f"our order {order.key} could account for it")
    if trade.missing_leg not in {None, MissingLeg.UNCOMPARED}:
        return no_match(f"{trade.why}, and none of our orders could account for it")
    return CauseMatch(_strength_of_any(trade), trade.why, (_trade_evidence(trade),), trade.breaks)


def _strength_of_own(trade: Trade) -> Strength:
    """Return the strength of a trade that an own order admits: weaker if only one leg moved."""
    if trade.missing_leg is None:
        return Strength.STRONG
    return Strength.POSSIBLE if trade.missing_leg is MissingLeg.UNMOVED else Strength.LIKELY


def _strength_of_any(trade: Trade) -> Strength:
    return Strength.LIKELY if trade.has_market_price else Strength.POSSIBLE


def _reference(order: OwnOrder | None) -> tuple[str, int] | None:
    return None if order is None else (order.key, order.seq)


def _trade_evidence(trade: Trade) -> Evidence:
    return Evidence(trade.why, None, trade.quantity)


def _order_evidence(order: OwnOrder) -> Evidence:
    fate = "was open and is missing" if order.vanished else "was open, and not reported since"
    left = "?" if order.open is None else shown(order.open)
    limit = "" if order.price is None else f" at {shown(order.price)}"
    return Evidence(f"order {order.key} ({order.side} {left} {order.symbol}{limit}) {fate}", order.seq, order.open)


MISSED_FILL_GAP: Final = Cause(
    "missed_fill_gap",
    meaning="a fill during a gap, contained in no report",
    floor="medium",
    advice=advice.VENUE_TRADES,
    booked_as="missed_fill",
    test=_missed_fill_gap,
)
MISSED_FILL: Final = Cause(
    "missed_fill",
    meaning="a fill of an own order, contained in no report",
    floor="medium",
    advice=advice.VENUE_TRADES,
    booked_as="missed_fill",
    test=_missed_fill,
)
EXTERNAL_ORDER: Final = Cause(
    "external_order",
    meaning="a trade made outside the EMS",
    floor="medium",
    advice=advice.VENUE_TRADES,
    booked_as="missed_fill",
    test=_external_order,
)
CAUSES: Final = (MISSED_FILL_GAP, MISSED_FILL, EXTERNAL_ORDER)
