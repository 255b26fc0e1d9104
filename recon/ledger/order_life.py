"""What a report does to an order: how far it is, what it contradicts, and what it adds. Pure (semantics 2.2, 2.6).

1. The furthest report has the largest (amount filled, terminal, length of history, last time, average price).
2. A report that tells less and ends later goes on with the order: the venue took a fill back. Its status holds, the
   amount filled stays.
"""

from __future__ import annotations

from decimal import Decimal

from recon.ems.protocol.messages import OrderReport
from recon.exact import ZERO, same_amount
from recon.ledger.order_cash import total_cash
from recon.ledger.orders import TERMINAL, WORKING, Order, OrderReported
from recon.times import LogTime


def is_further(order: Order, report: OrderReport) -> bool:
    """True if a report is further than the order's furthest report (invariant 2), or the first to tell its cash."""
    reported = order.reported
    filled = _filled(order, report)
    if not same_amount(filled, reported.amount_filled):
        return filled > reported.amount_filled
    tells_cash = reported.cash_total is None and total_cash(filled, report.avg_px, report.fills, 0)[0] is not None
    return tells_cash or (not is_older(order, report) and _rank_of(report) > _rank(reported))


def _filled(order: Order, report: OrderReport) -> Decimal:
    """Return the amount filled that a report tells; one that is not told is as it was."""
    return report.amount_filled if report.amount_filled is not None else order.reported.amount_filled


def _rank(reported: OrderReported) -> tuple[bool, int, str, Decimal, str]:
    return (
        reported.status in TERMINAL,
        reported.history_length,
        reported.last_time or "",
        reported.avg_px or ZERO,
        reported.status,
    )


def _rank_of(report: OrderReport) -> tuple[bool, int, str, Decimal, str]:
    status, last_time = report.status or "", report.history[-1].time if report.history else None
    return (status in TERMINAL, len(report.history), last_time or "", report.avg_px or ZERO, status)


def is_end(order: Order, report: OrderReport) -> bool:
    """True if a report with a smaller amount ends an order that has not ended, or goes on after what is known."""
    if is_further(order, report) or is_older(order, report):
        return False
    less = _filled(order, report) < order.reported.amount_filled and not _same_filled(order, report)
    return (report.status in TERMINAL and not order.terminal) or (less and _ends_later(order, report))


def _same_filled(order: Order, report: OrderReport) -> bool:
    return same_amount(_filled(order, report), order.reported.amount_filled)


def _ends_later(order: Order, report: OrderReport) -> bool:
    """True if the last change that a report tells is later than the last one known."""
    told, known = report.history[-1].time if report.history else None, order.reported.last_time
    return told is not None and known is not None and told > known


def take_life(order: Order, report: OrderReport, at: LogTime) -> None:
    """Take what became of an order; the amount that is filled stays (semantics 2.6)."""
    _take_life(order.reported, report)
    order.reported.last_seq, order.reported.updated_us, order.reported.updated_clock = at.seq, at.us, at.clock


def is_older(order: Order, report: OrderReport) -> bool:
    """True if a report is from before what is known of the order's life."""
    told, known = report.history[-1].time if report.history else None, order.reported.last_time
    if order.flags.regressed and told is not None and known is not None and told != known:
        return told < known  # the venue took a fill back, and went on with an order that had ended
    return _rank_of(report)[:3] < _rank(order.reported)[:3]


def is_regression(order: Order, report: OrderReport) -> bool:
    """True if a later report has a smaller filled amount (semantics 2.6)."""
    reported, filled = order.reported, _filled(order, report)
    if filled >= reported.amount_filled or _same_filled(order, report) or reported.history_length < 0:
        return False
    longer = len(report.history) > reported.history_length
    return longer or _ends_later(order, report) or is_end(order, report)


def is_overfill(report: OrderReport) -> bool:
    """True if more is filled than ordered, beyond the noise of doubles (semantics 1.2).

    An ordered amount of zero is not known: an order by the cash to spend has none (semantics 2.6).
    """
    filled, ordered = report.amount_filled, report.amount_order
    if not filled or not ordered:
        return False
    return filled > ordered and not same_amount(filled, ordered)


def join(order: Order, report: OrderReport, at: LogTime, *, digits: int) -> None:
    """Join a further report's state to its order; `digits` is the finest scale seen of the symbol's avg_px."""
    reported, filled = order.reported, _filled(order, report)
    grown = filled > reported.amount_filled and not same_amount(filled, reported.amount_filled)
    if grown and reported.status in WORKING:
        reported.rested_amount = reported.amount_filled
    reported.price = report.price if report.price is not None else reported.price
    reported.amount_order = report.amount_order if report.amount_order is not None else reported.amount_order
    reported.amount_open = report.amount_open if report.amount_open is not None else reported.amount_open
    if reported.nothing_yet or (grown and not order.terminal) or _rank_of(report) > _rank(reported):
        _take_life(reported, report)
    reported.last_seq, reported.updated_us, reported.updated_clock = at.seq, at.us, at.clock
    if grown:
        reported.amount_filled = filled
    cash, cash_resolution = total_cash(reported.amount_filled, report.avg_px, report.fills, digits)
    if grown or cash is not None or reported.cash_total is None:
        reported.avg_px, reported.cash_total, reported.cash_resolution = report.avg_px, cash, cash_resolution


def _take_life(reported: OrderReported, report: OrderReport) -> None:
    reported.status = report.status or reported.status
    reported.history_length = len(report.history)
    reported.last_time = report.history[-1].time if report.history else reported.last_time
