"""Orders are found by their ids alone, however little the server's statistics know of an edition."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import pytest
from sqlalchemy import Connection, text

from recon.db.engine import create_engine
from recon.ledger.facts.external_fact import ExternalFact
from recon.ledger.ledger import Ledger
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.rules import Rules
from recon.projection.store import facts
from recon.projection.store.orders import load_orders
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

ORDERS: Final = 2_000
UNKNOWN: Final = [("A", f"unknown {number}") for number in range(20)]


@pytest.fixture
def connection(database: TestDatabase) -> Iterator[Connection]:
    """Give a database whose statistics know an edition, and not the one that is folded beside it."""
    with create_engine(database.superuser_url, "tests", pooled=False).connect() as connection:
        connection.execute(text("INSERT INTO recon_store.log_gateways (gateway) VALUES ('g')"))
        for edition, state in ((1, "current"), (2, "building")):
            connection.execute(
                text(
                    "INSERT INTO recon_store.editions (gateway, edition, fold_version, state)"
                    " VALUES ('g', :edition, 1, :state)"
                ),
                {"edition": edition, "state": state},
            )
            connection.execute(
                text(
                    "INSERT INTO recon_store.orders (gateway, edition, account, order_key, client_order_id,"
                    " exchange_order_id, amount_filled, status, first_seq, last_seq, updated_at, open, data)"
                    " SELECT 'g', :edition, 'A', 'k' || n, 'c' || n, 'e' || n, 0, 'FILLED', n, n, now(), false, ''"
                    " FROM generate_series(1, :orders) AS n"
                ),
                {"edition": edition, "orders": ORDERS},
            )
            if edition == 1:
                connection.execute(text("ANALYZE recon_store.orders"))
        yield connection


def _read(connection: Connection) -> int:
    """Return how many orders this transaction has read, by indexes or without."""
    rows = connection.scalar(
        text("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'orders'")
    )
    return int(rows or 0)


def test_an_order_that_is_not_there_costs_no_look_at_the_others(connection: Connection) -> None:
    ledger = Ledger("g", LedgerClock(), Rules())
    before = _read(connection)
    load_orders(connection, ledger, 2, client_ids=UNKNOWN, exchange_ids=UNKNOWN)
    assert _read(connection) == before
    assert not ledger.orders


def test_nor_does_the_order_of_a_trade_that_a_statement_tells(connection: Connection) -> None:
    ledger = Ledger("g", LedgerClock(), Rules())
    known = [*UNKNOWN, ("A", "c7"), ("A", "e8")]
    trades = [
        ExternalFact(
            fact="trade",
            account=account,
            external_id=f"t{id_}",
            occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
            symbol="BTC/USD",
            side="BUY",
            quantity=Decimal(1),
            price=Decimal(1),
            order_id=id_,
        )
        for account, id_ in known
    ]
    before = _read(connection)
    found = facts.load(connection, ledger, 2, trades)
    assert _read(connection) - before == 2
    assert found.client == {("A", "c7"), ("A", "c8")}
