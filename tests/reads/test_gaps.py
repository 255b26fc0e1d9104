"""Gaps as strips and charts have them: whole, from the last sign of life until the account was heard again for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from recon.display.strip import Stretch
from recon.reads.gaps import with_gaps

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def row(seq: int, begin: float, end: float, state: str) -> dict[str, object]:
    return {"from_seq": seq, "from_time": at(begin), "over": at(end), "state": state}


def gap(first: int, last: int | None, begin: float, end: float | None) -> dict[str, object]:
    times = {"from_time": at(begin), "until_time": None if end is None else at(end)}
    return {"from_seq": first, "until_seq": last, **times}


def test_a_gap_begins_at_the_last_sign_of_life_and_what_was_covered_ends_there() -> None:
    rows = [row(1, 0, 20, "covered"), row(9, 20, 22, "gap"), row(12, 22, 23, "catching_up"), row(14, 23, 60, "covered")]
    assert with_gaps(rows, [gap(9, 12, 18.4, 22)]) == [
        Stretch(at(0), at(18.4), "covered"),
        Stretch(at(18.4), at(22), "gap"),
        Stretch(at(22), at(23), "catching_up"),
        Stretch(at(23), at(60), "covered"),
    ]


def test_what_prolonged_a_gap_is_part_of_it() -> None:
    rows = [
        *(row(1, 0, 20, "covered"), row(9, 20, 22, "gap"), row(12, 22, 23, "catching_up")),
        *(row(14, 23, 25, "gap"), row(16, 25, 26, "catching_up"), row(20, 26, 60, "covered")),
    ]
    assert with_gaps(rows, [gap(9, 16, 20, 25)]) == [
        Stretch(at(0), at(20), "covered"),
        Stretch(at(20), at(25), "gap"),
        Stretch(at(25), at(26), "catching_up"),
        Stretch(at(26), at(60), "covered"),
    ]


def test_a_gap_that_goes_on_ends_where_its_log_does() -> None:
    rows = [row(1, 0, 20, "covered"), row(9, 20, 40, "gap")]
    assert with_gaps(rows, [gap(9, None, 18, None)]) == [
        Stretch(at(0), at(18), "covered"),
        Stretch(at(18), at(40), "gap"),
    ]


def test_a_gap_of_which_nothing_is_shown_changes_nothing() -> None:
    rows = [row(14, 23, 60, "covered")]
    assert with_gaps(rows, [gap(9, 12, 18, 22)]) == [Stretch(at(23), at(60), "covered")]
