"""Orders: who is who, and the furthest known state of each. Pure.

1. Folding reports is a join: the furthest report wins, in any order and however often (semantics 2.2).
2. The furthest is the largest (amount filled, terminal, length of history, last stamp, then what is known of cash);
   ties cannot differ in what is booked.
3. Total cash is a function of the furthest report alone, so the path to it cannot change totals (architecture 2.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from recon.ems.protocol.messages import FillRow, OrderReport
from recon.exact import ZERO, resolution, scale
from recon.ledger.fees.schedule import liquidity_of

TERMINAL: Final = frozenset({"FILLED", "CANCELED", "REJECTED"})
_HALF: Final = Decimal("0.5")


class Order(msgspec.Struct, gc=False):
    """One generation of an order: its furthest report and what we booked of it."""

    account: str
    key: str
    client_order_id: str | None
    exchange_order_id: str | None
    symbol: str | None
    symbol_coinapi: str | None
    side: str | None
    price: Decimal | None
    amount_order: Decimal | None
    amount_open: Decimal | None
    amount_filled: Decimal
    avg_px: Decimal | None
    status: str
    history_length: int
    first_time: str | None
    last_time: str | None
    first_seq: int
    last_seq: int
    updated_us: int
    updated_clock: int
    #: Cash of all fills (sum of price times amount), None while it is not known (semantics 2.4).
    cash_total: Decimal | None = ZERO
    #: What avg_px cannot tell of `cash_total`.
    cash_resolution: Decimal = ZERO
    #: Filled before our books opened (semantics 4.4): never booked.
    pre_opening: Decimal = ZERO
    booked: Decimal = ZERO
    booked_cash: Decimal | None = ZERO
    fill_count: int = 0
    #: The fills wait for the instrument to become known (semantics 3.2).
    awaiting_instrument: bool = False
    #: The quantity is booked, the cash is not known yet (semantics 2.4).
    cash_pending: bool = False
    #: Open before a gap and not seen since (architecture 4): its units are not agreed.
    missing: bool = False
    regressed: bool = False
    #: Whether a row of it is in the store.
    stored: bool = False
    overfilled: bool = False
    #: Whether it makes or takes liquidity, as far as its kind tells: what it costs depends on it (semantics 8.5).
    liquidity: str | None = None
    #: Quantity that trades from outside told of it, and what of that was booked before any report did (semantics 10.3).
    quantity_from_facts: Decimal = ZERO
    booked_early: Decimal = ZERO
    booked_early_cash: Decimal = ZERO
    #: A person has said what became of it while it was not seen; any further report speaks for itself again.
    settled_by_person: bool = False

    @property
    def terminal(self) -> bool:
        """Tell whether the order has ended."""
        return self.status in TERMINAL

    @property
    def finished(self) -> bool:
        """Tell whether nothing more is expected of it, by its reports or by a person's word."""
        return self.settled_by_person or self.terminal


def key_of(report: OrderReport, generation: int) -> str | None:
    """Name a new order: by its client id, else the exchange's; None where the report has neither."""
    number = "" if generation == 1 else str(generation)
    if report.client_order_id is not None:
        return f"c{number}:{report.client_order_id}"
    if report.exchange_order_id is not None:
        return f"x{number}:{report.exchange_order_id}"
    return None


def generation_of(key: str) -> int:
    """Return which generation of its id a key names."""
    number = key.partition(":")[0][1:]
    return int(number) if number else 1


def same_order(order: Order, report: OrderReport) -> bool:
    """Tell whether a report is of this order, where it shares an id with it (semantics 2.1)."""
    if _differ(order.symbol, report.symbol) or _differ(order.side, report.side):
        return False
    if order.exchange_order_id is not None and report.exchange_order_id is not None:
        return order.exchange_order_id == report.exchange_order_id
    # Without the exchange's id on one side, a life that began after this one ended is another life.
    begins = report.history[0].time if report.history else None
    ended = order.last_time if order.terminal else None
    return not (begins is not None and ended is not None and begins > ended)


def is_of_earlier_life(order: Order, report: OrderReport) -> bool:
    """Tell whether a report that shares a client id with an order is of what had that id before it (semantics 2.1).

    The order log repeats old lives. Where the exchange's id is missing on a side, one that had its last change before
    this order began is another.
    """
    changed = report.history[-1].time if report.history else None
    told_apart = order.exchange_order_id is not None and report.exchange_order_id is not None
    return not told_apart and changed is not None and order.first_time is not None and changed < order.first_time


def _differ(known: str | None, reported: str | None) -> bool:
    return known is not None and reported is not None and known != reported


def learn_ids(order: Order, report: OrderReport) -> bool:
    """Take over ids that the order lacks, from any report of it; return whether there were any."""
    client = order.client_order_id is None and report.client_order_id is not None
    exchange = order.exchange_order_id is None and report.exchange_order_id is not None
    if client:
        order.client_order_id = report.client_order_id
    if exchange:
        order.exchange_order_id = report.exchange_order_id
    return client or exchange


