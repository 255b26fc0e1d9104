"""The entries of units since a time in the past: what takes the books of now back to then. Pure (semantics 5.12).

1. The store adds what it has stored of a unit before a batch; what the batch itself posts is added as it comes.
2. Entries near a time that is asked for stay single, as do those that stand for several fills. Of the others the store
   adds sums. So an answer depends on the log alone, however it is cut into batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from recon.exact import ZERO
from recon.ledger.units import FEE, OPENING, ROUNDING, UNMODELLED, Entry, UnitKey

#: How far from a time entries stay single, in microseconds: no cut lies further away.
NEAR_US: Final = 30_000_000
#: Causes of entries that stand for several fills: when each of them was made tells nothing of the fills' times.
OF_SUMS: Final = frozenset({FEE, ROUNDING, UNMODELLED})
INFERRED: Final = "inferred"


class LaterEntry(NamedTuple):
    """An entry, or the sum of some (number 0); `sum_of` is the cause of one that stands for several fills.

    It happened when it was recorded at the latest, whatever a fact tells of its time.
    """

    occurred_us: int
    number: int
    amount: Decimal
    sum_of: str | None = None


class Later(NamedTuple):
    """What a unit's books hold since a time: the entries near it, and the sum of those beyond.

    `sums` are the first entries after the time that stand for several fills, one of each cause.
    """

    near: Sequence[LaterEntry]
    beyond: Decimal
    sums: Sequence[Decimal]


class LaterEntries:
    """The later entries of the units whose past a batch asks for."""

    __slots__ = ("_entries", "_indexed")

    def __init__(self) -> None:
        """Start empty."""
        self._entries: dict[UnitKey, list[LaterEntry]] = {}
        self._indexed = 0

    def add(self, key: UnitKey, entry: LaterEntry) -> None:
        """Add an entry of a unit, or a sum of entries that are near no time that is asked for."""
        self._entries.setdefault(key, []).append(entry)

    def index(self, entries: Sequence[Entry]) -> None:
        """Add the entries that the batch has posted so far; those that were added stay so."""
        for entry in entries[self._indexed :]:
            if entry.cause != OPENING:
                key: UnitKey = (entry.account, entry.kind, entry.unit)
                us = min(entry.occurred_us, entry.recorded_us)
                self.add(key, LaterEntry(us, entry.number, entry.amount, sum_cause(entry)))
        self._indexed = len(entries)

    def since(self, key: UnitKey, us: int) -> Later:
        """Return what a unit's books hold since a time, in microseconds."""
        entries = self._entries.get(key, [])
        near = sorted((entry for entry in entries if abs(entry.occurred_us - us) <= NEAR_US), key=_place)
        beyond = sum((entry.amount for entry in entries if entry.occurred_us > us + NEAR_US), ZERO)
        return Later(near, beyond, list(_first_sums(entries, us)))


def sum_cause(entry: Entry) -> str | None:
    """Return the cause of an entry that stands for several fills; None for any other."""
    is_sum = entry.cause in OF_SUMS and entry.certainty == INFERRED and entry.order is None and entry.fact is None
    return entry.cause if is_sum and entry.break_id is None and entry.replaces is None else None


def _place(entry: LaterEntry) -> tuple[int, int]:
    return entry.occurred_us, entry.number


def _first_sums(entries: Sequence[LaterEntry], us: int) -> Iterator[Decimal]:
    sums = sorted((entry for entry in entries if entry.sum_of is not None and entry.occurred_us > us), key=_place)
    for cause in sorted(OF_SUMS):
        yield from (entry.amount for entry in [each for each in sums if each.sum_of == cause][:1])
