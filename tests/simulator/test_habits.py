from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from recon.exact import scale
from recon.simulator.gateway.wire import answer, number
from recon.simulator.habits import CROSSING, AveragePrice, Empty, Habits, Numbers
from recon.simulator.plan import GatewayPlan
from recon.simulator.scenarios import clean_plan
from recon.simulator.venue.flow import Burst
from recon.simulator.venues import binance_futures
from tests.support.observers import Played, decoded, played, reports

D = Decimal


def day_of(habits: Habits, *, seed: int = 8, duration: float = 25.0) -> Played:
    plan = clean_plan(seed, duration=duration, fills_per_second=2.0, habits=habits, polled=habits.polled_every)
    return played(plan.gateways[0], duration + 3)


def rows(day: Played, kind: str, account: str) -> list[dict[str, object]]:
    return next(message["data"] for _, message in day.messages(kind, account=account))


def test_zero_rows_are_left_out_or_sent() -> None:
    for sent in (True, False):
        day = day_of(Habits(zero_rows=sent), duration=1.0)
        codes = {row["asset_id_exchange"] for row in rows(day, "BALANCE_SNAPSHOT", "KRAKEN/JOHN")}
        assert ("ZEUR" in codes) == sent
        assert "ZUSD" in codes


def test_symbols_say_xbt_and_balances_xxbt() -> None:
    day = day_of(Habits(), duration=1.0)
    symbols = {row["asset_id_base_exchange"] for row in rows(day, "SYMBOLS_SNAPSHOT", "KRAKEN/JOHN")}
    balances = {
        row["asset_id_exchange"]: row["asset_id_coinapi"] for row in rows(day, "BALANCE_SNAPSHOT", "KRAKEN/JOHN")
    }
    assert symbols == {"XBT", "ETH"}
    assert balances["XXBT"] == "BTC"
    assert balances["ZUSD"] is None


@pytest.mark.parametrize(
    ("value", "digits", "decimal", "double"),
    [
        (D("50000"), 8, b"50000.00000000", b"50000.0"),
        (D("0.0000173"), 4, b"0.0000173", b"1.73e-05"),
        (D("0"), 2, b"0.00", b"0.0"),
        (D("7"), 0, b"7", b"7.0"),
        (D("98765432109.87654321"), 8, b"98765432109.87654321", b"98765432109.87654"),
        (D("1E+3"), 1, b"1000.0", b"1000.0"),
    ],
)
def test_numbers_keep_their_scale_or_are_doubles(value: Decimal, digits: int, decimal: bytes, double: bytes) -> None:
    assert bytes(number(value, digits, Numbers.DECIMAL)) == decimal
    assert bytes(number(value, digits, Numbers.DOUBLE)) == double


def test_doubles_show_on_the_wire() -> None:
    day = day_of(Habits(numbers=Numbers.DOUBLE), duration=5.0)
    assert any(b'"amount_filled":0.0,' in frame for frame in day.raw())
    assert not any(b"00000000" in frame for frame in day.raw() if b'"BALANCE_UPDATE"' in frame)


@pytest.mark.parametrize("habit", [AveragePrice.ZERO_FIRST, AveragePrice.NULL_FIRST, AveragePrice.ABSENT_FIRST])
def test_the_average_price_comes_late(habit: AveragePrice) -> None:
    day = day_of(replace(CROSSING, average_price=habit), duration=15.0)
    without: Counter[tuple[str, Decimal]] = Counter()
    complete: Counter[tuple[str, Decimal]] = Counter()
    for _, row in reports(day, "BINANCE"):
        if not row["amount_filled"]:
            continue
        key = (row["client_order_id"], row["amount_filled"])
        if row.get("avg_px"):
            complete[key] += 1
            assert row["fills"]
        else:
            without[key] += 1
            assert row["fills"] == []
            assert ("avg_px" in row) == (habit is not AveragePrice.ABSENT_FIRST)
    assert len(without) > 10
    assert set(without) <= set(complete)


def test_the_list_of_fills_can_be_left_out() -> None:
    day = day_of(Habits(fills_listed=False), duration=10.0)
    assert {len(row["fills"]) for _, row in reports(day, "BINANCE") if row["amount_filled"]} == {0}


