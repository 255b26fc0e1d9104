"""What a trade from outside adds to what reports told: its fee, and what no report told at all. Pure (semantics 10.3).

1. A trade is matched with an order by its id, else with a fill of the same symbol, side and quantity at about its time.
2. What an order has filled covers as much of its trades; the rest is a missed fill, booked exactly.
3. A report that comes after all finds what was booked ahead of it: `recon.ledger.posting.reversal` takes that back.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.apply.missing_orders import account_for
from recon.ledger.external_facts import (
    MISSED_FILL,
    Fact,
    KnownFill,
    Move,
    cash_of,
    digest_of,
    fee_of,
    fills_like,
    signed_quantity,
)
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Book
from recon.ledger.orders import Order
from recon.ledger.posting.derivatives import contract_of, settle_trades
from recon.ledger.posting.spot import leg
from recon.ledger.units import Held, PendingTrade, UnitKind
from recon.reconciliation.facts.apply_fact import EXPLAINED, SubjectOf, book_move, is_new, remember, unknown_account
from recon.times import LogTime

MATCHED: Final = "matched"


def take_trade(book: Book, fact: Fact, at: LogTime, subject_of: SubjectOf) -> None:
    """Take an execution; one of a symbol that is not known is found and not kept, so that it may be told again."""
    account, digest = book.accounts.get(fact.account), digest_of(fact)
    if account is None:
        unknown_account(book, fact, at)
        return
    if not is_new(book, account.name, fact, digest, at):
        return
    instrument = book.instrument(account.name, fact.symbol or "")
    if instrument is None or not (instrument.spot or instrument.derivative):
        message = f"nothing tells what {fact.symbol} is; tell the trade again once a SYMBOLS_SNAPSHOT has"
        book.find(account.name, at, "fact_without_instrument", fact.external_id, message)
        return
    order, ordinal = _order_of(book, account, fact)
    # An order that was never reported has no key of its own; what its trades move is told apart by theirs.
    key = f"t:{fact.external_id}" if order is None else order.key
    missing = _match(book, account, order, fact, at)
    effect = MATCHED
    if missing:
        cash = cash_of(fact, missing)
        if order is not None:
            order.ahead, order.ahead_cash = order.ahead + missing, order.ahead_cash + (cash or ZERO)
        effect = _book_missing(book, account, instrument, fact, missing, cash, key, at, subject_of)
    fee = fee_of(fact)
    if fee is not None:
        held = leg(book, account, fee.unit, fee.unit, at)
        book_move(subject_of(held), fee, fact, order=key, ordinal=ordinal)
    quantity = signed_quantity(fact)
    kind: UnitKind = "contract" if instrument.derivative else "asset"
    told = Move(account=account.name, kind=kind, unit=instrument.symbol, amount=quantity, cause=MISSED_FILL)
    remember(book, at, fact, told, digest, effect, order=None if order is None else order.key)


def _order_of(book: Book, account: Account, fact: Fact) -> tuple[Order | None, int | None]:
    """Return the order that a trade is of, and its fill where that was found by its looks."""
    if fact.order_id is not None:
        found = book.by_exchange.get((account.name, fact.order_id))
        if found is not None:
            return found, None
        generations = book.by_client.get((account.name, fact.order_id), [])
        return next((each for each in reversed(generations) if each.side == fact.side), None), None
    booked = [
        KnownFill(
            account=each.order.account,
            order=each.order.key,
            ordinal=each.fill.ordinal,
            symbol=each.order.symbol,
            side=each.order.side,
            amount=each.fill.amount,
            occurred_us=each.fill.occurred_us,
        )
        for each in book.changes.fills
    ]
    for fill in fills_like(fact, [*book.outside.fills, *booked]):
        order = book.orders.get((fill.account, fill.order))
        if order is not None and order.told + (fact.quantity or ZERO) <= order.amount_filled:
            return order, fill.ordinal
    return None, None


def _match(book: Book, account: Account, order: Order | None, fact: Fact, at: LogTime) -> Decimal:
    """Count a trade among those of its order; return what of it no report has told.

    An order that was lost sight of is accounted for once its trades are all that was ordered.
    """
    quantity = fact.quantity or ZERO
    if order is None:
        return quantity
    covered = max(min(quantity, order.amount_filled - order.told), ZERO)
    order.told += quantity
    book.changes.orders[order.account, order.key] = order
    if order.unaccounted and order.amount_order is not None and order.told >= order.amount_order:
        order.settled = True
        account_for(book, account, order, at)
    return quantity - covered


def _book_missing(
    book: Book,
    account: Account,
    instrument: Instrument,
    fact: Fact,
    quantity: Decimal,
    cash: Decimal | None,
    order: str,
    at: LogTime,
    subject_of: SubjectOf,
) -> str:
    """Book what no report told of a trade; return what became of it."""
    signed = -quantity if fact.side == "SELL" else quantity
    if instrument.derivative:
        held = contract_of(book, account, instrument.symbol, instrument.symbol_coinapi, at)
        _settle(book, account, held, fact, signed, cash, order, at)
        legs = [(held, signed)]
    else:
        legs = [(leg(book, account, instrument.base or "", instrument.base_coinapi, at), signed)]
        if cash is not None:
            quote = leg(book, account, instrument.quote or "", instrument.quote_coinapi, at)
            legs.append((quote, cash if fact.side == "SELL" else -cash))
    effects = [
        book_move(
            subject_of(held),
            Move(account=account.name, kind=held.unit.kind, unit=held.unit.code, amount=amount, cause=MISSED_FILL),
            fact,
            order=order,
            whole=quantity == fact.quantity,
        )
        for held, amount in legs
    ]
    return EXPLAINED if EXPLAINED in effects else effects[0]


def _settle(
    book: Book,
    account: Account,
    held: Held,
    fact: Fact,
    quantity: Decimal,
    cash: Decimal | None,
    order: str,
    at: LogTime,
) -> None:
    """Work out the cash of a contract's missed fill, as of one that was told (semantics 3.5)."""
    unit, us = held.unit, fact.occurred_us
    if unit.opening is None or us < unit.opening_us:
        return
    waiting = PendingTrade(quantity, cash, unit.entries, at.clock, order, 0, us)
    unit.pending_trades = [*unit.pending_trades, waiting]
    settle_trades(book, account, held, at)
