"""Orders: their identity, and the furthest report of an order. Pure.

1. Folding reports is a join: the furthest report wins, in any order and however often (semantics 2.2).
2. Equal reports cannot differ in booked amounts.
3. Total cash is a function of the furthest report alone, so the path to it cannot change totals (architecture 2.5).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.ems.protocol.messages import OrderReport
from recon.exact import ZERO, same_amount
from recon.ledger.fees.fee_key import OrderClass, order_class_of
from recon.ledger.legs import FillShare
from recon.ledger.order_cash import total_cash
from recon.ledger.told import ByStatement
from recon.times import LogTime

TERMINAL: Final = frozenset({"FILLED", "CANCELED", "REJECTED"})
#: Statuses of an order that is in the venue's order book.
WORKING: Final = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_CANCEL"})
#: Fills of an order whose stamps are kept until their cash is known; further ones are added to the last.
MAX_CASHLESS: Final = 32


class OrderIdentity(msgspec.Struct, gc=False, array_like=True):
    """What reports say an order is (semantics 2.1)."""

    client_order_id: str | None
    exchange_order_id: str | None
    symbol: str | None
    symbol_coinapi: str | None
    side: str | None


class OrderReported(msgspec.Struct, gc=False, array_like=True):
    """An order's furthest report; `join` takes over a further one."""

    price: Decimal | None
    amount_order: Decimal | None
    amount_open: Decimal | None
    first_time: str | None
    first_seq: int
    last_seq: int
    #: What its terms say of its liquidity (semantics 8.5): post-only, immediate, or other.
    order_class: OrderClass
    amount_filled: Decimal = ZERO
    avg_px: Decimal | None = None
    status: str = ""
    history_length: int = -1
    last_time: str | None = None
    updated_us: int = 0
    updated_clock: int = 0
    #: Cash of all fills (sum of price times amount), None while unknown (semantics 2.4).
    cash_total: Decimal | None = ZERO
    #: Error bound of `cash_total` from the rounding of avg_px.
    cash_resolution: Decimal = ZERO
    #: The largest filled amount that a report showed while the order was working, before the furthest report's.
    rested_amount: Decimal | None = None

    @property
    def nothing_yet(self) -> bool:
        """True while no report was joined."""
        return self.history_length < 0


class OrderBooked(msgspec.Struct, gc=False, array_like=True):
    """What the ledger booked of an order."""

    #: Filled before the ledger opened (semantics 4.4): never booked.
    pre_opening: Decimal = ZERO
    amount: Decimal = ZERO
    cash: Decimal | None = ZERO
    fill_count: int = 0
    #: True while the quantity is booked and the cash unknown (semantics 2.4).
    cash_pending: bool = False
    #: What statements told of the order, and the quantity booked before any execution report came (semantics 10.3).
    told: ByStatement = {}
    early: Decimal = ZERO
    early_cash: Decimal = ZERO
    #: Fills whose cash is not known yet: it gets their stamps.
    cashless: list[FillShare] = []

    def await_cash(self, fill: FillShare) -> None:
        """Keep a fill until its cash is known."""
        if len(self.cashless) < MAX_CASHLESS:
            self.cashless = [*self.cashless, fill]
        else:
            self.cashless = [*self.cashless[:-1], FillShare(self.cashless[-1].quantity + fill.quantity, fill.origin)]

    def take_cashless(self) -> list[FillShare]:
        """Remove and return the fills whose cash was awaited."""
        cashless, self.cashless = self.cashless, []
        return cashless

    def exclude(self, amount: Decimal, cash: Decimal | None) -> None:
        """Exclude the amount and cash filled before the ledger opened."""
        self.pre_opening, self.amount, self.cash = amount, amount, cash

    def carry(self, amount: Decimal, cash: Decimal) -> None:
        """Take over what is booked under the order that this one replaces."""
        self.amount, self.cash = amount, cash

    def add(self, amount: Decimal, count: int, cash_total: Decimal | None, *, cash_known: bool) -> None:
        """Count fills as booked; `cash_known`: the cash of all fills is `cash_total`."""
        self.amount += amount
        self.fill_count += count
        self.cash_pending = not cash_known
        if cash_known:
            self.cash = cash_total

    def settle_cash(self, cash: Decimal) -> None:
        """Count late cash as booked."""
        self.cash, self.cash_pending = cash, False

    def set_told(self, told: ByStatement) -> None:
        """Set what statements told of the order."""
        self.told = told

    def add_early(self, quantity: Decimal, cash: Decimal) -> None:
        """Add to the quantity and cash booked before a report came; negative values reverse."""
        self.early += quantity
        self.early_cash += cash


