from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest

from recon.ems.protocol.bounds import MAX_ID_CHARS
from recon.ems.protocol.decode import decode, envelope
from recon.ems.protocol.fields import MAX_FINDINGS
from recon.ems.protocol.messages import (
    BalanceRow,
    Balances,
    Envelope,
    FillRow,
    OrderReport,
    OrderReports,
    PositionRow,
    Positions,
    Reject,
    ServerInfo,
    StatusStep,
    SymbolRow,
    Symbols,
    Unknown,
)
from tests.support.wire_messages import balance, encoded, position, report, row_of, server_info


def orders(payload: bytes) -> OrderReports:
    message = decode(payload).message
    assert isinstance(message, OrderReports)
    return message


def one_order(payload: bytes) -> OrderReport:
    (row,) = orders(payload).rows
    return row


def balances(payload: bytes) -> Balances:
    message = decode(payload).message
    assert isinstance(message, Balances)
    return message


def kinds(payload: bytes) -> list[str]:
    return [finding.kind for finding in decode(payload).findings]


def test_an_ordinary_report_decodes_with_every_field_exact() -> None:
    decoded = decode(encoded(report()))
    assert decoded.findings == ()
    assert decoded.message == OrderReports(
        account="KRAKEN/JOHN",
        rows=(
            OrderReport(
                account="KRAKEN/JOHN",
                client_order_id="mm-17",
                exchange_order_id="OJCPEO-PO7WD",
                symbol="XBT/USDT",
                symbol_coinapi="KRAKEN_SPOT_BTC_USDT",
                amount_order=Decimal("0.045"),
                amount_open=Decimal("0.02"),
                amount_filled=Decimal("0.025"),
                price=Decimal("50123.5"),
                avg_px=Decimal("50123.25"),
                side="BUY",
                order_type="LIMIT",
                time_in_force="GOOD_TILL_CANCEL",
                exec_inst=("MAKER_OR_CANCEL",),
                status="PARTIALLY_FILLED",
                history=(
                    StatusStep("RECEIVED", "2024-02-23T01:13:15.6096269Z"),
                    StatusStep("NEW", "2024-02-23T01:13:15.6096270Z"),
                ),
                fills=(FillRow("2024-02-23T01:13:16.0000001Z", Decimal("50123.25"), Decimal("0.025")),),
            ),
        ),
        snapshot=False,
        complete=False,
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"50000.00000000", "50000.00000000"),
        (b"0.00000000", "0.00000000"),
        (b"1.73e-05", "0.0000173"),
        (b"5E-15", "5E-15"),
        (b"52357.18111158658", "52357.18111158658"),
        (b"555555555555555.0", "555555555555555.0"),
        (b"98765432109.87654321", "98765432109.87654321"),
        (b'"0.10"', "0.10"),
        (b"-3", "-3"),
    ],
)
def test_numbers_keep_value_and_scale(text: bytes, value: str) -> None:
    payload = encoded(balance(balance=0)).replace(b'"balance":0', b'"balance":' + text)
    (row,) = balances(payload).rows
    assert row.balance is not None
    assert str(row.balance) == str(Decimal(value))
    assert kinds(payload) == []


@pytest.mark.parametrize(
    "text",
    [
        b'"NaN"',
        b'"Infinity"',
        b'"-Infinity"',
        b'"sNaN"',
        b"1e400",
        b"1e-400",
        b"1" * 200,
        b"true",
        b"[1]",
        b'"x"',
        b'""',
    ],
)
def test_what_is_no_number_costs_that_field_alone(text: bytes) -> None:
    payload = encoded(balance(balance=0)).replace(b'"balance":0', b'"balance":' + text)
    (row,) = balances(payload).rows
    assert row.balance is None
    assert row.available == Decimal("1.0")
    assert row.asset == "XXBT"
    (finding,) = decode(payload).findings
    assert finding.kind == "number"
    assert finding.about == "balance XXBT"
    assert "balance" in finding.message


