from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from recon.errors import SimulationError
from recon.simulator.day import Gateway, play_gateway
from recon.simulator.fault import Fault, FaultKind
from recon.simulator.habits import CROSSING
from recon.simulator.plan import GatewayPlan
from recon.simulator.rest.server import RestAnswer, RestApi
from recon.simulator.rest_habits import HISTORY, Arrays, Grouping, RestHabits, Trouble
from recon.simulator.scenarios import catch_up_plan
from recon.simulator.ticks import from_datetime, text
from recon.simulator.venues import binance, bitmex, kraken
from tests.support.observers import START, Played, decoded, last_reported

D = Decimal
EXAMPLES = Path(__file__).parents[3] / "shared" / "ems" / "examples"
WHOLE_DAY = f"{HISTORY}?time_start=2024-03-01T08:00:00&time_end=2024-03-01T10:00:00"
CALM = RestHabits(shows_expiry=False)


def day(rest: RestHabits | None = CALM, *faults: Fault, seconds: float = 20.0, **more: Any) -> tuple[Played, RestApi]:
    ways = replace(CROSSING, early_reports=True, **more)
    plan = GatewayPlan(
        name="sim",
        seed=4,
        accounts=(kraken("KRAKEN/JOHN", 2.0, ways), binance("BINANCE", 2.0, ways), bitmex("BITMEX", 2.0, ways)),
        faults=faults,
        duration=60.0,
        rest=rest,
    )
    gateway = Gateway(plan, START)
    sent = list(play_gateway(gateway, START, until=START + timedelta(seconds=seconds)))
    return Played(gateway, sent), RestApi(gateway, rest)


def got(api: RestApi, target: str, *, status: int = 200) -> Any:
    answer = api.answer("GET", target)
    assert answer.status == status, answer
    return json.loads(answer.body, parse_float=D, parse_int=D)


def example(name: str) -> Any:
    path = EXAMPLES / name
    if not path.exists():
        pytest.skip("the published examples are not here")
    return json.loads(path.read_text())


def told(played: Played) -> dict[str, dict[str, Any]]:
    """The last report that was sent of each order, by client id."""
    last: dict[str, dict[str, Any]] = {}
    for _, message in played.messages("ORDER_EXEC_REPORT_UPDATE"):
        known = last.get(message["client_order_id"])
        if known is None or len(message["status_history"]) > len(known["status_history"]):
            last[message["client_order_id"]] = message
    return last


def test_open_orders_balances_and_positions_are_those_that_a_new_client_is_sent() -> None:
    played, api = day(CALM)
    sent = [decoded(frame) or {} for frame in played.gateway.connect()]
    snapshots = {(each["type"], each["exchange_id"]): each["data"] for each in sent if "data" in each}
    for account in ("KRAKEN/JOHN", "BINANCE", "BITMEX"):
        rows = got(api, f"/v1/orders?exchange_id={account.replace('/', '%2F')}")
        assert [row.pop("type") for row in rows] == ["ORDER_EXEC_REPORT_UPDATE"] * len(rows)
        assert rows == snapshots["ORDER_EXEC_REPORT_SNAPSHOT", account]
    assert {each["exchange_id"]: each["data"] for each in got(api, "/v1/balances")} == {
        account: rows for (kind, account), rows in snapshots.items() if kind == "BALANCE_SNAPSHOT"
    }
    (bitmex_group,) = got(api, "/v1/positions?exchange_id=BITMEX")
    wanted = snapshots["POSITION_SNAPSHOT", "BITMEX"]
    assert wanted
    for row, snapshot in zip(bitmex_group["data"], wanted, strict=True):
        assert row.pop("raw_data")
        assert row.pop("unrealized_pnl") == snapshot.pop("unrealised_pnl")
        assert row == snapshot


def test_asking_changes_nothing_of_the_day() -> None:
    def run(*, asking: bool) -> list[bytes]:
        gateway = Gateway(catch_up_plan(3, 40.0).gateways[0], START)
        api = RestApi(gateway, gateway.plan.rest)
        frames = gateway.connect()
        for second in range(1, 30):
            for each in gateway.advance(START + timedelta(seconds=second)):
                frames.append(each.payload if isinstance(each.payload, bytes) else each.payload.kind.value.encode())
            if asking:
                for target in ("/v1/orders", "/v1/balances", "/v1/positions", WHOLE_DAY):
                    api.answer("GET", target)
            if gateway.accepting and not gateway._listeners:
                frames += gateway.connect()
        return frames

    assert run(asking=True) == run(asking=False)


