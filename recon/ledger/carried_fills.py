"""Fills that an order carries over from the one that it replaces: they are booked already. Pure (semantics 2.9).

1. A venue that changes an order may give it another number, or other ids. Its cumulative amount then begins with the
   fills of the order before.
2. The fills are the same if amount, cash and time are. Equal lots fill at equal times too, so the order must also have
   begun after them, and the order before must have ended, or have told them a settlement window earlier.
3. Under one client order id, the same beginning of the history is enough, or the same amount where no fills are listed.
4. An order that lists fills from before it began continues another one, whichever of the two is told first.
5. Of orders that continue each other, either may tell a fill first; the other one tells it again.
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
    """What of an order's fills is booked under another one: its key, amount and cash.

    `continued`: the other one is the later order, which continues this one.
    """

    order: str
    amount: Decimal
    cash: Decimal
    continued: bool = False


class PartlyFilledOrders(msgspec.Struct):
    """The partly filled orders of an account that another order may continue."""

    orders: dict[str, PartlyFilled] = {}
    #: Orders that another one continues, with its key: no snapshot has to list them; the latest MAX_ORDERS.
    replaced: dict[str, str] = {}

    def note_replaced(self, key: str, successor: str) -> None:
        """Note that another order continues this one."""
        self.replaced.pop(key, None)
        if len(self.replaced) >= MAX_ORDERS:
            del self.replaced[next(iter(self.replaced))]
        self.replaced[key] = successor

    def is_replaced(self, key: str) -> bool:
        """True if another order continues this one."""
        return key in self.replaced

    def note(self, order: Order, report: OrderReport, us: int) -> None:
        """Note the latest report of an order; one that is filled to its end is continued by none."""
        known = self.orders.pop(order.key, None)
        reported, identity = order.reported, order.identity
        if not reported.amount_filled:
            return
        if reported.status == _FILLED and not (self._is_linked(order.key) or _lists_earlier(order, report)):
            return
        points = () if known is None else known.points
        for fresh in _points_of(order, report, us):
            if not any(same_amount(fresh.amount, each.amount) for each in points):
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
                return Carried(key, most.amount, most.cash, continued=_is_later(known, order))
        return None

    def told_by_family(self, order: Order, report: OrderReport) -> Carried | None:
        """Return what an order adds by its report that is booked under one that it continues, or that continues it."""
        booked, filled = order.booked.amount, order.reported.amount_filled
        for key in self._family(order.key):
            known = self.orders.get(key)
            points = () if known is None else known.points
            shared = [each for each in points if booked < each.amount <= filled and _tells(order, report, each)]
            if shared:
                most = max(shared, key=lambda point: point.amount)
                return Carried(key, most.amount, most.cash, continued=key in self._after(order.key))
            cash = order.reported.cash_total
            told = not report.fills and cash is not None and key in self._after(order.key)
            if told and cash is not None and any(point.amount >= filled for point in points):
                return Carried(key, filled, cash, continued=True)
        return None

    def _is_linked(self, key: str) -> bool:
        return key in self.replaced or key in self.replaced.values()

    def _after(self, key: str) -> list[str]:
        """Return the orders that continue one, the nearest first."""
        found: list[str] = []
        while (after := self.replaced.get(key)) is not None and after not in found:
            found.append(after)
            key = after
        return found

    def _family(self, key: str) -> list[str]:
        """Return the orders that continue one, and those that it continues."""
        found = self._after(key)
        before = [key]
        while before:
            before = [old for old, new in self.replaced.items() if new in before and old != key and old not in found]
            found += before
        return found


def _points_of(order: Order, report: OrderReport, us: int) -> Iterator[FillPoint]:
    """Yield what an order had filled at each fill that its report lists, and as a whole."""
    reported = order.reported
    if reported.cash_total is None:
        return
    for amount, cash, time in _sums(report):
        if amount < reported.amount_filled and not same_amount(amount, reported.amount_filled):
            yield FillPoint(amount, cash, time, us)
    filled_at = report.fills[-1].time if report.fills else None
    yield FillPoint(reported.amount_filled, reported.cash_total, filled_at, us)


def _lists_earlier(order: Order, report: OrderReport) -> bool:
    """True if a report lists a fill from before its order began: it is another order's."""
    began, first = order.reported.first_time, report.fills[0].time if report.fills else None
    return began is not None and first is not None and first < began


def _is_later(known: PartlyFilled, order: Order) -> bool:
    """True if a known order began after another one."""
    began = order.reported.first_time
    return began is not None and known.began is not None and known.began > began


def _began_after(known: PartlyFilled, point: FillPoint) -> bool:
    """True if an order began after a fill that it tells: the fill is another order's."""
    return known.began is not None and point.filled_at is not None and known.began > point.filled_at


def _tells(order: Order, report: OrderReport, point: FillPoint) -> bool:
    """True if a report tells the fills up to a point: it lists them, or lists none and comes to the same."""
    if report.fills:
        return _lists(report, point)
    cash, amount = order.reported.cash_total, order.reported.amount_filled
    return cash is not None and same_amount(amount, point.amount) and same_amount(cash, point.cash)


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
    if not same_fills or point.filled_at is None:
        return False
    if _began_after(known, point):
        return True
    told_before = known.canceled or same_client or point.told_us < before_us
    return told_before and (began is None or began > point.filled_at)


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
