"""Handmade messages in the shapes of the protocol's examples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import settings

EXAMPLES = Path(__file__).parents[3] / "shared" / "ems" / "examples"

#: Property tests with the same result on every run, even on a slow machine.
steady = settings(deadline=None, derandomize=True)

needs_examples = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the published examples are not here")

#: The published examples that are not JSON (protocol 20).
BROKEN_EXAMPLES = {
    "ws-order_exec_report_snapshot.json",
    "ws-order_exec_report_update.json",
    "live-selfhosted-balances.get.200.json",
    "live-mgmt-exchanges.get.200.json",
    "sor-positions.get.200.json",
}


def report(**changes: object) -> dict[str, object]:
    """Return an order execution report as a LIVE gateway sends it."""
    row: dict[str, object] = {
        "type": "ORDER_EXEC_REPORT_UPDATE",
        "id": "mm-17",
        "client_order_id_format_exchange": "1946142760",
        "exchange_order_id": "OJCPEO-PO7WD",
        "amount_open": 0.02,
        "amount_filled": 0.025,
        "status": "PARTIALLY_FILLED",
        "status_history": [
            ["RECEIVED", "2024-02-23T01:13:15.6096269Z"],
            ["NEW", "2024-02-23T01:13:15.6096270Z"],
        ],
        "error_message": None,
        "fills": [{"time": "2024-02-23T01:13:16.0000001Z", "price": 50123.25, "amount": 0.025}],
        "exchange_id": "KRAKEN/JOHN",
        "client_order_id": "mm-17",
        "symbol_id_exchange": "XBT/USDT",
        "symbol_id_coinapi": "KRAKEN_SPOT_BTC_USDT",
        "amount_order": 0.045,
        "price": 50123.5,
        "avg_px": 50123.25,
        "side": "BUY",
        "order_type": "LIMIT",
        "time_in_force": "GOOD_TILL_CANCEL",
        "expire_time": None,
        "exec_inst": ["MAKER_OR_CANCEL"],
    }
    return row | changes


def balance(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "type": "BALANCE_UPDATE",
        "exchange_id": "KRAKEN/JOHN",
        "id": "XXBT",
        "asset_id_exchange": "XXBT",
        "asset_id_coinapi": "BTC",
        "balance": 1.25,
        "available": 1.0,
        "locked": 0.25,
        "traded": 0.0,
        "last_updated_by": "EXCHANGE",
        "rate_usd": 52320.9229657045,
    }
    return row | changes


def position(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "type": "POSITION_UPDATE",
        "exchange_id": "DERIBIT",
        "symbol_id_exchange": "BTC-PERPETUAL",
        "symbol_id_coinapi": "DERIBIT_PERP_BTC_USD",
        "avg_entry_price": 61362.86,
        "quantity": 40,
        "side": "SELL",
        "unrealized_pnl": 0.0001,
        "leverage": 10,
        "cross_margin": False,
        "liquidation_price": 80000.5,
    }
    return row | changes


def server_info(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "type": "SERVER_INFO",
        "time": "2024-02-23T01:13:15.6096269Z",
        "instance_guid": "5ef3a4ac-0d04-4a9f-9f30-0a6bd13d4a10",
        "exchange_id": "KRAKEN/JOHN",
        "server_version": "1.3521",
        "server_name": "EDGE-1",
        "dns_name": "edge-1.example.net",
        "is_running": True,
        "time_server_start": "2024-02-22T00:00:00.0000000Z",
    }
    return row | changes


def row_of(message: dict[str, object]) -> dict[str, object]:
    """Return a message's row as in a `data` list."""
    return {key: value for key, value in message.items() if key not in {"type", "exchange_id"}}


def encoded(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
