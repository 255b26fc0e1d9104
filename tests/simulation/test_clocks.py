"""Clocks that jump while reports disagree: the break opens within the usual delay of steady time (semantics 9.1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recon.db.engine import create_engine
from recon.log import events
from recon.log.clock import LogClock, jump_payload
from recon.log.events import NewEvent
from recon.testing import START, GatewayDriver, balance_row
from tests.conftest import TestDatabase
from tests.support.database_days import fold, write_events

#: Seconds in which the reports disagree.
DISAGREEING = 60
HOUR = 3600


class Machine:
    """A gateway that is recorded while clocks are set; steady time passes second by second."""

    def __init__(self, start: datetime = START) -> None:
        self.driver = GatewayDriver()
        self.driver.now = start
        self.steady = 0.0
        self.machine = self.database = timedelta()
        self._start = start
        self.clock = LogClock(lambda: self._reading(self.machine), lambda: self.steady)
        self.clock.begin(start, start, asked=0.0)
        self.driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"))
        self.steady = (self.driver.now - start).total_seconds()
        self.clock.learn(None, self._reading(self.database), asked=self.steady)
        self.clock.now_us()

    def _reading(self, ahead: timedelta) -> datetime:
        return self._start + ahead + timedelta(seconds=self.steady)

    def set(self, *, machine: int, database: int) -> None:
        """Set both clocks so many seconds ahead of the true time."""
        self.machine, self.database = timedelta(seconds=machine), timedelta(seconds=database)

    def poll(self, amount: str, seconds: int) -> int | None:
        """Receive a balance and a tick each second; return after how many seconds a break was open, None: never."""
        for second in range(1, seconds + 1):
            self.steady += 1
            self._record_jumps()
            self.driver.balance("BTC", amount, after=self._passed())
            self.driver.tick(after=0)
            self.clock.learn(self.driver.now, self._reading(self.database), asked=self.steady)
            if self.driver.breaks("BTC"):
                return second
        return None

    def _passed(self) -> float:
        return (self.clock.now() - self.driver.now).total_seconds()

    def _record_jumps(self) -> None:
        self.clock.now_us()
        for jump in self.clock.take_jumps():
            self.driver.event(events.CLOCK_JUMPED, jump_payload(jump), after=self._passed())


#: How the clocks of machine and database are set, in seconds: first so, and then back.
SETTINGS = {
    "both ahead": (HOUR, HOUR),
    "ours ahead": (HOUR, 0),
    "the database's ahead": (0, HOUR),
    "both back": (-HOUR, -HOUR),
    "ours back": (-HOUR, 0),
    "the database's back": (0, -HOUR),
    "apart": (HOUR, -HOUR),
}


def usual_delay() -> int:
    delay = Machine().poll("9", DISAGREEING)
    assert delay is not None
    return delay


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("set_back_after", [0, 3, None])
def test_a_break_opens_within_its_usual_delay(setting: str, set_back_after: int | None) -> None:
    machine, database = SETTINGS[setting]
    usual = usual_delay()
    stage = Machine()
    stage.poll("10", 20)
    stage.set(machine=machine, database=database)
    if set_back_after is not None:
        stage.poll("10", 20)
        assert stage.poll("9", set_back_after) is None
        stage.set(machine=0, database=0)
    delay = stage.poll("9", DISAGREEING)
    assert delay is not None
    assert delay <= usual * 10 / 9 + 2
    assert stage.driver.coverage() == ("covered", None)
    named = {found.about for found in stage.driver.findings("clock_jumped")}
    assert named == {name for name, ahead in (("machine", machine), ("database", database)) if ahead}


def test_the_finding_says_which_clock_jumped_and_how_far() -> None:
    stage = Machine()
    stage.set(machine=HOUR, database=0)
    stage.poll("10", 5)
    (found,) = stage.driver.findings("clock_jumped")
    assert found.message == (
        "the recording machine's clock jumped 3600.000000 s ahead of steady time; check its time service"
    )


@pytest.mark.postgres
@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_the_same_on_a_real_database(database: TestDatabase, ahead: int) -> None:
    # The database's clock is the real one: nobody sets it here.
    stage = Machine(datetime.now(UTC) - timedelta(minutes=5))
    stage.set(machine=ahead, database=0)
    stage.poll("10", 20)
    stage.set(machine=0, database=0)
    assert stage.poll("9", DISAGREEING) is not None
    recorded = [
        NewEvent(event.kind, event.payload, event.recorded_at, event.account, event.session)
        for event in stage.driver.log
    ]
    write_events(database.service_url, "prod-eu", recorded)
    fold(database.service_url, "prod-eu")
    engine = create_engine(database.service_url, "tests", pooled=False)
    with engine.begin() as connection:
        breaks = connection.exec_driver_sql("SELECT unit, state FROM recon.breaks").all()
        jumps = connection.exec_driver_sql("SELECT about FROM recon.findings WHERE kind = 'clock_jumped'").all()
    assert [tuple(row) for row in breaks] == [("BTC", "open")]
    assert [row.about for row in jumps] == ["machine"] * 2