def test_cash_in_cents() -> None:
    day = day_of(Habits(cash_quantum=D("0.01")), duration=10.0)
    cash = [
        message["balance"].normalize()
        for _, message in day.messages("BALANCE_UPDATE", account="BINANCE")
        if message["asset_id_exchange"] == "USDT"
    ]
    assert len(cash) > 5
    assert all(scale(each) <= 2 for each in cash)


def test_reports_of_different_orders_are_swapped_and_those_of_one_are_not() -> None:
    day = day_of(CROSSING, duration=60.0)
    swapped = 0
    newest = ""
    per_order: dict[str, int] = {}
    for at, row in reports(day, "KRAKEN/JOHN"):
        stamp = row["status_history"][-1][1]
        swapped += stamp < newest
        newest = max(newest, stamp)
        steps = len(row["status_history"])
        assert steps >= per_order.get(row["client_order_id"], 0)
        per_order[row["client_order_id"]] = steps
        assert at >= 0
    assert swapped > 10


def test_reports_of_one_contract_keep_their_order() -> None:
    day = day_of(CROSSING, duration=60.0)
    newest: dict[str, str] = {}
    for at, row in reports(day, "BITMEX"):
        if at == 0:
            continue
        stamp = row["status_history"][-1][1]
        assert stamp >= newest.get(row["symbol_id_exchange"], "")
        newest[row["symbol_id_exchange"]] = stamp
    assert len(newest) == 2


def test_a_stale_first_snapshot_is_older_than_the_orders_beside_it_and_is_freshened() -> None:
    def first(stale: float, seed: int) -> tuple[dict[str, Decimal], Played]:
        day = day_of(replace(CROSSING, stale_first=stale), seed=seed, duration=4.0)
        balances = rows(day, "BALANCE_SNAPSHOT", "KRAKEN/JOHN")
        return {str(row["asset_id_exchange"]): D(str(row["balance"])) for row in balances}, day

    differing = 0
    for seed in range(12):
        stale, day = first(0.6, seed)
        fresh, _ = first(0.0, seed)
        changed = {code for code in fresh if fresh[code] != stale[code]}
        updated = {
            message["asset_id_exchange"]
            for at, message in day.messages("BALANCE_UPDATE", account="KRAKEN/JOHN")
            if 0.4 <= at <= 0.8
        }
        assert changed <= updated
        differing += bool(changed)
    assert differing >= 3


def test_client_ids_are_used_again_by_other_orders_but_never_by_two_open_ones() -> None:
    day = day_of(replace(CROSSING, reused_client_ids=8), duration=40.0)
    exchange_ids: dict[str, list[str]] = {}
    ended: set[str] = set()
    for _, row in reports(day, "BINANCE"):
        if row["exchange_order_id"] is None:
            continue
        seen = exchange_ids.setdefault(row["client_order_id"], [])
        if row["exchange_order_id"] not in seen:
            seen.append(row["exchange_order_id"])
        if row["status"] in {"FILLED", "CANCELED"}:
            ended.add(row["exchange_order_id"])
    assert {"1", "2", "8"} <= set(exchange_ids)
    assert all(len(ids) > 1 for client, ids in exchange_ids.items() if int(client) <= 8)
    assert len(ended) > 20


def test_hedge_mode_has_two_rows_for_one_symbol() -> None:
    plan = GatewayPlan(name="g", seed=3, duration=30.0, accounts=(binance_futures("BINANCEFTS", 2.0, CROSSING),))
    day = played(plan, 32.0)
    snapshot = rows(day, "POSITION_SNAPSHOT", "BINANCEFTS")
    assert [(row["symbol_id_exchange"], row["side"]) for row in snapshot] == [("BTCUSDT", "BUY"), ("BTCUSDT", "SELL")]
    held = {row["side"]: D(str(row["quantity"])) for row in snapshot}
    assert all(held.values())
    sides: Counter[str] = Counter()
    for _, message in day.messages("POSITION_UPDATE"):
        sides[message["side"]] += 1
        held[message["side"]] = message["quantity"]
    assert sides["BUY"] > 5 < sides["SELL"]
    ledger = day.gateway.accounts["BINANCEFTS"].market.ledger
    assert held["BUY"] - held["SELL"] == ledger.net("BTCUSDT")


def test_a_row_without_balance() -> None:
    day = day_of(Habits(row_without_balance="KFEE"), duration=1.0)
    by_code = {row["asset_id_exchange"]: row for row in rows(day, "BALANCE_SNAPSHOT", "KRAKEN/JOHN")}
    assert "balance" not in by_code["KFEE"]
    assert {"available", "locked"} <= set(by_code["KFEE"])
    assert "balance" in by_code["ZUSD"]


