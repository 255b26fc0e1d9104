"""Effects of a trade in a statement: its fee, and the part that no report contained. Pure (semantics 10.3).

1. A trade is matched with an order by its id, else with a fill of the same symbol, side, quantity and time.
2. The reported fills of an order cover its trades up to their quantity; the rest is a missed fill, posted exactly.
3. If a report of the missed fill comes later, `recon.ledger.posting.reversal` reverses the early posting.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import Final, NamedTuple

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.apply.missing_orders import resolve_missing_order
from recon.ledger.facts.external_fact import (
    MISSED_FILL,
    ExternalFact,
    Movement,
    cash_of,
    digest_of,
    fee_of,
    signed_quantity,
)
from recon.ledger.facts.matching import MatchableFill
from recon.ledger.generations import MAX_COMPARED, NONE_KNOWN
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.legs import LegOrigin
from recon.ledger.orders import Order
from recon.ledger.posting.derivatives import contract_of, realise_trades
from recon.ledger.posting.fill_entries import market_of_fill
from recon.ledger.posting.openings import asset_unit
from recon.ledger.units import FillRef, PendingTrade, UnitKind
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.facts.apply_fact import (
    EXPLAINED,
    ContextOf,
    book_movement,
    is_new,
    note_unknown_account,
    record_fact,
    told_stamp,
)
from recon.times import LogTime

MATCHED: Final = "matched"


def apply_trade(ledger: Ledger, fact: ExternalFact, at: LogTime, context_of: ContextOf) -> None:
    """Apply a trade; a trade of an unknown symbol is noted and not recorded, so it can be imported again."""
    account, digest = ledger.accounts.get(fact.account), digest_of(fact)
    if account is None:
        note_unknown_account(ledger, fact, at)
        return
    if not is_new(ledger, account.name, fact, digest, at):
        return
    instrument = ledger.instrument(account.name, fact.symbol or "")
    if instrument is None or not (instrument.spot or instrument.derivative):
        message = f"the instrument of {fact.symbol} is not known; import the trade again after a SYMBOLS_SNAPSHOT"
        ledger.note_finding(account.name, at, "fact_without_instrument", fact.external_id, message)
        return
    order, ordinal = matching_order(ledger, account, fact)
    # An order that was never reported has no key, so the id of the trade stands for it.
    key = f"t:{fact.external_id}" if order is None else order.key
    missing = _count_trade(ledger, account, order, fact, at)
    effect = MATCHED
    if missing:
        cash = cash_of(fact, missing)
        if order is not None:
            order.booked.add_early(missing, cash or ZERO)
        effect = _book_missing(ledger, account, fact, _Unreported(instrument, missing, cash, key), at, context_of)
    fee = fee_of(fact)
    if fee is not None:
        state = asset_unit(ledger, account, fee.unit, fee.unit, at)
        book_movement(context_of(state), fee, fact, fill=FillRef(key, ordinal, fact.occurred_us))
    quantity = signed_quantity(fact)
    kind: UnitKind = "contract" if instrument.derivative else "asset"
    movement = Movement(account=account.name, kind=kind, unit=instrument.symbol, amount=quantity, cause=MISSED_FILL)
    record_fact(ledger, at, fact, movement, digest, effect, order=None if order is None else order.key)


def matching_order(ledger: Ledger, account: Account, fact: ExternalFact) -> tuple[Order | None, int | None]:
    """Return the order of a trade, and its fill if that was found by symbol, side, quantity and time."""
    if fact.order_id is not None:
        numbered = ledger.by_exchange.get((account.name, fact.order_id))
        if numbered:
            latest = islice(reversed(numbered), MAX_COMPARED)
            return max(latest, key=lambda order: _agrees(order, fact)), None
        generations = ledger.by_client.get((account.name, fact.order_id), NONE_KNOWN)
        return next((order for order in reversed(generations) if order.identity.side == fact.side), None), None
    _index_new_fills(ledger)
    fills, used_up, found = ledger.fact_index.fills, [], None
    for fill in fills.like(fact):
        order = ledger.orders.get((fill.account, fill.order))
        if order is not None and order.booked.from_facts + (fact.quantity or ZERO) <= order.reported.amount_filled:
            found = order, fill.ordinal
            break
        used_up.append(fill)
    for fill in used_up:
        fills.put_aside(fill)
    return found or (None, None)


def _agrees(order: Order, fact: ExternalFact) -> tuple[bool, bool]:
    """Return whether symbol and side of an order are those of a trade: several orders may have one number."""
    identity = order.identity
    return fact.symbol in {identity.symbol, identity.symbol_coinapi}, fact.side == identity.side


def _index_new_fills(ledger: Ledger) -> None:
    """Index the fills of this batch; those before the last trade are indexed already."""
    index, fills = ledger.fact_index, ledger.changes.fills
    for booked in fills[index.indexed :]:
        order, fill = booked.order, booked.fill
        index.fills.add(
            MatchableFill(
                account=order.account,
                order=order.key,
                ordinal=fill.ordinal,
                symbol=booked.symbol,
                side=booked.side,
                amount=fill.amount,
                occurred_us=fill.occurred_us,
            )
        )
    index.indexed = len(fills)


def _count_trade(ledger: Ledger, account: Account, order: Order | None, fact: ExternalFact, at: LogTime) -> Decimal:
    """Add a trade to those of its order; return the quantity that no report contained.

    A missing order is resolved once its trades reach the ordered quantity.
    """
    quantity = fact.quantity or ZERO
    if order is None:
        return quantity
    missing = unreported(order, fact)
    order.booked.add_fact(quantity)
    ledger.changes.orders[order.account, order.key] = order
    ordered = order.reported.amount_order
    if order.flags.missing and ordered is not None and order.booked.from_facts >= ordered:
        order.settle_by_person(on=True)
        resolve_missing_order(ledger, account, order, at)
    return missing


def unreported(order: Order | None, fact: ExternalFact) -> Decimal:
    """Return the quantity of a trade that no report of its order contained, beyond the order's earlier trades."""
    quantity = fact.quantity or ZERO
    if order is None:
        return quantity
    return quantity - max(min(quantity, order.reported.amount_filled - order.booked.from_facts), ZERO)


