"""A step of a unit: a difference between two reports that nothing explains. Pure; stored with the unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from recon.ledger.units import UnitKey

#: `jump`: nothing explains it; `novel`: a fee at no known rate, that may be none; `opening`: the first report may be
#: from before it.
StepKind = Literal["jump", "novel", "opening"]


class Step(msgspec.Struct, frozen=True, gc=False):
    """A difference between two reports that nothing explains.

    `seq` is the log position of the report that shows it, and its identity; that report was received at `at_us`. What
    happened did so in `[after_us, at_us]`: a window before the report that did not show it. `after_seq` is the log
    position of the last report received before `after_us`, 0 if none is kept. `alternatives` are other amounts that
    are nearly as likely (within ten bits).
    """

    unit: UnitKey
    seq: int
    at_us: int
    after_us: int
    after_seq: int
    amount: Decimal
    kind: StepKind = "jump"
    alternatives: tuple[Decimal, ...] = ()
