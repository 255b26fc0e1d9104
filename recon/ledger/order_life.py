"""What a report says of an order: how far it is, and what it contradicts. Pure (semantics 2.2, 2.6).

1. The furthest report has the largest (amount filled, terminal, length of history, last time, average price).
2. A report that tells less and ends later goes on with the order: the venue took a fill back. Its status holds, the
   amount filled stays.
"""

from __future__ import annotations

from recon.ems.protocol.messages import OrderReport
from recon.exact import same_amount
from recon.ledger.order_cash import total_cash
from recon.ledger.orders import TERMINAL, Order, filled_by, rank, rank_of


def is_further(order: Order, report: OrderReport) -> bool:
    """True if a report is further than the order's furthest report (invariant 2), or the first to tell its cash."""
    reported = order.reported
    filled = filled_by(order, report)
    if not same_amount(filled, reported.amount_filled):
        return filled > reported.amount_filled
    tells_cash = reported.cash_total is None and total_cash(filled, report.avg_px, report.fills, 0)[0] is not None
    return tells_cash or (not is_older(order, report) and rank_of(report) > rank(reported))


def is_end(order: Order, report: OrderReport) -> bool:
    """True if a report with a smaller amount ends an order that has not ended, or goes on after what is known."""
    if is_further(order, report) or is_older(order, report):
        return False
    less = filled_by(order, report) < order.reported.amount_filled and not _same_filled(order, report)
    return (report.status in TERMINAL and not order.terminal) or (less and _ends_later(order, report))


def _same_filled(order: Order, report: OrderReport) -> bool:
    return same_amount(filled_by(order, report), order.reported.amount_filled)


def _ends_later(order: Order, report: OrderReport) -> bool:
    """True if the last change that a report tells is later than the last one known."""
    told, known = report.history[-1].time if report.history else None, order.reported.last_time
    return told is not None and known is not None and told > known


def is_older(order: Order, report: OrderReport) -> bool:
    """True if a report is from before what is known of the order's life."""
    told, known = report.history[-1].time if report.history else None, order.reported.last_time
    if order.flags.regressed and not _ends_first(order, report) and told and known and told != known:
        return told < known  # the venue took a fill back, and went on with an order that had ended
    return rank_of(report)[:3] < rank(order.reported)[:3]


def _ends_first(order: Order, report: OrderReport) -> bool:
    """True if a report ends an order that has not ended, and was not filled to its end before."""
    ordered, filled = order.reported.amount_order, order.reported.amount_filled
    was_filled = ordered is not None and ordered > 0 and filled >= ordered
    return report.status in TERMINAL and not order.terminal and not was_filled


def is_regression(order: Order, report: OrderReport) -> bool:
    """True if a later report has a smaller filled amount (semantics 2.6)."""
    reported, filled = order.reported, filled_by(order, report)
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
