"""The past that the facts of a batch may match: recorded facts, replaceable entries, fills. Pure (semantics 10.3)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import chain

from recon.ledger.facts.external_fact import ExternalFact, is_manual
from recon.ledger.facts.matching import TRADED_WITHIN_US, MatchableFill, is_replaceable
from recon.ledger.facts.waiting import WAITING, WaitingFact
from recon.ledger.units import Entry, UnitKey

#: What a fill and its trade have in common: account, symbol, side, amount, and roughly the time.
_Content = tuple[str, str | None, str | None, Decimal | None, int]


class FactIndex:
    """Recorded and waiting facts, replaceable entries and booked fills that the facts of a batch may match."""

    __slots__ = ("_fills", "_waiting_ids", "entries", "facts", "indexed", "waiting")

    def __init__(self) -> None:
        """Start empty; the store adds the rows that a batch's facts may match."""
        #: (account, external id) to the digest of the content.
        self.facts: dict[tuple[str, str], str] = {}
        self.entries: dict[UnitKey, dict[int, Entry]] = {}
        self._fills: dict[_Content, list[MatchableFill]] = {}
        #: How many of the batch's own fills were added.
        self.indexed = 0
        #: Facts that wait for a second person, or once did, by log position.
        self.waiting: dict[int, WaitingFact] = {}
        self._waiting_ids: set[tuple[str, str, str]] = set()

    def set_waiting(self, waiting: WaitingFact) -> None:
        """Add a fact that waits, or replace it after a decision."""
        self.waiting[waiting.seq] = waiting
        if waiting.state == WAITING:
            self._waiting_ids.add(waiting.identity)
        else:
            self._waiting_ids.discard(waiting.identity)

    def waits(self, identity: tuple[str, str, str]) -> bool:
        """True if the same fact waits already."""
        return identity in self._waiting_ids

    @property
    def fills(self) -> Iterator[MatchableFill]:
        """Return all fills."""
        return chain.from_iterable(self._fills.values())

    def add_fill(self, fill: MatchableFill) -> None:
        """Add a fill that a trade may match."""
        bucket = fill.occurred_us // TRADED_WITHIN_US
        self._fills.setdefault((fill.account, fill.symbol, fill.side, fill.amount, bucket), []).append(fill)

    def fills_like(self, fact: ExternalFact) -> Iterator[MatchableFill]:
        """Return the fills with the content of a trade, near its time."""
        bucket = fact.occurred_us // TRADED_WITHIN_US
        for near in (bucket - 1, bucket, bucket + 1):
            yield from self._fills.get((fact.account, fact.symbol, fact.side, fact.quantity, near), ())

    def add(self, entry: Entry) -> None:
        """Add an entry if a fact may replace it, and remove the entry that it reverses.

        A reversal and the entry that follows in its place replace the same entry. The reversal comes first.
        """
        entries = self.entries.setdefault((entry.account, entry.kind, entry.unit), {})
        reversed_entry = entries.pop(entry.replaces, None) if entry.replaces else None
        if is_replaceable(entry) or (entry.replaces and reversed_entry is None and is_manual(entry.fact)):
            entries[entry.number] = entry
