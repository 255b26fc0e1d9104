"""The planted faults of the demo get the causes that the simulator's truth names."""

from __future__ import annotations

import pytest

from recon.reconciliation.model.snapshot import Transition
from recon.simulator.scenarios import demo_plan
from recon.testing import play


def last_causes(transitions: list[Transition], account: str, unit: str) -> list[tuple[str, str]]:
    """Return the last cause and certainty of each break of a unit."""
    latest = {
        step.break_.id: (step.break_.cause, step.break_.certainty)
        for step in transitions
        if (step.account, step.unit) == (account, unit) and step.event in {"opened", "caused"}
    }
    return list(latest.values())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_faults_get_the_causes_of_the_truth(seed: int) -> None:
    named = 0
    for gateway, fold, _ in play(demo_plan(seed, 60.0)):
        for fault in gateway.truth:
            for unit in fault.amounts if fault.must_flag else ():
                causes = last_causes(fold.reconciler.transitions, fault.account, unit)
                assert (fault.cause, "inferred") in causes, f"{fault.kind} of {unit} in {fault.account}: {causes}"
                named += 1
    assert named >= 8


def test_both_legs_of_one_fault_are_one_case_with_one_cause() -> None:
    for gateway, fold, _ in play(demo_plan(1, 60.0)):
        for fault in gateway.truth:
            breaks = [
                break_
                for key, comparison in fold.reconciler.comparisons.items()
                for break_ in comparison.breaks
                if key[0] == fault.account and key[2] in fault.amounts
            ]
            if len(fault.amounts) == 2 and len(breaks) == 2:
                assert len({break_.case_id for break_ in breaks}) == len({break_.cause for break_ in breaks}) == 1
