"""Over whole days, the legs of each unit sum to what its fills and their fees were booked as."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from recon.exact import ZERO, exact
from recon.ledger.units import UnitKey
from recon.projection.fold import decode_event
from recon.simulator.day import Gateway
from recon.simulator.plan import Plan
from recon.simulator.scenarios import demo_plan
from recon.testing import START, as_stored, new_fold, recorded_events, without_rest
from tests.support.leg_keeper import LegKeeper
from tests.support.simulated_days import Flow


@pytest.mark.parametrize(
    "plan", [demo_plan(1, 40.0), Flow(1.0, 2.0, equal_sizes=False, polled=None).plan(3)], ids=["demo", "clean"]
)
def test_the_legs_of_a_unit_sum_to_the_entries_of_its_fills(plan: Plan) -> None:
    plan = without_rest(replace(plan, gateways=plan.gateways[:1]))
    gateway, fold = Gateway(plan.gateways[0], START), new_fold(plan.gateways[0].name)
    legs = LegKeeper(fold)
    until = START + timedelta(seconds=plan.duration + 20)
    fold.fold([decode_event(event) for event in as_stored(recorded_events(plan, gateway, until=until))])
    moved: dict[UnitKey, Decimal] = defaultdict(Decimal)
    booked: dict[UnitKey, Decimal] = defaultdict(Decimal)
    counts = Counter(state.unit.kind for state, _ in legs)
    with exact():
        for state, leg in legs:
            moved[state.key] += leg.amount - leg.booked_fee
            assert leg.stamp.us <= leg.arrived_us
            assert (leg.turnover != ZERO) == (leg.fee_key is not None)
        for entry in fold.ledger.changes.entries:
            if entry.order is not None and entry.break_id is None:
                booked[entry.account, entry.kind, entry.unit] += entry.amount
    assert {key: amount for key, amount in moved.items() if amount} == {
        key: amount for key, amount in booked.items() if amount
    }
    assert min(counts["asset"], counts["contract"]) > 30
