"""Fills that nobody told us of, and trades made elsewhere. Pure (semantics 8.2).

1. Across a gap a trade is a missed fill, whoever's order it was; an order of ours that admits it makes that sure.
2. Without a gap it is a missed fill where an order of ours admits it, and else was made outside the EMS.
3. Where not every open order is remembered, neither can be told from the other.
"""

from __future__ import annotations

from typing import Final

from recon.exact import plain
from recon.reconciliation.causes import advice, trades
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import CaseContext, OrderSeen
from recon.reconciliation.causes.trades import Alone, Trade
from recon.reconciliation.model.break_ import Evidence


def missed_fill_gap(case: CaseContext) -> CauseMatch:
    """A fill while the account was not observed."""
    gap, trade = case.gap, trades.read(case)
    if gap is None:
        return no_match("the account was observed all the time in which it arose")
    if isinstance(trade, str):
        return no_match(trade)
    order = trades.admitting(case, trade)
    together = trades.vanished_together(case, trade)
    if order is None and not together:
        if trade.alone is not None:
            return no_match(f"{trade.why}, and no order of ours admits it")
        return CauseMatch(Strength.LIKELY, trade.why, (_arithmetic(trade),), trade.partners)
    named = [_order(each) for each in (together if order is None else [order])]
    evidence = (_arithmetic(trade), *named)
    return CauseMatch(_ours(trade), trade.why, evidence, trade.partners, _rests_on(order))


def missed_fill(case: CaseContext) -> CauseMatch:
    """A fill of an order of ours that no report told of."""
    trade = trades.read(case)
    if isinstance(trade, str):
        return no_match(trade)
    if case.gap is not None:
        return no_match(f"the account was not observed from event {case.gap.from_seq} on: see {MISSED_FILL_GAP.code}")
    order = trades.admitting(case, trade)
    if order is not None:
        evidence = (_arithmetic(trade), _order(order))
        return CauseMatch(_ours(trade), trade.why, evidence, trade.partners, _rests_on(order))
    if case.orders_complete or trade.alone is not None:
        return no_match(f"no open order of ours in {trade.symbol} admits it")
    why = f"{trade.why}; not every open order is remembered"
    return CauseMatch(_anybodys(trade), why, (_arithmetic(trade),), trade.partners)


def external_order(case: CaseContext) -> CauseMatch:
    """A trade made outside the EMS."""
    trade = trades.read(case)
    if isinstance(trade, str):
        return no_match(trade)
    order = trades.admitting(case, trade)
    if order is not None:
        return no_match(f"order {order.key} of ours admits it")
    if trade.alone not in {None, Alone.UNJUDGED}:
        return no_match(f"{trade.why}, and no order of ours admits it")
    return CauseMatch(_anybodys(trade), trade.why, (_arithmetic(trade),), trade.partners)


def _ours(trade: Trade) -> Strength:
    """Return how sure a trade is that an order of ours admits; with one leg alone it is less so."""
    if trade.alone is None:
        return Strength.STRONG
    return Strength.POSSIBLE if trade.alone is Alone.UNMOVED else Strength.LIKELY


def _anybodys(trade: Trade) -> Strength:
    return Strength.LIKELY if trade.priced else Strength.POSSIBLE


def _rests_on(order: OrderSeen | None) -> tuple[str, int] | None:
    return None if order is None else (order.key, order.seq)


def _arithmetic(trade: Trade) -> Evidence:
    return Evidence(trade.why, None, trade.quantity)


def _order(order: OrderSeen) -> Evidence:
    gone = "was open and is not accounted for" if order.vanished else "was open, and nothing was heard of it since"
    left = "?" if order.open is None else plain(order.open)
    at = "" if order.price is None else f" at {plain(order.price)}"
    return Evidence(f"order {order.key} ({order.side} {left} {order.symbol}{at}) {gone}", order.seq, order.open)


MISSED_FILL_GAP: Final = Cause(
    "missed_fill_gap",
    meaning="a fill that nobody told us of while the account was not observed",
    floor="medium",
    advice=advice.VENUE_TRADES,
    booked_as="missed_fill",
    test=missed_fill_gap,
)
MISSED_FILL: Final = Cause(
    "missed_fill",
    meaning="a fill of an order of ours that nobody told us of",
    floor="medium",
    advice=advice.VENUE_TRADES,
    booked_as="missed_fill",
    test=missed_fill,
)
EXTERNAL_ORDER: Final = Cause(
    "external_order",
    meaning="a trade made outside the EMS",
    floor="medium",
    advice=advice.VENUE_TRADES,
    booked_as="missed_fill",
    test=external_order,
)
CAUSES: Final = (MISSED_FILL_GAP, MISSED_FILL, EXTERNAL_ORDER)
