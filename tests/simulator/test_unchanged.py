"""Days that use nothing new are, byte for byte, the days that their seeds have always been."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from recon.simulator.day import Gateway, play_gateway
from recon.simulator.plan import Plan
from recon.simulator.scenarios import clean_plan, demo_plan
from tests.support.observers import START


def digest(plan: Plan) -> str:
    """Sum up what is sent and when, and the old part of the truth."""
    found = hashlib.sha256()
    for gateway_plan in plan.gateways:
        gateway = Gateway(gateway_plan, START)
        until = START + timedelta(seconds=plan.duration + 5)
        for each in play_gateway(gateway, START, until=until):
            said = each.payload if isinstance(each.payload, bytes) else each.payload.kind.value.encode()
            found.update(each.at.isoformat().encode() + said)
        for fault in gateway.truth:
            known = (fault.kind.value, fault.account, fault.planted_at.isoformat(), sorted(fault.amounts.items()))
            found.update(repr(known).encode())
    return found.hexdigest()[:16]


DAYS = {
    "demo of seed 7": (demo_plan(7, 60.0), "299643dc06e1084e"),
    "demo of seed 3": (demo_plan(3, 40.0), "f00885307d7da449"),
    "clean": (clean_plan(1, duration=60.0, fills_per_second=2.0), "f3c55fa7b932f162"),
    "clean, polled, equal sizes": (
        clean_plan(5, duration=60.0, fills_per_second=2.0, equal_sizes=True, polled=1.0),
        "a7a61c608b9ed1ed",
    ),
}


@pytest.mark.parametrize("name", DAYS)
def test_the_day_of_a_seed_stays_what_it_was(name: str) -> None:
    plan, expected = DAYS[name]
    assert digest(plan) == expected
