"""What figures rest on: how far each gateway's books are folded, the digest of the log up to there, and the rules."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from recon.db.source import Source, query_rows
from recon.reads.rules_in_force import IN_FORCE, rules_of

_BOOKS: Final = """
    SELECT g.name, g.projected_seq, g.head_seq, g.fold_version, e.digest, e.recorded_at
    FROM recon.gateways AS g
    LEFT JOIN recon.events AS e ON e.gateway = g.name AND e.seq = g.projected_seq
    WHERE CAST(:gateway AS text) IS NULL OR g.name = :gateway
    ORDER BY g.name
"""


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


def read_basis(source: Source, gateway: str | None = None) -> list[Basis]:
    """Return what the figures of each gateway rest on now."""
    return [
        Basis(
            gateway=str(row["name"]),
            seq=int(str(row["projected_seq"])),
            at=row["recorded_at"] if isinstance(row["recorded_at"], datetime) else None,
            digest=None if row["digest"] is None else str(row["digest"]),
            head_seq=int(str(row["head_seq"])),
            rules_digest=_rules_digest(source, str(row["name"])),
            fold_version=None if row["fold_version"] is None else int(str(row["fold_version"])),
        )
        for row in query_rows(source, _BOOKS, {"gateway": gateway})
    ]


def _rules_digest(source: Source, gateway: str) -> str | None:
    force = next((row for row in rules_of(source, gateway) if row["state"] == IN_FORCE), None)
    return None if force is None else str(force["digest"])
