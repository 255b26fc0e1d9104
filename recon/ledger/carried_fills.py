"""Fills that an order carries over from the one that it replaces: they are booked already. Pure (semantics 2.9).

1. A venue that changes an order may give it another number, or other ids. Its cumulative amount then begins with the
   fills of the order before.
2. The fills are the same if amount, cash and time are. Equal lots fill at equal times too, so the order must also have
   begun after them, and the order before must have ended, or have told them a settlement window earlier.
3. Under one client order id, the same beginning of the history is enough, or the same amount where no fills are listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from recon.ems.protocol.messages import OrderReport
from recon.exact import ZERO, same_amount
from recon.ledger.orders import Order

#: Partly filled orders that are remembered of an account: the latest reported.
MAX_ORDERS: Final = 64
#: States that are remembered of one of them: the latest.
MAX_POINTS: Final = 8
_FILLED: Final = "FILLED"
_CANCELED: Final = "CANCELED"


class FillPoint(msgspec.Struct, frozen=True, gc=False):
    """What an order had filled at a fill, and the time of that fill."""

    amount: Decimal
    cash: Decimal
    filled_at: str | None
    told_us: int


class PartlyFilled(msgspec.Struct, frozen=True, gc=False):
    """An order that filled in part, as far as another one may carry its fills."""

    client_order_id: str | None
    symbol: str | None
    symbol_coinapi: str | None
    side: str | None
    began: str | None
    canceled: bool
    points: tuple[FillPoint, ...]


class Carried(msgspec.Struct, frozen=True):
    """What an order carries over: the key of the order before, amount and cash."""

    order: str
    amount: Decimal
    cash: Decimal


class PartlyFilledOrders(msgspec.Struct):
    """The partly filled orders of an account that another order may continue."""

    orders: dict[str, PartlyFilled] = {}
    #: Orders that another one continues: no snapshot has to list them; the latest MAX_ORDERS.
    replaced: dict[str, None] = {}

    def note_replaced(self, key: str) -> None:
        """Note that another order continues this one."""
        self.replaced.pop(key, None)
        if len(self.replaced) >= MAX_ORDERS:
            del self.replaced[next(iter(self.replaced))]
        self.replaced[key] = None

    def is_replaced(self, key: str) -> bool:
        """True if another order continues this one."""
        return key in self.replaced

    def note(self, order: Order, report: OrderReport, us: int) -> None:
        """Note the latest report of an order; one that is filled to its end is continued by none."""
        known = self.orders.pop(order.key, None)
        reported, identity = order.reported, order.identity
        if not reported.amount_filled or reported.status == _FILLED:
            return
        points = () if known is None else known.points
        fresh = _point_of(order, report, us)
        if fresh is not None and not any(same_amount(fresh.amount, each.amount) for each in points):
            points = (*points, fresh)[-MAX_POINTS:]
        if len(self.orders) >= MAX_ORDERS:
            del self.orders[next(iter(self.orders))]
        self.orders[order.key] = PartlyFilled(
            identity.client_order_id,
            identity.symbol,
            identity.symbol_coinapi,
            identity.side,
            reported.first_time,
            reported.status == _CANCELED,
            points,
        )

    def carried_by(self, order: Order, report: OrderReport, us: int, window_us: int) -> Carried | None:
        """Return what an order of which nothing is booked carries over by its report; None where it begins anew."""
        for key in reversed(self.orders):
            known = self.orders[key]
            if key == order.key or known.side != order.identity.side or not _same_instrument(known, order):
                continue
            shared = [point for point in known.points if _shares(known, point, order, report, us - window_us)]
            if shared:
                most = max(shared, key=lambda point: point.amount)
                return Carried(key, most.amount, most.cash)
        return None


def _point_of(order: Order, report: OrderReport, us: int) -> FillPoint | None:
    reported = order.reported
    if reported.cash_total is None:
        return None
    filled_at = report.fills[-1].time if report.fills else None
    return FillPoint(reported.amount_filled, reported.cash_total, filled_at, us)


def _same_instrument(known: PartlyFilled, order: Order) -> bool:
    identity = order.identity
    if known.symbol_coinapi is not None and identity.symbol_coinapi is not None:
        return known.symbol_coinapi == identity.symbol_coinapi
    return known.symbol is not None and known.symbol == identity.symbol


def _shares(known: PartlyFilled, point: FillPoint, order: Order, report: OrderReport, before_us: int) -> bool:
    """True if an order's fills begin with those of another one, up to a point; `before_us`: told earlier than that."""
    began, own = order.reported.first_time, order.identity.client_order_id
    same_client = own is not None and own == known.client_order_id
    same_life = same_client and began is not None and began == known.began
    same_fills = _lists(report, point)
    if same_life:
        return same_fills or (not report.fills and _covers(order, point))
    if same_client and not report.fills:
        cash = order.reported.cash_total
        whole = same_amount(order.reported.amount_filled, point.amount) and cash is not None
        return whole and cash is not None and same_amount(cash, point.cash)
    if not same_fills or point.filled_at is None or not (known.canceled or same_client or point.told_us < before_us):
        return False
    return began is None or began > point.filled_at


def _covers(order: Order, point: FillPoint) -> bool:
    return order.reported.amount_filled >= point.amount or same_amount(order.reported.amount_filled, point.amount)


def _lists(report: OrderReport, point: FillPoint) -> bool:
    """True if the first fills of a report are those up to a point, by amount, cash and time of the last one."""
    return any(
        same_amount(amount, point.amount) and same_amount(cash, point.cash) and time == point.filled_at is not None
        for amount, cash, time in _sums(report)
    )


def _sums(report: OrderReport) -> Iterator[tuple[Decimal, Decimal, str | None]]:
    amount = cash = ZERO
    for row in report.fills:
        if row.amount is None or not row.price:
            return
        amount, cash = amount + row.amount, cash + row.amount * row.price
        yield amount, cash, row.time