def test_polled_balances_come_in_rounds_and_only_when_they_changed() -> None:
    day = day_of(Habits(polled_every=5.0, balance_delay=0.0, manager_share=0.0), duration=21.0)
    times = {round(at, 1) for at, _ in day.messages("BALANCE_UPDATE") if at < 21}
    assert times == {2.0, 7.0, 12.0, 17.0}


def test_the_balance_manager_tells_locks_without_touching_the_total() -> None:
    day = day_of(replace(CROSSING, manager_share=1.0), duration=15.0)
    known: dict[str, Decimal] = {}
    told = 0
    for _, message in day.messages("BALANCE_SNAPSHOT", "BALANCE_UPDATE", account="BINANCE"):
        for row in message.get("data", [message]):
            assert row["balance"] == row["available"] + row["locked"]
            if row["last_updated_by"] == "BALANCE_MANAGER":
                told += 1
                assert row["balance"] == known[row["asset_id_exchange"]]
                assert row["locked"] > 0
            known[row["asset_id_exchange"]] = row["balance"]
    assert told > 5


def test_early_reports_have_no_exchange_id_and_come_only_where_it_is_the_habit() -> None:
    for habit in (True, False):
        day = day_of(Habits(early_reports=habit), duration=10.0)
        early = [row for _, row in reports(day, "BINANCE") if row["status"] in {"RECEIVED", "ROUTING", "ROUTED"}]
        assert bool(early) == habit
        assert all(row["exchange_order_id"] is None for row in early)


def test_heartbeats_can_be_doubled() -> None:
    day = day_of(Habits(heartbeats=2), duration=5.0)
    beats = [at for at, _ in day.messages("SERVER_INFO", account="BITMEX")][1:]
    assert set(Counter(beats).values()) == {2}


@pytest.mark.parametrize(
    ("empty", "shape"),
    [(Empty.LIST, [[]]), (Empty.NULL, [None]), (Empty.ABSENT, ["absent"]), (Empty.UNSENT, [])],
)
def test_the_shape_of_an_empty_snapshot(empty: Empty, shape: list[object]) -> None:
    day = day_of(Habits(empty=empty), duration=1.0)
    shapes = [message.get("data", "absent") for _, message in day.messages("POSITION_SNAPSHOT", account="KRAKEN/JOHN")]
    assert shapes == shape


def test_profit_is_spelled_either_way_and_row_ids_are_optional() -> None:
    day = day_of(Habits(pnl_spelling="unrealized_pnl", row_ids=False), duration=3.0)
    snapshot = rows(day, "POSITION_SNAPSHOT", "BITMEX")
    assert all("unrealized_pnl" in row and "unrealised_pnl" not in row and "id" not in row for row in snapshot)


@pytest.mark.parametrize(
    ("request_text", "reason"),
    [
        ("no json", "JSON_ERROR"),
        ("[]", "INVALID_TYPE"),
        ('{"type":"HELLO"}', "INVALID_TYPE"),
        ('{"type":"ORDER_NEW_SINGLE_REQUEST","exchange_id":"NONE"}', "OTHER"),
        ('{"type":"ORDER_NEW_SINGLE_REQUEST","exchange_id":"A"}', "METHOD_NOT_SUPPORTED"),
        ('{"type":"ORDER_CANCEL_SINGLE_REQUEST","exchange_id":"A","client_order_id":"7"}', "ORDER_ID_NOT_FOUND"),
    ],
)
def test_requests_are_refused_as_the_protocol_says(request_text: str, reason: str) -> None:
    message = decoded(answer(request_text, {"A": None}))
    assert message is not None
    assert message["type"] == "MESSAGE_REJECT"
    assert message["reject_reason"] == reason
    assert message["rejected_message"] == request_text
    assert json.dumps(message["message"])


@pytest.mark.parametrize(("digits", "zeros"), [(3, "0000Z"), (1, "000000Z"), (0, "0000000Z")])
def test_stamps_may_be_cut(digits: int, zeros: str) -> None:
    fine, coarse = day_of(Habits(), duration=8.0), day_of(Habits(stamp_digits=digits), duration=8.0)
    pairs = list(zip(_stamps(fine), _stamps(coarse), strict=True))
    assert len(pairs) > 50
    assert all(cut == whole[: -len(zeros)] + zeros for whole, cut in pairs)
    assert {whole for whole, cut in pairs if whole != cut}