class _Unreported(NamedTuple):
    """The part of a trade that no report contained, and the key of the order that it is booked under."""

    instrument: Instrument
    quantity: Decimal
    cash: Decimal | None
    order: str


def _book_missing(
    ledger: Ledger, account: Account, fact: ExternalFact, trade: _Unreported, at: LogTime, context_of: ContextOf
) -> str:
    """Post the part of a trade that no report contained, and return its effect."""
    instrument, cash = trade.instrument, trade.cash
    signed = -trade.quantity if fact.side == "SELL" else trade.quantity
    if instrument.derivative:
        state = contract_of(ledger, account, instrument.symbol, instrument.symbol_coinapi, at)
        _realise(ledger, account, context_of(state), fact, trade)
        legs = [(state, signed)]
    else:
        legs = [(asset_unit(ledger, account, instrument.base or "", instrument.base_coinapi, at), signed)]
        if cash is not None:
            quote = asset_unit(ledger, account, instrument.quote or "", instrument.quote_coinapi, at)
            legs.append((quote, cash if fact.side == "SELL" else -cash))
    fill, whole = FillRef(trade.order, None, fact.occurred_us), trade.quantity == fact.quantity
    effects = []
    for state, amount in legs:
        unit = state.unit
        movement = Movement(account=account.name, kind=unit.kind, unit=unit.code, amount=amount, cause=MISSED_FILL)
        effects.append(book_movement(context_of(state), movement, fact, fill=fill, whole=whole))
    return EXPLAINED if EXPLAINED in effects else effects[0]


def _realise(
    ledger: Ledger, account: Account, context: ComparisonContext, fact: ExternalFact, trade: _Unreported
) -> None:
    """Realise the cash of a contract's missed fill, as of a reported one (semantics 3.5)."""
    balance, at = context.unit.balance, context.at
    if balance.opening is None or fact.occurred_us < balance.opening_us:
        return
    quantity = -trade.quantity if fact.side == "SELL" else trade.quantity
    market = market_of_fill(ledger, account.name, trade.instrument)
    pending = PendingTrade(
        quantity,
        trade.cash,
        at.clock,
        FillRef(trade.order, 0, fact.occurred_us),
        LegOrigin(told_stamp(context, fact.occurred_us), at.us, trade.order, market=market),
        certainty=fact.certainty,
    )
    context.unit.contract.add_trade(pending)
    realise_trades(ledger, account, context.state, at)