def test_orders_come_flat_or_in_groups() -> None:
    _, flat = day(CALM)
    _, grouped = day(replace(CALM, orders=Grouping.GROUPED))
    rows, groups = got(flat, "/v1/orders"), got(grouped, "/v1/orders")
    assert rows
    assert [each["exchange_id"] for each in groups] == ["KRAKEN/JOHN", "BINANCE", "BITMEX"]
    assert {each["type"] for each in groups} == {"ORDER_EXEC_REPORT_SNAPSHOT"}
    assert [row for each in groups for row in each["data"]] == rows


def test_the_status_of_every_order_that_was_told_is_its_last_report() -> None:
    played, api = day(CALM)
    reports = told(played)
    assert len([report for report in reports.values() if report["status"] == "FILLED"]) > 5
    for client_id, report in reports.items():
        assert got(api, f"/v1/orders/status/{client_id}") == report


def test_an_unknown_order_is_404_with_a_reject() -> None:
    _, api = day(CALM)
    body = got(api, "/v1/orders/status/no%2Fsuch", status=404)
    assert body["reject_reason"] == "ORDER_ID_NOT_FOUND"
    assert "no/such" in body["message"]
    assert set(body) <= set(example("rest-orders-status.get.404.json"))


def test_an_order_that_ended_long_ago_may_be_forgotten() -> None:
    played, api = day(replace(CALM, remembers=3.0))
    horizon = text(from_datetime(START + timedelta(seconds=20 - 3 - 0.4)))
    ended = {
        client_id: report["status_history"][-1][1]
        for client_id, report in told(played).items()
        if report["status"] in {"FILLED", "CANCELED", "REJECTED"}
    }
    old = [client_id for client_id, at in ended.items() if at < horizon]
    assert old
    for client_id in old:
        got(api, f"/v1/orders/status/{client_id}", status=404)
    young = [client_id for client_id, at in ended.items() if at > text(from_datetime(START + timedelta(seconds=17.1)))]
    assert young
    for client_id in young:
        got(api, f"/v1/orders/status/{client_id}")


def test_history_has_every_change_that_was_told_and_when() -> None:
    played, api = day(CALM)
    rows = got(api, WHOLE_DAY)
    assert [row["createdTime"] for row in rows] == sorted(row["createdTime"] for row in rows)
    logged = {(row["clientOrderId"], len(row["statusHistoryTime"])): row for row in rows}
    for at, message in played.messages("ORDER_EXEC_REPORT_UPDATE"):
        row = logged[message["client_order_id"], len(message["status_history"])]
        assert abs((from_datetime(START) + round(at * 1e7)) - _ticks(row["createdTime"])) <= 10
        assert (row["status"], row["amountFilled"]) == (message["status"], message["amount_filled"])
        assert row["avgPx"] == message["avg_px"]
        assert row["side"] == {"BUY": 1, "SELL": 2}[message["side"]]
        assert list(zip(row["statusHistoryStatus"], row["statusHistoryTime"], strict=True)) == [
            tuple(pair) for pair in message["status_history"]
        ]
        fills = zip(row["fillsTime"], row["fillsPrice"], row["fillsAmount"], strict=True)
        assert list(fills) == [(fill["time"], fill["price"], fill["amount"]) for fill in message["fills"]]


def _ticks(written: str) -> int:
    whole, fraction = written.removesuffix("Z").split(".")
    return from_datetime(START.fromisoformat(f"{whole}+00:00")) + int(fraction)


def test_history_is_filtered_by_when_a_change_was_learnt() -> None:
    _, api = day(CALM)
    rows = got(api, WHOLE_DAY)
    inside = [row for row in rows if "2024-03-01T09:00:05" <= row["createdTime"] < "2024-03-01T09:00:08"]
    assert 0 < len(inside) < len(rows)
    asked = got(api, f"{HISTORY}?time_start=2024-03-01T09:00:05Z&time_end=2024-03-01T09:00:07.9999999Z")
    assert asked == inside
    assert got(api, f"{HISTORY}?time_start=2024-03-01&time_end=2024-03-01T09:00") == [
        row for row in rows if row["createdTime"] < "2024-03-01T09:00:00"
    ]


def test_what_was_learnt_lately_shows_up_in_history_later() -> None:
    _, prompt = day(CALM)
    _, late = day(replace(CALM, history_lag=5.0, newest_first=True))
    shown = [row for row in got(prompt, WHOLE_DAY) if row["createdTime"] <= "2024-03-01T09:00:15.0000000Z"]
    assert len(shown) < len(got(prompt, WHOLE_DAY))
    rows = got(late, WHOLE_DAY)
    assert [row["createdTime"] for row in rows] == sorted((row["createdTime"] for row in shown), reverse=True)


