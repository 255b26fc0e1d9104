"""Rows of the gateway's order log, in every form in which their lists occur."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ems.protocol.fields import Findings
from recon.ems.protocol.messages import FillRow, Finding, OrderReport, OrderReports, StatusStep
from recon.ems.protocol.rest_history import read_history
from recon.exact import bounded
from tests.ems.test_decode_properties import json_values
from tests.support.wire_messages import EXAMPLES, encoded, needs_examples, steady

STATUSES = ["RECEIVED", "ROUTING", "FILLED"]
TIMES = [f"2024-02-23T01:13:15.609626{n}Z" for n in (7, 8, 9)]


def logged(**changes: object) -> dict[str, object]:
    """A row of the order log."""
    row: dict[str, object] = {
        "apikey": "9a55567a-b5ff-4b78-b6aa-xxxx",
        "exchangeId": "KRAKEN/JOHN",
        "clientOrderId": "mm-17",
        "symbolIdExchange": "XBT/USDT",
        "symbolIdCoinapi": "KRAKEN_SPOT_BTC_USDT",
        "amountOrder": 0.5,
        "price": 50123.5,
        "side": 2,
        "orderType": "LIMIT",
        "timeInForce": "GOOD_TILL_CANCEL",
        "expireTime": "2022-05-01T00:00:00",
        "execInst": ["MAKER_OR_CANCEL"],
        "clientOrderIdFormatExchange": "1946142760",
        "exchangeOrderId": "OJCPEO-PO7WD",
        "amountOpen": 0,
        "amountFilled": 0.5,
        "avgPx": 50123.5,
        "status": "FILLED",
        "statusHistoryStatus": STATUSES,
        "statusHistoryTime": TIMES,
        "errorMessageResult": None,
        "errorMessageReason": None,
        "errorMessageMessage": None,
        "fillsTime": TIMES[1:],
        "fillsPrice": [50123.5, 50123.5],
        "fillsAmount": [0.2, 0.3],
        "createdTime": "2024-02-23T01:13:16.0000000Z",
    }
    return row | changes


def read(*rows: object) -> tuple[tuple[OrderReports, ...], bool, tuple[Finding, ...]]:
    findings = Findings()
    found = read_history(encoded(list(rows)), findings)
    assert found is not None
    return *found, findings.collected()


def only(**changes: object) -> tuple[OrderReport, tuple[Finding, ...]]:
    messages, complete, findings = read(logged(**changes))
    assert complete
    ((row,),) = (message.rows for message in messages)
    return row, findings


def forms(values: list[object]) -> list[object]:
    """One list in the forms that the sources print, and one as only the documents nest it."""
    text = json.dumps(values)
    return [values, [values], text, [text], [[values]], f"  {text}"]


def test_a_row_is_a_whole_report() -> None:
    messages, complete, findings = read(logged())
    assert (complete, findings) == (True, ())
    assert messages == (
        OrderReports(
            "KRAKEN/JOHN",
            (
                OrderReport(
                    account="KRAKEN/JOHN",
                    client_order_id="mm-17",
                    exchange_order_id="OJCPEO-PO7WD",
                    symbol="XBT/USDT",
                    symbol_coinapi="KRAKEN_SPOT_BTC_USDT",
                    amount_order=Decimal("0.5"),
                    amount_open=Decimal(0),
                    amount_filled=Decimal("0.5"),
                    price=Decimal("50123.5"),
                    avg_px=Decimal("50123.5"),
                    side="SELL",
                    order_type="LIMIT",
                    time_in_force="GOOD_TILL_CANCEL",
                    exec_inst=("MAKER_OR_CANCEL",),
                    status="FILLED",
                    history=tuple(map(StatusStep, STATUSES, TIMES)),
                    fills=(
                        FillRow(TIMES[1], Decimal("50123.5"), Decimal("0.2")),
                        FillRow(TIMES[2], Decimal("50123.5"), Decimal("0.3")),
                    ),
                ),
            ),
            snapshot=False,
            complete=False,
        ),
    )


@pytest.mark.parametrize("form", range(6))
def test_lists_come_flat_nested_or_as_text(form: int) -> None:
    lists: dict[str, list[object]] = {
        "execInst": ["MAKER_OR_CANCEL"],
        "statusHistoryStatus": [*STATUSES],
        "statusHistoryTime": [*TIMES],
        "fillsTime": [*TIMES[1:]],
        "fillsPrice": [50123.5, 50123.5],
        "fillsAmount": [0.2, 0.3],
    }
    row, findings = only(**{name: forms(values)[form] for name, values in lists.items()})
    assert findings == ()
    assert row == only()[0]


@pytest.mark.parametrize("empty", [None, [], [[]], "", "[]", ["[]"]])
def test_a_list_that_is_empty_in_any_form(empty: object) -> None:
    names = (
        "execInst", "statusHistoryStatus", "statusHistoryTime", "fillsTime", "fillsPrice", "fillsAmount"
    )  # fmt: skip
    row, findings = only(**dict.fromkeys(names, empty))
    assert (row.exec_inst, row.history, row.fills, findings) == ((), (), (), ())


def test_numbers_in_text_are_exact() -> None:
    text = '["50123.123456789012345678", "1.73E-05"]'
    row, findings = only(fillsPrice=text, fillsAmount="[0.10, 2e-8]", amountFilled="0.300000000000000000001")
    assert findings == ()
    assert [fill.price for fill in row.fills] == [Decimal("50123.123456789012345678"), Decimal("0.0000173")]
    assert str(row.fills[0].amount) == "0.10"
    assert row.amount_filled == Decimal("0.300000000000000000001")


def test_numbers_beyond_the_bounds_are_not_known() -> None:
    row, findings = only(price="1e99", fillsAmount=[0.2, "NaN"])
    assert row.price is None
    assert [fill.amount for fill in row.fills] == [Decimal("0.2"), None]
    assert [found.kind for found in findings] == ["number", "number"]


@pytest.mark.parametrize(
    ("told", "side"),
    [
        (1, "BUY"),
        (2, "SELL"),
        ("1", "BUY"),
        ("2", "SELL"),
        (2.0, "SELL"),
        ("BUY", "BUY"),
        ("sell", "SELL"),
        (None, None),
    ],
)
def test_sides(told: object, side: str | None) -> None:
    row, findings = only(side=told)
    assert (row.side, findings) == (side, ())


@pytest.mark.parametrize("told", [0, 3, -1, "LONG", [1], {"a": 1}, True])
def test_a_side_that_is_none_is_a_finding(told: object) -> None:
    row, findings = only(side=told)
    assert row.side is None
    assert findings


def test_lists_of_unequal_lengths_are_paired_as_far_as_they_go() -> None:
    row, findings = only(statusHistoryTime=TIMES[:1], fillsTime=TIMES, fillsPrice=[1, 2], fillsAmount=[5])
    assert row.history == (StatusStep("RECEIVED", TIMES[0]), StatusStep("ROUTING"), StatusStep("FILLED"))
    assert row.fills == (FillRow(TIMES[0], Decimal(1), Decimal(5)), FillRow(TIMES[1], Decimal(2), None))
    assert [found.kind for found in findings] == ["history", "history"]
    assert all(found.about == "order mm-17" for found in findings)


def test_nothing_in_a_list_keeps_its_place() -> None:
    row, _ = only(statusHistoryTime=[None, TIMES[1], "0001-01-01T00:00:00.0000000Z"])
    assert [step.time for step in row.history] == [None, TIMES[1], None]
    row, _ = only(fillsPrice=[None, 7])
    assert [fill.price for fill in row.fills] == [None, Decimal(7)]


def test_ids() -> None:
    row, _ = only(exchangeOrderId=3456456754, clientOrderId="")
    assert (row.exchange_order_id, row.client_order_id) == ("3456456754", None)


def test_the_error_is_joined_for_people() -> None:
    row, findings = only(errorMessageResult="error", errorMessageReason="", errorMessageMessage={"code": -2015})
    assert (row.error_message, findings) == ('error: {"code":-2015}', ())


@pytest.mark.parametrize(
    "row",
    [
        logged(exchangeId=None),
        logged(exchangeId=""),
        logged(exchangeId="K\x00"),
        logged(clientOrderId=None, exchangeOrderId=None),
        {},
        [],
        "row",
        None,
    ],
)
def test_a_row_of_nobody_is_left_out_with_a_finding(row: object) -> None:
    messages, complete, findings = read(row, logged())
    assert [len(message.rows) for message in messages] == [1]
    assert not complete
    assert "row" in {found.kind for found in findings}


def test_rows_come_in_the_order_of_their_changes_by_account() -> None:
    def row(order: str, account: str, created: str | None) -> dict[str, object]:
        return logged(clientOrderId=order, exchangeId=account, createdTime=created)

    messages, complete, _ = read(
        row("4", "A", "2024-02-23T01:13:17Z"),
        row("3", "A", "2024-02-23T01:13:16.0000002Z"),
        row("2", "B/1", "2024-02-23T01:13:16.0000001"),
        row("1", "A", "2024-02-23T01:13:16.0000001Z"),
        row("1b", "A", "2024-02-23T01:13:16.0000001Z"),
        row("0", "A", None),
        row("5", "A", "2024-02-23T02:13:17+01:00"),
        row("9", "B/1", "2024-02-23T01:13:18.5Z"),
    )
    assert complete
    assert {message.account: [one.client_order_id for one in message.rows] for message in messages} == {
        "A": ["0", "1", "1b", "3", "4", "5"],
        "B/1": ["2", "9"],
    }


def test_rows_without_any_time_come_first() -> None:
    rows = read(logged(), logged(clientOrderId="x", createdTime="soon", statusHistoryTime=None))[0][0].rows
    assert [row.client_order_id for row in rows] == ["x", "mm-17"]


@pytest.mark.parametrize("body", [b"{}", b"null", b'"x"', b"[", b"", b"7"])
def test_what_is_no_list_is_no_history(body: bytes) -> None:
    assert read_history(body, Findings()) is None


def test_lists_nested_without_end_are_given_up() -> None:
    deep: object = STATUSES
    for _ in range(40):
        deep = [deep]
    row, findings = only(statusHistoryStatus=deep)
    assert row.history == ()
    assert "history" in {found.kind for found in findings}


@needs_examples
def test_the_published_example() -> None:
    findings = Findings()
    found = read_history((EXAMPLES / "rest-orders-history.get.200.json").read_bytes(), findings)
    assert found is not None
    ((message,), complete) = found
    assert complete
    (row,) = message.rows
    assert (message.account, row.side, row.status, row.exec_inst) == (
        "BINANCE",
        "SELL",
        "REJECTED",
        ("MAKER_OR_CANCEL",),
    )
    assert [step.status for step in row.history] == ["RECEIVED", "ROUTING", "REJECTED"]
    assert row.history[2].time == "2022-05-27T13:06:40.1342877Z"
    assert [(fill.price, fill.amount) for fill in row.fills] == [
        (Decimal("31939.47"), Decimal("0.0032")),
        (Decimal("31939.67"), Decimal("0.0009")),
    ]
    assert (row.error_message or "").startswith("string: string: -2015 Invalid API-key")
    (finding,) = findings.collected()
    assert "3 times, 2 prices and 2 amounts" in finding.message


@steady
@given(st.lists(st.dictionaries(st.sampled_from(sorted(logged())), json_values, max_size=6), max_size=3))
def test_any_value_in_any_field_passes_and_no_number_is_beyond_bounds(odd: list[dict[str, object]]) -> None:
    body = json.dumps([logged(**changes) for changes in odd]).encode()
    found = read_history(body, Findings())
    if found is None:  # it held a number that is no JSON
        return
    for message in found[0]:
        for row in message.rows:
            values = [row.price, row.avg_px, row.amount_filled, *(fill.price for fill in row.fills)]
            assert all(value is None or bounded(value) for value in values)
            assert row.account == message.account
