"""Legs: from an asset, as symbols write it, to entries in the unit it is kept in. Pure (semantics 3.1, 3.3, 4.3)."""

from __future__ import annotations

from decimal import Decimal

from recon.books.book import Book, Moment
from recon.books.coverage import Account
from recon.books.fills import Fill
from recon.books.homes import home_of
from recon.books.instruments import Instrument
from recon.books.orders import Order
from recon.books.timeline import NOTHING, Slack
from recon.books.units import FILL, OPENING, Held, post
from recon.exact import ZERO


def post_spot(
    book: Book, account: Account, order: Order, instrument: Instrument, fill: Fill, at: Moment, blur: Decimal
) -> str:
    """Post a spot fill: base one way, quote the other (semantics 3.1); return the asset that pays."""
    base = leg(book, account, instrument.base or "", instrument.base_coinapi, at)
    quote = leg(book, account, instrument.quote or "", instrument.quote_coinapi, at)
    if instrument.symbol not in account.pairs:
        account.pairs = {**account.pairs, instrument.symbol: (base.unit.code, quote.unit.code)}
        book.touch(account)
    sign = -1 if order.side == "SELL" else 1
    post_fill(book, base, sign * fill.amount, at, order.key, fill.ordinal, occurred_us=fill.occurred_us)
    if fill.cash is not None:
        slack = Slack(1, blur)
        cash = -sign * fill.cash
        post_fill(book, quote, cash, at, order.key, fill.ordinal, occurred_us=fill.occurred_us, slack=slack)
    return quote.unit.code


def post_late_cash(
    book: Book, account: Account, order: Order, instrument: Instrument, cash: Decimal, at: Moment
) -> None:
    """Post cash that became known after its quantity was booked (semantics 2.4)."""
    quote = leg(book, account, instrument.quote or "", instrument.quote_coinapi, at)
    amount = cash if order.side == "SELL" else -cash
    slack = Slack(1, order.cash_resolution)
    post_fill(book, quote, amount, at, order.key, None, occurred_us=at.us, slack=slack)


def post_fill(
    book: Book,
    held: Held,
    amount: Decimal,
    at: Moment,
    order: str,
    ordinal: int | None,
    *,
    occurred_us: int,
    slack: Slack = NOTHING,
    cause: str = FILL,
) -> None:
    """Post one entry that follows from a fill."""
    entry = post(
        held,
        amount,
        cause=cause,
        certainty="exact",
        seq=at.seq,
        clock=at.clock,
        occurred_us=occurred_us,
        recorded_us=at.us,
        slack=slack,
        order=order,
        ordinal=ordinal,
    )
    book.entry(entry, held)


def leg(book: Book, account: Account, asset: str, coinapi: str | None, at: Moment) -> Held:
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


def open_if_absent(book: Book, account: Account, held: Held, at: Moment) -> bool:
    """Open a unit at zero where complete snapshots were seen and it was in none of them; return whether (4.3)."""
    unit = held.unit
    complete = account.balances_complete if unit.kind == "asset" else account.positions_complete
    if not complete or unit.entries or unit.opening is not None or unit.scale is not None or unit.sides:
        return False
    if unit.kind == "asset" and unit.code in account.rows:
        return False
    post_opening(book, held, ZERO, "inferred", at)
    return True


def post_opening(book: Book, held: Held, amount: Decimal, certainty: str, at: Moment) -> None:
    """Fix a unit's opening: once, visibly, never moved (design 2.7)."""
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
