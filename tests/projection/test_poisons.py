"""What an index or a column would refuse is bounded before: the fold reaches the head, and other accounts go on."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from recon.ems.protocol.bounds import identifier_key
from recon.log import events
from recon.testing import ACCOUNT, BTC_USDT, GatewayDriver, OrderScript, Row, balance_row, position_row, symbol_row
from tests.conftest import TestDatabase
from tests.projection.test_decisions import write
from tests.projection.test_rebuild import fold_all

pytestmark = pytest.mark.postgres

D = Decimal
#: Incompressible, so that no index can take it.
LONG = "".join(random.Random(1).choices("".join(map(chr, range(0x4E00, 0x9000))), k=3000))
OTHER = "KRAKEN/OTHER"


def folded(database: TestDatabase, engine: Engine, driver: GatewayDriver) -> None:
    """Fold the driver's log in the database, after a balance of another account that no poison names."""
    driver.balances(balance_row("BTC", "7"), account=OTHER)
    write(database, "prod-eu", driver.log)
    assert fold_all(engine, "prod-eu", random.Random(2), forget=0.5) == len(driver.log)
    with engine.connect() as connection:
        value = "SELECT available FROM recon_store.units WHERE account = :account AND unit = 'BTC'"
        assert connection.scalar(text(value), {"account": OTHER}) == D(7)


def trading() -> GatewayDriver:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    return driver


LONG_TEXTS: list[Row] = [
    OrderScript(LONG, [("1", "100")]).report(1),
    OrderScript("", [("1", "100")], exchange_id=LONG).report(1),
    OrderScript("a", [("1", "100")], symbol=BTC_USDT._replace(exchange=LONG, coinapi=LONG)).report(1),
    OrderScript("a", [("1", "100")]).report(1, status=LONG, side=LONG, error_message=LONG),
    {"type": "BALANCE_UPDATE", "exchange_id": ACCOUNT} | balance_row(LONG, "1"),
    {"type": "POSITION_UPDATE", "exchange_id": ACCOUNT}
    | position_row("1", "LONG", symbol=BTC_USDT._replace(exchange=LONG)),
    {"type": "SYMBOLS_SNAPSHOT", "exchange_id": ACCOUNT, "data": [symbol_row(LONG, LONG, LONG, LONG)]},
    {"type": "SERVER_INFO", "exchange_id": ACCOUNT, "instance_guid": LONG, "server_name": LONG},
    {"type": "MESSAGE_REJECT", "exchange_id": ACCOUNT, "reject_reason": LONG, "message": LONG},
    {"type": LONG, "exchange_id": LONG},
]


@pytest.mark.parametrize("number", range(len(LONG_TEXTS)))
def test_a_text_of_any_length_stops_nothing(database: TestDatabase, engine: Engine, number: int) -> None:
    driver, row = trading(), LONG_TEXTS[number]
    if "type" in row:
        driver.frame(row)
    else:
        driver.report(row)
    folded(database, engine, driver)
    assert driver.findings("long_text") or row.get("type") == LONG


def test_an_order_with_a_long_id_is_booked_under_its_key(database: TestDatabase, engine: Engine) -> None:
    driver = trading()
    script = OrderScript(LONG, [("1", "100"), ("2", "100")])
    driver.report(script.report(1))
    driver.report(script.report(2))
    assert driver.value("BTC") == D(13)
    assert [key for _, key in driver.ledger.orders] == [f"c:{identifier_key(LONG)}"]
    folded(database, engine, driver)


@pytest.mark.parametrize("sent", ["9999-12-31T23:59:59Z", "0002-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
@pytest.mark.parametrize("traded", ["9999-12-31T23:59:59.9999999Z", "0002-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_a_time_out_of_range_stops_nothing(database: TestDatabase, engine: Engine, sent: str, traded: str) -> None:
    """A fill's time is corrected by the clock's skew: the sum must be a time that can be written."""
    driver = trading()
    driver.frame({"type": "SERVER_INFO", "exchange_id": ACCOUNT, "instance_guid": "g1", "time": sent})
    report = OrderScript("a", [("1", "100")]).report(1)
    driver.report(
        report | {"fills": [{"time": traded, "price": 100, "amount": 1}], "status_history": [["FILLED", traded]]}
    )
    folded(database, engine, driver)


BY = '"by": {"login": "a", "authenticated": true}'


def fact_of(more: str) -> str:
    return f'{{"fact": "deposit", "account": "{ACCOUNT}", "external_id": "D", "amount": "1", {BY}, {more}}}'


PEOPLE = {
    "a long asset": (events.FACT, fact_of(f'"unit": "{LONG}", "occurred_at": "2026-01-05T09:00:00Z"')),
    "before time": (events.FACT, fact_of('"unit": "BTC", "occurred_at": "0001-01-01T00:00:00+14:00"')),
    "after time": (events.FACT, fact_of('"unit": "BTC", "occurred_at": "9999-12-31T23:59:59-14:00"')),
    "nested": (events.DECISION, f'{{"action": "comment", {BY}, "note": {"[" * 5000}{"]" * 5000}}}'),
    "a long break": (events.DECISION, f'{{"action": "comment", {BY}, "breaks": ["{LONG}"], "text": "x"}}'),
    "a huge amount": (events.DECISION, f'{{"action": "accept", {BY}, "breaks": ["b"], "amount": "1e999999"}}'),
    "nested rules": (events.RULES, f'{{"note": {"[" * 5000}{"]" * 5000}}}'),
    "huge rules": (events.RULES, '{"defaults": {"tolerance": {"relative": "1e999999"}}}'),
}


@pytest.mark.parametrize("name", PEOPLE)
def test_what_an_older_log_holds_of_people_is_a_finding(database: TestDatabase, engine: Engine, name: str) -> None:
    """The database refuses it at the door today; a log of before may hold it."""
    driver = trading()
    driver.event(PEOPLE[name][0], PEOPLE[name][1].encode(), account=ACCOUNT)
    folded(database, engine, driver)
    assert [finding.about for finding in driver.findings("unreadable")] == [PEOPLE[name][0]]
