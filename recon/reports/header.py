"""What a report says of itself: of when it is, what it rests on, and how its cells are to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from recon.reads.basis import Basis
from recon.reports.model import Report
from recon.reports.values import text_of


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a report; `as_of` and `known_at` None: now. `filters` are `name=value` words.

    `not_current` says what recon did not see when it was made, and `provisional` why its figures may still change.
    """

    report: Report
    version: str
    made_at: datetime
    as_of: datetime | None = None
    known_at: datetime | None = None
    filters: Sequence[str] = ()
    books: Sequence[Basis] = ()
    not_current: Sequence[str] = ()
    provisional: Sequence[str] = ()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield what it says, each with its name."""
        yield "report", self.report.name
        yield "title", self.report.title
        yield "made_at", text_of(self.made_at)
        yield "as_of", text_of(self.as_of or self.made_at)
        yield "known_at", text_of(self.known_at or self.made_at)
        for word in self.filters:
            yield "filter", word
        for each in self.books:
            yield "books", words_of(each)
        for line in self.provisional:
            yield "provisional", line
        for line in self.not_current:
            yield "not_current", line
        yield "recon", self.version

    def document(self) -> dict[str, object]:
        """Return the same as a JSON object."""
        return {
            "report": self.report.name,
            "title": self.report.title,
            "made_at": text_of(self.made_at),
            "as_of": text_of(self.as_of or self.made_at),
            "known_at": text_of(self.known_at or self.made_at),
            "filters": list(self.filters),
            "books": [
                {
                    "gateway": each.gateway,
                    "seq": each.seq,
                    "at": None if each.at is None else text_of(each.at),
                    "digest": each.digest,
                    "head_seq": each.head_seq,
                    "rules_digest": each.rules_digest,
                    "fold_version": each.fold_version,
                }
                for each in self.books
            ],
            "not_current": list(self.not_current),
            "recon": self.version,
        }


def words_of(basis: Basis) -> str:
    """Return in one line what the books of a gateway rest on."""
    at = "never" if basis.at is None else text_of(basis.at)
    return (
        f"{basis.gateway}: log position {basis.seq} of {basis.head_seq}, {at}; digest {basis.digest or 'none'};"
        f" rules {basis.rules_digest or 'by default'}; fold {basis.fold_version or 'none'}"
    )
