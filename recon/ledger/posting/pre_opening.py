"""Exclude the fills of a new order from before the ledger opened. Pure (semantics 4.4).

1. Fills from before the opening are never booked: the opening contains them.
2. Fills in the first order snapshot are from before. A snapshot that comes a settlement window late may show later
   fills; the times in the report decide.
3. The times are by the EMS's clock, the opening is by ours. The skew measured at the opening translates between them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.ems.protocol.messages import OrderReport
from recon.ems.protocol.timestamps import parse_time
from recon.exact import ZERO, same_amount
from recon.ledger.account import Account
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.times import LogTime, microseconds

#: Statuses whose time is that of a fill.
FILLING: Final = frozenset({"PARTIALLY_FILLED", "FILLED"})
#: Statuses of an order on its way through the EMS.
ROUTING: Final = frozenset({"RECEIVED", "ROUTING", "ROUTED"})


def exclude_pre_opening_fills(
    ledger: Ledger, account: Account, order: Order, report: OrderReport, at: LogTime, *, first: bool, initial: bool
) -> bool:
    """Exclude an order's fills from before the ledger opened; return True if no fills are left.

    An order that began before the opening may fill after it and be reported only then. The times of its fills, or of
    its history, decide in that case. `first`: the report is the order's first. `initial`: it came in the first order
    snapshot.
    """
    opened_us = account.started_us - _skew_us(ledger, account)
    if not (first and initial) and not _is_placed_here(report):
        # Nothing tells when it was placed, so its fills decide, whichever report tells them.
        before, cash = _dated_before(order, report, opened_us)
        if before > order.booked.amount:
            order.booked.exclude(before, cash)
            return same_amount(before, order.reported.amount_filled)
    if not first:
        return False
    began_us = _us(report.history[0].time) if report.history else None
    late = at.us - account.started_us > ledger.rules_of(account.name).settlement_window_us
    if initial and (began_us is None or not late or account.liveness.lag_us is None):
        before, cash = order.reported.amount_filled, order.reported.cash_total
    elif began_us is None or began_us >= opened_us:
        return False
    else:
        before, cash = _filled_before(order, report, opened_us)
    order.booked.exclude(before, cash)
    return before == order.reported.amount_filled


def _filled_before(order: Order, report: OrderReport, opened_us: int) -> tuple[Decimal, Decimal | None]:
    """Return the amount filled before a time by the EMS's clock, and the cash of the amount."""
    dated = [(_us(row.time), row.amount or ZERO, row.price) for row in report.fills]
    if same_amount(sum((amount for _, amount, _ in dated), ZERO), order.reported.amount_filled):
        early = [(amount, price) for us, amount, price in dated if us is None or us < opened_us]
        if len(early) < len(dated) and all(price for _, price in early):
            cash = sum((amount * (price or ZERO) for amount, price in early), ZERO)
            return sum((amount for amount, _ in early), ZERO), cash
    times = (_us(step.time) for step in report.history if step.status in FILLING)
    filled_us = next((us for us in times if us is not None), None)
    if filled_us is None or filled_us < opened_us:
        return order.reported.amount_filled, order.reported.cash_total
    return ZERO, ZERO


def _is_placed_here(report: OrderReport) -> bool:
    """True if a report's history tells that the order went through the EMS: none of its fills is older than that."""
    for step in report.history:  # noqa: SIM110  # a generator takes twice as long, and each report comes here
        if step.status in ROUTING:
            return True
    return False


def _dated_before(order: Order, report: OrderReport, opened_us: int) -> tuple[Decimal, Decimal | None]:
    """Return what the first fills of a report's list filled before a time, and its cash; zero where none is dated."""
    amount = cash = ZERO
    listed = sum((row.amount or ZERO for row in report.fills), ZERO)
    if not same_amount(listed, order.reported.amount_filled):
        return ZERO, ZERO
    for row in report.fills:
        us = _us(row.time)
        if us is None or us >= opened_us or not row.price:
            break
        amount, cash = amount + (row.amount or ZERO), cash + (row.amount or ZERO) * row.price
    return amount, cash


def _skew_us(ledger: Ledger, account: Account) -> int:
    """Return the skew at the opening; before the account's first heartbeat, the median skew of the gateway."""
    if account.liveness.first_skew_us is not None:
        return account.liveness.first_skew_us
    skews_us = ledger.skews_us
    if account.liveness.lag_us is not None or not skews_us:
        return account.liveness.skew_us
    return skews_us[len(skews_us) // 2]


def _us(text: str | None) -> int | None:
    parsed = parse_time(text)
    return None if parsed is None else microseconds(parsed)
