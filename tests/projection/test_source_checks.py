"""Independent sources on Postgres: late balances reach entries that no memory holds, however the log is cut."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from recon.db.engine import create_engine
from recon.ledger.rules import AccountRules, Rules
from recon.projection.rebuild import rebuild
from recon.projection.store.digest import digest_of
from recon.reconciliation.model.shown_verdict import shown_verdict
from recon.reconciliation.model.source_check import SourceCheck
from recon.testing import GatewayDriver, OrderScript
from tests.conftest import TestDatabase
from tests.projection.test_decisions import write
from tests.projection.test_rebuild import fold_all
from tests.reconciliation.test_source_checks import checks, tell_balance
from tests.support.facts_driver import record_fact
from tests.support.trading_account import trading
from tests.support.venue_answers import tell_answer

pytestmark = pytest.mark.postgres

D = Decimal
_ROWS = """
SELECT seq, number, account, unit, source, at, reported, expected, verdict, reason, break_id, judged_seq
FROM recon.source_checks ORDER BY seq, number
"""


class Day:
    """A venue that trades with fees; a custodian tells what was held, at once, late, rightly and wrongly."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.driver = trading(1)
        self.held = {"BTC": D(10), "USDT": D(100000)}
        #: What was held, at moments when nothing happened.
        self.moments: list[tuple[datetime, dict[str, Decimal]]] = []
        for number in range(60):
            self._trade(number)
            self._look(3)
            if self.dice.random() < 0.5:
                self._look(5)
                self.moments.append((self.driver.now, dict(self.held)))
                self._look(5)
            if self.moments and self.dice.random() < 0.6:
                self._tell()
        self._look(60)

    def _trade(self, number: int) -> None:
        dice, driver = self.dice, self.driver
        quantity, price = D(dice.randrange(1, 4)), D(dice.randrange(90, 110))
        sign = dice.choice([1, -1]) if self.held["BTC"] > quantity else 1
        self.held["BTC"] += sign * quantity
        self.held["USDT"] -= sign * quantity * price + quantity * price / 1000
        script = OrderScript(
            f"o{number}",
            [(str(quantity), str(price))],
            side="BUY" if sign > 0 else "SELL",
            placed_at=driver.now - timedelta(seconds=4),
        )
        driver.report(script.report(1))
        if dice.random() < 0.1:
            self.held["USDT"] += 50
            self._look(3)
            record_fact(driver, "deposit", "USDT", "50", f"D-{number}", ago=2)

    def _tell(self) -> None:
        at, held = self.dice.choice(self.moments[-20:])
        wrong = self.dice.choice([D(0), D(0), D(0), D("0.5")])
        if self.dice.random() < 0.3:
            tell_answer(self.driver, {"BTC": str(held["BTC"] + wrong), "USDT": str(held["USDT"])}, at=at, complete=True)
            return
        code = self.dice.choice(["BTC", "USDT"])
        source = self.dice.choice(["custodian", "venue"])
        tell_balance(self.driver, code, str(held[code] + wrong), at=at, source=source)

    def _look(self, seconds: int) -> None:
        for _ in range(seconds):
            for code, amount in self.held.items():
                self.driver.balance(code, amount)
            self.driver.wait(1)


def _row(check: SourceCheck) -> tuple[object, ...]:
    return check.seq, check.unit, check.verdict, check.reported, check.expected, check.reason, check.break_id


def _told(driver: GatewayDriver) -> Sequence[SourceCheck]:
    return checks(driver)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_checks_are_the_same_however_the_log_is_cut(database: TestDatabase, engine: Engine, seed: int) -> None:
    day = Day(seed)
    gateway, told = day.driver.ledger.gateway, _told(day.driver)
    write(database, gateway, day.driver.log)
    fold_all(engine, gateway, random.Random(seed), forget=0.4)
    with engine.connect() as connection:
        first = digest_of(connection, gateway, 1)
        rows = connection.execute(text(_ROWS)).all()
    found = [(row.seq, row.unit, row.verdict, row.reported, row.expected, row.reason, row.break_id) for row in rows]
    assert found == [_row(check) for check in told]
    assert {row.verdict for row in rows} >= {"agreed", "break"}
    result = rebuild(database.service_url, gateway)
    assert (result.digest, result.same) == (first, True)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_right_custodian_is_never_contradicted_and_a_wrong_one_always(seed: int) -> None:
    """What a day of fees, late deposits and crossing messages leaves over is no false alarm."""
    day = Day(seed)
    moments = dict(day.moments)
    judged = [check for check in _told(day.driver) if check.verdict != "not_judged"]
    assert judged
    for check in judged:
        held = next(held for at, held in moments.items() if abs(at.timestamp() * 1e6 - check.us) < 1)
        assert check.verdict == ("agreed" if check.reported == held.get(check.unit, D(50)) else "break")


def test_the_views_say_what_the_fold_says_of_required_sources(database: TestDatabase, engine: Engine) -> None:
    """Views look now: the day of the log is long ago, so each unit lacks a recent word, or any."""
    driver = trading(1)
    rules = AccountRules(settlement_window_us=1_000_000, require_source="custodian")
    driver.set_rules(Rules(defaults=rules))
    tell_balance(driver, "BTC", "10")
    driver.wait(30)
    gateway = driver.ledger.gateway
    write(database, gateway, driver.log)
    fold_all(engine, gateway, random.Random(1))
    with create_engine(database.superuser_url, "tests", pooled=False).connect() as connection:
        query = "SELECT unit, judgement, unconfirmed, agreed_source, agreed_source_at FROM recon_store.unit_verdicts"
        rows = {row.unit: row for row in connection.execute(text(query))}
        balances = {row.asset: row for row in connection.execute(text("SELECT * FROM recon.balances"))}
    late_us = driver.ledger.clock.last_us + 30 * 86_400_000_000
    account = driver.ledger.accounts[driver.account]
    for code in ("BTC", "ETH", "USDT"):
        comparison = driver.comparison(code)
        account.liveness.note_alive(late_us)
        said = shown_verdict(driver.unit(code), comparison, account, late_us, rules)
        assert (rows[code].judgement, rows[code].unconfirmed) == ("agreed", said.reason)
    assert (balances["BTC"].agreed_source, balances["ETH"].agreed_source) == ("custodian", None)
    assert balances["BTC"].agreed_source_at == driver.now - timedelta(seconds=30, milliseconds=10)
