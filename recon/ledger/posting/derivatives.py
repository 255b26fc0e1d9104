"""Derivatives: one entry in the contract a fill, and its cash under complete terms. Pure (semantics 3.5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.asset_mapping import home_of
from recon.ledger.cost_basis import CASH_QUANTUM, Basis, average_price, basis_of, entry_value, trade
from recon.ledger.fees.schedule import rule_of
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument, underlying
from recon.ledger.ledger import Book, mark_modelled
from recon.ledger.orders import Order
from recon.ledger.posting.spot import leg, legs_of, open_if_absent, post_fee, post_fill, post_opening, post_scheduled
from recon.ledger.rules import ContractTerms
from recon.ledger.timeline import NOTHING, Slack
from recon.ledger.units import FILL, REALISED, Held, PendingTrade, Unit
from recon.times import LogTime

#: An average entry price may be off by so much of itself and still be the same: venues round it.
PRICE_SHARE: Final = Decimal("1e-6")


class Seen(msgspec.Struct, frozen=True):
    """A position as it was first seen: its quantity, its average entry price, and the entry it already holds."""

    quantity: Decimal
    price: Decimal | None
    number: int


def open_unit(
    book: Book, held: Held, amount: Decimal, certainty: str, at: LogTime, *, seen: Seen | None = None
) -> None:
    """Fix the opening of a unit; of a contract also what its position cost, so that closing it can be priced.

    `seen` tells what a contract's position was when it was first seen: the cash of earlier fills is the past.
    """
    post_opening(book, held, amount, certainty, at)
    if held.unit.kind == "contract":
        _open_basis(book, held, seen, at)


def bears_out(book: Book, unit: Unit, first: Seen, later: Seen) -> bool:
    """Tell whether what is booked between two reports of a contract leads from one average entry price to the other."""
    terms = book.rules_of(unit.account).contracts.get(unit.code)
    basis = basis_of(first.quantity, first.price, terms)
    for fill in unit.pending_trades:
        if first.number < fill.number <= later.number:
            trade(basis, fill.quantity, fill.cash, terms)
    worked_out = average_price(basis, terms)
    if worked_out is None or not later.price:
        return True
    return abs(worked_out - later.price) <= PRICE_SHARE * abs(later.price)


def _open_basis(book: Book, held: Held, seen: Seen | None, at: LogTime) -> None:
    unit = held.unit
    if seen is None:
        unit.basis = Basis([])
    else:
        unit.basis = basis_of(seen.quantity, seen.price, book.rules_of(unit.account).contracts.get(unit.code))
        unit.pending_trades = [trade for trade in unit.pending_trades if trade.number > seen.number]
    settle_trades(book, book.accounts[unit.account], held, at)


def post_contract(book: Book, account: Account, order: Order, instrument: Instrument, fill: Fill, at: LogTime) -> None:
    """Post a derivative fill in its contract, and its cash where the terms tell it."""
    held = contract_of(book, account, instrument.symbol, instrument.symbol_coinapi, at)
    quantity = -fill.amount if order.side == "SELL" else fill.amount
    post_fill(book, held, quantity, at, order.key, fill.ordinal, occurred_us=fill.occurred_us)
    unit = held.unit
    clock = book.clock_of_fill(account.name, fill.occurred_us, at)
    waiting = PendingTrade(
        quantity, fill.cash, unit.entries, clock, order.key, fill.ordinal, fill.occurred_us, order.liquidity
    )
    unit.pending_trades = [*unit.pending_trades, waiting]
    settle_trades(book, account, held, at)


def contract_of(book: Book, account: Account, symbol: str, coinapi: str | None, at: LogTime) -> Held:
    """Return a contract's unit, opened at zero where complete snapshots were seen without it (semantics 4.3)."""
    held = book.unit(account.name, "contract", symbol, coinapi)
    if open_if_absent(book, account, held, at):
        _open_basis(book, held, None, at)
    return held


