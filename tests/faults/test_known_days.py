"""Days that once alarmed falsely, or on which much is planted, whole: every fault is found and nothing else."""

from __future__ import annotations

from typing import Final

import pytest

from tests.faults.days import Day, Flow
from tests.faults.play import played
from tests.faults.processes import scored

FLOW: Final = Flow(0.5, equal_sizes=False, polled=None)


@pytest.mark.parametrize("programme", ["orders", "money"])
def test_every_fault_of_a_day_is_found_and_nothing_else(programme: str) -> None:
    day = Day(FLOW, programme, published=True, seed=1)
    _, found = scored(day)
    assert (found.missed, found.false_alarms) == ([], [])
    assert len(found.found) > 10
    assert found.interval == 1.0


def test_the_same_is_said_however_the_day_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(FLOW, "money", published=False, seed=4)
    whole = played(day).said
    monkeypatch.setattr("tests.faults.play.AT_A_TIME", 61)
    assert played(day).said == whole
    assert whole.steps


#: Days that once alarmed falsely: a fill that comes late and pays its fee in a third asset; stale
#: reports; cash cut to cents, also late and with fees in a third asset; coarse averages; fees that race their fills;
#: the first fills of a class at a new tier, whose sums fit a loss and the old rates.
ONCE_ALARMED: Final = (
    "0.5/varied/fill/orders/untold/1/plain/130",
    "0.5/varied/fill/clean/untold/1/stale-snapshots/130",
    "0.5/varied/fill/clean/told/1/cut-cash/130",
    "0.5/varied/fill/money/told/1/coarse-last-reports/130",
    "2/varied/fill/clean/told/1/coarse-last-reports/130",
    "2/equal/fill/clean/told/31/plain/130",
)


@pytest.mark.parametrize("code", ONCE_ALARMED)
def test_days_that_once_alarmed_falsely_do_so_no_more(code: str) -> None:
    _, found = scored(Day.of(code))
    assert (found.missed, found.false_alarms, found.clean_alarms) == ([], [], [])
