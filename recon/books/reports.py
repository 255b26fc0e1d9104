"""Execution reports: whose they are, what they add, and which orders are lost sight of. Pure (semantics 2, 4.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.books import orders as o
from recon.books.ahead import take_back
from recon.books.book import Book, BookedFill, Contradiction, Moment
from recon.books.coverage import Account, settle
from recon.books.derivatives import post_contract
from recon.books.fills import book as book_fills
from recon.books.fills import late_cash
from recon.books.homes import home_of
from recon.books.instruments import Instrument, from_report
from recon.books.legs import post_late_cash, post_spot
from recon.books.orders import Order
from recon.books.recent import Disagreement, with_disagreement, with_order
from recon.books.units import Held
from recon.ems.messages import FillRow, OrderReport
from recon.ems.times import parse_time
from recon.exact import ZERO, scale
from recon.log.events import microseconds

#: Statuses whose time is that of a fill.
FILLING: Final = frozenset({"PARTIALLY_FILLED", "FILLED"})


def take_report(book: Book, account: Account, report: OrderReport, at: Moment, *, initial: bool) -> Order | None:
    """Fold one execution report; `initial`: it came in the account's first order snapshot. Return its order."""
    order = _order_of(book, account, report, at)
    if order is None:
        return None
    first = order.history_length < 0
    if order.unaccounted:
        account_for(book, account, order, at)
    _check(book, order, report, at)
    if o.learn_ids(order, report):
        book.add_order(order)
        book.changes.orders[account.name, order.key] = order
    if order.settled:
        order.settled = False
        book.changes.orders[account.name, order.key] = order
    if not o.is_further(order, report):
        return order
    symbol = report.symbol or report.symbol_coinapi or ""
    digits = account.price_scales.get(symbol, 0)
    if report.avg_px:
        digits = max(digits, scale(report.avg_px))
        if digits != account.price_scales.get(symbol):
            account.price_scales = {**account.price_scales, symbol: digits}
            book.touch(account)
    o.join(order, report, seq=at.seq, recorded_us=at.us, clock=at.clock, digits=digits)
    book.add_order(order)
    book.changes.orders[account.name, order.key] = order
    account.open_orders = with_order(account.open_orders, order)
    book.touch(account)
    if first and _was_before(report, account, initial=initial):
        order.before_opening = order.booked = order.amount_filled
        order.booked_cash = order.cash_total
        return order
    if report.fills and o.list_disagrees(order.amount_filled, order.avg_px, report.fills):
        message = f"the list of fills sums to {order.amount_filled}, its cash does not agree with avg_px {order.avg_px}"
        book.find(account.name, at, "fills_disagree", order.key, message)
        _remember_disagreement(account, order, report.fills, at)
    if order.amount_filled > order.booked or order.cash_pending:
        book_order(book, account, order, report.fills, at)
    return order


def _remember_disagreement(account: Account, order: Order, rows: tuple[FillRow, ...], at: Moment) -> None:
    """Keep how much cash the list of fills and the average price differ by: if the list is right, it is missing."""
    listed = sum(((row.amount or ZERO) * (row.price or ZERO) for row in rows), ZERO)
    off = listed - order.amount_filled * (order.avg_px or ZERO)
    latest = Disagreement(at.seq, order.key, order.symbol or "", off if order.side == "SELL" else -off)
    account.disagreements = with_disagreement(account.disagreements, latest)


def _order_of(book: Book, account: Account, report: OrderReport, at: Moment) -> Order | None:
    """Return the generation of the order that a report speaks of, made when it is new (semantics 2.1)."""
    if report.exchange_order_id is not None:
        found = book.by_exchange.get((account.name, report.exchange_order_id))
        if found is not None and o.same_order(found, report):
            return found
    generation = 1
    if report.client_order_id is not None:
        generations = book.by_client.get((account.name, report.client_order_id), [])
        for known in reversed(generations):
            if o.same_order(known, report):
                return known
        generation = max((o.generation_of(known.key) for known in generations), default=0) + 1
    key = o.key_of(report, generation)
    if key is None:
        book.find(account.name, at, "order_without_id", report.symbol or "", "an execution report names no order")
        return None
    return o.new_order(account.name, key, report, at.seq)


def _was_before(report: OrderReport, account: Account, *, initial: bool) -> bool:
    """Tell whether what a new order has filled was filled before our books opened (semantics 4.4).

    An order that began before them may fill after them and be told of then for the first time: where its history
    dates every fill after the opening, nothing of it was before.
    """
    if initial:
        return True
    began = parse_time(report.history[0].time) if report.history else None
    if began is None or microseconds(began) >= account.started_us:
        return False
    times = (parse_time(step.time) for step in report.history if step.status in FILLING)
    filled = next((time for time in times if time is not None), None)
    return filled is None or microseconds(filled) < account.started_us


