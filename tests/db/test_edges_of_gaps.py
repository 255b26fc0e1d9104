"""The edges of a gap: the last sign of life, and when the account was heard again for good. Wherever told, the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Final, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from recon.db.engine import create_engine
from recon.db.reader import open_reader
from recon.db.source import Row, Source
from recon.ledger.rules import Rules
from recon.reads.as_of import AsOf
from recon.reads.close import compute, known_at
from recon.reads.coverage import read_coverage, read_strips
from recon.reads.past_coverage import read_past_coverage
from recon.reads.rules_in_force import rules_in_force
from recon.testing import GatewayDriver
from recon.testing.log import new_fold
from tests.conftest import TestDatabase
from tests.support.analysts_days import write_driver
from tests.support.rest_driver import WITHOUT_HISTORY, BackfillRun

pytestmark = pytest.mark.postgres

#: Ten minutes before midnight, so that outages lie across it.
START: Final = datetime(2026, 1, 5, 23, 50, tzinfo=UTC)
ACCOUNTS: Final = ("KRAKEN", "BINANCE")
SNAPSHOTS: Final = "snapshots"
CAUGHT_UP: Final = "caught up"
GIVEN_UP: Final = timedelta(minutes=5)
_numbers = count(1)


class Outage(NamedTuple):
    """An outage: how it begins, how long it lasts, what comes after it, and how many seconds the account then lives."""

    how: str
    lasts: float
    after: str
    lives: float


class Story:
    """Accounts of a gateway that are lost and heard again, and the gaps that follow: told by a driver, kept by hand."""

    def __init__(self, rules: Rules) -> None:
        self.driver = GatewayDriver(start=START)
        self.driver.fold = new_fold(f"edges-{next(_numbers)}")
        self.driver.ledger = self.driver.fold.ledger
        self.driver.set_rules(rules)
        self._rules, self._recovering = rules, rules.recovery.enabled
        self._sessions, self._alive = 0, dict.fromkeys(ACCOUNTS, START)
        self._behind = dict.fromkeys(ACCOUNTS, False)
        self.gaps: dict[str, list[tuple[datetime, datetime | None]]] = {name: [] for name in ACCOUNTS}
        self.come_back(SNAPSHOTS)
        self.live(7.5)

    @property
    def gateway(self) -> str:
        return self.driver.ledger.gateway

    def suffer(self, outage: Outage) -> None:
        if outage.how == "silent":
            self._fall_silent("BINANCE", outage.lasts)
        else:
            self._lose(*ACCOUNTS)
            if outage.how == "closed":
                self.driver.close_session(after=0.4)
            self.driver.now += timedelta(seconds=outage.lasts)
            if outage.how == "killed":
                self.driver.set_rules(self._rules)
            self.come_back(outage.after)
        self.live(outage.lives)

    def come_back(self, after: str) -> None:
        self._sessions += 1
        self.driver.open_session(f"s{self._sessions}", after=0.3)
        for name in ACCOUNTS:
            self.driver.server_info(account=name)
            self._hear(name)
            if after in {SNAPSHOTS, CAUGHT_UP}:
                self.driver.orders(account=name)
                self.driver.balances(account=name)
                self._alive[name] = self.driver.now
        for name in ACCOUNTS if after == CAUGHT_UP else ():
            self._catch_up(name)

    def live(self, seconds: float, *, silent: str = "") -> None:
        self.driver.tick(after=seconds, silent=[silent])
        for name in {*ACCOUNTS} - {silent}:
            self._hear(name)
            # A backfill that comes to no end is given up.
            back = self.gaps[name][-1][1] if self.gaps[name] else None
            self._behind[name] &= back is not None and self.driver.now - back <= GIVEN_UP

    def _fall_silent(self, name: str, seconds: float) -> None:
        self._lose(name)
        for _ in range(3):
            self.live(5 + seconds, silent=name)
        self.live(1.0)

    def _lose(self, *names: str) -> None:
        for name in names:
            if self._behind[name]:
                self.gaps[name][-1] = (self.gaps[name][-1][0], None)
            else:
                self.gaps[name].append((self._alive[name], None))

    def _hear(self, name: str) -> None:
        self._alive[name] = self.driver.now
        if self.gaps[name] and self.gaps[name][-1][1] is None:
            self.gaps[name][-1] = (self.gaps[name][-1][0], self.driver.now)
            self._behind[name] = self._recovering

    def _catch_up(self, name: str) -> None:
        if self._behind[name]:
            self.driver.account = name
            run = BackfillRun(self.driver, f"run-{len(self.driver.log)}")
            run.begin()
            run.balances()
            run.end()
            self._behind[name] = False


OUTAGES: Final = st.builds(
    Outage,
    how=st.sampled_from(["killed", "killed", "closed", "silent"]),
    lasts=st.one_of(st.floats(0.1, 59), st.floats(60, 100_000)).map(lambda seconds: round(seconds, 3)),
    after=st.sampled_from(["nothing", SNAPSHOTS, CAUGHT_UP, CAUGHT_UP]),
    lives=st.floats(0.5, 400).map(lambda seconds: round(seconds, 3)),
)
_COLUMNS: Final = "c.account, c.from_seq, c.until_seq, c.from_time, c.until_time, c.state, c.reason"
_ORDER: Final = "ORDER BY c.account, c.from_seq, c.from_time"
NOW: Final = f"SELECT {_COLUMNS} FROM recon.coverage AS c WHERE c.gateway = :gateway {_ORDER}"  # noqa: S608 - our own
AS_KNOWN: Final = f"SELECT {_COLUMNS} FROM recon.coverage_known(:gateway, :known) AS c {_ORDER}"  # noqa: S608 - our own
Gaps = list[tuple[datetime, datetime | None]]


@settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(outages=st.lists(OUTAGES, min_size=1, max_size=5), recovering=st.booleans(), cut=st.floats(0, 1))
def test_a_gap_has_the_same_edges_wherever_it_is_told(
    database: TestDatabase, outages: list[Outage], recovering: bool, cut: float
) -> None:
    story = Story(WITHOUT_HISTORY if recovering else Rules())
    for outage in outages:
        story.suffer(outage)
    events, known = story.driver.log, max(1, int(cut * len(story.driver.log)))
    story.driver.log = events[:known]
    write_driver(database, story.driver)
    with reading(database) as connection:
        then = stretches(connection, NOW, story.gateway)
    story.driver.log = events
    write_driver(database, story.driver, since=known)

    with reading(database) as connection:
        assert stretches(connection, AS_KNOWN, story.gateway, known) == then
        for name in ACCOUNTS:
            assert daily(connection, story.gateway, name) == by_day(story.gaps[name])
    with open_reader(database.analyst_url, "test") as reader:
        for name in ACCOUNTS:
            told = story.gaps[name]
            assert listed(reader, story, name) == told
            assert drawn(reader, story, name) == told
            assert listed_as_of(reader, story, name) == told
            assert closed(reader, story, name) == by_day(told)


def reading(database: TestDatabase) -> Connection:
    return create_engine(database.analyst_url, "tests", pooled=False).connect()


def stretches(connection: Connection, sql: str, gateway: str, known: int = 0) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(text(sql), {"gateway": gateway, "known": known})]


def by_day(gaps: Gaps) -> dict[date, timedelta]:
    """Return how much of each day gaps take, of days that they reach into."""
    found: dict[date, timedelta] = {}
    for begin, end in gaps:
        assert end is not None
        day = begin.replace(hour=0, minute=0, second=0, microsecond=0)
        while day < end:
            lasts = min(end, day + timedelta(days=1)) - max(begin, day)
            found[day.date()] = found.get(day.date(), timedelta()) + lasts
            day += timedelta(days=1)
    return found


def daily(connection: Connection, gateway: str, account: str) -> dict[date, timedelta]:
    rows = connection.execute(
        text("SELECT day, gap FROM recon.coverage_daily WHERE gateway = :gateway AND account = :account AND gap > '0'"),
        {"gateway": gateway, "account": account},
    )
    return {row.day: row.gap for row in rows}


def listed(reader: Source, story: Story, account: str) -> Gaps:
    now = story.driver.now
    found = read_coverage(reader, gateway=story.gateway, account=account, since=START, now=now, every=True)["gaps"]
    return edges(found)


def edges(rows: Sequence[Row]) -> Gaps:
    found: Gaps = []
    for row in rows:
        if row["gap"]:
            begin, end = row["from_time"], row["back_at"]
            assert isinstance(begin, datetime)
            assert isinstance(end, datetime)
            assert row["lasted"] == end - begin
            found.append((begin, end))
    return found


def drawn(reader: Source, story: Story, account: str) -> Gaps:
    strips = read_strips(reader, gateway=story.gateway, account=account, since=START, now=story.driver.now)
    return joined([(each.begin, each.end) for each in strips[story.gateway, account] if each.state == "gap"])


def listed_as_of(reader: Source, story: Story, account: str) -> Gaps:
    now = story.driver.now
    found = read_past_coverage(
        reader, AsOf(now, now), gateway=story.gateway, account=account, since=START, until=now, every=True
    )
    return edges(found.document["gaps"])


def closed(reader: Source, story: Story, account: str) -> dict[date, timedelta]:
    known = known_at(reader, story.gateway)
    rules = rules_in_force(reader, story.gateway)
    days = [START.date() + timedelta(days=number) for number in range((story.driver.now - START).days + 2)]
    closings = [compute(reader, account, day, rules, known).coverage for day in days]
    for day, coverage in zip(days, closings, strict=True):
        assert coverage.gaps == sum(day in by_day([gap]) for gap in story.gaps[account])
    return {
        day: timedelta(microseconds=coverage.unobserved_us)
        for day, coverage in zip(days, closings, strict=True)
        if coverage.unobserved_us
    }


def joined(gaps: Gaps) -> Gaps:
    """Return gaps with those that lie end to end as one."""
    found: Gaps = []
    for begin, end in gaps:
        if found and found[-1][1] == begin:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found
