"""What an order that is told of for the first time had filled before our books opened. Pure (semantics 4.4).

1. Such fills are never booked: the opening has them.
2. What the first order snapshot shows was before. One that comes a window late or later may show what has happened
   since, which its dates tell.
3. The dates are the EMS's, the opening is by our clock: they are held against each other by the skew that was measured
   when the books opened.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.ems.protocol.messages import OrderReport
from recon.ems.protocol.timestamps import parse_time
from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.times import LogTime, microseconds

#: Statuses whose time is that of a fill.
FILLING: Final = frozenset({"PARTIALLY_FILLED", "FILLED"})


def exclude_pre_opening_fills(
    ledger: Ledger, account: Account, order: Order, report: OrderReport, at: LogTime, *, initial: bool
) -> bool:
    """Leave out of the books what a new order filled before they opened; return whether that is all of it.

    An order that began before them may fill after them and be told of then for the first time: where its fills, or else
    its history, date fills after the opening, those were not before. `initial`: it came in the first order snapshot.
    """
    opened_us = account.started_us - _skew_us(ledger, account)
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
    """Return what of an order was filled before a time by the EMS's clock, and the cash of that."""
    dated = [(_us(row.time), row.amount or ZERO, row.price) for row in report.fills]
    if sum((amount for _, amount, _ in dated), ZERO) == order.reported.amount_filled:
        early = [(amount, price) for us, amount, price in dated if us is None or us < opened_us]
        if len(early) < len(dated) and all(price for _, price in early):
            cash = sum((amount * (price or ZERO) for amount, price in early), ZERO)
            return sum((amount for amount, _ in early), ZERO), cash
    times = (_us(step.time) for step in report.history if step.status in FILLING)
    filled_us = next((us for us in times if us is not None), None)
    if filled_us is None or filled_us < opened_us:
        return order.reported.amount_filled, order.reported.cash_total
    return ZERO, ZERO


def _skew_us(ledger: Ledger, account: Account) -> int:
    """Return the skew of the time when the books opened; until a heartbeat tells it, that of the gateway's others."""
    if account.liveness.first_skew_us is not None:
        return account.liveness.first_skew_us
    others = sorted(other.liveness.skew_us for other in ledger.accounts.values() if other.liveness.lag_us is not None)
    return account.liveness.skew_us if account.liveness.lag_us is not None or not others else others[len(others) // 2]


def _us(text: str | None) -> int | None:
    parsed = parse_time(text)
    return None if parsed is None else microseconds(parsed)
