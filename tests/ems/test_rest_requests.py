"""What answers say, and that the event of an answer can always be stored and read."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from recon.db.engine import create_engine
from recon.ems.protocol import rest_requests
from recon.ems.protocol.json_body import MAX_DEPTH, MAX_TEXT_CHARS, is_json
from recon.ems.protocol.messages import Balances, OrderReports, Positions
from recon.ems.protocol.rest_requests import (
    DecodedResponse,
    RestRequest,
    RestResponse,
    build_response,
)
from tests.conftest import TestDatabase
from tests.ems.test_decode_properties import json_values
from tests.ems.test_rest_history import logged
from tests.support.wire_messages import (
    BROKEN_EXAMPLES,
    EXAMPLES,
    balance,
    encoded,
    needs_examples,
    position,
    report,
    row_of,
    steady,
)

JOHN = "KRAKEN/JOHN"
ORDERS, BALANCES, POSITIONS = (
    RestRequest("orders", JOHN),
    RestRequest("balances", JOHN),
    RestRequest("positions", "DERIBIT"),
)
STATUS = RestRequest("status", JOHN, order="c:mm-17", client_order_id="mm-17")
HISTORY = RestRequest("history", from_us=1, until_us=2)


def told(ask: RestRequest, content: bytes, *, status: int | None = 200, problem: str | None = None) -> DecodedResponse:
    answer = build_response(ask, run="r-1", attempts=2, status=status, problem=problem, content=content)
    return rest_requests.decode_response(rest_requests.encode_response(answer))


def says(ask: RestRequest, body: object) -> DecodedResponse:
    return told(ask, encoded(body))


def orders_of(answered: DecodedResponse) -> dict[str | None, tuple[list[str | None], bool]]:
    found = {}
    for message in answered.messages:
        assert isinstance(message, OrderReports)
        assert message.snapshot
        found[message.account] = ([row.client_order_id for row in message.rows], message.complete)
    return found


def group(account: str | None, rows: object, **more: object) -> dict[str, object]:
    return {"type": "SNAPSHOT", "exchange_id": account, "data": rows} | more


def flat(client: str, account: str = JOHN) -> dict[str, object]:
    return report(client_order_id=client, exchange_id=account)


def bare(client: str) -> dict[str, object]:
    return row_of(report(client_order_id=client))


@pytest.mark.parametrize(
    "body",
    [
        [flat("a"), flat("b")],
        [group(JOHN, [bare("a"), bare("b")])],
        [group(JOHN, [bare("a")]), flat("b")],
        [flat("a"), group(JOHN, [bare("b")], type="ORDER_EXEC_REPORT_SNAPSHOT")],
        [group(JOHN, [bare("a")]), group(JOHN, []), group(JOHN, [flat("b")])],
        [group(None, [flat("a"), flat("b")])],
    ],
)
def test_open_orders_come_flat_or_in_groups(body: object) -> None:
    answered = says(ORDERS, body)
    assert (answered.outcome, answered.why, answered.complete, answered.findings) == ("answered", "", True, ())
    assert orders_of(answered) == {JOHN: (["a", "b"], True)}
    assert (answered.request, answered.run, answered.attempts) == (ORDERS, "r-1", 2)


@pytest.mark.parametrize("body", [[], [group(JOHN, [])]])
def test_no_open_orders_is_an_answer(body: object) -> None:
    answered = says(ORDERS, body)
    assert orders_of(answered) == {JOHN: ([], True)}
    assert answered.complete


def test_an_answer_is_complete_for_the_account_alone_that_was_asked_for() -> None:
    answered = says(ORDERS, [flat("a"), flat("b", "KRAKEN"), group("BITMEX", [bare("c")])])
    assert orders_of(answered) == {JOHN: (["a"], True), "KRAKEN": (["b"], False), "BITMEX": (["c"], False)}
    assert answered.complete
    (found,) = answered.findings
    assert (found.kind, found.about) == ("account", "orders")
    assert "also names BITMEX, KRAKEN" in found.message


def test_rows_of_others_alone_do_not_say_that_there_are_none() -> None:
    answered = says(ORDERS, [flat("b", "KRAKEN")])
    assert orders_of(answered) == {"KRAKEN": (["b"], False)}
    assert not answered.complete
    assert any("the answer lacks KRAKEN/JOHN" in found.message for found in answered.findings)


def test_many_others_are_counted() -> None:
    answered = says(ORDERS, [flat("a"), *(flat("b", f"X/{n}") for n in range(8))])
    assert answered.findings[0].message.endswith("X/0, X/1, X/2, X/3, X/4 and 3 more")


def test_asked_of_all_accounts_each_that_is_told_of_is_complete() -> None:
    answered = says(RestRequest("orders"), [flat("a"), group("BITMEX", [])])
    assert orders_of(answered) == {JOHN: (["a"], True), "BITMEX": ([], True)}
    assert answered.complete
    assert says(RestRequest("orders"), []).messages == ()


@pytest.mark.parametrize(
    "stray",
    [
        None,
        "text",
        7,
        [],
        {},
        report(exchange_id=None),
        report(exchange_id=""),
        {"type": "MESSAGE_REJECT", "message": "BITMEX is away"},
        group(None, [bare("z")]),
        group(None, None),
    ],
)
def test_what_belongs_to_nobody_leaves_no_list_complete(stray: object) -> None:
    answered = says(ORDERS, [flat("a"), stray])
    assert orders_of(answered) == {JOHN: (["a"], False)}
    assert (answered.outcome, answered.complete) == ("answered", False)
    assert answered.findings
    assert orders_of(says(ORDERS, [stray])) == {}


@pytest.mark.parametrize("data", [None, "[]", 7, {}])
def test_a_group_whose_list_is_none_is_not_complete(data: object) -> None:
    answered = says(ORDERS, [flat("a"), group(JOHN, data)])
    assert orders_of(answered) == {JOHN: (["a"], False)}
    assert not answered.complete
    assert "data" in {found.kind for found in answered.findings}


def test_a_group_with_one_row_instead_of_a_list() -> None:
    assert orders_of(says(ORDERS, [group(JOHN, bare("a"))])) == {JOHN: (["a"], False)}


def test_a_report_counts_for_the_account_that_it_names() -> None:
    answered = says(ORDERS, [group(JOHN, [flat("a"), flat("b", "KRAKEN"), bare("c")])])
    assert orders_of(answered) == {JOHN: (["a", "c"], True), "KRAKEN": (["b"], False)}
    assert "its own counts" in answered.findings[0].message


def test_a_row_that_names_no_order_leaves_the_list_incomplete() -> None:
    answered = says(ORDERS, [flat("a"), report(client_order_id=None, exchange_order_id=None)])
    assert orders_of(answered) == {JOHN: (["a"], False)}


def test_one_bad_field_costs_that_field() -> None:
    answered = says(ORDERS, [report(price="NaN"), report(client_order_id="b", price="0.10")])
    (message,) = answered.messages
    assert isinstance(message, OrderReports)
    assert [row.price for row in message.rows] == [None, Decimal("0.10")]
    assert answered.complete
    assert [found.kind for found in answered.findings] == ["number"]


def test_balances() -> None:
    rows = [row_of(balance()), row_of(balance(asset_id_exchange="ZUSD", balance=1.73e-05))]
    answered = says(BALANCES, [group(JOHN, rows), group("BITMEX", [row_of(balance())])])
    first, second = answered.messages
    assert isinstance(first, Balances)
    assert isinstance(second, Balances)
    assert [(row.asset, row.balance) for row in first.rows] == [
        ("XXBT", Decimal("1.25")),
        ("ZUSD", Decimal("0.0000173")),
    ]
    assert (first.account, first.snapshot, first.complete) == (JOHN, True, True)
    assert (second.account, second.snapshot, second.complete) == ("BITMEX", True, False)
    assert answered.complete


def test_positions() -> None:
    answered = says(POSITIONS, [group("DERIBIT", [row_of(position()) | {"raw_data": {"any": ["thing"]}}])])
    (message,) = answered.messages
    assert isinstance(message, Positions)
    assert (message.account, message.complete, answered.complete) == ("DERIBIT", True, True)
    assert message.rows[0].quantity == Decimal(40)


@pytest.mark.parametrize("ask", [BALANCES, POSITIONS])
@pytest.mark.parametrize("body", [[], [group("BITMEX", [])]])
def test_nothing_of_the_account_is_no_statement_about_it(ask: RestRequest, body: object) -> None:
    answered = says(ask, body)
    assert (answered.outcome, answered.complete) == ("answered", False)
    assert ask.account not in {message.account for message in answered.messages}
    told = any(f"the answer lacks {ask.account}" in found.message for found in answered.findings)
    assert told == (bool(body) or ask is BALANCES), "many accounts never hold a position"


def test_balances_of_an_account_that_holds_nothing() -> None:
    answered = says(BALANCES, [group(JOHN, [])])
    assert answered.messages == (Balances(JOHN, (), snapshot=True, complete=True),)
    assert answered.complete


@pytest.mark.parametrize("type_", ["ORDER_EXEC_REPORT_UPDATE", "ORDER_EXEC_REPORT_SNAPSHOT", "BALANCE_UPDATE", None])
def test_a_status_is_one_report_of_any_type(type_: str | None) -> None:
    answered = says(STATUS, report(type=type_))
    assert (answered.outcome, answered.complete, answered.findings) == ("answered", True, ())
    (message,) = answered.messages
    assert isinstance(message, OrderReports)
    assert (message.account, message.snapshot, message.complete) == (JOHN, False, False)
    assert message.rows[0].client_order_id == "mm-17"


@pytest.mark.parametrize("account", ["KRAKEN", "kraken/john", None, ""])
def test_a_status_of_another_account_is_not_ours(account: str | None) -> None:
    answered = says(STATUS, report(exchange_id=account))
    assert (answered.outcome, answered.messages, answered.complete) == ("unknown", (), False)
    assert answered.findings[-1].kind == "account"
    assert JOHN in answered.why


def test_a_status_of_another_order_is_no_answer() -> None:
    answered = says(STATUS, report(client_order_id="other"))
    assert (answered.outcome, answered.messages) == ("failed", ())
    assert "other" in answered.why


def test_a_status_that_the_gateway_does_not_know() -> None:
    reject = {"type": "MESSAGE_REJECT", "reject_reason": "ORDER_ID_NOT_FOUND", "message": "Order with ID: x not found"}
    answered = told(STATUS, encoded(reject), status=404)
    assert answered.outcome == "unknown"
    assert answered.why == "404 the gateway does not know the order: Order with ID: x not found"
    assert told(ORDERS, encoded(reject), status=404).outcome == "failed"


def test_a_history() -> None:
    answered = says(HISTORY, [logged(), logged(exchangeId="BITMEX"), logged(exchangeId=None)])
    assert (answered.outcome, answered.complete) == ("answered", False)
    assert [(message.account, message.__class__) for message in answered.messages] == [
        (JOHN, OrderReports),
        ("BITMEX", OrderReports),
    ]
    assert says(HISTORY, []).complete


def test_a_history_that_is_not_configured_and_one_that_was_asked_for_wrongly() -> None:
    assert told(HISTORY, b'{"message":"string"}', status=400).outcome == "not configured"
    refused = told(HISTORY, b'{"title":"validation","status":400,"errors":{"time_end":["bad"]}}', status=400)
    assert (refused.outcome, refused.why) == ("failed", "400 refused as invalid: validation")


@pytest.mark.parametrize("ask", [ORDERS, BALANCES, POSITIONS, STATUS, HISTORY])
@pytest.mark.parametrize(
    "content",
    [
        b"null",
        b"{}",
        b'"text"',
        b"7",
        b"true",
        b'{"type":"MESSAGE_REJECT","message":"no"}',
        b"",
        b"<html>",
        b"[",
        b"\x00",
    ],
)
def test_a_body_of_another_shape_is_no_answer(ask: RestRequest, content: bytes) -> None:
    answered = told(ask, content)
    assert (answered.outcome, answered.messages, answered.complete) == ("failed", (), False)
    assert answered.why


def test_a_list_is_no_status() -> None:
    assert says(STATUS, [report()]).outcome == "failed"


@pytest.mark.parametrize("status", [None, 200, 490, 503])
def test_a_problem_is_no_answer(status: int | None) -> None:
    answered = told(ORDERS, encoded([flat("a")]), status=status, problem="truncated")
    assert (answered.outcome, answered.why, answered.messages) == ("failed", "truncated", ())


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (490, "490 exchange unreachable"),
        (418, "418 i'm a teapot"),
        (799, "799 no answer that is known"),
        (None, "no answer"),
    ],
)
def test_a_status_without_words_gets_some(status: int | None, why: str) -> None:
    assert told(ORDERS, b"", status=status).why == why


def test_the_other_sides_words_are_bounded() -> None:
    answered = told(ORDERS, encoded({"message": "x" * 10_000}), status=500)
    assert len(answered.why) < 300


def test_a_body_is_kept_byte_for_byte() -> None:
    body = b'[ {"exchange_id" : "KRAKEN\\/JOHN", "price": 1.50, "price": 1E+2, "x": "\\u00e9\\\\u0000"} ]'
    answer = build_response(ORDERS, run="r", attempts=1, status=200, content=body)
    assert bytes(answer.body or b"") == body
    assert b'"body":' + body in rest_requests.encode_response(answer)


@pytest.mark.parametrize(
    "content",
    [
        b'["\\u0000"]',
        b'["\\\\\\u0000"]',
        b'{"a\\u0000":1}',
        b"[1e99999]",
        b"[1E-0099999]",
        b"[" + b"9" * 2000 + b"]",
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * 200 + b"1" + b"}" * 200,
    ],
)
def test_json_that_the_log_could_not_hold_is_kept_as_text(content: bytes) -> None:
    assert is_json(content)
    answer = build_response(ORDERS, run="r", attempts=1, status=200, content=content)
    assert (answer.body, answer.problem) == (None, "JSON that the log cannot hold")
    assert answer.text == content.decode()[:MAX_TEXT_CHARS]
    assert b"\\u0000" not in rest_requests.encode_response(answer).replace(b"\\\\", b"")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b'["[[[[[' + b"[" * 500 + b'", "\\"[[", "]}\\\\"]',
        b'["3e99999", "' + b"9" * 2000 + b'"]',
        b'["\\\\u0000"]',
        b"[1e40, 1E-40, 123456789012345678901234567890.5]",
        b'["\\ud83d\\ude00"]',
    ],
)
def test_json_that_only_looks_odd_is_kept_as_such(content: bytes) -> None:
    answer = build_response(ORDERS, run="r", attempts=1, status=200, content=content)
    assert bytes(answer.body or b"") == content


@pytest.mark.parametrize(
    "content", [b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', b"[1,]", b"[NaN]", b'"a\nb"', b"[] []"]
)
def test_what_only_resembles_json_is_text(content: bytes) -> None:
    answer = build_response(ORDERS, run="r", attempts=1, status=200, content=content)
    assert (answer.body, answer.problem) == (None, "not JSON")


def test_text_is_bounded_and_readable() -> None:
    answer = build_response(ORDERS, run="r", attempts=1, status=200, content=b"a\x00\xff" + b"z" * 100_000)
    assert answer.text == "a\ufffd\ufffd" + "z" * (MAX_TEXT_CHARS - 3)


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{}", b"\xff", b'{"ask":{"what":"x"},"run":"r","attempts":1}', b'{"ask":{"what":"orders"}}',
     b"[" * 9999, b'{"ask":{"what":"orders"},"run":"\xff","attempts":1}'],
)  # fmt: skip
def test_what_is_not_the_event_of_an_answer_is_refused(payload: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        rest_requests.decode_response(payload)


def test_an_event_of_later_times_is_read() -> None:
    event = {"ask": {"what": "orders", "more": 1}, "run": "r", "attempts": 1, "status": 200, "body": [], "new": {}}
    assert rest_requests.decode_response(encoded(event)).outcome == "answered"


@needs_examples
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_every_example_passes_as_an_answer_to_anything(path: Path) -> None:
    content = path.read_bytes()
    for ask in (ORDERS, BALANCES, POSITIONS, STATUS, HISTORY, RestRequest("balances")):
        answered = told(ask, content)
        assert (answered.outcome == "failed") or path.name not in BROKEN_EXAMPLES


@needs_examples
@pytest.mark.parametrize(
    ("name", "ask", "accounts"),
    [
        ("rest-orders.get.200.json", RestRequest("orders", "KRAKEN"), ["KRAKEN"]),
        ("rest-balances.get.200.json", RestRequest("balances", "KRAKEN"), ["KRAKEN"]),
        ("rest-positions.get.200.json", RestRequest("positions", "KRAKEN"), ["KRAKEN"]),
        ("live-balances.get.200.json", RestRequest("balances"), ["BITMEX/JOHN", JOHN]),
        ("rest-orders-status.get.200.json", RestRequest("status", "KRAKEN"), ["KRAKEN"]),
        ("live-orders-status.get.200.new.json", RestRequest("status", JOHN), [JOHN]),
        ("live-orders-status.get.200.canceled-post-only.json", RestRequest("status", JOHN), [JOHN]),
        ("live-orders-status.get.200.canceled-on-request.json", RestRequest("status", JOHN), [JOHN]),
        ("rest-orders-history.get.200.json", HISTORY, ["BINANCE"]),
    ],
)
def test_the_published_answers(name: str, ask: RestRequest, accounts: list[str]) -> None:
    answered = told(ask, (EXAMPLES / name).read_bytes())
    assert (answered.outcome, answered.complete) == ("answered", True)
    assert [message.account for message in answered.messages] == accounts
    assert all(
        message.rows for message in answered.messages if isinstance(message, OrderReports | Balances | Positions)
    )


@needs_examples
@pytest.mark.parametrize(
    ("name", "ask", "outcome"),
    [
        ("rest-orders-status.get.404.json", STATUS, "unknown"),
        ("rest-orders-history.get.400.json", HISTORY, "not configured"),
        ("rest-orders.get.490.json", ORDERS, "failed"),
        ("rest-balances.get.490.json", BALANCES, "failed"),
        ("rest-positions.get.490.json", POSITIONS, "failed"),
    ],
)
def test_the_published_refusals(name: str, ask: RestRequest, outcome: str) -> None:
    answered = told(ask, (EXAMPLES / name).read_bytes(), status=int(name.split(".")[-2]))
    assert (answered.outcome, answered.messages) == (outcome, ())


rows = st.dictionaries(
    st.sampled_from([*report(), *balance(), *position(), *logged(), "data"]), json_values, max_size=6
)
bodies = (
    st.binary(max_size=60)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.lists(
        rows | st.builds(lambda row, odd: row | odd, st.sampled_from([report(), balance(), logged()]), rows)
    ).map(lambda value: json.dumps(value).encode())
    | st.builds(lambda odd: json.dumps(report() | odd).encode(), rows)
)
ids = st.none() | st.sampled_from([JOHN, "mm-17"]) | st.text(max_size=8)
questions = st.builds(
    RestRequest,
    st.sampled_from(["status", "history", "orders", "balances", "positions"]),
    ids,
    ids,
    ids,
    st.none() | st.integers(-(2**62), 2**62),
    st.none() | st.integers(-(2**62), 2**62),
)
answers = st.builds(
    build_response,
    questions,
    run=st.text(max_size=8),
    attempts=st.integers(0, 9),
    status=st.none() | st.sampled_from([200, 400, 404, 490, 503]) | st.integers(100, 999),
    problem=st.none() | st.text(min_size=1, max_size=20),
    content=bodies,
    redacted=st.booleans(),
)


@steady
@given(answers)
def test_any_answer_can_be_written_and_read(answer: RestResponse) -> None:
    payload = rest_requests.encode_response(answer)
    event = json.loads(payload)
    assert "\x00" not in json.dumps(event, ensure_ascii=False)
    assert "redacted" not in event
    answered = rest_requests.decode_response(payload)
    assert (answered.outcome == "answered") is (answered.why == "")
    assert rest_requests.decode_response(payload) == answered
    if answer.body is not None:
        assert b'"body":' + bytes(answer.body) in payload
    if answer.problem is not None:
        assert (answered.outcome, answered.messages) == ("failed", ())
    for message in answered.messages:
        if isinstance(message, OrderReports | Balances | Positions) and message.complete:
            assert answer.request.account in {None, message.account}


#: JSON that a parser takes and a database may not, and text that neither does.
DOUBTFUL = [
    b'["\\u0000"]', b'["\\\\u0000"]', b'["\\\\\\u0000"]', b'{"\\u0000":1}', b'["\\ud800"]', b'["\\ud83d\\ude00"]',
    b'["\\u0001", 1e999]', b'["\\u0001", 1e9999]', b'["\\u0001", 1e-9999]', b'["\\u0001", 1e200000]', b"[1e200000]",
    b'["\\u0001", ' + b"9" * 900 + b"]", b'["\\u0001", ' + b"9" * 200_000 + b"]",
    b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, b"[" * 900 + b"]" * 900, b"[" * 20_000 + b"]" * 20_000,
    b'"\xff"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf[]", b"\x00", b"<html>", b'"\x7f"', b" [ ] ", b"null", b"",
]  # fmt: skip


@pytest.mark.postgres
def test_the_database_can_show_every_event(database: TestDatabase) -> None:
    question = RestRequest("status", "K\x01\x00", order="c:\x00", client_order_id='"\\u0000')
    payloads = [
        rest_requests.encode_response(
            build_response(question, run="\x00", attempts=1, status=status, problem=problem, content=content)
        )
        for content in DOUBTFUL
        for status, problem in ((200, None), (503, "said \x00"))
    ]
    engine = create_engine(database.owner_url, "recon tests", pooled=False)
    with engine.connect() as conn:
        shown = [
            conn.execute(text("SELECT recon_store.is_readable(:payload)"), {"payload": payload}).scalar_one()
            for payload in payloads
        ]
    engine.dispose()
    assert shown == [True] * len(payloads)