class OrderFlags(msgspec.Struct, gc=False, array_like=True):
    """The flags of an order."""

    #: The fills wait for the instrument to become known (semantics 3.2).
    awaiting_instrument: bool = False
    #: Open before a gap and not reported since (architecture 4): its units are not agreed.
    missing: bool = False
    #: The filled amount fell in a later report; more is filled than ordered (semantics 2.6).
    regressed: bool = False
    overfilled: bool = False
    #: A person settled the order while it was missing; a further report ends that.
    settled_by_person: bool = False
    #: Another order continues it (semantics 2.9).
    replaced: bool = False
    #: True if the store has a row of the order.
    stored: bool = False


class Order(msgspec.Struct, gc=False, array_like=True):
    """A generation of an order: identity, furthest report, booked amounts.

    Only this module assigns the fields of a part.
    """

    account: str
    key: str
    identity: OrderIdentity
    reported: OrderReported
    booked: OrderBooked = msgspec.field(default_factory=OrderBooked)
    flags: OrderFlags = msgspec.field(default_factory=OrderFlags)

    @property
    def terminal(self) -> bool:
        """True if the order has ended."""
        return self.reported.status in TERMINAL

    @property
    def finished(self) -> bool:
        """True if the order is terminal, another one continues it, or a person has settled it."""
        return self.flags.settled_by_person or self.flags.replaced or self.terminal

    def class_of_fill(self, before: Decimal) -> OrderClass:
        """Return the class of the order at a fill; `before` is the amount filled before it.

        It rested if an earlier report showed it working with that amount.
        """
        told = self.reported.order_class
        return "rested" if told == "other" and self.reported.rested_amount == before else told

    def await_instrument(self, *, on: bool) -> None:
        """Set whether the fills wait for the instrument."""
        self.flags.awaiting_instrument = on

    def mark_missing(self, *, on: bool) -> None:
        """Set whether the order is missing."""
        self.flags.missing = on

    def mark_regressed(self, *, on: bool) -> None:
        """Set whether a later report lowered the filled amount."""
        self.flags.regressed = on

    def mark_overfilled(self) -> None:
        """Note that more is filled than was ordered."""
        self.flags.overfilled = True

    def settle_by_person(self, *, on: bool) -> None:
        """Set whether a person has settled the order; a further report ends that."""
        self.flags.settled_by_person = on

    def mark_replaced(self) -> None:
        """Note that another order continues this one."""
        self.flags.replaced = True

    def mark_stored(self) -> bool:
        """Note that the store has a row of the order; return True the first time."""
        fresh = not self.flags.stored
        self.flags.stored = True
        return fresh


def key_of(report: OrderReport, generation: int) -> str | None:
    """Return the key of a new order, by client id, else exchange id; None where the report has neither."""
    number = "" if generation == 1 else str(generation)
    if report.client_order_id is not None:
        return f"c{number}:{report.client_order_id}"
    if report.exchange_order_id is not None:
        return f"x{number}:{report.exchange_order_id}"
    return None


def generation_of(key: str) -> int:
    """Return the generation in a key."""
    number = key.partition(":")[0][1:]
    return int(number) if number else 1


def same_order(order: Order, report: OrderReport) -> bool:
    """True if a report that shares an id with an order is of that order (semantics 2.1)."""
    if _is_elsewhere(order.identity, report) or _differ(order.identity.side, report.side):
        return False
    if order.identity.exchange_order_id is not None and report.exchange_order_id is not None:
        return order.identity.exchange_order_id == report.exchange_order_id
    # Where an exchange id is missing, an order that began after this order ended is another generation.
    begins = report.history[0].time if report.history else None
    ended = order.reported.last_time if order.terminal else None
    return not (begins is not None and ended is not None and begins > ended)


def is_of_earlier_life(order: Order, report: OrderReport) -> bool:
    """True if a report that shares a client id with an order is of an earlier generation (semantics 2.1).

    The order log repeats earlier generations. Where an exchange id is missing, a report whose last change came before
    this order began is of another generation.
    """
    changed, began = report.history[-1].time if report.history else None, order.reported.first_time
    comparable = order.identity.exchange_order_id is not None and report.exchange_order_id is not None
    return not comparable and changed is not None and began is not None and changed < began


