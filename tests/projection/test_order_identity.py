"""Orders that share numbers stop nothing, and give the same books however the log is cut (semantics 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Final, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from recon.log.events import Event
from recon.projection import working_set
from recon.projection.checkpoint import current_edition
from recon.projection.editions import new_edition
from recon.projection.step import step
from recon.projection.store.digest import digest_of
from recon.projection.working_set import WorkingSet
from recon.testing import BTC_USDT, ETH_USDT, GatewayDriver, OrderScript, Row, balance_row
from recon.testing.log import START
from tests.conftest import TestDatabase
from tests.projection.test_decisions import write
from tests.support.properties import steady

pytestmark = pytest.mark.postgres

D = Decimal
#: The same instrument as BTC_USDT in another spelling of the venue.
RESPELT: Final = BTC_USDT._replace(exchange="BTC/USDT")

_gateways = count(1)


def trading() -> GatewayDriver:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("ETH", "50"), balance_row("USDT", "100000"))
    driver.symbols(BTC_USDT, ETH_USDT, RESPELT)
    return driver


class Cut(NamedTuple):
    """How a log is cut: events in a step, whether the working set is loaded anew each time, orders kept in memory."""

    limit: int
    forget: bool
    kept: int


WHOLE: Final = Cut(10_000, forget=False, kept=10_000)
CUTS: Final = (Cut(1, forget=False, kept=10_000), Cut(1, forget=True, kept=10_000), Cut(2, forget=False, kept=1))


def folded(engine: Engine, gateway: str, cut: Cut, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """Fold a log into an edition of its own; return the digest and the edition."""
    monkeypatch.setattr(working_set, "MAX_ORDERS", cut.kept)
    working: WorkingSet | None = None
    with engine.begin() as connection:
        current_edition(connection, gateway)
        edition = new_edition(connection, gateway, "what-if")
    while True:
        with engine.begin() as connection:
            done = step(connection, gateway, None if cut.forget else working, edition=edition, limit=cut.limit)
            working = done.working_set
        if not done.folded:
            with engine.connect() as connection:
                return digest_of(connection, gateway, edition), edition


def is_folded_alike(
    database: TestDatabase, engine: Engine, log: Sequence[Event], monkeypatch: pytest.MonkeyPatch
) -> tuple[str, int]:
    gateway = f"g{next(_gateways)}"
    write(database, gateway, log)
    expected, edition = folded(engine, gateway, WHOLE, monkeypatch)
    for cut in CUTS:
        assert folded(engine, gateway, cut, monkeypatch)[0] == expected, cut
    return gateway, edition


@st.composite
def reports(draw: st.DrawFn) -> Row:
    """A report of one of a few ids, in one of a few symbols."""
    client, number = draw(
        st.sampled_from([(None, "1"), (None, "2"), ("a", None), ("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")])
    )
    script = OrderScript(
        client or "",
        [("1", "100"), ("2", "101")],
        side=draw(st.sampled_from(["BUY", "BUY", "SELL"])),
        symbol=draw(st.sampled_from([BTC_USDT, BTC_USDT, RESPELT, ETH_USDT])),
        exchange_id=number,
    )
    row = script.report(draw(st.integers(0, 2)), status=draw(st.sampled_from([None, None, "CANCELED"])))
    missing = draw(st.sampled_from([(), (), (), ("symbol_id_exchange",), ("side",), ("symbol_id_coinapi",)]))
    return row | dict.fromkeys(missing)


def test_any_reports_of_few_numbers_give_the_same_books_however_the_log_is_cut(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    @steady(15)
    @given(st.lists(st.lists(reports(), min_size=1, max_size=3), min_size=1, max_size=10))
    def run(frames: list[list[Row]]) -> None:
        driver = trading()
        for rows in frames:
            if len(rows) == 1:
                driver.report(rows[0])
            else:
                driver.wait(6)
                driver.orders(*rows)
        is_folded_alike(database, engine, driver.log, monkeypatch)

    run()


def test_two_orders_of_one_number_in_two_symbols_are_two_orders(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = trading()
    one = OrderScript("", [("0.4", "20000"), ("0.6", "20000")], exchange_id="512")
    other = OrderScript("", [("2", "1500")], side="SELL", symbol=ETH_USDT, exchange_id="512")
    for row in (one.report(1), other.report(1), one.report(2)):
        driver.report(row)
    assert sorted(key for _, key in driver.ledger.orders) == ["x2:512", "x:512"]
    assert (driver.value("BTC"), driver.value("ETH"), driver.value("USDT")) == (D(11), D(48), D(83000))
    gateway, edition = is_folded_alike(database, engine, driver.log, monkeypatch)
    with engine.connect() as connection:
        filled = text(
            "SELECT symbol, amount_filled FROM recon_store.orders"
            " WHERE gateway = :gateway AND edition = :edition ORDER BY symbol"
        )
        rows = connection.execute(filled, {"gateway": gateway, "edition": edition}).all()
    assert [tuple(row) for row in rows] == [("BTCUSDT", D(1)), ("ETHUSDT", D(2))]


@pytest.mark.parametrize("client", ["", "q1"])
def test_one_order_in_two_spellings_of_its_symbol_is_one_order(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    driver = trading()
    script = OrderScript(client, [("0.1", "20000"), ("0.2", "20000")], exchange_id="914852")
    driver.report(script.report(1))
    script.symbol = RESPELT
    driver.report(script.report(2))
    assert len(driver.ledger.orders) == 1
    assert (driver.value("BTC"), driver.value("USDT")) == (D("10.3"), D(94000))
    is_folded_alike(database, engine, driver.log, monkeypatch)


def test_an_ended_order_of_a_used_id_is_found_again_after_a_snapshot_loaded_the_open_one(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open orders of an account come with the ended ones of their ids: else a repeated report is booked again."""
    driver = trading()
    ended = OrderScript("1", [("1", "100")], exchange_id="X-1").report(1)
    later = START + timedelta(minutes=1)
    opened = OrderScript("1", [("2", "100")], exchange_id="X-2", placed_at=later).report(0)
    driver.report(ended)
    driver.report(opened)
    driver.orders(opened)
    driver.report(ended | {"exchange_order_id": None})
    assert driver.value("BTC") == D(11)
    is_folded_alike(database, engine, driver.log, monkeypatch)