def test_one_bad_field_in_one_row_costs_no_neighbour() -> None:
    rows = [row_of(balance()), row_of(balance(asset_id_exchange="ZUSD", balance="NaN")), row_of(balance())]
    payload = encoded({"type": "BALANCE_SNAPSHOT", "exchange_id": "KRAKEN", "data": rows})
    message = balances(payload)
    assert [row.balance for row in message.rows] == [Decimal("1.25"), None, Decimal("1.25")]
    assert message.rows[1].rate_usd == Decimal("52320.9229657045")
    assert message.snapshot
    assert message.complete
    assert kinds(payload) == ["number"]


def test_a_missing_number_is_not_zero() -> None:
    (row,) = balances(encoded({"type": "BALANCE_UPDATE", "exchange_id": "KRAKEN", "asset_id_exchange": "ZUSD"})).rows
    assert row == BalanceRow(asset="ZUSD")


@pytest.mark.parametrize("kind", ["ORDER_EXEC_REPORT", "BALANCE", "POSITION", "SYMBOLS"])
def test_an_empty_snapshot_is_complete(kind: str) -> None:
    decoded = decode(encoded({"type": f"{kind}_SNAPSHOT", "exchange_id": "KRAKEN", "data": []}))
    assert isinstance(decoded.message, OrderReports | Balances | Positions | Symbols)
    assert decoded.message.rows == ()
    assert decoded.message.complete
    assert decoded.findings == ()


@pytest.mark.parametrize("kind", ["ORDER_EXEC_REPORT", "BALANCE", "POSITION", "SYMBOLS"])
@pytest.mark.parametrize("rest", [{"data": None}, {}, {"data": "later"}, {"data": 5}])
def test_a_snapshot_without_a_list_is_incomplete(kind: str, rest: dict[str, object]) -> None:
    decoded = decode(encoded({"type": f"{kind}_SNAPSHOT", "exchange_id": "KRAKEN"} | rest))
    message = decoded.message
    assert isinstance(message, OrderReports | Balances | Positions | Symbols)
    assert message.rows == ()
    assert not message.complete
    assert getattr(message, "snapshot", True)
    assert [finding.kind for finding in decoded.findings] == ["data"]


def test_a_row_that_cannot_be_attributed_makes_the_list_incomplete() -> None:
    for odd in ({"balance": 1}, "text", None, 5, row_of(balance()) | {"exchange_id": "BITMEX"}):
        payload = encoded({"type": "BALANCE_SNAPSHOT", "exchange_id": "KRAKEN", "data": [odd, row_of(balance())]})
        message = balances(payload)
        assert [row.asset for row in message.rows] == ["XXBT"]
        assert message.snapshot
        assert not message.complete
        assert kinds(payload) == ["row"]


def test_a_row_may_repeat_its_own_account() -> None:
    payload = encoded(
        {
            "type": "BALANCE_SNAPSHOT",
            "exchange_id": "KRAKEN",
            "data": [row_of(balance()) | {"exchange_id": "KRAKEN"}],
        }
    )
    assert balances(payload).complete
    assert kinds(payload) == []


def test_an_update_may_come_wrapped_and_stays_an_update() -> None:
    for message in (report(), balance(), position()):
        wrapped = {"type": message["type"], "exchange_id": message["exchange_id"], "data": [row_of(message)]}
        flat = decode(encoded(message))
        assert decode(encoded(wrapped)) == flat


def test_a_flat_row_under_the_type_of_a_snapshot_is_an_update() -> None:
    message = balances(encoded(balance(type="BALANCE_SNAPSHOT")))
    assert len(message.rows) == 1
    assert not message.snapshot
    assert not message.complete


def test_data_may_be_a_single_row() -> None:
    payload = encoded({"type": "BALANCE_SNAPSHOT", "exchange_id": "KRAKEN", "data": row_of(balance())})
    message = balances(payload)
    assert [row.asset for row in message.rows] == ["XXBT"]
    assert not message.complete
    assert kinds(payload) == ["data"]


def test_an_update_with_null_data_is_read_flat() -> None:
    assert balances(encoded(balance(data=None))).rows[0].balance == Decimal("1.25")


