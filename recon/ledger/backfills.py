"""What a gap hid, and what became of it: the nouns. Pure (architecture 4)."""

from __future__ import annotations

from typing import Literal

import msgspec

#: `waiting` (the account is not back yet, or nothing was asked yet), `running`, `whole`, or `open`: something could not
#: be accounted for, or nobody asked.
BackfillState = Literal["waiting", "running", "whole", "open"]
#: Whether orders born and finished inside the stretch were looked for.
History = Literal["off", "wanted", "read", "not configured", "failed"]


class Backfill(msgspec.Struct, frozen=True):
    """One stretch in which an account was not observed.

    `from_us` is a settlement window before it last was, for what was on its way did not come either; `until_us` is when
    it was again. `from_seq` is inside the stretch, `until_seq` is not; both `until_*` are None while it lasts.
    `ended_seq` is where the catch-up ended. Counts are of orders: missing ones that were accounted for, and such as
    nobody had heard of.
    """

    account: str
    from_seq: int
    from_us: int
    reason: str
    until_seq: int | None = None
    until_us: int | None = None
    state: BackfillState = "waiting"
    history: History = "wanted"
    #: Open questions, each in words, with the order that it is of.
    open: tuple[str, ...] = ()
    requests: int = 0
    orders_settled: int = 0
    orders_found: int = 0
    fills_found: int = 0
    ended_seq: int | None = None

    @property
    def in_progress(self) -> bool:
        """Tell whether the books still lack what the stretch hid, and it is being asked for."""
        return self.state in {"waiting", "running"}


class MissingOrder(msgspec.Struct, frozen=True):
    """An order that was open and is not told of any more: what became of it is not known (protocol 3)."""

    client_order_id: str | None
    seq: int
    #: What the EMS said when it was asked, in words; empty: it was not asked yet.
    why: str = ""
