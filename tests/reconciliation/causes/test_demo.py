"""The demonstration's planted faults get the causes that the simulator's own truth names."""

from __future__ import annotations

import pytest

from recon.reconciliation.model.snapshot import Transition
from recon.simulator.scenarios import demo_plan
from recon.testing import play


def last_said(transitions: list[Transition], account: str, unit: str) -> list[tuple[str, str]]:
    """What was said last of each break of a unit, before it cleared."""
    told = {
        each.break_.id: (each.break_.cause, each.break_.certainty)
        for each in transitions
        if (each.account, each.unit) == (account, unit) and each.event in {"opened", "caused"}
    }
    return list(told.values())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_planted_faults_are_named(seed: int) -> None:
    named = 0
    for gateway, fold, _ in play(demo_plan(seed, 60.0)):
        for fault in gateway.truth:
            for unit in fault.amounts if fault.must_flag else ():
                said = last_said(fold.engine.transitions, fault.account, unit)
                assert (fault.cause, "inferred") in said, f"{fault.kind} of {unit} in {fault.account}: {said}"
                named += 1
    assert named >= 8


def test_both_legs_of_one_fault_are_one_case_with_one_cause() -> None:
    for gateway, fold, _ in play(demo_plan(1, 60.0)):
        for fault in gateway.truth:
            breaks = [
                known
                for key, comparison in fold.engine.comparisons.items()
                for known in comparison.breaks
                if key[0] == fault.account and key[2] in fault.amounts
            ]
            if len(fault.amounts) == 2 and len(breaks) == 2:
                assert len({known.case_id for known in breaks}) == len({known.cause for known in breaks}) == 1
