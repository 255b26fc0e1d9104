"""Apply execution reports: find the order, book new fills, mark missing orders. Pure (semantics 2, 4.4)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.display.figures import shown
from recon.ems.protocol.messages import FillRow, OrderReport, OrderReports
from recon.exact import ZERO, scale
from recon.ledger import order_life as life
from recon.ledger import orders as o
from recon.ledger.account import Account
from recon.ledger.apply.late_parts import note_late_part
from recon.ledger.apply.missing_orders import mark_order_missing, match_missing_order
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.changes import Contradiction, booked_fill
from recon.ledger.coverage import reassess
from recon.ledger.evidence import Disagreement, Regression
from recon.ledger.fills import Fill, book_fills, late_cash
from recon.ledger.generations import MAX_COMPARED, NONE_KNOWN
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.legs import LegOrigin, Stamp
from recon.ledger.order_cash import list_disagrees, total_cash
from recon.ledger.orders import Order
from recon.ledger.posting.derivatives import post_contract
from recon.ledger.posting.fill_entries import FillToPost, market_of_fill
from recon.ledger.posting.pre_opening import exclude_pre_opening_fills
from recon.ledger.posting.spot import post_late_cash, post_spot
from recon.ledger.posting.told_fills import claim_fills, reverse_early_booking
from recon.ledger.stamps import MAX_AHEAD_US
from recon.ledger.withholding import instrument_of, withhold
from recon.times import LogTime


def apply_report(
    ledger: Ledger, account: Account, report: OrderReport, at: LogTime, *, initial: bool, listed: bool = False
) -> Order | None:
    """Apply an execution report; return the report's order, None where the report names no order.

    `listed`: the report came in a snapshot, so the order is open now. `initial`: in the account's first snapshot.
    """
    order = _order_of(ledger, account, report, at)
    if order is None:
        return None
    first = order.reported.nothing_yet
    if order.flags.missing:
        match_missing_order(ledger, account, order, report, at, listed=listed)
    _check_contradictions(ledger, order, report, at)
    if o.learn_identity(order, report):
        ledger.add_order(order)
        ledger.changes.orders[account.name, order.key] = order
    further = life.is_further(order, report)
    if order.flags.settled_by_person and (listed or not ledger.event.from_rest or further):
        order.settle_by_person(on=False)
        ledger.note_open(order)
        ledger.changes.orders[account.name, order.key] = order
    if further:
        _join(ledger, account, order, report, at)
        # The order log reports a new order step by step, all steps in the same answer.
        first = first or (ledger.event.from_rest and order.reported.first_seq == at.seq and not order.booked.fill_count)
        _carry_fills(ledger, account, order, report, at)
        if not exclude_pre_opening_fills(ledger, account, order, report, at, first=first, initial=initial):
            _book_report(ledger, account, order, report, at)
        account.partly_filled.note(order, report, at.us)
    elif life.is_end(order, report):
        o.take_life(order, report, at)
        _note_joined(ledger, account, order)
        account.partly_filled.note(order, report, at.us)
    else:
        note_late_part(ledger, account, order, report, at)
    return order


def _carry_fills(ledger: Ledger, account: Account, order: Order, report: OrderReport, at: LogTime) -> None:
    """Book nothing twice that is booked under an order that this one replaces, or that replaces it (semantics 2.9)."""
    known, booked = account.partly_filled, order.booked.amount
    if not known.orders or order.reported.amount_filled <= booked or order.booked.cash_pending:
        return
    window_us = ledger.rules_of(account.name).settlement_window_us
    carried = known.told_by_family(order, report) if booked else known.carried_by(order, report, at.us, window_us)
    if carried is None:
        return
    order.booked.carry(carried.amount, carried.cash)
    if carried.continued:
        if not known.is_replaced(order.key):
            known.note_replaced(order.key, carried.order)
        words = f"order {carried.order} continues it"
    else:
        known.note_replaced(carried.order, order.key)
        words = f"it continues order {carried.order}"
    message = f"{words}: {shown(carried.amount)} of its fills are booked under that one"
    ledger.note_finding(account.name, at, "order_continues", order.key, message)


def _join(ledger: Ledger, account: Account, order: Order, report: OrderReport, at: LogTime) -> None:
    o.join(order, report, at, digits=_price_scale(ledger, account, report))
    _note_joined(ledger, account, order)


def _note_joined(ledger: Ledger, account: Account, order: Order) -> None:
    if (account.name, order.key) in ledger.orders:
        ledger.note_open(order)
    else:
        ledger.add_order(order)
    ledger.fact_index.take_back(account.name, order.key)
    ledger.changes.orders[account.name, order.key] = order
    account.evidence.note_order(order)
    ledger.mark_changed(account)


def _price_scale(ledger: Ledger, account: Account, report: OrderReport) -> int:
    """Return the finest scale seen of the average prices of a report's symbol, the report included.

    Reports that list no fills are asked by themselves: a venue may round the averages of its last reports, for one.
    """
    symbol, listed = report.symbol or report.symbol_coinapi or "", bool(report.fills)
    if report.avg_px and account.mappings.note_price_scale(symbol, scale(report.avg_px), listed=listed):
        ledger.mark_changed(account)
    return account.mappings.price_scale(symbol, listed=listed)


def _book_report(ledger: Ledger, account: Account, order: Order, report: OrderReport, at: LogTime) -> None:
    filled, avg_px = order.reported.amount_filled, order.reported.avg_px
    # Cash that is known exactly is that of the list.
    if report.fills and order.reported.cash_resolution and list_disagrees(filled, avg_px, report.fills):
        message = f"the list of fills sums to {filled}, its cash does not agree with avg_px {avg_px}"
        ledger.note_finding(account.name, at, "fills_disagree", order.key, message)
        _note_disagreement(account, order, report.fills, at)
    if order.reported.amount_filled > order.booked.amount or order.booked.cash_pending:
        book_order(ledger, account, order, report.fills, at)


def _note_disagreement(account: Account, order: Order, rows: tuple[FillRow, ...], at: LogTime) -> None:
    """Keep the difference in cash between the list of fills and the average price: evidence for a later break."""
    listed = sum(((row.amount or ZERO) * (row.price or ZERO) for row in rows), ZERO)
    difference = listed - order.reported.amount_filled * (order.reported.avg_px or ZERO)
    amount = difference if order.identity.side == "SELL" else -difference
    account.evidence.note_disagreement(Disagreement(at.seq, order.key, order.identity.symbol or "", amount))


def _order_of(ledger: Ledger, account: Account, report: OrderReport, at: LogTime) -> Order | None:
    """Return the order generation that a report belongs to; create a new generation if none fits (semantics 2.1)."""
    numbered = ledger.by_exchange.get((account.name, report.exchange_order_id or ""), NONE_KNOWN)
    generations = ledger.by_client.get((account.name, report.client_order_id or ""), NONE_KNOWN)
    for order in numbered.alike(report):
        if o.same_order(order, report):
            return order
    for order in generations.alike(report):
        if o.same_order(order, report) and not o.is_of_earlier_life(order, report):
            return order
    if report.client_order_id is not None and not generations.is_new(report):
        message = f"the report is of none of the latest {MAX_COMPARED} orders with that client id; it is not booked"
        ledger.note_finding(account.name, at, "order_unclear", report.client_order_id, message)
        return None
    # A venue may count its orders by market, so several may have one number.
    alike = numbered if report.client_order_id is None else generations
    key = o.key_of(report, alike.latest + 1)
    if key is None:
        ledger.note_finding(
            account.name, at, "order_without_id", report.symbol or "", "an execution report names no order"
        )
        return None
    return o.new_order(account.name, key, report, at.seq)


def _check_contradictions(ledger: Ledger, order: Order, report: OrderReport, at: LogTime) -> None:
    """Note a report that contradicts itself or an earlier report; only a decision reverses fills (semantics 2.6)."""
    filled = order.reported.amount_filled if report.amount_filled is None else report.amount_filled
    if life.is_regression(order, report):
        if not order.flags.regressed:
            message = f"amount_filled fell from {order.reported.amount_filled} to {filled}; nothing is unbooked"
            _note_regression(ledger, order, report, at)
            _contradict(ledger, order, "amount_regression", filled - order.reported.amount_filled, message, at)
        order.mark_regressed(on=True)
    elif order.flags.regressed and filled >= order.reported.amount_filled and not life.is_older(order, report):
        order.mark_regressed(on=False)
        ledger.effects.contradictions.append(Contradiction(order, "amount_regression", ZERO, resolved=True))
        ledger.changes.orders[order.account, order.key] = order
    if life.is_overfill(report) and not order.flags.overfilled:
        order.mark_overfilled()
        message = f"amount_filled {filled} is above amount_order {report.amount_order}"
        _contradict(ledger, order, "overfill", filled - (report.amount_order or ZERO), message, at)


def _note_regression(ledger: Ledger, order: Order, report: OrderReport, at: LogTime) -> None:
    """Keep what a report takes back: evidence for a later break, if the balances follow."""
    account, reported, filled = ledger.accounts[order.account], order.reported, report.amount_filled or ZERO
    sign = -1 if order.identity.side == "SELL" else 1
    cash, _ = total_cash(filled, report.avg_px, report.fills, 0)
    known = None if cash is None or reported.cash_total is None else -sign * (cash - reported.cash_total)
    instrument = instrument_of(ledger, account, order)
    symbol = order.identity.symbol if instrument is None else instrument.symbol
    latest = Regression(at.seq, at.us, order.key, symbol or "", sign * (filled - reported.amount_filled), known)
    account.evidence.note_regression(latest)
    ledger.mark_changed(account)


def _contradict(ledger: Ledger, order: Order, kind: str, amount: Decimal, message: str, at: LogTime) -> None:
    ledger.note_finding(order.account, at, kind, order.key, message)
    ledger.effects.contradictions.append(Contradiction(order, kind, amount, resolved=False))
    ledger.changes.orders[order.account, order.key] = order


def book_order(ledger: Ledger, account: Account, order: Order, rows: tuple[FillRow, ...], at: LogTime) -> None:
    """Book the filled amount that is not booked yet, once the order's instrument is known."""
    instrument = instrument_of(ledger, account, order)
    if instrument is None:
        _await_instrument(ledger, account, order, at)
        return
    waited = order.flags.awaiting_instrument
    order.await_instrument(on=False)
    ledger.changes.orders[account.name, order.key] = order
    was_pending = order.booked.cash_pending
    late = late_cash(order, rows)
    if late and instrument.spot:
        post_late_cash(ledger, account, order, instrument, late, at)
    _post_fills(ledger, account, order, instrument, rows, at, waited=waited)
    if instrument.spot and order.booked.cash_pending != was_pending:
        rules = ledger.rules_of(account.name)
        quote = resolve_asset(instrument.quote or "", instrument.quote_coinapi, account.snapshots, rules)
        withhold(ledger, ledger.unit(account.name, "asset", quote.unit), order.key, on=order.booked.cash_pending)


