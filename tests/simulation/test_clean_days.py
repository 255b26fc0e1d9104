"""Clean days: messages cross by 0.3 s, nothing is wrong, and no break may open (semantics 5).

Also where reports are coarser than balances: the last report of an order overtakes the earlier ones and lists two fills
as one (semantics 2.2).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from recon.simulator.habits import CROSSING
from recon.simulator.scenarios import clean_plan
from recon.simulator.venue.flow import Burst
from tests.support.day_problems import days, false_alarms
from tests.support.simulated_days import Flow, flows

SEEDS: Final = range(1, 41)
#: Window and fills a second of the days with coarse reports, and their seeds.
COARSE: Final = [(1.0, 2.0), (5.0, 0.7)]
COARSE_SEEDS: Final = range(1, 17)
#: Seeds of days that open breaks where a part that was overtaken is not looked at.
TELLING_SEEDS: Final = (5, 6, 8)
BURST: Final = Burst(after=20.0, lasting=4.0, fills_per_second=7.0)
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


def coarse_alarms(window: float, rate: float, seed: int, *, bursts: tuple[Burst, ...] = ()) -> list[str]:
    habits = replace(CROSSING, merged_last=True)
    plan = clean_plan(seed, duration=60.0, fills_per_second=rate, habits=habits, settlement_window=window)
    (gateway,) = plan.gateways
    accounts = tuple(
        replace(account, streams=tuple(replace(stream, bursts=bursts) for stream in account.streams))
        for account in gateway.accounts
    )
    plan = replace(plan, gateways=(replace(gateway, accounts=accounts),))
    (day,) = days(plan, f"window {window:g} s, {rate:g}/s, seed {seed}")
    return false_alarms(day)


@pytest.mark.parametrize(("window", "rate"), COARSE)
def test_a_last_report_that_lists_one_fill_for_two_opens_nothing(window: float, rate: float) -> None:
    found = [line for seed in TELLING_SEEDS for line in coarse_alarms(window, rate, seed)]
    assert not found, "\n".join(found)


def test_a_burst_of_seven_fills_a_second_in_coarse_reports_opens_nothing() -> None:
    found = [line for seed in TELLING_SEEDS for line in coarse_alarms(1.0, 0.7, seed, bursts=(BURST,))]
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize(("window", "rate"), COARSE)
def test_sixteen_days_of_coarse_reports_open_nothing(window: float, rate: float) -> None:
    found = [line for seed in COARSE_SEEDS for line in coarse_alarms(window, rate, seed)]
    assert not found, "\n".join(found)


@pytest.mark.slow
def test_sixteen_days_with_bursts_in_coarse_reports_open_nothing() -> None:
    found = [line for seed in COARSE_SEEDS for line in coarse_alarms(1.0, 0.7, seed, bursts=(BURST,))]
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_forty_clean_days_open_nothing(flow: Flow) -> None:
    found = [line for seed in SEEDS for line in alarms(flow, seed)]
    assert not found, "\n".join(found)
