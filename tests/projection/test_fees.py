"""Fees that no report carries, on Postgres: the same books and steps however often they are loaded anew."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from recon.ledger.rules import AccountRules, FeeRule
from recon.ledger.timeline import Timeline
from recon.projection.rebuild import rebuild
from recon.projection.step import step
from recon.projection.store.digest import digest_of
from tests.conftest import TestDatabase
from tests.projection.conftest import Append
from tests.projection.test_rebuild import fold_all
from tests.support.fee_venue import RATE, Venue

pytestmark = pytest.mark.postgres

D = Decimal
MAKER = D("0.0002")
COLUMNS = ("numbers", "seqs", "occurred", "totals", "explained", "turnovers")


def a_day(rules: AccountRules, seed: int, trades: int) -> Venue:
    """Two rates by chance, now and then an odd fee, reports that are late, and balances that are not told."""
    dice, venue = random.Random(seed), Venue(rules)
    for _ in range(trades):
        side, price = dice.choice(["BUY", "SELL"]), f"{dice.randrange(4_990_000, 5_010_000) / 100:.2f}"
        extra = D("0.75") if dice.random() < 0.05 else D(0)
        order = venue.fill(side, price, rate=dice.choice([RATE, RATE, MAKER]), extra=extra)
        if dice.random() < 0.3:
            venue.report_balances()
        venue.driver.wait(dice.choice([0.1, 0.1, 2]))
        venue.driver.report(order.report(1))
        if dice.random() < 0.7:
            venue.report_balances()
        venue.driver.wait(dice.choice([0.1, 1, 8]))
    venue.rest()
    return venue


def steps(line: Timeline) -> list[tuple[object, ...]]:
    """The steps that may be read."""
    return list(zip(*(getattr(line, column)[line.first() :] for column in COLUMNS), strict=True))


@pytest.mark.parametrize(
    "rules",
    [AccountRules(fees=[FeeRule(maker=MAKER, taker=RATE)]), AccountRules(fees=[FeeRule(taker=RATE)]), AccountRules()],
    ids=["told both rates", "told one", "told nothing"],
)
def test_restarts_and_rebuild_give_the_same_books_and_the_same_steps(
    rules: AccountRules, database: TestDatabase, engine: Engine, append_events: Append
) -> None:
    venue = a_day(rules, 5, 110)
    driver, name = venue.driver, venue.driver.ledger.gateway
    append_events(name, driver.log)
    fold_all(engine, name, random.Random(1), forget=0.4)
    with engine.connect() as connection:
        restarted = digest_of(connection, name, 1)
        fees = connection.scalar(text("SELECT count(*) FROM recon_store.entries WHERE cause = 'fee'"))
    assert fees == sum(entry.cause == "fee" for entry in driver.ledger.changes.entries) > 100
    assert rebuild(database.service_url, name).digest == restarted
    with engine.begin() as connection:
        loaded = step(connection, name, None).working_set.ledger
    for key, held in driver.ledger.units.items():
        fresh = loaded.units[key].timeline
        assert steps(fresh) == steps(held.timeline)
        assert fresh.totals[-1] == held.timeline.totals[-1]
    usdt = loaded.units[driver.account, "asset", "USDT"].timeline
    assert usdt.last() < usdt.numbers[-1] - usdt.numbers[0], "fills have their fees in their steps"
