"""What of a log is archived: stretches whose events are in files, as the database records them."""

from __future__ import annotations

from typing import Final

from recon.db.source import Row, Source, query_rows
from recon.errors import IntegrityError
from recon.log.chain_check import Start
from recon.log.stretch import Stretch, decode_stretch

_ARCHIVED: Final = """
SELECT a.first_seq, a.last_seq, a.digest, a.manifest
FROM recon.log_archives AS a WHERE a.gateway = :gateway ORDER BY a.last_seq
"""
_GATEWAYS: Final = "SELECT DISTINCT a.gateway FROM recon.log_archives AS a ORDER BY a.gateway"


def archived_gateways(source: Source) -> list[str]:
    """Return the gateways of whose logs something is archived."""
    return [str(row["gateway"]) for row in query_rows(source, _GATEWAYS, {})]


def archived_stretches(source: Source, gateway: str) -> list[Stretch]:
    """Return what is archived of a log, in its order. Raise IntegrityError where the record of it was changed."""
    return [_stretch(gateway, row) for row in query_rows(source, _ARCHIVED, {"gateway": gateway})]


def archived_end(source: Source, gateway: str) -> Start | None:
    """Return where the log goes on after what is archived; None where nothing is. Raise IntegrityError."""
    stretches = archived_stretches(source, gateway)
    return stretches[-1].start if stretches else None


def _stretch(gateway: str, row: Row) -> Stretch:
    first_seq, last_seq, digest = row["first_seq"], row["last_seq"], row["digest"]
    stretch = decode_stretch(str(row["manifest"]))
    named = None if stretch is None else (stretch.gateway, stretch.first_seq, stretch.last_seq, stretch.head)
    if stretch is None or named != (gateway, first_seq, last_seq, digest):
        raise IntegrityError(
            f"gateway {gateway!r}: the record of its archived events {first_seq} to {last_seq} contradicts itself;"
            " somebody changed it in the database"
        )
    return stretch
