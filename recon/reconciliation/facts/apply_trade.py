"""Effects of a trade in a statement: its fee, and the part that nothing contained yet. Pure (semantics 10.3).

1. A trade is covered by the fills of orders, and by what other statements told (`trade_cover`); the rest is a missed
   fill, posted exactly.
2. What is posted so is remembered until a report of it comes (`recon.ledger.posting.told_fills`).
3. Of fees, only what no other statement told of the same order is posted.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from recon.display.figures import shown
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
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.legs import LegOrigin
from recon.ledger.orders import Order
from recon.ledger.posting.derivatives import contract_of, realise_trades
from recon.ledger.posting.fill_entries import market_of_fill
from recon.ledger.posting.openings import asset_unit
from recon.ledger.posting.told_fills import claim_by_id
from recon.ledger.told import told_most, with_cash, with_fee, with_quantity
from recon.ledger.told_ahead import ToldTrade
from recon.ledger.units import FillRef, PendingTrade, UnitKind
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.facts.apply_fact import (
    BEFORE_OPENING,
    EXPLAINED,
    MATCHED,
    ContextOf,
    book_movement,
    is_new,
    note_unknown_account,
    record_fact,
    told_stamp,
)
from recon.reconciliation.facts.exact_price import correct_cash
from recon.reconciliation.facts.trade_cover import Cover, Part, cover_of
from recon.reconciliation.facts.trade_fee import loose_fee, with_loose
from recon.reconciliation.facts.traded_instrument import traded_of
from recon.times import LogTime


def apply_trade(ledger: Ledger, fact: ExternalFact, at: LogTime, context_of: ContextOf) -> None:
    """Apply a trade; a trade of an unknown symbol is noted and not recorded, so it can be imported again."""
    account, digest = ledger.accounts.get(fact.account), digest_of(fact)
    if account is None:
        note_unknown_account(ledger, fact, at)
        return
    if not is_new(ledger, account.name, fact, digest, at):
        return
    traded = traded_of(ledger, account, fact)
    if traded is None:
        message = f"the instrument of {fact.symbol} is not known; import the trade again after a SYMBOLS_SNAPSHOT"
        ledger.note_finding(account.name, at, "fact_without_instrument", fact.external_id, message)
        return
    fact, instrument = traded
    cover = cover_of(ledger, account, fact)
    if cover.order is not None:
        cover = _with_own_claims(ledger, account, cover, instrument, fact)
    _count(ledger, account, cover, fact, at)
    key, effect = cover.key or f"t:{fact.external_id}", MATCHED
    if cover.missing:
        cash = cash_of(fact, cover.missing)
        trade = _Unreported(instrument, cover.missing, cash, key)
        effect = _book_missing(ledger, account, fact, trade, at, context_of)
        if effect != BEFORE_OPENING:
            _remember(ledger, account, cover, trade, fact, at)
    correct_cash(ledger, account, cover, instrument, fact, at, context_of)
    _book_fee(ledger, account, cover, fact, key, at, context_of)
    quantity = signed_quantity(fact)
    kind: UnitKind = "contract" if instrument.derivative else "asset"
    movement = Movement(account=account.name, kind=kind, unit=instrument.symbol, amount=quantity, cause=MISSED_FILL)
    record_fact(ledger, at, fact, movement, digest, effect, order=None if cover.order is None else cover.order.key)


def _with_own_claims(
    ledger: Ledger, account: Account, cover: Cover, instrument: Instrument, fact: ExternalFact
) -> Cover:
    """Give an order what was told of it under its ids before any report of it came, and cover the trade again."""
    if cover.order is None or not claim_by_id(ledger, account, cover.order, instrument, fact.trade_id):
        return cover
    return cover_of(ledger, account, fact)


def _count(ledger: Ledger, account: Account, cover: Cover, fact: ExternalFact, at: LogTime) -> None:
    """Count a trade as told of what covers it; a missing order is resolved once trades reach the ordered quantity."""
    for part in _counted(cover):
        if isinstance(part.of, ToldTrade):
            told = with_quantity(part.of.told, fact.statement, part.quantity)
            account.told_ahead.replace(msgspec.structs.replace(part.of, told=told))
            ledger.mark_changed(account)
            continue
        order = part.of
        order.booked.set_told(with_quantity(order.booked.told, fact.statement, part.quantity))
        ledger.changes.orders[order.account, order.key] = order
        ordered = order.reported.amount_order
        if order.flags.missing and ordered and told_most(order.booked.told) >= ordered:
            order.settle_by_person(on=True)
            resolve_missing_order(ledger, account, order, at)


def _counted(cover: Cover) -> list[Part]:
    """Return the parts of a trade with what each counts; an order counts all of its own trades."""
    if cover.order is None:
        return cover.parts
    covered = sum((part.quantity for part in cover.parts), ZERO)
    return [Part(cover.order, covered + cover.missing)]


def _remember(
    ledger: Ledger, account: Account, cover: Cover, trade: _Unreported, fact: ExternalFact, at: LogTime
) -> None:
    """Remember what was booked ahead of a report, so that the report does not book it again."""
    if cover.order is not None:
        cover.order.booked.add_early(trade.quantity, trade.cash or ZERO)
        return
    told = ToldTrade(
        f"t:{fact.external_id}",
        trade.instrument.symbol,
        fact.side or "",
        trade.quantity,
        trade.cash or ZERO,
        fact.occurred_us,
        fact.step_us,
        at.us,
        order_id=fact.order_id,
        trade_id=fact.trade_id,
        told=with_cash(with_quantity({}, fact.statement, trade.quantity), fact.statement, None),
    )
    dropped = account.told_ahead.add(told)
    ledger.mark_changed(account)
    if dropped is not None:
        message = (
            f"{shown(dropped.quantity)} {dropped.symbol} told as {dropped.key[2:]} is no longer awaited: a report of it"
            " would be booked beside it"
        )
        ledger.note_finding(account.name, at, "told_ahead_forgotten", dropped.key[2:], message)


def _book_fee(
    ledger: Ledger, account: Account, cover: Cover, fact: ExternalFact, key: str, at: LogTime, context_of: ContextOf
) -> None:
    """Post the fee of a trade, as far as no other statement told it of the same order."""
    fee = fee_of(fact)
    if fee is None:
        return
    state = asset_unit(ledger, account, fee.unit, fee.unit, at)
    holder = _holder(account, cover, key)
    if holder is not None:
        before = holder.told if isinstance(holder, ToldTrade) else holder.booked.told
        before = with_loose(account, before, loose_fee(context_of(state), fact, -fee.amount))
        told, new = with_fee(before, fact.statement, state.unit.code, -fee.amount)
        if isinstance(holder, ToldTrade):
            account.told_ahead.replace(msgspec.structs.replace(holder, told=told))
            ledger.mark_changed(account)
        else:
            holder.booked.set_told(told)
            ledger.changes.orders[holder.account, holder.key] = holder
        fee = msgspec.structs.replace(fee, amount=-new)
    if fee.amount:
        ref = FillRef(key, cover.ordinal, fact.occurred_us)
        book_movement(context_of(state), fee, fact, fill=ref)


def _holder(account: Account, cover: Cover, key: str) -> Order | ToldTrade | None:
    """Return what the fees of a trade are summed up by: its order, or the trade as it was told first."""
    if cover.order is not None:
        return cover.order
    if cover.parts and not isinstance(cover.parts[0].of, ToldTrade):
        return cover.parts[0].of
    return next((trade for trade in account.told_ahead.trades if trade.key == key), None)


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
        seq=at.seq,
    )
    context.unit.contract.add_trade(pending)
    realise_trades(ledger, account, context.state, at)
