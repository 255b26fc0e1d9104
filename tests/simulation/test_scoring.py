"""The score itself: a day that is wrong in one way has just that problem."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from recon.simulator.fault import FaultKind, PlantedFault
from tests.support.day_problems import Day, Opened, false_alarms, problems

D = Decimal
AT = datetime(2026, 1, 5, 9, 0, 30, tzinfo=UTC)
UNIT = ("BINANCE", "asset", "ETH")
SECOND = timedelta(seconds=1)
FAULT = PlantedFault(
    kind=FaultKind.LOST_FILL,
    gateway="sim",
    account="BINANCE",
    unit_kind="asset",
    units=("ETH",),
    amounts={"ETH": D("0.2")},
    planted_at=AT,
    must_flag=True,
)
LATE = replace(FAULT, kind=FaultKind.LATE_FILL, ends_at=AT + 20 * SECOND)
OPENED = Opened("b1", UNIT, D("0.2"), AT + 10 * SECOND, AT - SECOND, AT + SECOND)


def day(fault: PlantedFault, *opened: Opened, cleared: datetime | None = None, still: bool = True) -> Day:
    return Day("day", [fault], list(opened), {} if cleared is None else {"b1": cleared}, {UNIT} if still else set())


def test_a_day_without_problems() -> None:
    assert problems(day(FAULT, OPENED)) == []
    assert problems(day(LATE, OPENED, cleared=AT + 25 * SECOND, still=False)) == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (day(FAULT), "opened nothing"),
        (day(FAULT, replace(OPENED, amount=D("0.21"))), "opened nothing"),
        (day(FAULT, replace(OPENED, unit=("BINANCE", "asset", "BTC"))), "opened nothing"),
        (day(FAULT, replace(OPENED, after=AT + SECOND)), "not within"),
        (day(FAULT, replace(OPENED, until=AT - SECOND)), "not within"),
        (day(FAULT, OPENED, OPENED), "nothing was planted"),
        (day(FAULT, OPENED, still=False), "no longer open"),
        (day(LATE, OPENED), "never cleared"),
        (day(LATE, OPENED, cleared=AT + 15 * SECOND, still=False), "before the report came"),
        (day(LATE, OPENED, cleared=AT + 25 * SECOND), "still has an open break"),
    ],
)
def test_what_is_wrong_is_said(wrong: Day, says: str) -> None:
    assert any(says in problem for problem in problems(wrong))


def test_whatever_opens_on_a_clean_day_is_a_false_alarm() -> None:
    assert false_alarms(day(FAULT, OPENED, OPENED)) == ["day: opened BINANCE/asset/ETH 0.2 at 09:00:40.000000"] * 2