def test_a_lost_report_is_nowhere() -> None:
    fault = Fault(kind=FaultKind.LOST_FILL, after=10.0, account="BINANCE", symbol="ETHUSDT", amount=D("1.234"))
    played, api = day(CALM, fault)
    (order,) = [each for each in played.gateway.books()["BINANCE"].orders if each.amount == D("1.234")]
    assert order.filled == D("1.234")
    got(api, f"/v1/orders/status/{order.client_id}", status=404)
    statuses = {row["status"] for row in got(api, WHOLE_DAY) if row["clientOrderId"] == order.client_id}
    assert statuses == {"RECEIVED", "ROUTING", "ROUTED", "NEW"}
    assert order.client_id not in {row["client_order_id"] for row in got(api, "/v1/orders")}


@pytest.mark.parametrize("arrays", Arrays)
def test_the_arrays_of_history_have_four_shapes(arrays: Arrays) -> None:
    def flattened(value: Any) -> Any:
        match arrays:
            case Arrays.FLAT:
                return value
            case Arrays.NESTED:
                (value,) = value
            case Arrays.TEXT:
                value = json.loads(value, parse_float=D, parse_int=D)
            case Arrays.TEXT_IN_LIST:
                value = json.loads(value[0], parse_float=D, parse_int=D)
        return value

    _, flat = day(CALM)
    _, shaped = day(replace(CALM, arrays=arrays))
    names = ("execInst", "statusHistoryStatus", "statusHistoryTime", "fillsTime", "fillsPrice", "fillsAmount")
    plain, rows = got(flat, WHOLE_DAY), got(shaped, WHOLE_DAY)
    assert [{name: flattened(row[name]) for name in names} for row in rows] == [
        {name: row[name] for name in names} for row in plain
    ]
    assert any(row["fillsAmount"] for row in plain)


def test_history_can_say_sides_in_words_and_expiry_without_a_zone() -> None:
    _, api = day(RestHabits(side_as_number=False))
    rows = got(api, WHOLE_DAY)
    assert {row["side"] for row in rows} == {"BUY", "SELL"}
    assert {row["expireTime"][:11] for row in rows} == {"2024-03-02T"}
    assert {len(row["expireTime"]) for row in rows} == {len("2022-05-01T00:00:00")}


def test_ids_of_digits_can_be_numbers_and_are_the_same_as_over_the_websocket() -> None:
    played, api = day(replace(CALM, ids_as_numbers=True), digit_order_ids=True)
    sent = {report["exchange_order_id"] for report in told(played).values()} - {None}
    assert all(isinstance(each, str) for each in sent)
    listed = [row["exchangeOrderId"] for row in got(api, WHOLE_DAY) if row["exchangeOrderId"] is not None]
    assert all(isinstance(each, Decimal) for each in listed)
    assert {str(each) for each in listed} > sent  # some ended before anybody listened
    assert b'"exchange_order_id":1' in api.answer("GET", "/v1/orders").body


def test_nested_status_histories_as_in_the_specification() -> None:
    _, api = day(replace(CALM, deep_history=True, typed_rows=False))
    row = got(api, "/v1/orders")[0]
    assert "type" not in row
    (((first, *_),),) = row["status_history"]
    assert first[0] == "RECEIVED"


def test_the_key_is_in_every_row_of_history() -> None:
    played, _ = day(CALM)
    api = RestApi(played.gateway, CALM, apikey="k-of-the-test")
    assert {row["apikey"] for row in got(api, WHOLE_DAY)} == {"k-of-the-test"}


def test_history_may_not_be_configured() -> None:
    _, api = day(replace(CALM, history=False))
    assert set(got(api, WHOLE_DAY, status=400)) == {"message"}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?time_start=2024-03-01",
        "?time_start=yesterday&time_end=2024-03-01",
        "?time_start=2024-03-01&time_end=2024-13-01",
        "?time_start=2024-03-02&time_end=2024-03-01",
        "?time_start=2024-03-01T09:00:00%2B01:00&time_end=2024-03-02",
    ],
)
def test_history_without_two_times_is_a_validation_error(query: str) -> None:
    _, api = day(CALM)
    body = got(api, HISTORY + query, status=400)
    assert {"type", "title", "status", "traceId", "errors"} == set(body)
    assert body["errors"]


def test_ids_of_two_accounts_answer_for_one_of_them() -> None:
    def owners(*, foreign: bool) -> dict[str, str]:
        played, api = day(replace(CALM, foreign_status=foreign), reused_client_ids=200)
        ids = [
            {row["client_order_id"] for _, row in played.messages("ORDER_EXEC_REPORT_UPDATE", account=each)}
            for each in ("KRAKEN/JOHN", "BINANCE")
        ]
        shared = ids[0] & ids[1]
        assert shared
        return {each: got(api, f"/v1/orders/status/{each}")["exchange_id"] for each in shared}

    last, first = owners(foreign=False), owners(foreign=True)
    assert all(last[each] != first[each] for each in last)