def test_a_venue_may_tell_no_times() -> None:
    told = set(_stamps(day_of(Habits(stamp_digits=None), duration=8.0)))
    assert told == {"0001-01-01T00:00:00.0000000Z"}


def _stamps(day: Played) -> list[str]:
    """Return all times in the reports, of orders and of fills."""
    rows = [row for _, row in reports(day, "BINANCE")]
    changes = [stamp for row in rows for _, stamp in row["status_history"]]
    return changes + [fill["time"] for row in rows for fill in row["fills"]]


def test_stale_snapshots_come_again_and_are_freshened() -> None:
    day = day_of(replace(CROSSING, stale_first=0.6, stale_every=3.0), duration=20.0)
    snapshots = [at for at, _ in day.messages("BALANCE_SNAPSHOT", account="BINANCE") if at > 0]
    assert len(snapshots) == 7
    held = {code: D(0) for code in ("BTC", "ETH", "SOL", "USDT")}
    older = 0
    for _, message in day.messages("BALANCE_SNAPSHOT", "BALANCE_UPDATE", account="BINANCE"):
        fresh = message["type"] == "BALANCE_UPDATE"
        for row in [message] if fresh else message["data"]:
            older += not fresh and held[row["asset_id_exchange"]] not in {D(0), row["balance"]}
            held[row["asset_id_exchange"]] = row["balance"]
    assert older > 3
    assert held == day.gateway.accounts["BINANCE"].market.ledger.balances


def test_the_last_report_of_an_order_may_be_coarse_and_overtake() -> None:
    plain, coarse = (day_of(replace(CROSSING, coarse_last=each), duration=60.0) for each in (False, True))
    assert not _overtaken(plain)
    assert _overtaken(coarse) > 2
    finest = 0
    for _, row in reports(coarse, "KRAKEN/JOHN"):
        if row["amount_filled"]:
            last = row["status"] in {"FILLED", "CANCELED"}
            assert bool(row["fills"]) != last
            finest = finest if last else max(finest, scale(row["avg_px"]))
            assert not last or scale(row["avg_px"]) <= 2
    assert finest > 2


def test_the_last_report_may_list_two_fills_as_one_and_overtake() -> None:
    day = day_of(replace(CROSSING, merged_last=True), duration=60.0)
    assert _overtaken(day) > 2
    merged = 0
    for _, row in reports(day, "KRAKEN/JOHN"):
        filled = sum(status in {"PARTIALLY_FILLED", "FILLED"} for status, _ in row["status_history"])
        last = row["status"] in {"FILLED", "CANCELED"}
        assert len(row["fills"]) == (filled - 1 if last and filled > 1 else filled)
        assert sum(fill["amount"] for fill in row["fills"]) == row["amount_filled"]
        merged += last and filled > 1
    assert merged > 2


def _overtaken(day: Played) -> int:
    """Count the reports that came after a later one of their order."""
    steps: dict[str, int] = {}
    late = 0
    for _, row in reports(day, "KRAKEN/JOHN"):
        late += len(row["status_history"]) < steps.get(row["client_order_id"], 0)
        steps[row["client_order_id"]] = max(steps.get(row["client_order_id"], 0), len(row["status_history"]))
    return late


def test_bursts_come_on_top_and_leave_the_rest_of_the_day_as_it_was() -> None:
    def fills(*bursts: Burst) -> list[float]:
        plan = clean_plan(3, duration=30.0, fills_per_second=0.5).gateways[0]
        chosen = next(each for each in plan.accounts if each.account == "BINANCE")
        account = replace(chosen, streams=tuple(replace(each, bursts=bursts) for each in chosen.streams))
        day = played(replace(plan, accounts=(account,)), 32.0)
        orders = {row["client_order_id"]: at for at, row in reports(day, "BINANCE") if row["amount_filled"]}
        return sorted(orders.values())

    calm, busy = fills(), fills(Burst(after=10.0, lasting=5.0, fills_per_second=3.0))
    assert sum(at < 10 for at in busy) == sum(at < 10 for at in calm)
    assert sum(10 <= at < 20 for at in busy) > sum(10 <= at < 20 for at in calm) + 10