def settle_trades(book: Book, account: Account, held: Held, at: LogTime) -> None:
    """Work out the cash of a contract's fills, once its opening and its terms allow it (semantics 3.5)."""
    unit = held.unit
    terms = book.rules_of(account.name).contracts.get(unit.code)
    if (terms is None or not terms.modelled) and (unit.pending_trades or unit.value):
        mark_touched(book, account, held, terms)
    if account.held:
        return  # what realises how much depends on the order of fills, and some of them are being fetched
    if unit.basis is None:
        if terms is not None and terms.modelled and terms.settlement_asset is not None and unit.pending_trades:
            home = home_of(terms.settlement_asset, None, account.rows, book.rules_of(account.name)).unit
            account.cash_waits = {**account.cash_waits, unit.code: home}
            book.touch(account)
        return
    if unit.code in account.cash_waits:
        account.cash_waits = {code: home for code, home in account.cash_waits.items() if code != unit.code}
        book.touch(account)
    waiting, unit.pending_trades = sorted(unit.pending_trades, key=lambda fill: fill.occurred_us), []
    if waiting:
        book.changes.units[held.key] = held
    for fill in waiting:
        _settle(book, account, held, terms, fill, at)


def _settle(
    book: Book, account: Account, held: Held, terms: ContractTerms | None, fill: PendingTrade, at: LogTime
) -> None:
    basis = held.unit.basis
    if basis is None:
        return
    premium = terms is not None and terms.kind == "premium"
    cash = trade(basis, fill.quantity, fill.cash, terms)
    if terms is None or not terms.modelled or terms.settlement_asset is None:
        return
    if premium:
        multiplier = terms.multiplier or ZERO
        paid = None if fill.cash is None else fill.cash * multiplier
        cash = None if paid is None else (-paid if fill.quantity > 0 else paid)
    if cash is None:
        _unmodel(book, account, held.unit.code, [terms.settlement_asset], [], "the entry or fill price is not known")
        return
    target = leg(book, account, terms.settlement_asset, None, at)
    instrument = book.instrument(account.name, held.unit.code)
    rule = rule_of(book.rules_of(account.name).fees, held.unit.code, None if instrument is None else instrument.type)
    legs = _legs(fill, terms)
    if cash or not target.unit.fee.learned:
        slack = Slack(1 if cash else 0, CASH_QUANTUM if cash else ZERO)
        slack = slack.plus(legs)
        target.unit.fees_told = target.unit.fees_told or rule is not None
        cause = FILL if premium else REALISED
        # Cash that had to wait is booked as of its fill, as far as the order of entries allows.
        then = LogTime(at.seq, at.us, max(fill.clock, target.timeline.clocks[-1]))
        occurred = fill.occurred_us
        post_fill(book, target, cash, then, fill.order, fill.ordinal, occurred_us=occurred, slack=slack, cause=cause)
    worth, occurred = legs.gained or -legs.given, fill.occurred_us
    if rule is None or target.unit.fee.learned:
        post_fee(book, target, worth, at, fill.order, fill.ordinal, occurred_us=occurred)
    elif worth:
        post_scheduled(
            book,
            target,
            rule,
            abs(worth),
            at,
            fill.order,
            fill.ordinal,
            kind=fill.liquidity,
            occurred_us=occurred,
        )


def _legs(fill: PendingTrade, terms: ContractTerms) -> Slack:
    """Return a fill's worth in the settlement asset, which a fee is a share of."""
    if not fill.cash:
        return NOTHING
    worth = abs(entry_value(fill.quantity, fill.cash, terms)) * (terms.multiplier or ZERO)
    return legs_of(worth if fill.quantity < 0 else -worth)


def mark_touched(book: Book, account: Account, held: Held, terms: ContractTerms | None) -> None:
    """Mark the balances that a contract without complete terms touches as unmodelled."""
    unit = held.unit
    if unit.code in account.unmodelled:
        return
    why = f"contract {unit.code} has no complete terms in the settings"
    if terms is not None and terms.settlement_asset is not None:
        _unmodel(book, account, unit.code, [terms.settlement_asset], [], why)
        return
    instrument = book.instrument(account.name, unit.code)
    codes = [] if instrument is None else [code for code in (instrument.base, instrument.quote) if code]
    coinapis = [] if instrument is None else [c for c in (instrument.base_coinapi, instrument.quote_coinapi) if c]
    _unmodel(book, account, unit.code, codes, coinapis or underlying(unit.coinapi), why)


def _unmodel(book: Book, account: Account, symbol: str, codes: list[str], coinapis: list[str], why: str) -> None:
    rules = book.rules_of(account.name)
    homes = [rules.pool_of(rules.assets.get(code, code)) for code in codes]
    account.unmodelled = {**account.unmodelled, symbol: (homes, coinapis, why)}
    book.touch(account)
    for held in book.units_of(account.name):
        mark_modelled(book, account, held)