def _await_instrument(ledger: Ledger, account: Account, order: Order, at: LogTime) -> None:
    if order.flags.awaiting_instrument:
        return
    order.await_instrument(on=True)
    name = order.identity.symbol or order.identity.symbol_coinapi or ""
    account.mappings.await_instrument(name, order.key)
    ledger.note_awaited(account, name)
    ledger.mark_changed(account)
    message = f"fills of {name or 'an unnamed symbol'} wait until a SYMBOLS_SNAPSHOT describes it"
    ledger.note_finding(account.name, at, "instrument_unknown", order.key, message)


def _post_fills(
    ledger: Ledger,
    account: Account,
    order: Order,
    instrument: Instrument,
    rows: tuple[FillRow, ...],
    at: LogTime,
    *,
    waited: bool,
) -> None:
    order_class, market = order.class_of_fill(order.booked.amount), market_of_fill(ledger, account.name, instrument)
    fills = book_fills(order, rows, recorded_us=at.us)
    booked = _dated(ledger, account, fills, at)
    claim_fills(ledger, account, order, instrument, [fill for fill, _ in booked])
    told = order.booked.early
    for fill, stamp in booked[:-1]:
        origin = LegOrigin(stamp, at.us, order.key, order_class, market)
        of_fill = min(told, fill.amount)
        told -= of_fill
        _post_fill(ledger, account, FillToPost(order, instrument, fill, origin, told=of_fill, waited=waited), at)
    if not booked:
        return
    _learn_clock(ledger, account, order, fills[-1], at)
    last, stamp = booked[-1]
    origin = LegOrigin(stamp, at.us, order.key, order_class, market)
    # What the cash of all is not known exactly by, and the cash of earlier fills, is in the last fill's cash.
    earlier = order.booked.take_cashless() if last.cash is not None else ()
    error, of_fill = order.reported.cash_resolution, min(told, last.amount)
    item = FillToPost(order, instrument, last, origin, error, earlier, told=of_fill, waited=waited)
    _post_fill(ledger, account, item, at)
    if order.booked.early:
        quantity = sum((fill.amount for fill, _ in booked), ZERO)
        reverse_early_booking(ledger, account, item, quantity, at)
    if last.price:
        account.evidence.note_price(instrument.symbol, last.price)
        ledger.mark_changed(account)


