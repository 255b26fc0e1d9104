"""Rows of orders: a page has room for what changes, so indexes need not know."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest
from sqlalchemy import text

from recon.db.engine import create_engine
from recon.ledger.orders import Order, OrderIdentity, OrderReported
from recon.projection.checkpoint import current_edition
from recon.projection.store.folded_table import EditionKey
from recon.projection.store.orders import save_orders
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

ORDERS: Final = 60


def _order(number: int) -> Order:
    identity = OrderIdentity(f"client-{number}", f"exchange-{number}", "BTCUSDT", "BINANCE_SPOT_BTC_USDT", "BUY")
    reported = OrderReported(
        price=Decimal(100), amount_order=Decimal(2), amount_open=Decimal(2), first_time="2026-01-05T09:30:00Z",
        first_seq=number, last_seq=number, order_class="other", status="NEW",
    )  # fmt: skip
    return Order("A", f"c:client-{number}", identity, reported)


def test_most_orders_that_stay_open_are_replaced_on_their_page(database: TestDatabase) -> None:
    orders = [_order(number) for number in range(ORDERS)]
    with create_engine(database.service_url, "tests", pooled=False).connect() as connection:
        key = EditionKey("g", current_edition(connection, "g"))
        save_orders(connection, key, orders)
        for order in orders:
            order.reported.status = "PARTIALLY_FILLED"
        save_orders(connection, key, orders)
        replaced, on_page = connection.execute(
            text("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'orders'")
        ).one()
    assert replaced == ORDERS
    assert on_page > ORDERS / 2
