"""Facts from outside on Postgres: the same books however the log is cut, and telling twice changes nothing."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from recon.ledger.facts.external_fact import MANUAL
from recon.projection.rebuild import rebuild
from recon.projection.store.digest import digest_of
from recon.testing import GatewayDriver, OrderScript
from tests.conftest import TestDatabase
from tests.projection.test_decisions import write
from tests.projection.test_rebuild import fold_all
from tests.support.decisions_driver import BOB, driver_with_break, record_decision, report
from tests.support.facts_driver import day_with_fees, fact_effects, record_fact, record_trade
from tests.support.trading_account import trading

pytestmark = pytest.mark.postgres

D = Decimal


class Day:
    """A venue that trades, of which some is never reported, and statements that tell most of it, some of it twice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.driver = trading()
        self.held = {"BTC": D(10), "USDT": D(100000)}
        self.told = 0
        for step in range(40):
            self._step(step)
        self._look(60)

    def _step(self, step: int) -> None:
        dice, driver = self.dice, self.driver
        what = dice.choice(["fill", "fill", "missed", "deposit", "nothing", "late"])
        if what in {"fill", "missed"}:
            quantity, price = D(dice.randrange(1, 4)), D(dice.randrange(90, 110))
            fee = quantity * price / 1000
            self.held["BTC"] += quantity
            self.held["USDT"] -= quantity * price + fee
            if what == "fill":
                driver.report(
                    OrderScript(
                        f"o{step}", [(str(quantity), str(price))], placed_at=driver.now - timedelta(seconds=4)
                    ).report(1)
                )
            named = dice.choice([f"X-o{step}", None]) if what == "fill" else None
            for _ in range(dice.choice([0, 1, 1, 2])):
                record_trade(
                    driver,
                    f"T-{step}",
                    str(quantity),
                    str(price),
                    order_id=named,
                    fee=str(fee),
                    fee_asset="USDT",
                    ago=driver.now.timestamp() % 1,
                )
        elif what == "deposit":
            amount = D(dice.choice([100, 200, -50]))
            self.held["USDT"] += amount
            self._look(dice.choice([1, 30]))
            if dice.random() < 0.8:
                record_fact(
                    driver,
                    "deposit" if amount > 0 else "withdrawal",
                    "USDT",
                    str(amount),
                    f"D-{step}",
                    ago=dice.choice([2, 20, 40]),
                )
        elif what == "late":
            record_fact(driver, "fee", "USDT", "-1", f"F-{dice.randrange(5)}", ago=dice.choice([1, 100, 10000]))
        self._look(dice.choice([1, 3, 8]))

    def _look(self, seconds: int) -> None:
        for _ in range(seconds):
            for code, amount in self.held.items():
                self.driver.balance(code, amount)
            self.driver.wait(1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cuts_restarts_and_rebuild_give_the_same_books_with_facts(
    database: TestDatabase, engine: Engine, seed: int
) -> None:
    driver = Day(seed).driver
    gateway = driver.ledger.gateway
    write(database, gateway, driver.log)
    fold_all(engine, gateway, random.Random(seed), forget=0.3)
    with engine.connect() as connection:
        first = digest_of(connection, gateway, 1)
        rows = connection.execute(text("SELECT external_id, effect, login, name, authenticated FROM recon.facts")).all()
        values = {row.unit: row.value for row in connection.execute(text("SELECT unit, value FROM recon_store.units"))}
    assert {row.external_id: row.effect for row in rows} == fact_effects(driver)
    assert {row.effect for row in rows} >= {"matched", "explained", "booked"}
    assert {(row.login, row.name, row.authenticated) for row in rows} == {("alice", None, True)}
    assert values["USDT"] == driver.value("USDT")
    result = rebuild(database.service_url, gateway)
    assert (result.digest, result.same, result.switched) == (first, True, True)


def test_books_fold_alike_event_by_event(database: TestDatabase, engine: Engine) -> None:
    driver = Day(4).driver
    gateway = driver.ledger.gateway
    write(database, gateway, driver.log)
    one_by_one = random.Random(0)
    one_by_one.randrange = lambda *_: 1  # type: ignore[method-assign]
    fold_all(engine, gateway, one_by_one)
    with engine.connect() as connection:
        first = digest_of(connection, gateway, 1)
    assert rebuild(database.service_url, gateway).digest == first


def told_by_hand() -> GatewayDriver:
    """What people approved, told by hand and read from a statement, each of the same; and what only looks like it."""
    driver, known = driver_with_break("1")
    record_decision(driver, "propose", known, cause="transfer", evidence=["tx 1"])
    record_decision(driver, "approve", known, by=BOB, digest=known.proposal.digest if known.proposal else "")
    for amount, external_id in (("-1", f"{MANUAL}1"), ("1", "L-0"), ("-1", "L-1"), ("-1", "L-2")):
        record_fact(driver, "transfer", "BTC", amount, external_id, ago=30)
    report(driver, "9", 30)
    record_fact(driver, "reward", "BTC", "2", f"{MANUAL}2", ago=30)
    record_fact(driver, "reward", "BTC", "2", "L-3", ago=20)
    report(driver, "11", 30)
    return driver


@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_what_was_told_by_hand_is_found_again_however_the_log_is_cut(
    database: TestDatabase, engine: Engine, pieces: int
) -> None:
    driver = told_by_hand()
    assert list(fact_effects(driver).values()) == ["replaced", "booked", "replaced", "booked", "booked", "replaced"]
    assert driver.value("BTC") == 11
    assert not driver.breaks("BTC")
    gateway = driver.ledger.gateway
    write(database, gateway, driver.log)
    cut = random.Random(5)
    cut.randrange = lambda *_: pieces  # type: ignore[method-assign]
    fold_all(engine, gateway, cut, forget=0.5)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT external_id, effect FROM recon.facts")).all()
        (value,) = connection.scalars(text("SELECT value FROM recon_store.units WHERE unit = 'BTC'"))
        first = digest_of(connection, gateway, 1)
    assert {row.external_id: row.effect for row in rows} == fact_effects(driver)
    assert value == 11
    assert rebuild(database.service_url, gateway).digest == first


def test_fees_read_from_a_statement_long_after_take_the_place_of_the_inferred_ones(
    database: TestDatabase, engine: Engine
) -> None:
    driver = day_with_fees(("0.001",), 30)
    gateway = driver.ledger.gateway
    write(database, gateway, driver.log)
    fold_all(engine, gateway, random.Random(6), forget=0.5)
    with engine.connect() as connection:
        first = digest_of(connection, gateway, 1)
        inferred = connection.scalar(
            text(
                "SELECT sum(amount) FROM recon.entries WHERE cause = 'fee' AND certainty = 'inferred' AND unit = 'USDT'"
            )
        )
        replaced = connection.scalar(text("SELECT count(*) FROM recon.entries WHERE replaces > 0"))
    assert inferred == 0
    assert replaced, "some were booked with their fills"
    assert rebuild(database.service_url, gateway).digest == first


def told_by_statements(seed: int) -> GatewayDriver:
    """Orders that statements tell before and after their reports, in parts and sums, by id and by time alone."""
    dice, driver, steps = random.Random(seed), trading(), 30
    for step in range(steps):
        fills = [(str(dice.choice([1, 1, 2])), str(dice.choice([100, 101]))) for _ in range(dice.choice([1, 2, 3]))]
        script = OrderScript(
            f"o{step}",
            fills,
            placed_at=driver.now - timedelta(seconds=4),
            price_digits=dice.choice([0, 1, 12]),
            lists_fills=dice.random() < 0.5,
        )
        for statement in dice.sample(["", "ledger", "trades"], 2):
            for what in dice.sample(["tell", "report"], dice.choice([1, 2])):
                if what == "tell":
                    tell(dice, driver, script, statement)
                else:
                    driver.report(script.report(len(fills)))
        driver.balance("USDT", driver.value("USDT") or D(0))
        driver.wait(dice.choice([0.1, 2, 30]))
    driver.wait(60)
    return driver


def tell(dice: random.Random, driver: GatewayDriver, script: OrderScript, statement: str) -> None:
    """Tell an order by a statement: whole, by its fills, or in halves."""
    if dice.random() < 0.2:
        name, ago = f"{statement}-{script.key}-fee", dice.choice([0, 1])
        record_fact(driver, "fee", "USDT", "-0.1", name, ago=ago, statement=f"{statement}-fees", of_trade=True)
    whole = str(sum(D(amount) for amount, _ in script.fills))
    halves = [str(D(amount) / 2) for amount, _ in script.fills for _ in range(2)]
    rows = dice.choice([[whole], [amount for amount, _ in script.fills], halves])
    named, coarse = dice.random() < 0.4, dice.random() < 0.3
    for number, row in enumerate(rows):
        record_trade(
            driver,
            f"{statement}-{script.key}-{number}-{len(rows)}",
            row,
            "100",
            order_id=f"X-{script.key}" if named else None,
            fee=dice.choice([None, "0.1"]),
            fee_asset="USDT",
            ago=dice.choice([0, 0.5, 59 if coarse else 1]),
            step_us=60_000_000 if coarse else 0,
            statement=statement,
            trade_id=dice.choice([None, f"{script.key}-{number}"]),
            cash=dice.choice([None, str(D(row) * 100)]),
        )


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_what_several_statements_tell_is_folded_alike_however_the_log_is_cut(
    database: TestDatabase, engine: Engine, seed: int
) -> None:
    driver = told_by_statements(seed)
    gateway = driver.ledger.gateway
    write(database, gateway, driver.log)
    fold_all(engine, gateway, random.Random(seed), forget=0.5)
    with engine.connect() as connection:
        first = digest_of(connection, gateway, 1)
        rows = connection.execute(text("SELECT external_id, effect FROM recon.facts")).all()
        values = {row.unit: row.value for row in connection.execute(text("SELECT unit, value FROM recon_store.units"))}
    assert {row.external_id: row.effect for row in rows} == fact_effects(driver)
    assert {row.effect for row in rows} >= {"matched", "booked"}
    assert {code: driver.value(code) for code in ("BTC", "USDT")} == {code: values[code] for code in ("BTC", "USDT")}
    result = rebuild(database.service_url, gateway)
    assert (result.digest, result.same, result.switched) == (first, True, True)
