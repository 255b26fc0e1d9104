"""Delays between attempts: doubled up to a bound, with jitter from a given source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.backoff import MAX_DOUBLINGS, Backoff, delay_after

draws = st.floats(min_value=0.0, max_value=1.0, exclude_max=True)


def test_without_a_random_source_the_delay_doubles_up_to_the_longest() -> None:
    backoff = Backoff(0.1, 5.0)
    assert [backoff.next() for _ in range(8)] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])


def test_a_reset_starts_again_from_the_first_delay() -> None:
    backoff = Backoff(1.0, 60.0, lambda: 0.5)
    assert [backoff.next() for _ in range(3)] == [0.5, 1.0, 2.0]
    assert backoff.failures == 3
    backoff.reset()
    assert (backoff.failures, backoff.next()) == (0, 0.5)


def test_half_jitter_keeps_half_of_the_delay() -> None:
    shortest, longest = Backoff(2.0, 60.0, lambda: 0.0, jitter=0.5), Backoff(2.0, 60.0, lambda: 1.0, jitter=0.5)
    assert [shortest.next() for _ in range(3)] == [1.0, 2.0, 4.0]
    assert [longest.next() for _ in range(3)] == [2.0, 4.0, 8.0]


@given(st.integers(1, 10**6), draws, st.floats(0.0, 1.0), st.floats(0.0, 30.0))
def test_a_delay_stays_between_its_floor_and_the_longest(
    failures: int, drawn: float, jitter: float, floor: float
) -> None:
    delay = delay_after(failures, first=0.5, longest=30.0, draw=lambda: drawn, jitter=jitter, floor=floor)
    assert floor <= delay <= 30.0


def test_the_count_of_failures_may_grow_without_end() -> None:
    assert delay_after(10**9, first=1e-6, longest=1e12) == pytest.approx(1e-6 * 2.0**MAX_DOUBLINGS)