def _is_elsewhere(identity: OrderIdentity, report: OrderReport) -> bool:
    """True if a report is of another instrument; venues spell one in several ways, CoinAPI in one."""
    if not _differ(identity.symbol, report.symbol):
        return False
    return identity.symbol_coinapi is None or identity.symbol_coinapi != report.symbol_coinapi


def _differ(current: str | None, reported: str | None) -> bool:
    return current is not None and reported is not None and current != reported


def age_of(order: Order) -> tuple[int, str]:
    """Return the place of an order among those that share an id, the same in memory and loaded again."""
    return order.reported.first_seq, order.key


def learn_identity(order: Order, report: OrderReport) -> bool:
    """Copy from a report what an order's identity lacks; return True if there was anything.

    What is known does not change: the order stays where it was found, also after it was stored and loaded again.
    """
    identity = order.identity
    if all(
        (identity.client_order_id, identity.exchange_order_id, identity.symbol, identity.symbol_coinapi, identity.side)
    ):
        return False
    known = msgspec.structs.astuple(identity)
    identity.client_order_id = identity.client_order_id or report.client_order_id
    identity.exchange_order_id = identity.exchange_order_id or report.exchange_order_id
    identity.symbol = identity.symbol or report.symbol
    identity.symbol_coinapi = identity.symbol_coinapi or report.symbol_coinapi
    identity.side = identity.side or report.side
    return msgspec.structs.astuple(identity) != known


def new_order(account: str, key: str, report: OrderReport, seq: int) -> Order:
    """Return an order with the identity of its first report and no fills; `join` adds reports."""
    identity = OrderIdentity(
        client_order_id=report.client_order_id,
        exchange_order_id=report.exchange_order_id,
        symbol=report.symbol,
        symbol_coinapi=report.symbol_coinapi,
        side=report.side,
    )
    reported = OrderReported(
        price=report.price,
        amount_order=report.amount_order,
        amount_open=report.amount_open,
        first_time=report.history[0].time if report.history else None,
        first_seq=seq,
        last_seq=seq,
        order_class=order_class_of(report.time_in_force, report.exec_inst, report.order_type),
    )
    return Order(account=account, key=key, identity=identity, reported=reported)


def filled_by(order: Order, report: OrderReport) -> Decimal:
    """Return the amount filled that a report tells; one that is not told is as it was."""
    return report.amount_filled if report.amount_filled is not None else order.reported.amount_filled


def rank(reported: OrderReported) -> tuple[bool, int, str, Decimal, str]:
    """Return how far an order is at one filled amount (semantics 2.2)."""
    return (
        reported.status in TERMINAL,
        reported.history_length,
        reported.last_time or "",
        reported.avg_px or ZERO,
        reported.status,
    )


def rank_of(report: OrderReport) -> tuple[bool, int, str, Decimal, str]:
    """Return how far a report is at one filled amount."""
    status, last_time = report.status or "", report.history[-1].time if report.history else None
    return (status in TERMINAL, len(report.history), last_time or "", report.avg_px or ZERO, status)


def take_life(order: Order, report: OrderReport, at: LogTime) -> None:
    """Take what became of an order; the amount that is filled stays (semantics 2.6)."""
    _take_life(order.reported, report)
    order.reported.last_seq, order.reported.updated_us, order.reported.updated_clock = at.seq, at.us, at.clock


def join(order: Order, report: OrderReport, at: LogTime, *, digits: int) -> None:
    """Join a further report's state to its order; `digits` is the finest scale seen of the symbol's avg_px."""
    reported, filled = order.reported, filled_by(order, report)
    grown = filled > reported.amount_filled and not same_amount(filled, reported.amount_filled)
    if grown and reported.status in WORKING:
        reported.rested_amount = reported.amount_filled
    reported.price = report.price if report.price is not None else reported.price
    reported.amount_order = report.amount_order if report.amount_order is not None else reported.amount_order
    reported.amount_open = report.amount_open if report.amount_open is not None else reported.amount_open
    if reported.nothing_yet or (grown and not order.terminal) or rank_of(report) > rank(reported):
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
