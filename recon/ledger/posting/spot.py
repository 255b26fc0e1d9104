"""Legs: from an asset, as symbols write it, to entries in the unit it is kept in. Pure (semantics 3.1, 3.3, 4.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ONE, ZERO, divide
from recon.ledger.account import Account
from recon.ledger.asset_mapping import home_of
from recon.ledger.fees.model import FEE_DIGITS, FEE_QUANTUM
from recon.ledger.fees.schedule import rates_of, rule_of
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Book
from recon.ledger.orders import Order
from recon.ledger.rules import FeeRule
from recon.ledger.timeline import NOTHING, Slack
from recon.ledger.units import FEE, FILL, OPENING, Held, post
from recon.times import LogTime

#: A third asset's price moves between the fill and the rate last reported: a fee paid in it is known to this share.
THIRD_ASSET_SHARE: Final = Decimal("0.02")


def post_spot(
    book: Book, account: Account, order: Order, instrument: Instrument, fill: Fill, at: LogTime, blur: Decimal
) -> str:
    """Post a spot fill: base one way, quote the other (semantics 3.1); return the asset that pays."""
    base = leg(book, account, instrument.base or "", instrument.base_coinapi, at)
    quote = leg(book, account, instrument.quote or "", instrument.quote_coinapi, at)
    if instrument.symbol not in account.pairs:
        account.pairs = {**account.pairs, instrument.symbol: (base.unit.code, quote.unit.code)}
        book.touch(account)
    sign = -1 if order.side == "SELL" else 1
    amount = sign * fill.amount
    cash = None if fill.cash is None else -sign * fill.cash
    rule = rule_of(book.rules_of(account.name).fees, instrument.symbol, instrument.type)
    for held, moved, slack in (
        (base, amount, legs_of(amount)),
        (quote, cash, legs_of(cash or ZERO, rounded=1, blur=blur)),
    ):
        if moved is None:
            continue
        held.unit.fees_told = held.unit.fees_told or rule is not None
        post_fill(book, held, moved, at, order.key, fill.ordinal, occurred_us=fill.occurred_us, slack=slack)
        if rule is None or held.unit.fee.learned:
            post_fee(book, held, moved, at, order.key, fill.ordinal, occurred_us=fill.occurred_us)
    if rule is not None and fill.cash is not None:
        _post_scheduled(book, account, order, fill, rule, (base, quote), at)
    elif rule is None and account.fee_asset not in {None, base.unit.code, quote.unit.code}:
        _post_elsewhere(book, account, order, fill, quote, at)
    return quote.unit.code


def _post_scheduled(
    book: Book, account: Account, order: Order, fill: Fill, rule: FeeRule, pair: tuple[Held, Held], at: LogTime
) -> None:
    """Post the fee that the venue's schedule names for a spot fill, where it is taken (semantics 8.5)."""
    base, quote = pair
    cash = fill.cash or ZERO
    target, worth, rough = quote, cash, ZERO
    if rule.asset == "base" or (rule.asset == "received" and order.side != "SELL"):
        target, worth = base, fill.amount
    elif rule.asset not in {"quote", "received"}:
        target = leg(book, account, rule.asset, None, at)
        converted = _worth_in(target, quote, cash)
        if converted is None:
            return
        worth, rough = converted, converted * THIRD_ASSET_SHARE
    if target.unit.fee.learned:
        return  # the venue does not keep to its schedule, and what it takes instead is booked already
    post_scheduled(
        book,
        target,
        rule,
        worth,
        at,
        order.key,
        fill.ordinal,
        kind=order.liquidity,
        occurred_us=fill.occurred_us,
        rough=rough,
    )


def _post_elsewhere(book: Book, account: Account, order: Order, fill: Fill, quote: Held, at: LogTime) -> None:
    """Post what a spot fill costs in the asset that the account's fees seem to be taken in, as far as it is learned.

    Until it is, an entry of nothing tells what the fill was worth there, so that reports show its share.
    """
    target = leg(book, account, account.fee_asset or "", None, at)
    worth = _worth_in(target, quote, fill.cash) if fill.cash else None
    if worth is None:
        return
    cost, (half, doubt) = target.unit.fee.of(-worth), target.unit.fee.open_of(-worth)
    slack = legs_of(-worth, rounded=1, blur=half + FEE_QUANTUM, doubt=doubt)
    _post_cost(book, target, cost, at, order.key, fill.ordinal, occurred_us=fill.occurred_us, slack=slack)


def _worth_in(target: Held, quote: Held, cash: Decimal) -> Decimal | None:
    """Return what cash is worth in another asset, at the rates last reported; None where one is not known."""
    if not quote.unit.rate_usd or not target.unit.rate_usd:
        return None
    return divide(cash * quote.unit.rate_usd, target.unit.rate_usd, FEE_DIGITS)


