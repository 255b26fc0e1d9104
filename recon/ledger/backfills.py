"""What a gap hid, and what its backfill came to: the nouns. Pure (architecture 4)."""

from __future__ import annotations

from typing import Literal

import msgspec

#: `waiting`: the account is not back yet, or nothing was asked yet. `running`: requests are under way. `whole`:
#: everything is accounted for. `open`: questions are left, or nobody asked.
BackfillState = Literal["waiting", "running", "whole", "open"]
#: Whether orders that were born and finished inside the gap were looked for.
History = Literal["off", "wanted", "read", "not configured", "failed"]


class Backfill(msgspec.Struct, frozen=True):
    """One gap of an account, and what was fetched over REST to fill it.

    `from_us` is a settlement window before the account was last observed, because messages on their way were lost too.
    `until_us` is when it was observed again. `from_seq` is inside the gap, `until_seq` is not; both `until_*` are None
    while the gap lasts. `ended_seq` is where the backfill ended. `orders_settled` counts missing orders that were
    accounted for, `orders_found` orders that no report had named before.
    """

    account: str
    from_seq: int
    from_us: int
    reason: str
    until_seq: int | None = None
    until_us: int | None = None
    state: BackfillState = "waiting"
    history: History = "wanted"
    #: Open questions, each in words, with its order.
    open: tuple[str, ...] = ()
    requests: int = 0
    orders_settled: int = 0
    orders_found: int = 0
    fills_found: int = 0
    ended_seq: int | None = None

    @property
    def in_progress(self) -> bool:
        """True while the ledger lacks what the gap hid, and it is being asked for."""
        return self.state in {"waiting", "running"}


class MissingOrder(msgspec.Struct, frozen=True):
    """An order that was open and is reported no more: what became of it is not known (protocol 3)."""

    client_order_id: str | None
    seq: int
    #: What the EMS said when it was asked, in words; empty: it was not asked yet.
    why: str = ""