def _check(book: Book, order: Order, report: OrderReport, at: Moment) -> None:
    """Note where a report contradicts its past or itself; nothing is unbooked without a decision (semantics 2.6)."""
    filled = report.amount_filled or ZERO
    if o.is_regression(order, report):
        if not order.regressed:
            message = f"amount_filled fell from {order.amount_filled} to {filled}; nothing is unbooked"
            _contradict(book, order, "amount_regression", filled - order.amount_filled, message, at)
        order.regressed = True
    elif order.regressed and filled >= order.amount_filled:
        order.regressed = False
        book.contradictions.append(Contradiction(order, "amount_regression", ZERO, mended=True))
        book.changes.orders[order.account, order.key] = order
    if o.is_overfill(report) and not order.overfilled:
        order.overfilled = True
        message = f"amount_filled {filled} is above amount_order {report.amount_order}"
        _contradict(book, order, "overfill", filled - (report.amount_order or ZERO), message, at)


def _contradict(book: Book, order: Order, kind: str, amount: Decimal, message: str, at: Moment) -> None:
    book.find(order.account, at, kind, order.key, message)
    book.contradictions.append(Contradiction(order, kind, amount, mended=False))
    book.changes.orders[order.account, order.key] = order


def book_order(book: Book, account: Account, order: Order, rows: tuple[FillRow, ...], at: Moment) -> None:
    """Book what is filled and not booked yet, once the order's instrument is known."""
    instrument = _instrument(book, account, order)
    if instrument is None:
        if not order.waiting:
            order.waiting = True
            name = order.symbol or order.symbol_coinapi or ""
            account.waiting = {**account.waiting, name: [*account.waiting.get(name, []), order.key]}
            book.touch(account)
            message = f"fills of {name or 'an unnamed symbol'} wait until a SYMBOLS_SNAPSHOT tells what it is"
            book.find(account.name, at, "instrument_unknown", order.key, message)
        return
    order.waiting = False
    book.changes.orders[account.name, order.key] = order
    was_pending = order.cash_pending
    late = late_cash(order, rows)
    if late and instrument.spot:
        post_late_cash(book, account, order, instrument, late, at)
    fills = book_fills(order, rows, recorded_us=at.us)
    for index, fill in enumerate(fills):
        blur = order.cash_resolution if index == len(fills) - 1 else ZERO
        cash_asset = None
        if instrument.spot:
            cash_asset = post_spot(book, account, order, instrument, fill, at, blur)
        else:
            post_contract(book, account, order, instrument, fill, at)
        book.changes.fills.append(BookedFill(order=order, fill=fill, cash_asset=cash_asset, seq=at.seq))
    if order.ahead and fills:
        take_back(book, account, order, instrument, fills, at)
    if fills and fills[-1].price:
        account.prices = {**account.prices, instrument.symbol: fills[-1].price}
        book.touch(account)
    if instrument.spot and order.cash_pending != was_pending:
        home = home_of(instrument.quote or "", instrument.quote_coinapi, account.rows, book.rules_of(account.name))
        withhold(book, book.unit(account.name, "asset", home.unit), order.key, on=order.cash_pending)


def _instrument(book: Book, account: Account, order: Order) -> Instrument | None:
    for symbol in (order.symbol, order.symbol_coinapi):
        if symbol is None:
            continue
        found = book.instrument(account.name, symbol)
        if found is not None and (found.spot or found.derivative):
            return found
    name = order.symbol or order.symbol_coinapi
    return None if name is None else from_report(name, order.symbol_coinapi)


def withhold(book: Book, held: Held, order: str, *, on: bool) -> None:
    """Withhold `agreed` from a unit because of an order, or give it back."""
    withheld = [key for key in held.unit.withheld if key != order]
    held.unit.withheld = [*withheld, order] if on else withheld
    book.changes.units[held.key] = held


def touched_units(book: Book, account: Account, order: Order) -> list[Held]:
    """Return the units that an order's fills move, as far as they are known."""
    instrument = _instrument(book, account, order)
    if instrument is None:
        return []
    if instrument.derivative:
        keys = [(account.name, "contract", instrument.symbol)]
    else:
        rules = book.rules_of(account.name)
        legs = ((instrument.base, instrument.base_coinapi), (instrument.quote, instrument.quote_coinapi))
        keys = [(account.name, "asset", home_of(a or "", c, account.rows, rules).unit) for a, c in legs]
    return [book.units[key] for key in keys if key in book.units]


def account_for(book: Book, account: Account, order: Order, at: Moment) -> None:
    """An order that was lost sight of is seen again: its units may agree."""
    order.unaccounted = False
    account.unaccounted = [key for key in account.unaccounted if key != order.key]
    for held in touched_units(book, account, order):
        withhold(book, held, order.key, on=order.cash_pending)
    book.touch(account)
    book.changes.orders[account.name, order.key] = order
    if account.observed:
        book.changes.intervals += settle(account, seq=at.seq, us=at.us)


def lose_sight(book: Book, account: Account, order: Order) -> None:
    """An order that was open is absent from a complete snapshot: what became of it is not known (protocol 3)."""
    order.unaccounted = True
    account.unaccounted = [*account.unaccounted, order.key]
    for held in touched_units(book, account, order):
        withhold(book, held, order.key, on=True)
    book.touch(account)
    book.changes.orders[account.name, order.key] = order
