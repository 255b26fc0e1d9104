"""The fee of a trade that a statement tells apart from the trade: whose it is, and whether it is told already. Pure.

1. It is the order's near it of which another statement told this fee; else that of an inferred fee of equal amount;
   else the only order near it that trades the asset.
2. Where several orders may be meant, or none is known, it is nobody's, and is booked by itself. Another statement may
   tell the same fee: by the id of its trade, or by amount and time, it is one.
3. Once a trade is told that it is the fee of, it is that one's.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

import msgspec

from recon.ledger.account import Account
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.facts.external_fact import ExternalFact, Movement
from recon.ledger.facts.matching import replaced_by
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.ledger.told import ByStatement, joined, with_fee
from recon.ledger.told_ahead import LooseFee, ToldTrade
from recon.ledger.units import FillRef
from recon.reconciliation.causes.registry import replaceable_causes
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.facts.break_explanation import equal_within
from recon.reconciliation.facts.entry_replacement import is_fee
from recon.reconciliation.facts.trade_cover import MAX_ADDED, index_new_fills


def fee_of_trade(context: ComparisonContext, movement: Movement, fact: ExternalFact) -> tuple[Movement, FillRef | None]:
    """Count the fee of a trade as told; return what of it nobody told yet, and the fill that it belongs to."""
    if not (fact.of_trade and is_fee(movement)):
        return movement, None
    ledger, account, code = context.ledger, context.account, context.unit.code
    owner = _owner(context, movement, fact)
    loose = loose_fee(context, fact, -movement.amount)
    if owner is None:
        return _count_loose(context, movement, fact, loose), None
    before = owner.told if isinstance(owner, ToldTrade) else owner.booked.told
    before = with_loose(account, before, loose)
    told, new = with_fee(before, fact.statement, code, -movement.amount)
    if isinstance(owner, ToldTrade):
        account.told_ahead.replace(msgspec.structs.replace(owner, told=told))
        ledger.mark_changed(account)
    else:
        owner.booked.set_told(told)
        ledger.changes.orders[owner.account, owner.key] = owner
    return msgspec.structs.replace(movement, amount=-new), FillRef(owner.key, None, fact.occurred_us)


def loose_fee(context: ComparisonContext, fact: ExternalFact, amount: Decimal) -> LooseFee | None:
    """Return the fee, told by another statement without its trade, that a fee of an asset is."""
    fee = _as_loose(context, fact, {})
    return context.account.told_ahead.fee_like(fee, fact.statement, amount)


def with_loose(account: Account, told: ByStatement, loose: LooseFee | None) -> ByStatement:
    """Return what was told with a fee that turned out to be of it."""
    if loose is None:
        return told
    account.told_ahead.replace_fee(loose, None)
    return joined(told, loose.told)


def _as_loose(context: ComparisonContext, fact: ExternalFact, told: ByStatement) -> LooseFee:
    code, us = context.unit.code, fact.occurred_us
    return LooseFee(code, us, fact.step_us, context.at.us, fact.trade_id, told)


def _count_loose(
    context: ComparisonContext, movement: Movement, fact: ExternalFact, loose: LooseFee | None
) -> Movement:
    """Count a fee of no known trade; return what of it nobody told yet."""
    account, code = context.account, context.unit.code
    context.ledger.mark_changed(account)
    before = {} if loose is None else loose.told
    told, new = with_fee(before, fact.statement, code, -movement.amount)
    if loose is None:
        account.told_ahead.add_fee(_as_loose(context, fact, told))
    else:
        account.told_ahead.replace_fee(loose, told)
    return msgspec.structs.replace(movement, amount=-new)


def _owner(context: ComparisonContext, movement: Movement, fact: ExternalFact) -> Order | ToldTrade | None:
    """Return the order, or the trade told ahead, that a fee belongs to."""
    ledger, code = context.ledger, context.unit.code
    near = list(_near(ledger, fact))
    ahead = [trade for trade in context.account.told_ahead.trades if trade.is_near(fact.occurred_us, fact.step_us)]
    known: list[Order | ToldTrade] = [*near, *ahead]
    for each in known:
        told = each.told if isinstance(each, ToldTrade) else each.booked.told
        if told and not with_fee(told, fact.statement, code, -movement.amount)[1]:
            return each
    entry = replaced_by(
        movement,
        ledger.fact_index.entries_of(context.unit.key),
        replaceable_causes(movement.cause),
        occurred_us=fact.occurred_us,
        tolerance=equal_within(context, movement.amount),
    )
    if entry is not None and entry.order is not None:
        return ledger.orders.get((context.unit.account, entry.order))
    trading = [order for order in near if _trades(ledger, context.account, order, code)]
    return trading[0] if len(trading) == 1 else None


def _near(ledger: Ledger, fact: ExternalFact) -> Iterator[Order]:
    """Yield the orders of the fills near a fee, the nearest first."""
    index_new_fills(ledger)
    seen: set[str] = set()
    for fill in islice(ledger.fact_index.fills_of(fact.statement).of_account(fact), MAX_ADDED):
        order = ledger.orders.get((fill.account, fill.order))
        if order is not None and fill.order not in seen:
            seen.add(fill.order)
            yield order


def _trades(ledger: Ledger, account: Account, order: Order, code: str) -> bool:
    """True if an order's fills move an asset, or nobody knows what they move."""
    instrument = ledger.instrument(account.name, order.identity.symbol or "")
    if instrument is None or not instrument.spot:
        return True
    rules = ledger.rules_of(account.name)
    pair = ((instrument.base, instrument.base_coinapi), (instrument.quote, instrument.quote_coinapi))
    return code in {resolve_asset(each or "", coinapi, account.snapshots, rules).unit for each, coinapi in pair}