def test_a_report_takes_the_account_of_its_wrapper() -> None:
    row = row_of(report())
    payload = encoded({"type": "ORDER_EXEC_REPORT_SNAPSHOT", "exchange_id": "KRAKEN", "data": [row]})
    assert one_order(payload).account == "KRAKEN"
    assert orders(payload).complete
    assert kinds(payload) == []


def test_a_report_s_own_account_counts_and_the_contradiction_is_found() -> None:
    row = row_of(report()) | {"exchange_id": "BITMEX"}
    payload = encoded({"type": "ORDER_EXEC_REPORT_SNAPSHOT", "exchange_id": "KRAKEN", "data": [row]})
    assert one_order(payload).account == "BITMEX"
    assert kinds(payload) == ["account"]


def test_a_report_without_a_type_is_recognised() -> None:
    message = report()
    del message["type"]
    assert orders(encoded(message)).rows[0].status == "PARTIALLY_FILLED"
    assert envelope(encoded(message)) == Envelope("ORDER_EXEC_REPORT_UPDATE", "KRAKEN/JOHN", is_object=True)
    del message["client_order_id"]
    assert decode(encoded(message)).message == Unknown(None, "KRAKEN/JOHN")


@pytest.mark.parametrize("odd", ["", None])
def test_an_empty_id_is_none(odd: str | None) -> None:
    row = one_order(encoded(report(exchange_order_id=odd, symbol_id_coinapi=odd)))
    assert row.exchange_order_id is None
    assert row.symbol_coinapi is None
    assert row.client_order_id == "mm-17"


def test_a_report_without_any_id_is_not_taken() -> None:
    payload = encoded(report(exchange_order_id="", client_order_id=None))
    assert orders(payload).rows == ()
    assert kinds(payload) == ["data"]


def test_a_numeric_id_keeps_its_text() -> None:
    payload = encoded(report(exchange_order_id=0)).replace(b'"exchange_order_id":0', b'"exchange_order_id":34.50')
    assert one_order(payload).exchange_order_id == "34.50"
    payload = encoded(report(exchange_order_id=3456456754))
    assert one_order(payload).exchange_order_id == "3456456754"
    assert kinds(payload) == []


PAIRS = [["RECEIVED", "2020-05-27T11:16:20.1677709Z"], ["REJECTED", "2020-05-27T11:16:20.1677710Z"]]


@pytest.mark.parametrize(
    "shape",
    [
        PAIRS,
        [PAIRS],
        [[PAIRS]],
        [[[PAIRS]]],
        json.dumps(PAIRS),
        [json.dumps(PAIRS)],
        [[json.dumps(PAIRS)]],
        [json.dumps(pair) for pair in PAIRS],
        [leaf for pair in PAIRS for leaf in pair],
        [{"status": status, "time": time} for status, time in PAIRS],
    ],
)
def test_a_status_history_is_flattened_whatever_its_nesting(shape: object) -> None:
    payload = encoded(report(status_history=shape))
    assert one_order(payload).history == (StatusStep(*PAIRS[0]), StatusStep(*PAIRS[1]))
    assert kinds(payload) == []


def test_a_history_keeps_what_can_be_read_of_it() -> None:
    payload = encoded(report(status_history=[["2020-05-27T11:16:20Z"], ["NEW", None], ["FILLED", True]]))
    assert one_order(payload).history == (StatusStep("NEW"), StatusStep("FILLED"))
    assert kinds(payload) == ["history", "field"]


def test_a_history_nested_without_end_is_given_up() -> None:
    payload = encoded(report(status_history=0)).replace(
        b'"status_history":0', b'"status_history":' + b"[" * 90 + b"]" * 90
    )
    assert one_order(payload).history == ()
    assert kinds(payload) == ["history"]


def test_the_marker_for_no_time_is_none() -> None:
    never = "0001-01-01T00:00:00.0000000Z"
    row = one_order(encoded(report(status_history=[["NEW", never]], fills=[{"time": never, "price": 1, "amount": 2}])))
    assert row.history == (StatusStep("NEW", None),)
    assert row.fills == (FillRow(None, Decimal(1), Decimal(2)),)
    info = decode(encoded(server_info(time=never))).message
    assert isinstance(info, ServerInfo)
    assert info.time is None


