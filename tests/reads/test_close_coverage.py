"""Closings count a gap from the last sign of life; those of before count it from when the log told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from recon.db.reader import open_reader
from recon.db.source import Source
from recon.deciding.signing import sign
from recon.ledger.rules import Rules
from recon.reads.close import compute, known_at, read_closes, signed_closes, verify
from recon.reads.rules_in_force import rules_in_force
from recon.testing import GatewayDriver, balance_row
from tests.conftest import TestDatabase
from tests.reads.test_close import People
from tests.support.analysts_days import write_driver

pytestmark = pytest.mark.postgres

GATEWAY: Final = "prod-eu"
START: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
OUTAGE: Final = timedelta(seconds=40)


@pytest.fixture
def driver(database: TestDatabase) -> GatewayDriver:
    """Return a gateway whose service was killed, and started 40 s later: it logs its rules before it connects."""
    told = GatewayDriver(Rules(), start=START)
    told.start(balance_row("BTC", "10"))
    told.now += OUTAGE
    told.set_rules(Rules())
    told.open_session("s2")
    told.server_info()
    told.orders()
    told.balances(balance_row("BTC", "10"))
    told.wait(5)
    told.tick(after=86_400)
    write_driver(database, told)
    return told


@pytest.fixture
def people(database: TestDatabase) -> Iterator[People]:
    made = People(database)
    yield made
    made.leave()


def _unobserved(reader: Source, driver: GatewayDriver, version: int) -> timedelta:
    rules = rules_in_force(reader, GATEWAY)
    coverage = compute(reader, driver.account, START.date(), rules, known_at(reader, GATEWAY), version).coverage
    assert coverage.gaps == 1
    return timedelta(microseconds=coverage.unobserved_us)


def test_a_closing_counts_from_the_last_sign_of_life(database: TestDatabase, driver: GatewayDriver) -> None:
    with open_reader(database.analyst_url, "test") as reader:
        assert _unobserved(reader, driver, 3) > OUTAGE
        assert _unobserved(reader, driver, 2) < timedelta(seconds=1), "from the first event of the next process"


def test_a_closing_of_before_is_borne_out_and_not_restated(
    database: TestDatabase, driver: GatewayDriver, people: People
) -> None:
    day = START.date()
    with open_reader(database.analyst_url, "test") as reader:
        former = compute(reader, driver.account, day, rules_in_force(reader, GATEWAY), known_at(reader, GATEWAY), 2)
    people.decide("alice", sign(former, "as it was", accept_gaps=True, restates=None), now=driver.now)
    with open_reader(database.analyst_url, "test") as reader:
        (signed,) = signed_closes(reader, gateway=GATEWAY)
        (close,) = read_closes(reader, driver.now, day=day, gateway=GATEWAY, accounts=[driver.account])
        assert (verify(reader, signed), close.state, close.shown.version) == (None, "waiting", 2)
