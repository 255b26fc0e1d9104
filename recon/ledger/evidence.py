"""Recent evidence of an account and its units, by which the cause of a break is named. Pure (semantics 8).

1. All evidence has a named bound and is part of the stored state, so a restart loses none.
2. Evidence never decides a posting; it only speaks for or against a cause.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.ledger.orders import Order

#: Open orders kept per account: the latest reported.
MAX_OPEN_ORDERS: Final = 64
#: Gaps kept per account.
MAX_GAPS: Final = 8
#: Changes of `locked` kept per unit.
MAX_LOCKS: Final = 8
#: Contradictory reports kept per account, of each kind.
MAX_DISAGREEMENTS: Final = 8


class OpenOrder(msgspec.Struct, frozen=True, gc=False):
    """An order open by its last report; `open` is the amount that may still fill, None where unknown."""

    symbol: str
    side: str | None
    price: Decimal | None
    open: Decimal | None
    seq: int
    updated_us: int


class Gap(msgspec.Struct, frozen=True, gc=False):
    """An interval of the log in which the account was not observed; `until_seq` is None while the gap lasts."""

    from_seq: int
    until_seq: int | None
    reason: str


class RateStep(msgspec.Struct, frozen=True, gc=False):
    """A rate in USD that moved at once by half of itself or more: what it was, and when, in microseconds."""

    before: Decimal
    after: Decimal
    us: int


def rate_step(before: Decimal | None, after: Decimal | None, us: int) -> RateStep | None:
    """Return the step from one rate to the next, None where it moved as prices do."""
    if (
        before == after
        or not before
        or not after
        or before < 0
        or after < 0
        or 2 * max(before, after) < 3 * min(before, after)
    ):
        return None
    return RateStep(before, after, us)


class LockChange(msgspec.Struct, frozen=True, gc=False):
    """A change of an asset's locked amount."""

    seq: int
    us: int
    amount: Decimal


class Disagreement(msgspec.Struct, frozen=True, gc=False):
    """A report booked by its average price, although its list of fills sums to other cash.

    `amount` is the extra amount of the paying asset if the list is right.
    """

    seq: int
    order: str
    symbol: str
    amount: Decimal


class Regression(msgspec.Struct, frozen=True, gc=False):
    """A report that takes back a filled amount: the change of base or contract, and of cash (None: not known)."""

    seq: int
    us: int
    order: str
    symbol: str
    amount: Decimal
    cash: Decimal | None


def note_open_order(orders: dict[str, OpenOrder], order: Order) -> None:
    """Put an order's latest report behind those of the other open orders; a terminal order leaves."""
    orders.pop(order.key, None)
    if order.terminal:
        return
    amount_open = order.reported.amount_open
    if amount_open is None and order.reported.amount_order:
        amount_open = order.reported.amount_order - order.reported.amount_filled
    latest = OpenOrder(
        order.identity.symbol or order.identity.symbol_coinapi or "",
        order.identity.side,
        order.reported.price,
        amount_open,
        order.reported.last_seq,
        order.reported.updated_us,
    )
    if len(orders) >= MAX_OPEN_ORDERS:
        del orders[next(iter(orders))]
    orders[order.key] = latest


def with_gap(gaps: list[Gap], seq: int, reason: str) -> list[Gap]:
    """Return the gaps with a new gap; unchanged while the last gap lasts."""
    if gaps and gaps[-1].until_seq is None:
        return gaps
    return [*gaps, Gap(seq, None, reason)][-MAX_GAPS:]


def without_gap(gaps: list[Gap], seq: int) -> list[Gap]:
    """Return the gaps with the last gap ended: the account is observed again."""
    if not gaps or gaps[-1].until_seq is not None:
        return gaps
    return [*gaps[:-1], msgspec.structs.replace(gaps[-1], until_seq=seq)]


def with_lock(
    changes: list[LockChange], before: Decimal | None, after: Decimal | None, seq: int, us: int
) -> list[LockChange]:
    """Return the changes of `locked` with the latest change, if there is any."""
    if before is None or after is None or before == after:
        return changes
    return [*changes, LockChange(seq, us, after - before)][-MAX_LOCKS:]


def with_disagreement(disagreements: list[Disagreement], latest: Disagreement) -> list[Disagreement]:
    """Return the contradictory reports with the latest."""
    return [*disagreements, latest][-MAX_DISAGREEMENTS:]


def with_regression(regressions: list[Regression], latest: Regression) -> list[Regression]:
    """Return the reports that take something back, with the latest."""
    return [*regressions, latest][-MAX_DISAGREEMENTS:]
