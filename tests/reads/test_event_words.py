"""What an event says in one line: what matters of the EMS's messages, and of others how they begin."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.reads.event_words import MAX_LINE, words_of
from tests.support.properties import steady

ORDER = (
    '{"type":"ORDER_EXEC_REPORT_UPDATE","side":"BUY","amount_order":0.0307,"symbol_id_exchange":"XBT/USD",'
    '"price":60000.20,"status":"FILLED","amount_filled":"0.0307","client_order_id":"a3f8f130-7ee6-4a1f"}'
)


@pytest.mark.parametrize(
    ("kind", "payload", "words"),
    [
        ("BALANCE_UPDATE", '{"asset_id_exchange":"ETH","balance":1.500000000000000001}', "ETH 1.500000000000000001"),
        ("POSITION_UPDATE", '{"symbol_id_exchange":"XBTUSD","quantity":-12,"side":"SELL"}', "SELL -12 XBTUSD"),
        (
            "ORDER_EXEC_REPORT_UPDATE",
            ORDER,
            "BUY 0.0307 XBT/USD at 60000.20 FILLED filled 0.0307 of 0.0307; order a3f8f130-7ee",
        ),
        ("BALANCE_SNAPSHOT", '{"data":[{"asset_id_exchange":"A","balance":1}]}', "1 row: A 1"),
        ("BALANCE_SNAPSHOT", '{"data":[]}', "0 rows"),
        ("BALANCE_SNAPSHOT", '{"data":null}', "no rows"),
        ("tick", '{"heartbeats":{"BINANCE":{"count":1},"BITMEX":{"count":2}}}', "heartbeats of BINANCE, BITMEX"),
        ("SERVER_INFO", '{"is_running":true,"id":"g1"}', "running true"),
        ("decision", '{"action":"assign","breaks":["b1"],"text":"looking"}', "action assign, text looking"),
        ("session.closed", '{"reason":"shutdown","detail":null}', "reason shutdown"),
        ("rules", '{"version": 2}', '{"version": 2}'),
        ("BALANCE_UPDATE", "[1, 2]", "[1, 2]"),
        ("BALANCE_UPDATE", None, "not readable as JSON"),
    ],
)
def test_words(kind: str, payload: str | None, words: str) -> None:
    assert words_of(kind, payload) == words


def test_a_payload_that_is_cut_off_is_shown_as_it_begins() -> None:
    assert (
        words_of("BALANCE_UPDATE", '{"asset_id_exchange":"ETH","bala', cut=True) == '{"asset_id_exchange":"ETH","bala'
    )


@steady(300)
@given(
    kind=st.sampled_from(
        ["BALANCE_UPDATE", "BALANCE_SNAPSHOT", "ORDER_EXEC_REPORT_UPDATE", "tick", "SERVER_INFO", "x"]
    ),
    payload=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["data", "heartbeats", "balance", "reason", "side", "is_running"]), inner)
        ),
        max_leaves=8,
    ),
)
def test_whatever_comes_is_one_line(kind: str, payload: object) -> None:
    line = words_of(kind, json.dumps(payload))
    assert len(line) <= MAX_LINE
    assert "\n" not in line
