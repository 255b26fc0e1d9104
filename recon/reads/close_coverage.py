"""The coverage of a business day as known at a log position: as it is counted now, or was by former closings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, cast

import msgspec

from recon.closing.closing import EDGES_SINCE
from recon.closing.coverage import CoverageStretch
from recon.db.source import Row, Source, query_rows

# Catching up belongs to the gap before it.
_KNOWN: Final = """
SELECT v.from_time, v.until_time, v.state, v.reason, k.state AS catch_up, k.ended_seq
FROM recon.coverage_known(:gateway, :known) AS v
LEFT JOIN LATERAL (
    SELECT c.state, c.ended_seq
    FROM recon.catch_ups AS c
    WHERE c.gateway = v.gateway AND c.account = v.account AND c.from_seq <= v.from_seq
      AND v.state IN ('gap', 'catching_up')
    ORDER BY c.from_seq DESC
    LIMIT 1
) AS k ON true
WHERE v.account = :account
  AND (
      (v.from_time < :cut_off AND (v.until_time IS NULL OR v.until_time > :opens_at))
      OR v.from_seq = (
          SELECT min(x.from_seq) FROM recon.coverage_recorded AS x WHERE x.gateway = :gateway AND x.account = :account
      )
  )
ORDER BY v.from_seq, v.from_time"""
# Before version 3: a gap began where the log told of it.
_FORMER: Final = """
SELECT v.from_time, CASE WHEN v.until_seq <= :known THEN v.until_time END AS until_time, v.state, v.reason,
       k.state AS catch_up, k.ended_seq
FROM recon.coverage_recorded AS v
LEFT JOIN LATERAL (
    SELECT x.from_seq
    FROM recon.coverage_recorded AS x
    WHERE x.gateway = v.gateway AND x.account = v.account AND x.from_seq <= v.from_seq AND x.state = 'gap'
      AND v.state IN ('gap', 'catching_up')
    ORDER BY x.from_seq DESC
    LIMIT 1
) AS g ON true
LEFT JOIN LATERAL (
    SELECT c.state, c.ended_seq
    FROM recon.catch_ups AS c
    WHERE c.gateway = v.gateway AND c.account = v.account AND c.from_seq <= g.from_seq
      AND (c.until_seq IS NULL OR c.until_seq > g.from_seq)
    ORDER BY c.from_seq DESC
    LIMIT 1
) AS k ON true
WHERE v.gateway = :gateway AND v.account = :account AND v.from_seq <= :known
  AND (
      (v.from_time < :cut_off AND (v.until_time IS NULL OR v.until_time > :opens_at))
      OR v.from_seq = (
          SELECT min(x.from_seq) FROM recon.coverage_recorded AS x WHERE x.gateway = :gateway AND x.account = :account
      )
  )
ORDER BY v.from_seq"""


def read_stretches(source: Source, scope: Mapping[str, object], known_seq: int, version: int) -> list[CoverageStretch]:
    """Return the stretches of an account's coverage that reach into a business day, and its first one.

    They are as a version of closings counts them.
    """
    if version < EDGES_SINCE:
        return [_stretch(row, known_seq) for row in query_rows(source, _FORMER, scope)]
    return _with_whole_gaps(_stretch(row, known_seq) for row in query_rows(source, _KNOWN, scope))


def _with_whole_gaps(stretches: Iterable[CoverageStretch]) -> list[CoverageStretch]:
    """Return stretches with each gap as one: what was lost again before it was caught up with is part of it."""
    found: list[CoverageStretch] = []
    for each in stretches:
        if found and found[-1].state == each.state == "gap":
            found[-1] = msgspec.structs.replace(found[-1], until=each.until)
        else:
            found.append(each)
    return found


def _stretch(row: Row, known_seq: int) -> CoverageStretch:
    ended_seq = row["ended_seq"]
    return CoverageStretch(
        begin=cast("datetime", row["from_time"]),
        until=cast("datetime | None", row["until_time"]),
        state=str(row["state"]),
        reason=None if row["reason"] is None else str(row["reason"]),
        made_up=row["catch_up"] == "whole" and ended_seq is not None and int(str(ended_seq)) <= known_seq,
    )
