"""A report and the states that may hold at it. Pure (semantics 5).

A state is `(first_out, later_in, kind, reading)`: of the entries, the first `first_out` are in the report, and those
later ones whose bit of `later_in` is set (bit b is entry `first_out` + b). `later_in` = 0 is a cut. Its value is
`(cost, state before, edge, left, level)`: what the best way to it costs, what the last edge needed and left over, and
the level: reported less the entries that are in. These are plain tuples, for they are made by the thousand.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, NamedTuple

import msgspec

from recon.exact import ZERO
from recon.reconciliation.trellis.steps import CommittedKind

#: What an edge needs. `opening`: there is no report before; the others are those of the table of costs.
EdgeKind = Literal["opening", "exact", "unknown", "other_rate", "tier", "unmodelled", "novel", "jump", "passed_over"]
#: Kinds of state: the report holds, or it is passed over and level and set are those of the report before.
HOLDS: Final = 0
PASSED: Final = 1

StateKey = tuple[int, int, int, int]
StateValue = tuple[int, StateKey | None, EdgeKind, int, int]
#: Sums over the entries of a set: amount, fees at expected rates, turnover at unknown rates, turnover that may bear a
#: fee, slack, bounds of unmodelled entries, spread (four times slack squared), fees booked.
Totals = tuple[int, int, int, int, int, int, int, int]
#: Where each stands in them.
AMOUNT: Final = 0
FEE: Final = 1
UNKNOWN: Final = 2
TURNOVER: Final = 3
SLACK: Final = 4
UNMODELLED: Final = 5
SPREAD: Final = 6
BOOKED: Final = 7


class Report(msgspec.Struct, frozen=True, gc=False):
    """What a venue says a unit holds. `values` are the ways to read the report, the plain one first.

    `quantum` is the unit's smallest step, where known. `tolerance` is the difference that the account's rules let
    pass. `price` is what one unit of an asset is worth, in US dollars, where known.
    """

    seq: int
    us: int
    values: tuple[Decimal, ...]
    quantum: Decimal | None = None
    tolerance: Decimal = ZERO
    price: Decimal | None = None


class Column(msgspec.Struct, eq=False, gc=False):
    """One report of the trellis and its states; amounts are in units of 1e-40.

    A report was received at `at`, in microseconds, at log position `seq`; `values` are its readings.
    """

    at: int
    seq: int
    values: tuple[int, ...]
    states: dict[StateKey, StateValue] = {}
    #: Sums of the sets that are no cuts.
    sets: dict[tuple[int, int], Totals] = {}
    #: True once only the best path's state is left.
    frozen: bool = False
    #: True if sets that are no cuts, and passing over, were tried.
    wide: bool = False
    #: What the cheapest state costs more than that of the report before.
    rise: int = 0
    #: What was told of the edge to this report when it became final.
    committed: CommittedEdge | None = None

    def value_of(self, state: StateKey) -> int:
        """Return what the report says in a state; where it is passed over, the plain reading."""
        return self.values[0 if state[2] == PASSED else state[3]]


class CommittedEdge(msgspec.Struct, frozen=True, gc=False):
    """What was told of a final edge, in units of 1e-40; `level` is that of the report it leads to.

    `tolerated` is the part of `rounding` that the settings alone allow.
    """

    kind: CommittedKind
    jump: int
    rounding: int
    fee: int
    level: int
    tolerated: int = 0

    def comes_to(self, other: CommittedEdge) -> bool:
        """True if another value tells the same of the edge, whatever the level."""
        mine = self.kind, self.jump, self.rounding, self.fee
        return mine == (other.kind, other.jump, other.rounding, other.fee)


class OddEdge(NamedTuple):
    """An edge of the best path that needs something; `alternatives` are other amounts it may have."""

    column: Column
    #: When the report before was received.
    before_at: int
    kind: EdgeKind
    left: int
    source: StateKey
    target: StateKey
    alternatives: tuple[int, ...] = ()