@pytest.mark.parametrize("nothing", [None, []])
def test_no_fills_and_no_history(nothing: object) -> None:
    row = one_order(encoded(report(fills=nothing, status_history=nothing)))
    assert (row.fills, row.history) == ((), ())


def test_a_bad_fill_costs_itself() -> None:
    payload = encoded(report(fills=[{"price": "x", "amount": 1}, "fill", {"price": 2, "amount": 3}]))
    assert one_order(payload).fills == (
        FillRow(None, None, Decimal(1)),
        FillRow(None, Decimal(2), Decimal(3)),
    )
    assert kinds(payload) == ["number", "row"]


@pytest.mark.parametrize("odd", ["EGeneral:Invalid arguments:volume", '{"result":"error"}'])
def test_an_error_message_is_kept_as_text(odd: str) -> None:
    assert one_order(encoded(report(error_message=odd))).error_message == odd


def test_an_error_message_of_another_type_keeps_its_json() -> None:
    for odd in (5, {"result": "error"}, [1], True):
        payload = encoded(report(error_message=odd))
        assert json.loads(one_order(payload).error_message or "") == odd
        assert kinds(payload) == []


@pytest.mark.parametrize("odd", ["MAKER_OR_CANCEL", None, [], {"a": 1}, 7])
def test_exec_inst_may_be_anything(odd: object) -> None:
    assert one_order(encoded(report(exec_inst=odd))).client_order_id == "mm-17"
    assert kinds(encoded(report(exec_inst=odd))) == []


def test_exec_inst_is_read_as_a_list_or_a_single_word() -> None:
    assert one_order(encoded(report(exec_inst=["MAKER_OR_CANCEL", "ICEBERG"]))).exec_inst == (
        "MAKER_OR_CANCEL",
        "ICEBERG",
    )
    assert one_order(encoded(report(exec_inst="MAKER_OR_CANCEL"))).exec_inst == "MAKER_OR_CANCEL"


def test_unknown_enum_values_pass_through() -> None:
    row = one_order(encoded(report(status="EXPIRED", time_in_force="GOOD_TILL_TIME_OEML", side="SHORT")))
    assert (row.status, row.time_in_force, row.side) == ("EXPIRED", "GOOD_TILL_TIME_OEML", "SHORT")


