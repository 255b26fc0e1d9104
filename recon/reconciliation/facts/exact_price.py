"""The cash of an order by a statement, where the reports' average price is inexact. Pure (semantics 10.10).

1. A statement corrects an order's cash once it told the whole order, each trade with cash that is exact.
2. The difference must be within what the average price leaves open; else a finding says why nothing is corrected.
3. Reports contain the venue's own cash already, so no comparison changes: what looked like a fee or rounding was none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.display.figures import shown
from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.facts.external_fact import ExternalFact
from recon.ledger.facts.postings import told_posting
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger, quantum_of
from recon.ledger.orders import Order
from recon.ledger.posting.openings import asset_unit
from recon.ledger.posting.spot import post_late_cash
from recon.ledger.told import with_cash
from recon.ledger.units import FEE, FILL, FillRef, Posting, UnitState
from recon.ledger.withholding import withhold
from recon.reconciliation.breaks.resolution import post_adjustment
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.facts.apply_fact import ContextOf
from recon.reconciliation.facts.break_explanation import equal_within
from recon.reconciliation.facts.entry_replacement import covers
from recon.reconciliation.facts.trade_cover import Cover
from recon.times import LogTime

_HALF: Final = Decimal("0.5")


def correct_cash(
    ledger: Ledger,
    account: Account,
    cover: Cover,
    instrument: Instrument,
    fact: ExternalFact,
    at: LogTime,
    context_of: ContextOf,
) -> None:
    """Count the cash of a trade as told; correct the cash of its order once all of it is told."""
    order = _only_order(cover)
    if order is None or not instrument.spot:
        _note_contract(ledger, order, instrument, fact, at)
        _note_unknown(ledger, cover, fact)
        return
    quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
    told = with_cash(order.booked.told, fact.statement, _exact_cash(ledger, quote, cover, fact))
    order.booked.set_told(told)
    ledger.changes.orders[order.account, order.key] = order
    mine = told[fact.statement]
    if mine.cash is None or mine.quantity != order.booked.amount or order.booked.cash is None:
        return
    difference = mine.cash - order.booked.cash
    if order.booked.cash_pending:
        order.booked.settle_cash(mine.cash)
        post_late_cash(ledger, account, order, instrument, difference, at)
        withhold(ledger, quote, order.key, on=False)
    elif abs(difference) > equal_within(context_of(quote), difference):
        _correct(context_of(quote), order, difference, fact)


def _correct(context: ComparisonContext, order: Order, difference: Decimal, fact: ExternalFact) -> None:
    """Post what the statement's cash is more than that of the reports, if their average price allows it."""
    allowed = order.reported.cash_resolution
    if abs(difference) > allowed:
        message = (
            f"the statement's cash of order {order.key} differs by {shown(difference)} {context.unit.code} from that of"
            f" its reports, whose average price leaves {shown(allowed)} open; nothing is corrected"
        )
        context.ledger.note_finding(context.unit.account, context.at, "price_differs", fact.external_id, message)
        return
    amount = difference if order.identity.side == "SELL" else -difference
    posting = told_posting(amount, FILL, fact, fill=FillRef(order.key, None, fact.occurred_us), replaces=0)
    post_adjustment(context, msgspec.structs.replace(posting, cut_shift=ZERO))
    order.booked.settle_cash((order.booked.cash or ZERO) + difference)
    if covers(context.unit.fees.unattributed, amount, ZERO):
        no_fee = Posting(-amount, FEE, fact.occurred_us, "inferred", replaces=0, fact=fact.external_id, cut_shift=ZERO)
        post_adjustment(context, no_fee)
        return
    accrual = context.comparison.accrual
    context.comparison.accrual = msgspec.structs.replace(accrual, rounding=accrual.rounding - amount)


def _only_order(cover: Cover) -> Order | None:
    """Return the order that a trade is wholly of."""
    if cover.missing or not cover.parts:
        return None
    first = cover.parts[0].of
    same = all(part.of is first for part in cover.parts)
    return first if same and isinstance(first, Order) else None


def _note_unknown(ledger: Ledger, cover: Cover, fact: ExternalFact) -> None:
    """Note that a statement does not tell the cash of orders exactly: a trade is several orders', or was missing."""
    orders = [part.of for part in cover.parts if isinstance(part.of, Order)]
    for order in orders if cover.order is None else [cover.order]:
        order.booked.set_told(with_cash(order.booked.told, fact.statement, None))
        ledger.changes.orders[order.account, order.key] = order


def _exact_cash(ledger: Ledger, quote: UnitState, cover: Cover, fact: ExternalFact) -> Decimal | None:
    """Return the cash of a trade; None where its price is an average itself, and too coarse for the balance."""
    if fact.cash is not None:
        return fact.cash
    if fact.price is None or fact.quantity is None:
        return None
    exponent = fact.price.as_tuple().exponent
    step = Decimal(1).scaleb(exponent) if isinstance(exponent, int) else ZERO
    alone = cover.ordinal is not None
    coarse = step * _HALF * fact.quantity > quantum_of(ledger, quote.unit) * _HALF
    return fact.price * fact.quantity if alone or not coarse else None


def _note_contract(
    ledger: Ledger, order: Order | None, instrument: Instrument, fact: ExternalFact, at: LogTime
) -> None:
    """Note that the price of a contract's fills, which its cost basis has by now, is not corrected."""
    if order is None or not instrument.derivative or fact.price is None or fact.quantity != order.booked.amount:
        return
    cash, price = order.booked.cash, fact.price
    if cash is None or cash == price * order.booked.amount:
        return
    message = (
        f"the statement's price {shown(price)} of order {order.key} is not that of its reports; the cost basis of"
        f" {instrument.symbol} keeps theirs, for later fills built on it"
    )
    ledger.note_finding(order.account, at, "price_differs", fact.external_id, message)