def post_scheduled(
    book: Book,
    held: Held,
    rule: FeeRule,
    worth: Decimal,
    at: LogTime,
    order: str,
    ordinal: int,
    *,
    kind: str | None,
    occurred_us: int,
    rough: Decimal = ZERO,
) -> None:
    """Post a scheduled fee on what a fill is worth in a unit; what the schedule leaves open is in doubt."""
    rate, other = rates_of(rule, kind)
    cost = divide(rate * worth, ONE, FEE_DIGITS)
    doubt = divide((rate - other) * worth, ONE, FEE_DIGITS)
    slack = Slack(1, max(abs(rate), abs(other)) * rough + FEE_QUANTUM, doubt=doubt)
    _post_cost(book, held, cost, at, order, ordinal, occurred_us=occurred_us, slack=slack)


def legs_of(amount: Decimal, *, rounded: int = 0, blur: Decimal = ZERO, doubt: Decimal = ZERO) -> Slack:
    """Return what one leg may lose."""
    gained, given = (amount, ZERO) if amount > 0 else (ZERO, -amount)
    return Slack(rounded, blur, gained, given, doubt)


def post_fee(
    book: Book, held: Held, leg_amount: Decimal, at: LogTime, order: str, ordinal: int | None, *, occurred_us: int
) -> None:
    """Post the fee that a leg is expected to cost, once the unit's rate is learned (semantics 8.5)."""
    cost = held.unit.fee.of(leg_amount)
    half, doubt = held.unit.fee.open_of(leg_amount)
    if cost or half or doubt:
        slack = Slack(1, half + FEE_QUANTUM, doubt=doubt)
        _post_cost(book, held, cost, at, order, ordinal, occurred_us=occurred_us, slack=slack)


def _post_cost(
    book: Book,
    held: Held,
    cost: Decimal,
    at: LogTime,
    order: str,
    ordinal: int | None,
    *,
    occurred_us: int,
    slack: Slack,
) -> None:
    certainty, cause = "inferred", FEE
    post_fill(
        book, held, -cost, at, order, ordinal, occurred_us=occurred_us, slack=slack, cause=cause, certainty=certainty
    )


def post_late_cash(
    book: Book, account: Account, order: Order, instrument: Instrument, cash: Decimal, at: LogTime
) -> None:
    """Post cash that became known after its quantity was booked (semantics 2.4)."""
    quote = leg(book, account, instrument.quote or "", instrument.quote_coinapi, at)
    amount = cash if order.side == "SELL" else -cash
    slack = legs_of(amount, rounded=1, blur=order.cash_resolution)
    post_fill(book, quote, amount, at, order.key, None, occurred_us=at.us, slack=slack)
    post_fee(book, quote, amount, at, order.key, None, occurred_us=at.us)


def post_fill(
    book: Book,
    held: Held,
    amount: Decimal,
    at: LogTime,
    order: str,
    ordinal: int | None,
    *,
    occurred_us: int,
    slack: Slack = NOTHING,
    cause: str = FILL,
    certainty: str = "exact",
) -> None:
    """Post one entry that follows from a fill."""
    entry = post(
        held,
        amount,
        cause=cause,
        certainty=certainty,
        seq=at.seq,
        clock=max(book.clock_of_fill(held.unit.account, occurred_us, at), held.timeline.clocks[-1]),
        occurred_us=occurred_us,
        recorded_us=at.us,
        slack=slack,
        order=order,
        ordinal=ordinal,
    )
    book.entry(entry, held)


def leg(book: Book, account: Account, asset: str, coinapi: str | None, at: LogTime) -> Held:
    """Return the unit that an asset's legs are kept in, noting where no balance row is known to be it."""
    home = home_of(asset, coinapi, account.rows, book.rules_of(account.name))
    if not home.mapped and home.unit not in account.unmapped:
        account.unmapped = {**account.unmapped, home.unit: coinapi}
        book.touch(account)
        if account.balances_complete:
            message = f"{asset}: {home.reason}; kept under its own code until one is"
            book.find(account.name, at, "unmapped", home.unit, message)
    held = book.unit(account.name, "asset", home.unit, coinapi)
    open_if_absent(book, account, held, at)
    return held


def open_if_absent(book: Book, account: Account, held: Held, at: LogTime) -> bool:
    """Open a unit at zero if complete snapshots were seen without it; return True if done (semantics 4.3)."""
    unit = held.unit
    complete = account.balances_complete if unit.kind == "asset" else account.positions_complete
    if not complete or unit.entries or unit.opening is not None or unit.scale is not None or unit.sides:
        return False
    if unit.kind == "asset" and unit.code in account.rows:
        return False
    post_opening(book, held, ZERO, "inferred", at)
    unit.opening_us = account.started_us  # nothing was there since
    return True


def post_opening(book: Book, held: Held, amount: Decimal, certainty: str, at: LogTime) -> None:
    """Fix a unit's opening: once, visibly, never moved (architecture 2.7)."""
    entry = post(
        held,
        amount,
        cause=OPENING,
        certainty=certainty,
        seq=at.seq,
        clock=at.clock,
        occurred_us=at.us,
        recorded_us=at.us,
    )
    book.entry(entry, held)
