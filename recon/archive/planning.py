"""Which stretches of the logs may be archived, and why others stay. Pure.

A partition of the log holds the same positions of every gateway, so a stretch is one gateway's share of a partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Range(NamedTuple):
    """A partition whose positions are all known: its name, its first and its last position."""

    name: str
    first_seq: int
    last_seq: int


class Limit(NamedTuple):
    """The last position that may be archived, and why nothing after it."""

    seq: int
    why: str


class LogEnds(NamedTuple):
    """How far one gateway's log goes, how far it is archived, and what keeps events beyond a position in it."""

    gateway: str
    head_seq: int
    archived_seq: int
    limits: Sequence[Limit]


class Planned(NamedTuple):
    """A stretch that may be archived, and the partition that it is in."""

    gateway: str
    partition: str
    first_seq: int
    last_seq: int


class Kept(NamedTuple):
    """A stretch that stays in the database for now, and why."""

    gateway: str
    first_seq: int
    last_seq: int
    why: str


class Plan(NamedTuple):
    """What is archived, in the order of each log, and the first of each log that stays although it is old."""

    stretches: Sequence[Planned]
    kept: Sequence[Kept]


def plan(ranges: Sequence[Range], logs: Sequence[LogEnds], keep: int) -> Plan:
    """Return what may be archived; of each log the newest `keep` whole partitions stay."""
    found = [_of_log(ranges, log, keep) for log in logs]
    return Plan([each for part in found for each in part.stretches], [each for part in found for each in part.kept])


def _of_log(ranges: Sequence[Range], log: LogEnds, keep: int) -> Plan:
    old = [*_whole(ranges, log)]
    stretches: list[Planned] = []
    for each in old[: max(0, len(old) - keep)]:
        if each.last_seq <= log.archived_seq:
            continue
        limit = min((limit for limit in log.limits if limit.seq < each.last_seq), default=None)
        if limit is not None:
            return Plan(stretches, [Kept(log.gateway, each.first_seq, each.last_seq, limit.why)])
        first_seq = max(each.first_seq, log.archived_seq + 1)
        stretches.append(Planned(log.gateway, each.name, first_seq, each.last_seq))
    return Plan(stretches, [])


def _whole(ranges: Sequence[Range], log: LogEnds) -> Iterator[Range]:
    """Yield the partitions that the log has passed: its last event stays in the database whatever happens."""
    for each in sorted(ranges, key=lambda each: each.first_seq):
        if each.last_seq < log.head_seq:
            yield each
