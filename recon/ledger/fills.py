"""From a jump of an order's filled amount to fills. Pure.

1. The fills of a jump sum to it exactly, and their cash to the jump of the total cash (semantics 2.3).
2. A fill is identified by (order, ordinal of booking); two real fills can be identical (semantics 2.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from recon.ems.protocol.messages import FillRow
from recon.ems.protocol.timestamps import parse_time
from recon.exact import ZERO, divide, same_amount, scale
from recon.ledger.orders import Order
from recon.times import microseconds

#: Digits after the point of an implied price, or the digits of the average price if more.
_PRICE_DIGITS: Final = 12


class Fill(msgspec.Struct, frozen=True, gc=False):
    """An execution: a positive amount, in the direction of the order's side; cash is price times amount.

    `timed` is true if the report told when; otherwise the fill has the time of an earlier report, or of its arrival.
    """

    order: str
    ordinal: int
    amount: Decimal
    price: Decimal | None
    price_known: bool
    cash: Decimal | None
    occurred_us: int
    source: str
    timed: bool


def book_fills(order: Order, rows: Sequence[FillRow], *, recorded_us: int) -> list[Fill]:
    """Book the amount that the order's furthest report adds; return the new fills, oldest first."""
    jump = order.reported.amount_filled - order.booked.amount
    if jump <= 0:
        return []
    cash = None
    if order.reported.cash_total is not None and order.booked.cash is not None:
        cash = order.reported.cash_total - order.booked.cash
    parts = _new_rows(order.booked.amount, jump, rows)
    fills = _listed(order, parts, cash, recorded_us) if parts else [_implied(order, jump, cash, recorded_us)]
    order.booked.add(jump, len(fills), order.reported.cash_total, cash_known=cash is not None)
    return fills


def late_cash(order: Order, rows: Sequence[FillRow]) -> Decimal | None:
    """Book the cash of a quantity booked earlier, once the cash is known; return the cash, else None.

    Where more is filled by now, only the list of fills separates the earlier cash from the new cash.
    """
    if not order.booked.cash_pending or order.reported.cash_total is None or order.booked.cash is None:
        return None
    total = order.reported.cash_total
    if not same_amount(order.reported.amount_filled, order.booked.amount):
        amount = cash = ZERO
        for row in rows:
            if amount == order.booked.amount or row.amount is None or not row.price:
                break
            amount, cash = amount + row.amount, cash + row.amount * row.price
        if amount != order.booked.amount:
            return None
        total = cash
    late = total - order.booked.cash
    order.booked.settle_cash(total)
    return late


def _new_rows(booked: Decimal, jump: Decimal, rows: Sequence[FillRow]) -> Sequence[FillRow]:
    """Return the rows that sum to the jump: the tail of the list, or all rows if the list has new fills only."""
    amounts = [row.amount for row in rows if row.amount is not None and row.amount > 0]
    if not rows or len(amounts) != len(rows):
        return ()
    total = ZERO
    for index, amount in enumerate(amounts):
        if total == booked and sum(amounts[index:], ZERO) == jump:
            return rows[index:] if index else rows
        total += amount
    return rows if total == jump else ()


def _listed(order: Order, rows: Sequence[FillRow], cash: Decimal | None, recorded_us: int) -> list[Fill]:
    fills: list[Fill] = []
    remainder = cash
    for index, row in enumerate(rows):
        amount = row.amount or ZERO
        fill_cash = None if remainder is None or not row.price else row.price * amount
        if index == len(rows) - 1 or fill_cash is None:
            fill_cash = remainder  # the last fill takes the remainder, so the cash sums to the jump's exactly
        remainder = None if remainder is None or fill_cash is None else remainder - fill_cash
        told_us = _time(row.time)
        fills.append(
            Fill(
                order=order.key,
                ordinal=order.booked.fill_count + index + 1,
                amount=amount,
                price=row.price or None,
                price_known=bool(row.price),
                cash=fill_cash,
                occurred_us=told_us or _time(order.reported.last_time) or recorded_us,
                source="list",
                timed=bool(told_us) or _is_dated(order),
            )
        )
    return fills


def _implied(order: Order, jump: Decimal, cash: Decimal | None, recorded_us: int) -> Fill:
    exact = (
        cash is not None
        and not order.booked.amount
        and order.reported.avg_px is not None
        and cash == order.reported.avg_px * jump
    )
    price = None
    if order.booked.cash_pending:
        exact = False  # the cash includes that of earlier fills
    elif exact:
        price = order.reported.avg_px
    elif cash is not None:
        digits = max(_PRICE_DIGITS, scale(order.reported.avg_px or ZERO))
        price = divide(cash, jump, digits)
    return Fill(
        order=order.key,
        ordinal=order.booked.fill_count + 1,
        amount=jump,
        price=price,
        price_known=exact,
        cash=cash,
        occurred_us=_time(order.reported.last_time) or recorded_us,
        source="avg_px",
        timed=_is_dated(order),
    )


def _is_dated(order: Order) -> bool:
    """True if the furthest report told when the order changed last; a report without a history leaves it open."""
    return order.reported.history_length > 0 and parse_time(order.reported.last_time) is not None


def _time(text: str | None) -> int | None:
    parsed = parse_time(text)
    return None if parsed is None else microseconds(parsed)
