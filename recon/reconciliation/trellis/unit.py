"""One unit of the comparison: its entries, its reports, and the columns between them. Pure (semantics 5).

This holds what the unit is made of; `process.py` says what happens to it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.units import UnitKey
from recon.reconciliation.model.step import StepKind
from recon.reconciliation.trellis.column import Column, OddEdge, Report, StateKey, Totals
from recon.reconciliation.trellis.costs import HOLD
from recon.reconciliation.trellis.entries import Entries
from recon.reconciliation.trellis.learning import ChargedLeg
from recon.reconciliation.trellis.rate_view import RateView


class QueuedReport(msgspec.Struct, frozen=True, gc=False):
    """A report whose window is not over: received at, log position, readings.

    `booked` is true if it said just what was booked when it came.
    """

    at: int
    seq: int
    values: tuple[int, ...]
    booked: bool = False


class ToldBreak(msgspec.Struct):
    """A break that was told, in units of 1e-40 and microseconds."""

    at: int
    seq: int
    amount: int
    after: int
    after_seq: int
    kind: StepKind
    open: bool = True


class ParkedEdge(msgspec.Struct):
    """A fee at no known rate whose column is forgotten: what is needed to tell it or to resolve it.

    `delta` is the difference of levels without fees, `left` what it left over at the rates then known. `later` counts
    the forgotten fills of each key that came after it; `paid` counts the final steps that paid a key's old rate;
    `steps` counts final exact steps after it at rates from before, up to the report received at `counted_to`.
    """

    at: int
    before_at: int
    after_seq: int
    seq: int
    left: int
    delta: int
    slack: int
    legs: list[ChargedLeg]
    later: dict[FeeKey, int] = {}
    paid: dict[FeeKey, int] = {}
    steps: int = 0
    counted_to: int = 0
    told: bool = False


class ExactStep(NamedTuple):
    """An exact step of the best path over entries, and the keys of its fills that paid, with whether it was a fee."""

    at: int
    final: bool
    oldest_us: int
    paid: frozenset[tuple[FeeKey, bool]]


class UnitTrellis:
    """What is known of one unit; amounts are in units of 1e-40, times in microseconds."""

    __slots__ = (
        "blind",
        "breaks",
        "columns",
        "earlier",
        "entries",
        "exact_steps",
        "final",
        "gap",
        "grain",
        "is_asset",
        "key",
        "last_report_at",
        "last_value",
        "noted",
        "odd_final",
        "odd_tail",
        "opened",
        "parked",
        "quantum",
        "queue",
        "redo_from",
        "rounding",
        "sampled",
        "samples_from",
        "stale",
        "sure",
        "tail",
        "told_openings",
        "tolerance",
        "trimmed",
        "unsuspended",
        "version",
        "wake",
        "window",
    )

    def __init__(self, key: UnitKey, rates: RateView, window: int) -> None:
        """Take the unit's key, the account's rates, and the window in microseconds."""
        self.key = key
        self.window = window
        self.is_asset = key[1] == "asset"
        self.entries = Entries(rates, window)
        #: The coarsest resolution of a stamp, and whether some entries have no stamp.
        self.grain = 1
        self.blind = False
        #: The unit's smallest step; 2 where the venue cuts instead of rounding; what the rules let pass.
        self.quantum = 0
        self.rounding = 1
        self.tolerance = 0
        #: The last report whose quantum, tolerance and price were taken; not stored, for they are what is kept.
        self.noted: Report | None = None
        self.queue: list[QueuedReport] = []
        self.columns: list[Column] = []
        #: Columns up to this index are final.
        self.final = -1
        #: True if the first column stands for all that was forgotten.
        self.trimmed = False
        #: A report before the first column and its window: received at, log position.
        self.earlier: tuple[int, int] = (0, 0)
        self.odd_final: list[OddEdge] = []
        #: The states of the best path after the final columns, and its edges there that need something.
        self.tail: list[StateKey] = []
        self.odd_tail: list[OddEdge] = []
        #: True if the best path has to be looked at anew.
        self.stale = True
        self.redo_from: int | None = None
        self.breaks: list[ToldBreak] = []
        #: Since when it is judged, and since when it gives samples of rates.
        self.opened: int | None = None
        self.samples_from = 0
        #: True if the opening is sure: a difference right after it is no opening.
        self.sure = False
        self.told_openings: set[int] = set()
        self.parked: list[ParkedEdge] = []
        #: Reports whose suspense is over.
        self.unsuspended: set[int] = set()
        #: Reports whose edges gave samples, and when they were received.
        self.sampled: dict[int, int] = {}
        #: When the youngest sample may be used.
        self.wake: int | None = None
        #: The usual time between reports, the last one's time and value.
        self.gap = 0
        self.last_report_at: int | None = None
        self.last_value: int | None = None
        #: Grows with every change of the columns; exact steps of the path, and for which version.
        self.version = 0
        self.exact_steps: tuple[int, list[ExactStep]] = (-1, [])

    def hold(self) -> int:
        """Return how long a column waits until it is final."""
        window, grain = self.window, self.grain
        return HOLD * window if grain <= 1 or grain <= window else window + 3 * grain

    def early(self) -> int:
        """Return how much later than the report an entry that it holds may be stamped."""
        return self.window // 4 + (self.window // 2 if self.blind else 0)

    @property
    def is_open(self) -> bool:
        """True once the opening is told: it never moves."""
        return self.trimmed or (bool(self.columns) and self.columns[0].committed is not None)

    def odd(self) -> list[OddEdge]:
        """Return the edges of the best path that need something, the oldest first."""
        return self.odd_final + self.odd_tail if self.odd_tail else self.odd_final

    def is_odd(self) -> bool:
        """True if the unit has odd edges, parked edges or breaks that are remembered."""
        return bool(self.odd_final or self.odd_tail or self.parked or self.breaks)

    def odd_edge(self, index: int, state: StateKey) -> OddEdge | None:
        """Return the edge to a state of a column if it needs something; None where it is exact, or the opening."""
        column = self.columns[index]
        value = column.states[state]
        source = value[1]
        if value[2] == "exact" or source is None:
            return None
        before = self.columns[index - 1]
        return OddEdge(column, before.at, value[2], value[3], source, state)

    def unfix(self, final: int) -> None:
        """Have the columns after an index be final no more."""
        kept = {id(column) for column in self.columns[: final + 1]}
        self.odd_final = [odd for odd in self.odd_final if id(odd.column) in kept]
        self.final = final
        self.tail.clear()
        self.odd_tail.clear()

    def redo(self, column: int) -> None:
        """Have the columns from an index on worked out anew."""
        if column < len(self.columns):
            self.redo_from = column if self.redo_from is None else min(column, self.redo_from)

    def rates_changed(self) -> None:
        """Have everything that is kept worked out anew."""
        self.entries.quantum = self.quantum * self.rounding
        self.entries.rebuild()
        self.redo(0)

    def totals(self, column: Column, state: StateKey) -> Totals:
        """Return the sums over the entries that a state has in its report."""
        first_out, later_in = state[0], state[1]
        return column.sets[first_out, later_in] if later_in else self.entries.sums[first_out]

    def shift_states(self, count: int) -> None:
        """Count the entries of all states from another first entry on: `count` is added."""
        if count:
            self._renumber(lambda first_out, later_in: (first_out + count, later_in))

    def drop_from_states(self, gone: Iterable[int]) -> None:
        """Count the entries of all states without some, given by index in order: they are kept no more."""
        indices = list(gone)

        def without(first_out: int, later_in: int) -> tuple[int, int]:
            first, bits = first_out - bisect_left(indices, first_out), 0
            for index in range(first_out, first_out + later_in.bit_length()):
                place = bisect_left(indices, index)
                kept = place == len(indices) or indices[place] != index
                if kept and later_in >> (index - first_out) & 1:
                    bits |= 1 << (index - place - first)
            return first, bits

        if indices:
            self._renumber(without)

    def _renumber(self, number: Callable[[int, int], tuple[int, int]]) -> None:
        """Give the entries of all states other numbers; states may become the same until they are worked out anew."""

        def moved(key: StateKey) -> StateKey:
            return *number(key[0], key[1]), key[2], key[3]

        for column in self.columns:
            column.states = {
                moved(key): (value[0], None if value[1] is None else moved(value[1]), value[2], value[3], value[4])
                for key, value in column.states.items()
            }
            column.sets = {number(*key): sums for key, sums in column.sets.items()}
        self.odd_final = [odd._replace(source=moved(odd.source), target=moved(odd.target)) for odd in self.odd_final]
        self.tail = [moved(key) for key in self.tail]
        self.odd_tail = [odd._replace(source=moved(odd.source), target=moved(odd.target)) for odd in self.odd_tail]

    def shift_levels(self, amount: int, booked: int) -> None:
        """Take an entry from before all that are kept: each level is lower by its amount."""
        self.entries.shift(amount, booked)
        for column in self.columns:
            column.states = {key: (*value[:4], value[4] - amount) for key, value in column.states.items()}
            column.sets = {key: (sums[0] + amount, *sums[1:7], sums[7] + booked) for key, sums in column.sets.items()}
            if column.committed is not None:
                level = column.committed.level - amount
                column.committed = msgspec.structs.replace(column.committed, level=level)
