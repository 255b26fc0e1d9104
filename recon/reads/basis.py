"""What figures rest on: how far each gateway's books are folded, the digest of the log up to there, and the rules."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from recon.db.source import Source, query_rows
from recon.reads.rules_in_force import IN_FORCE, rules_of

_BOOKS: Final = """
    SELECT g.name, k.seq, g.head_seq, g.fold_version, e.digest, e.recorded_at
    FROM recon.gateways AS g
    CROSS JOIN LATERAL (SELECT {seq} AS seq FROM (VALUES (1)) AS one) AS k
    LEFT JOIN LATERAL recon.log_at(g.name, k.seq) AS e ON true
    WHERE CAST(:gateway AS text) IS NULL OR g.name = :gateway
    ORDER BY g.name
"""
_NOW: Final = _BOOKS.format(seq="g.projected_seq")
_THEN: Final = _BOOKS.format(
    seq="(SELECT least(l.seq, g.projected_seq) FROM recon.log_as_of(:known_at) AS l WHERE l.gateway = g.name)"
)


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """The books of one gateway: `seq` is the last log position in them, `digest` the log's there.

    `head_seq` is the end of the log itself. `rules_digest` is of the rules in force; null: none were ever logged.
    """

    gateway: str
    seq: int
    at: datetime | None
    digest: str | None
    head_seq: int
    rules_digest: str | None
    fold_version: int | None


def read_basis(source: Source, gateway: str | None = None, known_at: datetime | None = None) -> list[Basis]:
    """Return what the figures of each gateway rest on now, or of what was known at a time."""
    books = _NOW if known_at is None else _THEN
    given = {"gateway": gateway} if known_at is None else {"gateway": gateway, "known_at": known_at}
    return [
        Basis(
            gateway=str(row["name"]),
            seq=int(str(row["seq"])),
            at=row["recorded_at"] if isinstance(row["recorded_at"], datetime) else None,
            digest=None if row["digest"] is None else str(row["digest"]),
            head_seq=int(str(row["head_seq"])),
            rules_digest=_rules_digest(source, str(row["name"]), int(str(row["seq"]))),
            fold_version=None if row["fold_version"] is None else int(str(row["fold_version"])),
        )
        for row in query_rows(source, books, given)
    ]


def _rules_digest(source: Source, gateway: str, known_seq: int) -> str | None:
    force = next((row for row in rules_of(source, gateway, known_seq) if row["state"] == IN_FORCE), None)
    return None if force is None else str(force["digest"])
