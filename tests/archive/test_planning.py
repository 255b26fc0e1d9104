"""What may be archived: whole partitions that a log has passed, up to what keeps events in the database."""

from __future__ import annotations

from recon.archive.planning import Kept, Limit, LogEnds, Planned, Range, plan

RANGES = [Range("log_events_from_11", 11, 20), Range("log_events_from_1", 1, 10), Range("log_events_from_21", 21, 30)]


def log(head: int, archived: int = 0, *limits: Limit, gateway: str = "g") -> LogEnds:
    return LogEnds(gateway, head, archived, limits)


def spans(*planned: Planned) -> list[tuple[int, int]]:
    return [(each.first_seq, each.last_seq) for each in planned]


def test_a_partition_is_old_once_the_log_goes_on_after_it() -> None:
    assert plan(RANGES, [log(10)], 0).stretches == []
    assert plan(RANGES, [log(11)], 0).stretches == [Planned("g", "log_events_from_1", 1, 10)]
    assert spans(*plan(RANGES, [log(31)], 0).stretches) == [(1, 10), (11, 20), (21, 30)]


def test_the_newest_whole_partitions_stay() -> None:
    assert spans(*plan(RANGES, [log(31)], 1).stretches) == [(1, 10), (11, 20)]
    assert spans(*plan(RANGES, [log(31)], 5).stretches) == []


def test_what_is_archived_is_not_archived_again() -> None:
    assert spans(*plan(RANGES, [log(31, 10)], 0).stretches) == [(11, 20), (21, 30)]
    merged = [Range("log_events_from_1", 1, 30)]
    assert spans(*plan(merged, [log(31, 20)], 0).stretches) == [(21, 30)]


def test_the_nearest_limit_ends_the_plan_and_says_why() -> None:
    limits = Limit(29, "folded"), Limit(15, "closed")
    found = plan(RANGES, [log(31, 0, *limits)], 0)
    assert spans(*found.stretches) == [(1, 10)]
    assert found.kept == [Kept("g", 11, 20, "closed")]
    assert plan(RANGES, [log(31, 0, Limit(30, "folded"))], 0).kept == []


def test_each_log_is_planned_by_itself() -> None:
    found = plan(RANGES, [log(31, gateway="fast"), log(5, gateway="slow")], 0)
    assert {each.gateway for each in found.stretches} == {"fast"}