def test_what_is_not_offered() -> None:
    _, api = day(CALM)
    for method, target, status in (
        ("POST", "/v1/orders", 405),
        ("DELETE", "/v1/orders/status/x", 405),
        ("POST", "/v1/orders/cancel", 405),
        ("HEAD", "/v1/balances", 405),
        ("GET", "/v1/orders/status/", 404),
        ("GET", "/v1/nothing", 404),
        ("GET", "/", 404),
    ):
        assert api.answer(method, target).status == status, target
    assert ("Allow", "GET") in api.answer("POST", "/v1/orders").headers
    assert got(api, "/v1/orders?exchange_id=NOBODY", status=490)["reject_reason"] == "EXCHANGE_UNREACHABLE"


def test_without_rest_there_are_health_probes_and_nothing_else() -> None:
    _, api = day(None)
    assert {api.answer("GET", each).status for each in ("/v1/orders", "/v1/balances", WHOLE_DAY)} == {404}
    assert {api.answer("GET", each).status for each in ("/health/live", "/health/ready")} == {200}


def test_keys_are_those_of_the_examples() -> None:
    _, api = day(RestHabits(typed_rows=False), row_ids=False)
    for name, target, unwrap in (
        ("rest-orders.get.200.json", "/v1/orders", False),
        ("rest-balances.get.200.json", "/v1/balances", True),
        ("rest-positions.get.200.json", "/v1/positions?exchange_id=BITMEX", True),
        ("rest-orders-history.get.200.json", WHOLE_DAY, False),
    ):
        wanted, row = example(name)[0], got(api, target)[0]
        if unwrap:
            wanted, row = wanted["data"][0], row["data"][0]
        assert set(row) == set(wanted), name
    live = example("live-orders-status.get.200.new.json")
    _, api = day(RestHabits())
    assert set(got(api, "/v1/orders")[0]) == set(live)


SPOILT = {
    Trouble.UNREACHABLE: (490, "appliction/json"),
    Trouble.TIMED_OUT: (504, "appliction/json"),
    Trouble.THROTTLED: (429, "text/plain; charset=utf-8"),
    Trouble.FAILING: (500, "text/plain; charset=utf-8"),
    Trouble.DOWN: (503, "text/plain; charset=utf-8"),
    Trouble.PAGE: (200, "text/html; charset=utf-8"),
}


@pytest.mark.parametrize("trouble", SPOILT)
def test_troubles_that_say_something(trouble: Trouble) -> None:
    _, api = day(replace(CALM, always=trouble))
    answer = api.answer("GET", "/v1/balances")
    assert (answer.status, dict(answer.headers)["Content-Type"]) == SPOILT[trouble]
    assert not answer.body.startswith(b"[")
    if trouble in {Trouble.UNREACHABLE, Trouble.TIMED_OUT}:
        assert set(json.loads(answer.body)) <= set(example("rest-balances.get.490.json"))


def test_rejects_can_have_the_right_content_type() -> None:
    _, api = day(replace(CALM, misspelt=False))
    answer = api.answer("GET", "/v1/orders/status/x")
    assert dict(answer.headers)["Content-Type"] == "application/json; charset=utf-8"


def test_throttling_says_when_to_come_back() -> None:
    _, seconds = day(replace(CALM, always=Trouble.THROTTLED, retry_after=3))
    _, dated = day(replace(CALM, always=Trouble.THROTTLED, retry_after=3, retry_after_date=True))
    assert dict(seconds.answer("GET", "/v1/orders").headers)["Retry-After"] == "3"
    said = dict(dated.answer("GET", "/v1/orders").headers)["Retry-After"]
    assert parsedate_to_datetime(said) == START + timedelta(seconds=23)


def test_an_answer_can_break_off_hang_or_be_late() -> None:
    _, cut = day(replace(CALM, always=Trouble.CUT))
    answers = [cut.answer("GET", "/v1/balances") for _ in range(20)]
    assert all(each.cut is not None and 0 <= each.cut < len(each.body) for each in answers)
    assert len({each.cut for each in answers}) > 10
    _, hung = day(replace(CALM, always=Trouble.HUNG))
    assert hung.answer("GET", "/v1/balances").hangs
    _, slow = day(replace(CALM, always=Trouble.SLOW, slow_for=7.5))
    late = slow.answer("GET", "/v1/balances")
    assert late.delay == 7.5
    assert late.status == 200


