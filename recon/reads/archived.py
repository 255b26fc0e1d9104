"""What of a log is archived, as whoever reads old events is told: of these the database has the kept ones alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from recon.db.source import Source, query_rows
from recon.display.figures import count
from recon.display.words import safe

_ENDS: Final = """
SELECT a.gateway, max(a.last_seq) AS last_seq, max(a.last_at) AS last_at
FROM recon.log_archives AS a GROUP BY a.gateway ORDER BY a.gateway"""


class ArchivedEnd(msgspec.Struct, frozen=True):
    """The last event of a gateway that is archived, and its log time; so are all events before it."""

    gateway: str
    last_seq: int
    last_at: datetime

    @property
    def words(self) -> str:
        """Return in a sentence what is not shown, and where it is."""
        return (
            f"events 1 to {count(self.last_seq)} of {safe(self.gateway)}, up to {self.last_at:%Y-%m-%d %H:%M} UTC,"
            " are archived: of them only what the books rest on is here; see `recon docs production`, 6"
        )


def archived_ends(source: Source) -> dict[str, ArchivedEnd]:
    """Return how far each log is archived, by gateway; those of which nothing is are not in it."""
    return {str(row["gateway"]): msgspec.convert(row, ArchivedEnd) for row in query_rows(source, _ENDS, {})}


def archived_words(source: Source, gateways: Iterable[str], first: int) -> list[str]:
    """Return what whoever reads these logs from a position on is told; nothing where all of it is here."""
    ends = archived_ends(source)
    return [ends[name].words for name in gateways if name in ends and first <= ends[name].last_seq]
