"""Clean days: messages cross by 0.3 s, nothing is wrong, and no break may open (semantics 5)."""

from __future__ import annotations

from typing import Final

import pytest

from tests.support.day_problems import days, false_alarms
from tests.support.simulated_days import Flow, flows

SEEDS: Final = range(1, 41)
FLOWS: Final = [*flows(5.0), *flows(1.0)]


def alarms(flow: Flow, seed: int) -> list[str]:
    (day,) = days(flow.plan(seed), f"{flow}, seed {seed}")
    return false_alarms(day)


@pytest.mark.parametrize("flow", [*flows(5.0), *flows(1.0, equal_sizes=False)], ids=str)
def test_two_clean_days_open_nothing(flow: Flow) -> None:
    found = [line for seed in (1, 2) for line in alarms(flow, seed)]
    assert not found, "\n".join(found)


def test_a_clean_day_is_judged_at_all() -> None:
    """No break because all agrees, not because nothing was compared."""
    (day,) = days(Flow(5.0, 1.0, equal_sizes=False, polled=None).plan(1), "a day")
    assert day.agreed
    assert not day.unjudged, f"never judged: {day.unjudged}"


@pytest.mark.slow
@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_forty_clean_days_open_nothing(flow: Flow) -> None:
    found = [line for seed in SEEDS for line in alarms(flow, seed)]
    assert not found, "\n".join(found)
