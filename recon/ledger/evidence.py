"""What an account and its units remember of late, so that the cause of a break can be named. Pure (semantics 8).

1. Everything here is bounded by a named number and part of the stored state: a restart remembers the same.
2. It never decides what is booked; it only speaks for or against a cause.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.ledger.orders import Order

#: Open orders remembered per account, the latest reported ones.
MAX_OPEN_ORDERS: Final = 64
#: Stretches without observation remembered per account.
MAX_GAPS: Final = 8
#: Changes of `locked` remembered per unit.
MAX_LOCKS: Final = 8
#: Reports that contradicted themselves, remembered per account.
MAX_DISAGREEMENTS: Final = 8


class OpenOrder(msgspec.Struct, frozen=True, gc=False):
    """An order as its last report left it open; `open` is what may still fill, None where nothing tells."""

    symbol: str
    side: str | None
    price: Decimal | None
    open: Decimal | None
    seq: int
    updated_us: int


class Gap(msgspec.Struct, frozen=True, gc=False):
    """A stretch of the log in which the account was not observed; `until_seq` is None while it lasts."""

    from_seq: int
    until_seq: int | None
    reason: str


class LockChange(msgspec.Struct, frozen=True, gc=False):
    """A change of what is locked of an asset."""

    seq: int
    us: int
    amount: Decimal


class Disagreement(msgspec.Struct, frozen=True, gc=False):
    """A report that was booked by its average price, although its list of fills tells other cash.

    `amount` is what the paying asset would have more of if the list is right.
    """

    seq: int
    order: str
    symbol: str
    amount: Decimal


def with_order(known: dict[str, OpenOrder], order: Order) -> dict[str, OpenOrder]:
    """Return the open orders with what the latest report of one says."""
    if order.terminal:
        return {key: each for key, each in known.items() if key != order.key} if order.key in known else known
    left = order.reported.amount_open
    if left is None and order.reported.amount_order is not None:
        left = order.reported.amount_order - order.reported.amount_filled
    latest = OpenOrder(
        order.identity.symbol or order.identity.symbol_coinapi or "",
        order.identity.side,
        order.reported.price,
        left,
        order.reported.last_seq,
        order.reported.updated_us,
    )
    kept = {key: each for key, each in known.items() if key != order.key}
    if len(kept) >= MAX_OPEN_ORDERS:
        kept.pop(next(iter(kept)))
    kept[order.key] = latest
    return kept


def with_gap(known: list[Gap], seq: int, reason: str) -> list[Gap]:
    """Return the gaps with one that begins; one that lasts goes on."""
    if known and known[-1].until_seq is None:
        return known
    return [*known, Gap(seq, None, reason)][-MAX_GAPS:]


def without_gap(known: list[Gap], seq: int) -> list[Gap]:
    """Return the gaps with the one that lasts ended: the account is observed again."""
    if not known or known[-1].until_seq is not None:
        return known
    return [*known[:-1], msgspec.structs.replace(known[-1], until_seq=seq)]


def with_lock(
    known: list[LockChange], before: Decimal | None, now: Decimal | None, seq: int, us: int
) -> list[LockChange]:
    """Return the changes of `locked` with the latest, if it is one."""
    if before is None or now is None or before == now:
        return known
    return [*known, LockChange(seq, us, now - before)][-MAX_LOCKS:]


def with_disagreement(known: list[Disagreement], latest: Disagreement) -> list[Disagreement]:
    """Return the contradictory reports with the latest."""
    return [*known, latest][-MAX_DISAGREEMENTS:]