def is_bad(answer: RestAnswer) -> bool:
    return answer.status != 200 or answer.hangs or answer.cut is not None or not answer.body.startswith(b"[")


def longest(answers: Iterable[bool]) -> int:
    most = run = 0
    for bad in answers:
        run = run + 1 if bad else 0
        most = max(most, run)
    return most


def test_bad_answers_to_one_target_are_bounded_in_a_row() -> None:
    often = replace(CALM, troubles=dict.fromkeys(set(Trouble) - {Trouble.SLOW}, 0.12), bad_in_a_row=3)
    _, api = day(often)
    seen: dict[str, list[bool]] = {"/v1/orders": [], "/v1/balances": []}
    for _ in range(300):
        for target, answers in seen.items():
            answers.append(is_bad(api.answer("GET", target)))
    assert [longest(answers) for answers in seen.values()] == [3, 3]


def test_troubles_come_in_their_share() -> None:
    _, api = day(replace(CALM, troubles={Trouble.FAILING: 0.2, Trouble.DOWN: 0.1}, bad_in_a_row=None))
    statuses = [api.answer("GET", "/v1/balances").status for _ in range(1000)]
    assert 150 < statuses.count(500) < 250
    assert 60 < statuses.count(503) < 140
    assert statuses.count(200) == 1000 - statuses.count(500) - statuses.count(503)


def test_one_endpoint_can_be_bad_for_ever() -> None:
    _, api = day(replace(CALM, always=Trouble.FAILING, always_at=(HISTORY,)))
    assert {api.answer("GET", WHOLE_DAY).status for _ in range(30)} == {500}
    assert {api.answer("GET", "/v1/orders").status for _ in range(30)} == {200}


def test_shares_that_are_none_are_refused() -> None:
    with pytest.raises(SimulationError, match="add up"):
        RestHabits(troubles={Trouble.CUT: 0.6, Trouble.DOWN: 0.6})
    with pytest.raises(SimulationError, match="negative"):
        RestHabits(troubles={Trouble.CUT: -0.1})


def test_the_same_asks_get_the_same_answers() -> None:
    ways = replace(CALM, troubles=dict.fromkeys(Trouble, 0.08))

    def asked() -> list[RestAnswer]:
        _, api = day(ways)
        return [api.answer("GET", target) for _ in range(30) for target in ("/v1/orders", "/v1/balances", WHOLE_DAY)]

    first = asked()
    assert first == asked()
    assert len({each.delay for each in first}) > 60


def test_a_gateway_that_stalls_or_is_shut_does_not_answer() -> None:
    stall = Fault(kind=FaultKind.SILENT_STALL, after=19.0, lasting=5.0)
    _, api = day(CALM, stall)
    assert api.answer("GET", "/v1/orders").hangs
    assert api.answer("GET", "/health/live").hangs
    lost = Fault(kind=FaultKind.DISCONNECT_WITH_FILLS, after=19.0, lasting=5.0)
    _, api = day(CALM, lost)
    assert api.answer("GET", "/v1/orders").status == 503
    assert api.answer("GET", "/health/ready").status == 503
    assert api.answer("GET", "/health/live").status == 200


def test_rest_tells_what_was_missed_while_away() -> None:
    for gateway_plan in catch_up_plan(5, 60.0).gateways:
        gateway = Gateway(replace(gateway_plan, rest=replace(gateway_plan.rest or CALM, troubles={})), START)
        played = Played(gateway, list(play_gateway(gateway, START, until=START + timedelta(seconds=64))))
        api, known = RestApi(gateway, gateway.plan.rest), told(played)
        for fault in gateway.truth:
            assert fault.recovered is not fault.must_flag
        assert any(fault.recovered for fault in gateway.truth)
        assert any(fault.must_flag for fault in gateway.truth) is (gateway.plan.name == "unlogged")
        for account, books in gateway.books().items():
            reported = last_reported(played, account)
            assert all(reported["asset", code] == held for code, held in books.balances.items())
            for order in books.orders:
                if order.client_id in known:
                    status = got(api, f"/v1/orders/status/{order.client_id}")
                    assert (status["amount_filled"], status["status"]) == (order.filled, order.status.value)
        if gateway.plan.name == "logged":
            rows = {row["clientOrderId"]: row for row in got(api, WHOLE_DAY)}
            everything = [order for books in gateway.books().values() for order in books.orders if order.filled]
            unheard = [order for order in everything if order.client_id not in known]
            assert unheard
            assert all(rows[order.client_id]["amountFilled"] == order.filled for order in everything)
