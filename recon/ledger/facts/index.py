"""The past that the facts of a batch may match: recorded facts, replaceable entries, fills. Pure (semantics 10.3)."""

from __future__ import annotations

from recon.ledger.facts.external_fact import is_manual
from recon.ledger.facts.matching import MatchableFill, is_replaceable
from recon.ledger.units import Entry, UnitKey


class FactIndex:
    """Recorded facts, replaceable entries and booked fills that the facts of a batch may match."""

    __slots__ = ("entries", "facts", "fills")

    def __init__(self) -> None:
        """Start empty; the store adds the rows that a batch's facts may match."""
        #: (account, external id) to the digest of the content.
        self.facts: dict[tuple[str, str], str] = {}
        self.entries: dict[UnitKey, dict[int, Entry]] = {}
        self.fills: list[MatchableFill] = []

    def add(self, entry: Entry) -> None:
        """Add an entry if a fact may replace it, and remove the entry that it reverses.

        A reversal and the entry that follows in its place replace the same entry. The reversal comes first.
        """
        entries = self.entries.setdefault((entry.account, entry.kind, entry.unit), {})
        reversed_entry = entries.pop(entry.replaces, None) if entry.replaces else None
        if is_replaceable(entry) or (entry.replaces and reversed_entry is None and is_manual(entry.fact)):
            entries[entry.number] = entry
