"""Texts of any length: keyed or cut when decoded, each with a finding (protocol 15)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ems.protocol.bounds import (
    CUT,
    MAX_CODE_CHARS,
    MAX_ID_CHARS,
    MAX_TEXT_CHARS,
    cut,
    identifier_key,
    is_key,
)
from recon.ems.protocol.decode import decode
from recon.ems.protocol.fields import Findings
from recon.ems.protocol.messages import BalanceRow, Balances, OrderReport, OrderReports, Positions, Reject, ServerInfo
from recon.ems.protocol.messages import Symbols as SymbolsMessage
from recon.ems.protocol.rest_history import read_history
from recon.ems.protocol.rest_snapshots import read_snapshots
from tests.support.properties import steady

LONG = "é" * 5000
#: Postgres refuses a longer index row (with room for the gateway's name, the edition and the headers).
INDEX_BYTES = 2704 - 200


@steady(300)
@given(st.text(max_size=500), st.text(max_size=500))
def test_two_identifiers_never_share_a_key(one: str, other: str) -> None:
    assert (identifier_key(one) == identifier_key(other)) == (one == other)
    assert is_key(identifier_key(one)) == (len(one) > MAX_ID_CHARS)


def test_a_short_identifier_that_looks_like_a_key_is_not_that_key() -> None:
    key = identifier_key(LONG)
    assert identifier_key(key) != key
    assert len(key) == MAX_ID_CHARS + 1


def test_account_and_identifier_fit_an_index_row() -> None:
    widest = identifier_key("\N{GRINNING FACE}" * 300), "\N{GRINNING FACE}" * MAX_ID_CHARS
    assert max(len(text.encode()) for text in widest) + len(widest[1].encode()) <= INDEX_BYTES


def test_a_cut_text_says_so() -> None:
    assert (cut("abc", 3), cut("abcd", 3)) == ("abc", f"ab{CUT}")


def frame(**fields: object) -> bytes:
    return json.dumps({"exchange_id": "KRAKEN", **fields}).encode()


def report(**fields: object) -> OrderReport:
    known = {"client_order_id": "a", "status": "NEW", "symbol_id_exchange": "X"}
    message = decode(frame(type="ORDER_EXEC_REPORT_UPDATE", **(known | fields))).message
    assert isinstance(message, OrderReports)
    return message.rows[0]


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("client_order_id", "client_order_id"),
        ("exchange_order_id", "exchange_order_id"),
        ("symbol_id_exchange", "symbol"),
        ("symbol_id_coinapi", "symbol_coinapi"),
    ],
)
def test_a_long_id_of_an_order_becomes_its_key_with_a_finding(wire: str, name: str) -> None:
    decoded = decode(
        frame(type="ORDER_EXEC_REPORT_UPDATE", **({"client_order_id": "a", "status": "NEW"} | {wire: LONG}))
    )
    assert isinstance(decoded.message, OrderReports)
    assert getattr(decoded.message.rows[0], name) == identifier_key(LONG)
    assert [(finding.kind, finding.message[: len(wire) + 9]) for finding in decoded.findings] == [
        ("long_text", f"{wire} has 5000")
    ]


def test_a_bare_number_as_an_id_is_bounded_too() -> None:
    assert report(exchange_order_id=int("9" * 300)).exchange_order_id == identifier_key("9" * 300)


@pytest.mark.parametrize("name", ["status", "side", "order_type", "time_in_force"])
def test_a_long_code_is_cut(name: str) -> None:
    assert getattr(report(**{name: LONG}), name) == cut(LONG, MAX_CODE_CHARS)


def test_a_long_message_for_people_is_cut() -> None:
    assert report(error_message=LONG).error_message == cut(LONG, MAX_TEXT_CHARS)
    reject = decode(
        frame(type="MESSAGE_REJECT", reject_reason=LONG, message=LONG, rejected_message={"a": LONG})
    ).message
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.message) == (cut(LONG, MAX_CODE_CHARS), cut(LONG, MAX_TEXT_CHARS))
    assert len(reject.rejected_message or "") == MAX_TEXT_CHARS


def test_long_steps_and_times_of_an_order() -> None:
    steps = report(status_history=[[LONG, "2026-01-05T09:00:00Z"], ["NEW", "2026" + LONG]]).history
    assert (steps[0].status, steps[0].time) == (cut(LONG, MAX_CODE_CHARS), "2026-01-05T09:00:00Z")
    assert all(len(step.status) <= MAX_CODE_CHARS and len(step.time or "") <= MAX_CODE_CHARS for step in steps)
    assert report(fills=[{"time": "2026" + LONG, "price": 1, "amount": 1}]).fills[0].time is None


def test_long_codes_of_balances_positions_symbols_and_heartbeats() -> None:
    key = identifier_key(LONG)
    balances = decode(frame(type="BALANCE_UPDATE", asset_id_exchange=LONG, asset_id_coinapi=LONG, balance=1)).message
    assert isinstance(balances, Balances)
    assert (balances.rows[0].asset, balances.rows[0].asset_coinapi) == (key, key)
    positions = decode(frame(type="POSITION_SNAPSHOT", data=[{"symbol_id_exchange": LONG, "quantity": 1}])).message
    assert isinstance(positions, Positions)
    assert positions.rows[0].symbol == key
    row = dict.fromkeys(("symbol_id_exchange", "asset_id_base_exchange", "asset_id_quote_coinapi"), LONG)
    symbols = decode(frame(type="SYMBOLS_SNAPSHOT", data=[row])).message
    assert isinstance(symbols, SymbolsMessage)
    assert (symbols.rows[0].symbol, symbols.rows[0].base, symbols.rows[0].quote_coinapi) == (key, key, key)
    info = decode(frame(type="SERVER_INFO", instance_guid=LONG, server_name=LONG)).message
    assert isinstance(info, ServerInfo)
    assert (info.instance_guid, info.server_name) == (key, cut(LONG, MAX_CODE_CHARS))


def test_answers_over_rest_are_bounded_like_frames() -> None:
    findings, key = Findings(), identifier_key(LONG)
    row = {"exchangeId": "KRAKEN", "clientOrderId": LONG, "symbolIdExchange": LONG, "status": LONG}
    history = read_history(json.dumps([row]).encode(), findings)
    assert history is not None
    report_ = history[0][0].rows[0]
    assert (report_.client_order_id, report_.symbol, report_.status) == (key, key, cut(LONG, MAX_CODE_CHARS))
    listed = json.dumps([{"exchange_id": "KRAKEN", "data": [{"asset_id_exchange": LONG, "balance": 1}]}]).encode()
    snapshots = read_snapshots("balances", None, listed, findings)
    assert snapshots is not None
    first = snapshots[0][0].rows[0]
    assert isinstance(first, BalanceRow)
    assert first.asset == key
    assert {finding.kind for finding in findings.collected()} == {"long_text"}


def test_an_escaped_nul_never_reaches_a_text() -> None:
    assert report(client_order_id="a\0b").client_order_id == "a\N{REPLACEMENT CHARACTER}b"
    assert (
        report(status_history='[["N\\u0000", "2026-01-05T09:00:00Z"]]').history[0].status
        == "N\N{REPLACEMENT CHARACTER}"
    )
