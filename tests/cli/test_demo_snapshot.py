"""When a demonstration's day is over: only then are its faults scored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec
import pytest

from recon.cli.demo.snapshot import Snapshot

SETTLED: Final = Snapshot(
    at=datetime(2026, 3, 1, tzinfo=UTC),
    gateways=[{"name": "prod-eu", "state": "connected", "lag_events": 0}],
    units=[],
    openings=[],
    open_breaks=0,
    undecided=0,
    delivered=0,
    messages=0,
    waiting=0,
)


def test_a_day_is_settled_when_nothing_is_on_its_way() -> None:
    assert SETTLED.settled


@pytest.mark.parametrize("state", ["unconnected", "disconnected", "failing", "silent"])
def test_a_gateway_that_is_away_may_still_report_a_fault(state: str) -> None:
    away = {"name": "prod-us", "state": state, "lag_events": 0}
    assert not msgspec.structs.replace(SETTLED, gateways=[*SETTLED.gateways, away]).settled


def test_what_is_not_folded_judged_or_told_yet_is_waited_for() -> None:
    behind = [{"name": "prod-eu", "state": "connected", "lag_events": 1}]
    assert not msgspec.structs.replace(SETTLED, gateways=behind).settled
    assert not msgspec.structs.replace(SETTLED, undecided=1).settled
    assert not msgspec.structs.replace(SETTLED, waiting=1).settled
