"""From execution reports to entries: identity, join, fills, legs. Pure (semantics 2, 3, 4.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.books import orders as o
from recon.books.book import Book, BookedFill, Contradiction, Moment, mark_modelled
from recon.books.contracts import CASH_QUANTUM, Basis, basis_of, trade
from recon.books.coverage import Account, settle
from recon.books.fills import Fill, late_cash
from recon.books.fills import book as book_fills
from recon.books.homes import home_of
from recon.books.instruments import Instrument, from_report, underlying
from recon.books.orders import Order
from recon.books.rules import ContractTerms
from recon.books.timeline import Slack
from recon.books.units import EXACTLY, FILL, REALISED, Held, PendingTrade, post
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
    if not o.is_further(order, report):
        return order
    symbol = report.symbol or report.symbol_coinapi or ""
    digits = account.price_scales.get(symbol, 0)
    if report.avg_px:
        digits = max(digits, scale(report.avg_px))
        account.price_scales[symbol] = digits
    o.join(order, report, seq=at.seq, recorded_us=at.us, clock=at.clock, digits=digits)
    book.add_order(order)
    book.changes.orders[account.name, order.key] = order
    if first and _was_before(report, account, initial=initial):
        order.before_opening = order.booked = order.amount_filled
        order.booked_cash = order.cash_total
        return order
    if report.fills and o.list_disagrees(order.amount_filled, order.avg_px, report.fills, digits):
        message = f"the list of fills sums to {order.amount_filled}, its cash does not agree with avg_px {order.avg_px}"
        book.find(account.name, at, "fills_disagree", order.key, message)
    if order.amount_filled > order.booked or order.cash_pending:
        book_order(book, account, order, report.fills, at)
    return order


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
    times = [(step.status, parse_time(step.time)) for step in report.history]
    began = times[0][1] if times else None
    if began is None or microseconds(began) >= account.started_us:
        return False
    filled = [time for status, time in times if status in FILLING and time is not None]
    return not filled or microseconds(filled[0]) < account.started_us


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
    fills = book_fills(order, rows, recorded_us=at.us)
    for index, fill in enumerate(fills):
        blur = order.cash_resolution if index == len(fills) - 1 else ZERO
        _post_fill(book, account, order, instrument, fill, at, blur)
    if was_pending and not fills:
        late = late_cash(order)
        if late and instrument.spot:
            _post_cash(book, account, order, instrument, late, at, None)
    if instrument.spot and order.cash_pending != was_pending:
        _withhold_cash(book, account, order, instrument)


def _instrument(book: Book, account: Account, order: Order) -> Instrument | None:
    for symbol in (order.symbol, order.symbol_coinapi):
        if symbol is None:
            continue
        found = book.instrument(account.name, symbol)
        if found is not None and (found.spot or found.derivative):
            return found
    name = order.symbol or order.symbol_coinapi
    return None if name is None else from_report(name, order.symbol_coinapi)


def _post_fill(
    book: Book, account: Account, order: Order, instrument: Instrument, fill: Fill, at: Moment, blur: Decimal
) -> None:
    buys = order.side != "SELL"
    quantity = fill.amount if buys else -fill.amount
    cash_asset = None
    if instrument.spot:
        base = _leg(book, account, instrument.base or "", instrument.base_coinapi, at)
        _post(book, base, quantity, FILL, at, fill.occurred_us, EXACTLY, order.key, fill.ordinal)
        quote = _leg(book, account, instrument.quote or "", instrument.quote_coinapi, at)
        cash_asset = quote.unit.code
        account.pairs.setdefault(instrument.symbol, (base.unit.code, quote.unit.code))
        if fill.cash is not None:
            slack = Slack(1, blur)
            cash = -fill.cash if buys else fill.cash
            _post(book, quote, cash, FILL, at, fill.occurred_us, slack, order.key, fill.ordinal)
    else:
        contract = book.unit(account.name, "contract", instrument.symbol, instrument.symbol_coinapi)
        open_if_absent(book, account, contract, at)
        _post(book, contract, quantity, FILL, at, fill.occurred_us, EXACTLY, order.key, fill.ordinal)
        number = contract.unit.entries
        waiting = PendingTrade(quantity, fill.cash, number, at.clock, order.key, fill.ordinal, fill.occurred_us)
        contract.unit.pending_trades = [*contract.unit.pending_trades, waiting]
        settle_trades(book, account, contract, at)
    book.changes.fills.append(BookedFill(order=order, fill=fill, cash_asset=cash_asset, seq=at.seq))


def _leg(book: Book, account: Account, asset: str, coinapi: str | None, at: Moment) -> Held:
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


def open_if_absent(book: Book, account: Account, held: Held, at: Moment) -> None:
    """Open a unit at zero where complete snapshots were seen and it was in none of them (semantics 4.3)."""
    unit = held.unit
    complete = account.balances_complete if unit.kind == "asset" else account.positions_complete
    if not complete or unit.entries or unit.opening is not None or unit.scale is not None or unit.sides:
        return
    if unit.kind == "asset" and unit.code in account.rows:
        return
    open_at(book, held, ZERO, "inferred", at)


class Seen(msgspec.Struct, frozen=True):
    """A position as it was first seen: its quantity, its average entry price, and the entry it already holds."""

    quantity: Decimal
    price: Decimal | None
    number: int


def open_at(book: Book, held: Held, amount: Decimal, certainty: str, at: Moment, *, seen: Seen | None = None) -> None:
    """Fix a unit's opening: once, visibly, never moved (design 2.7).

    `seen` tells what a contract's position cost when it was first seen: the cash of earlier fills is the past.
    """
    unit = held.unit
    entry = post(
        held,
        amount,
        cause="opening",
        certainty=certainty,
        seq=at.seq,
        clock=at.clock,
        occurred_us=at.us,
        recorded_us=at.us,
    )
    book.entry(entry, held)
    if unit.kind == "contract":
        terms = book.rules_of(unit.account).contracts.get(unit.code)
        unit.basis = basis_of(seen.quantity, seen.price, terms) if seen is not None else Basis([])
        if seen is not None:
            unit.pending_trades = [trade for trade in unit.pending_trades if trade.number > seen.number]
        settle_trades(book, book.accounts[unit.account], held, at)


def settle_trades(book: Book, account: Account, held: Held, at: Moment) -> None:
    """Work out the cash of a contract's fills, once its opening and its terms allow it (semantics 3.5)."""
    unit = held.unit
    terms = book.rules_of(account.name).contracts.get(unit.code)
    if terms is None or not terms.modelled:
        mark_touched(book, account, held, terms)
    if unit.basis is None:
        if terms is not None and terms.modelled and terms.settlement_asset is not None and unit.pending_trades:
            home = home_of(terms.settlement_asset, None, account.rows, book.rules_of(account.name)).unit
            account.cash_waits = {**account.cash_waits, unit.code: home}
            book.touch(account)
        return
    if unit.code in account.cash_waits:
        account.cash_waits = {code: home for code, home in account.cash_waits.items() if code != unit.code}
        book.touch(account)
    waiting, unit.pending_trades = unit.pending_trades, []
    for fill in waiting:
        _settle(book, account, held, terms, fill, at)