def new_order(account: str, key: str, report: OrderReport, seq: int) -> Order:
    """Make an order that knows nothing yet; `join` fills it."""
    return Order(
        account=account,
        key=key,
        client_order_id=report.client_order_id,
        exchange_order_id=report.exchange_order_id,
        symbol=report.symbol,
        symbol_coinapi=report.symbol_coinapi,
        side=report.side,
        price=report.price,
        amount_order=report.amount_order,
        amount_open=report.amount_open,
        amount_filled=ZERO,
        avg_px=None,
        status="",
        history_length=-1,
        first_time=report.history[0].time if report.history else None,
        last_time=None,
        first_seq=seq,
        last_seq=seq,
        updated_us=0,
        updated_clock=0,
        liquidity=liquidity_of(report.time_in_force, report.exec_inst),
    )


def is_further(order: Order, report: OrderReport) -> bool:
    """Tell whether a report is ahead of what is known of its order (invariant 2)."""
    filled = report.amount_filled if report.amount_filled is not None else ZERO
    if filled != order.amount_filled:
        return filled > order.amount_filled
    return _rank(
        report.status or "", len(report.history), report.history[-1].time if report.history else None, report.avg_px
    ) > _rank(order.status, order.history_length, order.last_time, order.avg_px)


def _rank(
    status: str, history_length: int, last_time: str | None, avg_px: Decimal | None
) -> tuple[bool, int, str, Decimal, str]:
    return (status in TERMINAL, history_length, last_time or "", avg_px or ZERO, status)


def is_regression(order: Order, report: OrderReport) -> bool:
    """Tell whether a later report takes back what an earlier one said was filled (semantics 2.6)."""
    filled = report.amount_filled if report.amount_filled is not None else ZERO
    return filled < order.amount_filled and len(report.history) > order.history_length >= 0


def is_overfill(report: OrderReport) -> bool:
    """Tell whether more is filled than was ordered, beyond what doubles can blur (semantics 1.2)."""
    filled, ordered = report.amount_filled, report.amount_order
    if filled is None or ordered is None or filled <= ordered:
        return False
    return filled - ordered > resolution(filled) * 2


def join(order: Order, report: OrderReport, *, seq: int, recorded_us: int, clock: int, digits: int) -> None:
    """Take over a report that is further than what is known; `digits` is the finest scale seen of its avg_px."""
    order.client_order_id = report.client_order_id or order.client_order_id
    order.exchange_order_id = report.exchange_order_id or order.exchange_order_id
    order.symbol = report.symbol or order.symbol
    order.symbol_coinapi = report.symbol_coinapi or order.symbol_coinapi
    order.side = report.side or order.side
    order.price = report.price if report.price is not None else order.price
    order.amount_order = report.amount_order if report.amount_order is not None else order.amount_order
    order.amount_open = report.amount_open if report.amount_open is not None else order.amount_open
    order.amount_filled = report.amount_filled if report.amount_filled is not None else order.amount_filled
    order.avg_px = report.avg_px
    order.status = report.status or order.status
    order.history_length = len(report.history)
    order.last_time = report.history[-1].time if report.history else order.last_time
    order.last_seq = seq
    order.updated_us = recorded_us
    order.updated_clock = clock
    order.cash_total, order.cash_resolution = total_cash(order.amount_filled, report.avg_px, report.fills, digits)


def total_cash(
    filled: Decimal, avg_px: Decimal | None, fills: Sequence[FillRow], digits: int
) -> tuple[Decimal | None, Decimal]:
    """Return the cash of everything filled, and what is uncertain of it (semantics 2.3).

    The list of fills is taken where it adds up to the amount and agrees with the average price within that price's
    own resolution; else the average price is the authority, and `digits`, the finest scale seen of such prices, tells
    what it leaves uncertain. Without either the cash is not known (semantics 2.4).
    """
    if not filled:
        return ZERO, ZERO
    listed = _listed_cash(filled, fills)
    if not avg_px:
        return (None, ZERO) if listed is None else (listed, ZERO)
    average = avg_px * filled
    if listed is not None and abs(listed - average) <= filled * _HALF.scaleb(-scale(avg_px)):
        return listed, ZERO
    return average, filled * _HALF.scaleb(-digits)


def list_disagrees(filled: Decimal, avg_px: Decimal | None, fills: Sequence[FillRow]) -> bool:
    """Tell whether exactly one of the list's two proofs, its sum and its cash, holds (semantics 2.3)."""
    if not filled or not avg_px or not fills:
        return False
    listed = _listed_cash(filled, fills)
    blur = filled * _HALF.scaleb(-scale(avg_px))
    return listed is not None and abs(listed - avg_px * filled) > blur


def _listed_cash(filled: Decimal, fills: Sequence[FillRow]) -> Decimal | None:
    if not fills:
        return None
    amount = cash = ZERO
    for row in fills:
        if row.amount is None or not row.price:
            return None
        amount += row.amount
        cash += row.amount * row.price
    return cash if amount == filled else None
