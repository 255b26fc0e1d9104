"""Backfills of gaps, and missing orders. Pure (architecture 4)."""

from __future__ import annotations

from typing import Literal

import msgspec

from recon.ems.protocol.bounds import is_key

#: `waiting`: the gap lasts, or no request was sent yet. `running`: requests are under way. `whole`: all is accounted
#: for. `open`: questions are left, or no backfill was configured.
BackfillState = Literal["waiting", "running", "whole", "open"]
#: Whether the order log was read, for orders that began and ended inside the gap.
History = Literal["off", "wanted", "read", "not configured", "failed"]


class Backfill(msgspec.Struct, frozen=True):
    """A gap of an account, and the result of its backfill over REST.

    `from_us` is the last sign of life before it; the order log is read from a settlement window earlier.
    `until_us` is the time at which the account was observed again. `from_seq` is inside the gap, `until_seq` is not;
    both `until_*` are None while the gap lasts. `ended_seq` is the log position at which the backfill ended.
    `orders_settled` counts resolved missing orders, `orders_found` orders that no report had named before.
    """

    account: str
    from_seq: int
    from_us: int
    reason: str
    until_seq: int | None = None
    until_us: int | None = None
    state: BackfillState = "waiting"
    history: History = "wanted"
    #: Open questions in words, with the order they concern.
    open: tuple[str, ...] = ()
    requests: int = 0
    orders_settled: int = 0
    orders_found: int = 0
    fills_found: int = 0
    ended_seq: int | None = None

    @property
    def in_progress(self) -> bool:
        """True while the ledger is incomplete and requests are pending."""
        return self.state in {"waiting", "running"}


class MissingOrder(msgspec.Struct, frozen=True):
    """An order that was open and is no longer reported, with unknown outcome (protocol 3)."""

    client_order_id: str | None
    seq: int
    #: The EMS's answer in words; empty: no request was answered yet.
    why: str = ""

    @property
    def askable_id(self) -> str | None:
        """Return the client order id by which the EMS can be asked; it does not know the key of a longer one."""
        return None if self.client_order_id is None or is_key(self.client_order_id) else self.client_order_id


class Lost(msgspec.Struct, frozen=True, array_like=True):
    """What was lost where an interval of coverage begins with a gap.

    `alive_us` is the last sign of life before, in microseconds. `gap_seq` is where the gap begins: before the interval,
    if the account was lost again before it was caught up with.
    """

    alive_us: int
    gap_seq: int
