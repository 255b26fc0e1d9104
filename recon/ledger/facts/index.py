"""The past that the facts of a batch may match: recorded facts, replaceable entries, fills. Pure (semantics 10.3)."""

from __future__ import annotations

from recon.ledger.facts.external_fact import is_manual
from recon.ledger.facts.matching import MatchableFill, is_replaceable
from recon.ledger.units import Entry, UnitKey


class FactIndex:
    """What is at hand of the past for the facts of a batch: facts taken, entries they may make surer, fills."""

    __slots__ = ("entries", "facts", "fills")

    def __init__(self) -> None:
        """Begin with nothing; the store adds what a batch's facts may be matched with."""
        #: (account, external id) to the digest of the content.
        self.facts: dict[tuple[str, str], str] = {}
        self.entries: dict[UnitKey, dict[int, Entry]] = {}
        self.fills: list[MatchableFill] = []

    def add(self, entry: Entry) -> None:
        """Keep an entry that a fact may make surer, and forget one that it takes back.

        One that is taken back is at hand until then; what stands in for it comes after that.
        """
        entries = self.entries.setdefault((entry.account, entry.kind, entry.unit), {})
        taken_back = entries.pop(entry.replaces, None) if entry.replaces else None
        if is_replaceable(entry) or (entry.replaces and taken_back is None and is_manual(entry.fact)):
            entries[entry.number] = entry