@pytest.mark.parametrize("spelling", ["unrealized_pnl", "unrealised_pnl"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_both_spellings_of_unrealised_profit(spelling: str, wrapped: bool) -> None:
    message = position()
    message[spelling] = message.pop("unrealized_pnl")
    whole = {"type": "POSITION_SNAPSHOT", "exchange_id": "DERIBIT", "data": [row_of(message)]}
    decoded = decode(encoded(whole if wrapped else message))
    assert isinstance(decoded.message, Positions)
    assert decoded.message.complete is wrapped
    assert decoded.message.rows == (
        PositionRow(
            symbol="BTC-PERPETUAL",
            symbol_coinapi="DERIBIT_PERP_BTC_USD",
            quantity=Decimal(40),
            side="SELL",
            avg_entry_price=Decimal("61362.86"),
            unrealized_pnl=Decimal("0.0001"),
            liquidation_price=Decimal("80000.5"),
            leverage=Decimal(10),
        ),
    )
    assert decoded.findings == ()


def test_symbols() -> None:
    row = {
        "symbol_id_coinapi": "BITMEX_FTS_LTC_BTC_200925",
        "symbol_id_exchange": "LTCU20",
        "asset_id_base_exchange": "LTC",
        "asset_id_quote_exchange": "XBT",
        "asset_id_base_coinapi": "LTC",
        "asset_id_quote_coinapi": "",
        "price_precision": 1e-6,
        "size_precision": 1,
    }
    decoded = decode(encoded({"type": "SYMBOLS_SNAPSHOT", "exchange_id": "BITMEX", "data": [row]}))
    assert decoded.message == Symbols(
        "BITMEX",
        (
            SymbolRow(
                "LTCU20",
                "BITMEX_FTS_LTC_BTC_200925",
                "LTC",
                "XBT",
                "LTC",
                None,
                Decimal("0.000001"),
                Decimal(1),
            ),
        ),
        complete=True,
    )


def test_a_reject_quotes_what_was_refused_whatever_its_type() -> None:
    message: dict[str, object] = {"type": "MESSAGE_REJECT", "reject_reason": "JSON_ERROR", "message": "bad"}
    assert decode(encoded(message | {"rejected_message": "{broken"})).message == Reject(
        None, "JSON_ERROR", "bad", "{broken"
    )
    quoted = decode(encoded(message | {"rejected_message": {"a": 1}, "exchange_id": "KRAKEN"}))
    assert quoted.message == Reject("KRAKEN", "JSON_ERROR", "bad", '{"a":1}')
    assert quoted.findings == ()


def test_a_heartbeat() -> None:
    decoded = decode(encoded(server_info(server_version=1.5, is_running="false")))
    assert isinstance(decoded.message, ServerInfo)
    assert decoded.message.account == "KRAKEN/JOHN"
    assert decoded.message.server_version == "1.5"
    assert decoded.message.is_running is False
    assert decoded.message.dns_name == "edge-1.example.net"
    assert decoded.findings == ()
    assert "5ef3a4ac" not in repr(decoded)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b"null", b"5", b'"x"', b"\xff\xfe", b"{} {}", b"[" * 100_000, b'{"a":NaN}']
)
def test_what_is_no_object_is_unknown_with_a_finding(payload: bytes) -> None:
    decoded = decode(payload)
    assert decoded.message == Unknown(None, None)
    assert [finding.kind for finding in decoded.findings] == ["unreadable"]
    assert envelope(payload) == Envelope(None, None, is_object=False)


@pytest.mark.parametrize(
    "payload", [b"{}", b'{"type":null}', b'{"type":"HELLO","exchange_id":"KRAKEN"}', b'{"type":5}']
)
def test_an_unknown_type_is_no_contradiction(payload: bytes) -> None:
    decoded = decode(payload)
    assert isinstance(decoded.message, Unknown)
    assert decoded.findings == ()


@pytest.mark.parametrize("odd", ["", None, "K" * (MAX_ID_CHARS + 1), "KRA\x00KEN", ["KRAKEN"]])
def test_an_unusable_account_is_none_and_found(odd: object) -> None:
    for message in (report(exchange_id=odd), balance(exchange_id=odd), server_info(exchange_id=odd)):
        decoded = decode(encoded(message))
        assert not isinstance(decoded.message, Unknown)
        assert decoded.message.account is None
        assert "account" in [finding.kind for finding in decoded.findings]
        assert envelope(encoded(message)).account is None
    assert one_order(encoded(report(exchange_id=odd))).account is None


def test_findings_are_bounded() -> None:
    rows = [row_of(balance(balance="x")) for _ in range(3 * MAX_FINDINGS)]
    decoded = decode(encoded({"type": "BALANCE_SNAPSHOT", "exchange_id": "KRAKEN", "data": rows}))
    assert isinstance(decoded.message, Balances)
    assert len(decoded.message.rows) == 3 * MAX_FINDINGS
    assert len(decoded.findings) == MAX_FINDINGS + 1
    assert decoded.findings[-1].kind == "more"


def test_invalid_utf8_costs_the_text_it_stands_in() -> None:
    payload = encoded(report(side="?")).replace(b'"?"', b'"\xff"')
    row = one_order(payload)
    assert row.side is None
    assert row.amount_filled == Decimal("0.025")
    assert kinds(payload) == ["field"]


def test_the_structs_write_what_the_wire_says() -> None:
    row = one_order(encoded(report()))
    told = json.loads(msgspec.json.encode(row))
    assert told["exchange_id"] == "KRAKEN/JOHN"
    assert told["status_history"][0] == ["RECEIVED", "2024-02-23T01:13:15.6096269Z"]