def _post_fill(ledger: Ledger, account: Account, item: FillToPost, at: LogTime) -> None:
    cash_asset = None
    if item.instrument.spot:
        cash_asset = post_spot(ledger, account, item, at)
    else:
        post_contract(ledger, account, item, at)
    ledger.changes.fills.append(booked_fill(item.order, item.fill, cash_asset, at.seq))


def _dated(ledger: Ledger, account: Account, fills: list[Fill], at: LogTime) -> list[tuple[Fill, Stamp]]:
    """Return fills as of our clock, because their times are compared with log time, with the venue's stamps.

    A fill is never later than its report. A fill without a time of its own has log time already; if a gap hid it, it
    happened by the end of the gap.
    """
    skew_us, dated = account.liveness.skew_us, list[tuple[Fill, Stamp]]()
    untimed = Stamp(ledger.end_of_gap(account.name) or at.us)
    for fill in fills:
        stamp = untimed
        if fill.timed:
            told = account.stamps.stamp(fill.occurred_us, at.us, skew_us=skew_us)
            # What comes live and is a day old was told by no running clock.
            stamp = told if ledger.event.from_rest or told.us >= at.us - MAX_AHEAD_US else stamp
        occurred_us = fill.occurred_us
        if skew_us and occurred_us != at.us:
            occurred_us = min(occurred_us + skew_us, at.us)
        same = occurred_us == fill.occurred_us
        dated.append((fill if same else msgspec.structs.replace(fill, occurred_us=occurred_us), stamp))
    return dated


