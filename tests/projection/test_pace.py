"""The pace of the projector: small steps rest, many events do not wait, and the end of the log is known."""

from __future__ import annotations

from recon.projection.pace import MANY_EVENTS, REST_SECONDS, Pace


def test_the_first_step_begins_at_once() -> None:
    assert Pace().rest_until(0) == 0.0


def test_a_step_is_followed_by_a_rest_as_long_as_itself() -> None:
    pace = Pace()
    pace.note_step(began=7.0, ended=7.0 + REST_SECONDS / 5)
    assert pace.rest_until(0) == 7.0 + 2 * REST_SECONDS / 5


def test_a_rest_is_bounded_however_long_the_step_was() -> None:
    pace = Pace()
    pace.note_step(began=7.0, ended=9.0)
    assert pace.rest_until(0) == 9.0 + REST_SECONDS


def test_many_events_that_wait_are_folded_without_a_rest() -> None:
    pace = Pace()
    pace.note_step(began=7.0, ended=9.0)
    pace.note_head(1000 + MANY_EVENTS)
    assert pace.rest_until(1001) == 9.0 + REST_SECONDS
    assert pace.rest_until(1000) == 0.0


def test_the_end_is_the_last_position_that_was_told() -> None:
    pace = Pace()
    pace.note_head(20)
    pace.note_head(10)
    assert [pace.is_at_end(seq) for seq in (19, 20, 21)] == [False, True, True]


def test_how_far_the_log_goes_is_unsure_at_first_and_after_each_note() -> None:
    pace = Pace()
    assert [pace.take_unsure(), pace.take_unsure()] == [True, False]
    pace.note_head(20)
    assert pace.take_unsure() is False
    pace.note_unsure()
    assert [pace.take_unsure(), pace.take_unsure()] == [True, False]
