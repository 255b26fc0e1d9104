"""What each independent source said last of a unit, and how the books of that time stand to it (semantics 5.12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from recon.db.source import Row, Source, query_rows
from recon.reads.as_of import NOW, AsOf
from recon.reads.past_views import SOURCE_CHECKS

#: The latest of each source by the time that it is of; the more independent source first.
_LATEST: Final = """
SELECT c.source, c.at, c.reported, c.drift, c.verdict, c.reason, c.break_id, c.seq
FROM (
    SELECT DISTINCT ON (s.source) s.* FROM {checks} AS s
    WHERE s.gateway = :gateway AND s.account = :account AND s.unit_kind = :unit_kind AND s.unit = :unit
    ORDER BY s.source, s.at DESC, s.seq DESC, s.number DESC
) AS c
ORDER BY array_position(ARRAY['chain', 'custodian', 'venue', 'person'], c.source)
"""


def read_sources(source: Source, unit: Mapping[str, object], as_of: AsOf = NOW) -> Sequence[Row]:
    """Return the latest check of each source of a unit (gateway, account, unit_kind, unit)."""
    key = {name: unit[name] for name in ("gateway", "account", "unit_kind", "unit")}
    checks = f"({SOURCE_CHECKS})" if as_of.is_past else "recon_exact.source_checks"
    return query_rows(source, _LATEST.format(checks=checks), {**key, **as_of.parameters})
