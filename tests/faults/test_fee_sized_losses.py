"""A loss no larger than a fee is told in the end, with the fees told and with nothing told."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from recon.simulator.fault import Fault, FaultKind
from tests.faults.days import BNB, DESK, JOHN, PROGRAMMES, Day, Flow
from tests.faults.play import played

#: Units, a usual fee of a fill in each, and the seconds of the day in which it loses as much.
LOSSES = (
    (JOHN, "ZUSD", 1.6, (150, 400)),
    ("BINANCE", "USDT", 1.0, (150, 400)),
    (DESK, "USD", 2.5, (150, 300)),
    (BNB, "USDT", 1.0, (500, 650)),
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("published", [True, False])
def test_a_loss_of_the_size_of_a_fee_is_told(seed: int, published: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = Random(f"fee-sized/{seed}")
    faults = [
        Fault(
            kind=FaultKind.WRONG_BALANCE,
            after=dice.uniform(*when),
            account=account,
            asset=asset,
            amount=-Decimal(f"{fee * dice.uniform(0.5, 2):.2f}"),
        )
        for account, asset, fee, when in LOSSES
    ]
    monkeypatch.setitem(PROGRAMMES, "fee-sized", tuple(faults))
    flow = Flow(rate=0.5, equal_sizes=False, polled=None)
    rows = played(Day(flow, "fee-sized", published=published, seed=seed, seconds=1_000.0))
    told = {(step.unit.account, step.unit.code, step.amount) for step in rows.said.steps}
    assert {(fault.account, fault.asset, fault.amount) for fault in faults} == told
