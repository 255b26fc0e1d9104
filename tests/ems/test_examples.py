"""Every published example passes; those over WebSocket with their values."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from recon.ems.protocol.decode import decode, envelope
from recon.ems.protocol.messages import (
    Balances,
    OrderReports,
    Positions,
    Reject,
    ServerInfo,
    StatusStep,
    Symbols,
    Unknown,
)
from tests.support.wire_messages import BROKEN_EXAMPLES, EXAMPLES, needs_examples

pytestmark = needs_examples

FILES = sorted(EXAMPLES.glob("*.json")) if EXAMPLES.is_dir() else []


def read(name: str) -> bytes:
    return (EXAMPLES / name).read_bytes()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_example_passes(path: Path) -> None:
    payload = path.read_bytes()
    decoded = decode(payload)
    if path.name in BROKEN_EXAMPLES:
        assert decoded.message == Unknown(None, None)
        assert not envelope(payload).is_object
        assert decoded.findings
        return
    assert envelope(payload).is_object is isinstance(json.loads(payload), dict)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_object_inside_an_example_passes(path: Path) -> None:
    if path.name in BROKEN_EXAMPLES:
        return
    whole = json.loads(path.read_bytes(), parse_float=Decimal)
    for item in whole if isinstance(whole, list) else [whole]:
        decoded = decode(json.dumps(item, default=float).encode())
        assert [finding for finding in decoded.findings if finding.kind == "unreadable"] == []


def test_server_info() -> None:
    message = decode(read("ws-server_info.json")).message
    assert isinstance(message, ServerInfo)
    assert (message.account, message.server_version, message.is_running) == ("BINANCEJE", "1.3521", True)
    assert message.time == "2020-02-07T12:37:46.6967101Z"


def test_order_snapshot() -> None:
    decoded = decode(read("ws-order_exec_report_snapshot.repaired.json"))
    assert isinstance(decoded.message, OrderReports)
    assert decoded.message.complete
    (row,) = decoded.message.rows
    assert (row.account, row.client_order_id, row.status) == ("KRAKEN", "KPP-222389382-AQ", "NEW")
    assert (row.amount_order, row.amount_open, row.amount_filled) == (
        Decimal("0.045"),
        Decimal("0.22"),
        Decimal(0),
    )
    assert row.history[-1] == StatusStep("NEW", "2020-05-27T11:16:20.1677951Z")
    assert decoded.findings == ()


def test_order_update_without_a_type() -> None:
    decoded = decode(read("ws-order_exec_report_update.repaired.json"))
    assert isinstance(decoded.message, OrderReports)
    assert not decoded.message.snapshot
    (row,) = decoded.message.rows
    assert (row.status, row.amount_filled, row.avg_px) == ("FILLED", Decimal("0.045"), Decimal("0.0783"))
    assert len(row.history) == 5
    assert row.fills[0].amount == Decimal("0.002")


def test_balances() -> None:
    snapshot = decode(read("ws-balance_snapshot.json")).message
    assert isinstance(snapshot, Balances)
    assert snapshot.complete
    assert [(row.asset, row.asset_coinapi, row.balance) for row in snapshot.rows] == [
        ("XBT", "BTC", Decimal("0.00134444")),
        ("BCH", "BCHABC", Decimal(1234)),
    ]
    update = decode(read("ws-balance_update.json")).message
    assert isinstance(update, Balances)
    assert not update.snapshot
    assert update.rows[0].locked == Decimal("0.00134444")


def test_live_balances() -> None:
    groups = json.loads(read("live-balances.get.200.json"))
    message = decode(json.dumps(groups[1]).encode()).message
    assert isinstance(message, Balances)
    by_asset = {row.asset: row for row in message.rows}
    assert by_asset["ETHW"].balance == Decimal("0.0000173")
    assert by_asset["ZUSD"].balance is None
    assert by_asset["ZUSD"].asset_coinapi is None
    assert by_asset["ADA"].balance == Decimal("2E-8")


@pytest.mark.parametrize("name", ["ws-position_snapshot.json", "ws-position_update.json"])
def test_positions(name: str) -> None:
    decoded = decode(read(name))
    assert isinstance(decoded.message, Positions)
    (row,) = decoded.message.rows
    assert (row.symbol, row.quantity, row.side, row.unrealized_pnl) == (
        "XBT/USDT",
        Decimal("0.00134444"),
        "BUY",
        Decimal(0),
    )
    assert decoded.message.complete is ("snapshot" in name)
    assert decoded.findings == ()


def test_symbols() -> None:
    message = decode(read("ws-symbols_snapshot.json")).message
    assert isinstance(message, Symbols)
    assert message.complete
    assert str(message.rows[0].price_step) == "0.010000000"
    assert message.rows[1].quote == "XBT"
    assert message.rows[1].quote_coinapi == "BTC"


def test_reject() -> None:
    message = decode(read("ws-message_reject.json")).message
    assert isinstance(message, Reject)
    assert (message.account, message.reason) == ("BINANCE", "ORDER_ID_NOT_FOUND")
    assert json.loads(message.rejected_message or "")["type"] == "ORDER_CANCEL_SINGLE_REQUEST"


def test_a_rest_report_nested_four_levels_with_a_numeric_id() -> None:
    decoded = decode(read("rest-orders.post.200.json"))
    assert isinstance(decoded.message, OrderReports)
    (row,) = decoded.message.rows
    assert row.exchange_order_id == "3456456754"
    assert [step.status for step in row.history] == ["RECEIVED", "REJECTED"]
    assert decoded.findings == ()


def test_a_live_rejected_report() -> None:
    decoded = decode(read("live-orders.post.200.rejected-volume.json"))
    assert isinstance(decoded.message, OrderReports)
    (row,) = decoded.message.rows
    assert row.exchange_order_id is None
    assert row.amount_open == Decimal("5E-15")
    assert row.error_message == "EGeneral:Invalid arguments:volume"
    assert decoded.findings == ()
