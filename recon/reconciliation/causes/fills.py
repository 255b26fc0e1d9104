"""Fills that nobody told us of, and trades made elsewhere. Pure (semantics 8.2).

1. Across a gap a trade is a missed fill, whoever's order it was; an order of ours that admits it makes that sure.
2. Without a gap it is a missed fill where an order of ours admits it, and else was made outside the EMS.
3. Where not every open order is remembered, neither can be told from the other.
"""

from __future__ import annotations

from recon.exact import plain
from recon.reconciliation.causes import trades
from recon.reconciliation.causes.context import CaseContext, Opinion, OrderSeen, Strength, no
from recon.reconciliation.causes.trades import Alone, Trade
from recon.reconciliation.model import cause_codes
from recon.reconciliation.model.break_ import Evidence


def missed_fill_gap(case: CaseContext) -> Opinion:
    """A fill while the account was not observed."""
    cause, gap, trade = cause_codes.MISSED_FILL_GAP, case.gap, trades.read(case)
    if gap is None:
        return no(cause, "the account was observed all the time in which it arose")
    if isinstance(trade, str):
        return no(cause, trade)
    order = trades.admitting(case, trade)
    together = trades.vanished_together(case, trade)
    if order is None and not together:
        if trade.alone is not None:
            return no(cause, f"{trade.why}, and no order of ours admits it")
        return Opinion(cause, Strength.LIKELY, trade.why, (_arithmetic(trade),), trade.partners)
    named = [_order(each) for each in (together if order is None else [order])]
    evidence = (_arithmetic(trade), *named)
    return Opinion(cause, _ours(trade), trade.why, evidence, trade.partners, _rests_on(order))


def missed_fill(case: CaseContext) -> Opinion:
    """A fill of an order of ours that no report told of."""
    cause, trade = cause_codes.MISSED_FILL, trades.read(case)
    if isinstance(trade, str):
        return no(cause, trade)
    if case.gap is not None:
        return no(
            cause, f"the account was not observed from event {case.gap.from_seq} on: see {cause_codes.MISSED_FILL_GAP}"
        )
    order = trades.admitting(case, trade)
    if order is not None:
        evidence = (_arithmetic(trade), _order(order))
        return Opinion(cause, _ours(trade), trade.why, evidence, trade.partners, _rests_on(order))
    if case.orders_complete or trade.alone is not None:
        return no(cause, f"no open order of ours in {trade.symbol} admits it")
    why = f"{trade.why}; not every open order is remembered"
    return Opinion(cause, _anybodys(trade), why, (_arithmetic(trade),), trade.partners)


def external_order(case: CaseContext) -> Opinion:
    """A trade made outside the EMS."""
    cause, trade = cause_codes.EXTERNAL_ORDER, trades.read(case)
    if isinstance(trade, str):
        return no(cause, trade)
    order = trades.admitting(case, trade)
    if order is not None:
        return no(cause, f"order {order.key} of ours admits it")
    if trade.alone not in {None, Alone.UNJUDGED}:
        return no(cause, f"{trade.why}, and no order of ours admits it")
    return Opinion(cause, _anybodys(trade), trade.why, (_arithmetic(trade),), trade.partners)


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