def _learn_clock(ledger: Ledger, account: Account, order: Order, fill: Fill, at: LogTime) -> None:
    """Learn from the time of a report's last fill how far the venue's clock is off, unless the report may be late."""
    late = ledger.event.from_rest or not account.coverage.observed or order.reported.last_seq != at.seq
    if fill.timed and not late:
        window_us = ledger.rules_of(account.name).settlement_window_us
        account.stamps.note_delay(fill.occurred_us, at.us, window_us, skew_us=account.liveness.skew_us)


def apply_reports(ledger: Ledger, message: OrderReports, account: Account, at: LogTime) -> None:
    """Apply execution reports; a complete or an empty snapshot also shows which orders are no longer open."""
    initial = message.snapshot and account.snapshots.orders_session is None and not account.coverage.gap_seq
    seen: set[str] = set()
    for report in message.rows:
        owner = _account_of(ledger, account, report, at)
        order = apply_report(ledger, owner, report, at, initial=initial, listed=message.snapshot)
        if order is not None:
            seen.add(order.key)
    if not (message.complete or message.nothing):
        return
    before = at.clock - ledger.rules_of(account.name).settlement_window_us - ledger.event.answer_age_us
    # A report may cross the snapshot. Only an order quiet for a window, or open before a gap, is missing.
    for order in ledger.open_orders_of(account.name).quiet_since(before, account.coverage.gap_seq):
        if order.key in seen:
            ledger.note_open(order)
        elif account.partly_filled.is_replaced(order.key):
            order.mark_replaced()
            ledger.changes.orders[account.name, order.key] = order
        else:
            mark_order_missing(ledger, account, order)
    account.snapshots.note_orders(ledger.clock.session)
    ledger.mark_changed(account)
    if account.coverage.state != "gap":  # an answer over REST is no sign of life
        ledger.changes.intervals += reassess(account, seq=at.seq, us=at.us)


def _account_of(ledger: Ledger, account: Account, report: OrderReport, at: LogTime) -> Account:
    """Return the account that a row names, else the account of the row's message."""
    return account if report.account is None or report.account == account.name else ledger.account(report.account, at)
