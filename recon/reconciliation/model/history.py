"""The history of a unit: its observations as they were judged. Pure (semantics 7.7)."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class JudgedObservation(msgspec.Struct, frozen=True, gc=False):
    """An observation of a unit, the cut it was held against, and the verdict, as of one log position.

    `expected` is opening and fills at the cut; None while there is no opening, or no cut. `last_of_minute`: it is kept
    since no later one of its minute was judged, and nothing else had it kept.
    """

    account: str
    kind: str
    unit: str
    #: The observation: its log position, and when it was made.
    seq: int
    us: int
    #: Where in the log it was judged so.
    judged_seq: int
    judged_us: int
    reported: Decimal
    expected: Decimal | None
    explained: Decimal
    verdict: str
    last_of_minute: bool = False