def _settle(
    book: Book, account: Account, held: Held, terms: ContractTerms | None, fill: PendingTrade, at: Moment
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
    if cash:
        target = _leg(book, account, terms.settlement_asset, None, at)
        slack = Slack(1, CASH_QUANTUM)
        cause = FILL if premium else REALISED
        # Cash that had to wait is booked as of its fill, as far as the order of entries allows.
        then = Moment(at.seq, at.us, max(fill.clock, target.timeline.clocks[-1]))
        _post(book, target, cash, cause, then, fill.occurred_us, slack, fill.order, fill.ordinal)


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


def _post_cash(
    book: Book, account: Account, order: Order, instrument: Instrument, cash: Decimal, at: Moment, ordinal: int | None
) -> None:
    quote = _leg(book, account, instrument.quote or "", instrument.quote_coinapi, at)
    slack = Slack(1, order.cash_resolution)
    amount = cash if order.side == "SELL" else -cash
    _post(book, quote, amount, FILL, at, at.us, slack, order.key, ordinal)


def _withhold_cash(book: Book, account: Account, order: Order, instrument: Instrument) -> None:
    home = home_of(instrument.quote or "", instrument.quote_coinapi, account.rows, book.rules_of(account.name))
    withhold(book, book.unit(account.name, "asset", home.unit), order.key, on=order.cash_pending)


def withhold(book: Book, held: Held, order: str, *, on: bool) -> None:
    """Withhold `agreed` from a unit because of an order, or give it back."""
    withheld = [key for key in held.unit.withheld if key != order]
    held.unit.withheld = [*withheld, order] if on else withheld
    book.changes.units[held.unit.key] = held


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


def _post(
    book: Book,
    held: Held,
    amount: Decimal,
    cause: str,
    at: Moment,
    occurred_us: int,
    slack: Slack,
    order: str | None,
    ordinal: int | None,
) -> None:
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
