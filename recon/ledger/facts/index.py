"""The past that the facts of a batch may match: recorded facts, replaceable entries, fills. Pure (semantics 10.3)."""

from __future__ import annotations

from collections.abc import Sequence

from recon.ledger.facts.external_fact import is_manual
from recon.ledger.facts.later_entries import LaterEntries
from recon.ledger.facts.matchable_fills import MatchableFills
from recon.ledger.facts.matching import MatchableFill, is_replaceable
from recon.ledger.facts.replaceable import ReplaceableEntries
from recon.ledger.facts.waiting import WAITING, WaitingFact
from recon.ledger.units import Entry, UnitKey


class FactIndex:
    """Recorded and waiting facts, replaceable entries and booked fills that the facts of a batch may match."""

    __slots__ = ("_by_statement", "_entries", "_fills", "_waiting_ids", "facts", "indexed", "later", "waiting")

    def __init__(self) -> None:
        """Start empty; the store adds the rows that a batch's facts may match."""
        #: (account, external id) to the digest of the content.
        self.facts: dict[tuple[str, str], str] = {}
        self._entries: dict[UnitKey, ReplaceableEntries] = {}
        self._fills: list[MatchableFill] = []
        #: What the trades of each statement may still match: several statements tell the same fills.
        self._by_statement: dict[str, MatchableFills] = {}
        #: How many of the batch's own fills were added.
        self.indexed = 0
        #: Facts that wait for a second person, or once did, by log position.
        self.waiting: dict[int, WaitingFact] = {}
        self._waiting_ids: set[tuple[str, str, str]] = set()
        #: The entries since the times that told balances are of.
        self.later = LaterEntries()

    @property
    def fills(self) -> Sequence[MatchableFill]:
        """Return the fills that trades may match."""
        return self._fills

    def add_fill(self, fill: MatchableFill) -> None:
        """Add a fill that trades may match."""
        self._fills.append(fill)
        for fills in self._by_statement.values():
            fills.add(fill)

    def take_back(self, account: str, order: str) -> None:
        """Count the fills of an order in again: a report may have made room for more trades."""
        for fills in self._by_statement.values():
            fills.take_back(account, order)

    def fills_of(self, statement: str) -> MatchableFills:
        """Return the fills that the trades of a statement may match."""
        if statement not in self._by_statement:
            fills = self._by_statement[statement] = MatchableFills()
            for fill in self._fills:
                fills.add(fill)
        return self._by_statement[statement]

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

    def entries_of(self, key: UnitKey) -> ReplaceableEntries:
        """Return the entries of a unit that facts may replace."""
        return self._entries.setdefault(key, ReplaceableEntries())

    def add(self, entry: Entry) -> None:
        """Add an entry if a fact may replace it, and remove the entry that it reverses.

        A reversal and the entry that follows in its place replace the same entry. The reversal comes first.
        """
        entries = self.entries_of((entry.account, entry.kind, entry.unit))
        reversed_entry = entries.pop(entry.replaces) if entry.replaces else None
        if is_replaceable(entry) or (entry.replaces and reversed_entry is None and is_manual(entry.fact)):
            entries.add(entry)
