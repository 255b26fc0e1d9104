"""Loads of breaks, answers, facts, accounts and sessions."""

from __future__ import annotations

import msgspec

from recon.ems.protocol.rest_requests import RestRequest, build_response, encode_response
from recon.ledger.rules import AccountRules
from recon.log import events
from tests.bench.growth_loads import ACCOUNT, TICK_US, Feed, balance, load, order, position, symbol


def _breaks(feed: Feed, rows: int, *, listed: bool = False) -> None:
    """Open a break in each of many units: each lacks a part."""
    feed.connect()
    for _ in range(2):
        feed.frame("BALANCE_SNAPSHOT", [balance(f"C{i}", 10) for i in range(rows)])
        feed.wait(30)
    feed.frame("BALANCE_SNAPSHOT", [balance(f"C{i}", 9) for i in range(rows)])
    if listed:
        feed.wait(70)


@load(share=8)
def units_compared_in_one_tick(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.begin(rows)
    feed.frame("BALANCE_SNAPSHOT", [balance(f"C{i}", 10) for i in range(rows)])
    feed.wait(30)


@load(share=8)
def breaks_of_many_units(feed: Feed, rows: int) -> None:
    _breaks(feed, rows)
    feed.begin(rows)
    feed.wait(70)


@load(share=8)
def breaks_of_many_contracts(feed: Feed, rows: int) -> None:
    """Open a break in each of many contracts on one event, beside as many that the books hold."""
    feed.connect()
    feed.frame("POSITION_SNAPSHOT", [position(f"H{i}") for i in range(rows)])
    feed.wait(30)
    feed.begin(rows)
    feed.frame("POSITION_SNAPSHOT", [position(f"{kind}{i}") for kind in "HP" for i in range(rows)])
    feed.wait(70)


@load(share=8)
def breaks_classified_again(feed: Feed, rows: int) -> None:
    _breaks(feed, rows, listed=True)
    feed.begin(rows)
    feed.rules(AccountRules(settlement_window_us=5_000_001))


@load(share=8)
def breaks_of_many_accounts(feed: Feed, rows: int) -> None:
    names = [f"V/{i}" for i in range(rows)]
    feed.event(events.SESSION_OPENED, {"url": "wss://ems.example/", "site": 0})
    for name in names:
        feed.server_info(name)
        feed.frame("ORDER_EXEC_REPORT_SNAPSHOT", [], account=name)
    for amount in (10, 9):
        for name in names:
            feed.frame("BALANCE_SNAPSHOT", [balance("BTC", amount)], account=name)
        if amount == 10:
            feed.wait(30, *names)
    feed.begin(rows)
    feed.wait(70, *names)


@load()
def answers_over_rest(feed: Feed, rows: int) -> None:
    _rest(feed, rows, [[i] for i in range(rows)])


@load()
def rows_of_one_answer(feed: Feed, rows: int) -> None:
    _rest(feed, rows, [list(range(rows))])


def _rest(feed: Feed, rows: int, answers: list[list[int]]) -> None:
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol("BTC/USDT")])
    feed.frame("BALANCE_SNAPSHOT", [balance("BTC"), balance("USDT")])
    feed.begin(rows)
    feed.event(events.CATCH_UP_BEGUN, {"run": "r1", "accounts": {}})
    for answer in answers:
        body = [{"exchange_id": ACCOUNT, "data": [order(feed, f"o{i}", filled=1) for i in answer]}]
        content = msgspec.json.encode(body)
        response = build_response(RestRequest("orders", ACCOUNT), run="r1", attempts=1, status=200, content=content)
        feed.event(events.REST_ANSWER, encode_response(response))


@load()
def facts_of_one_unit(feed: Feed, rows: int) -> None:
    _open(feed)
    feed.begin(rows)
    for i in range(rows):
        feed.fact(i, "BTC", f"{i + 1}")


@load()
def manual_facts(feed: Feed, rows: int) -> None:
    _open(feed)
    feed.begin(rows)
    for i in range(rows):
        feed.fact(i, "BTC", f"{i + 1}", manual=True)


@load(share=8)
def facts_and_breaks(feed: Feed, rows: int) -> None:
    _breaks(feed, rows, listed=True)
    feed.begin(rows)
    for i in range(rows):
        feed.fact(i, f"C{i}", "-1", ago_us=40_000_000)


@load()
def trades_beside_fills(feed: Feed, rows: int) -> None:
    _open(feed)
    feed.begin(rows)
    feed.frame("ORDER_EXEC_REPORT_UPDATE", [order(feed, f"o{i}", filled=i + 1) for i in range(rows)])
    for i in range(rows):
        document = {
            "by": {"login": "alice", "authenticated": True, "name": None},
            "fact": "trade",
            "account": ACCOUNT,
            "external_id": f"t{i}",
            "occurred_at": feed.now(),
            "source": "statement",
            "symbol": "BTC/USDT",
            "side": "BUY",
            "quantity": f"{i + 1}",
            "price": "100",
        }
        feed.event(events.FACT, document, account=ACCOUNT)


def _open(feed: Feed) -> None:
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol("BTC/USDT")])
    for _ in range(2):
        feed.frame("BALANCE_SNAPSHOT", [balance("BTC", 10), balance("USDT", 10)])
        feed.wait(30)


@load()
def heartbeats_of_accounts(feed: Feed, rows: int) -> None:
    names = [f"V/{i}" for i in range(rows)]
    feed.event(events.SESSION_OPENED, {"url": "wss://ems.example/", "site": 0})
    feed.begin(rows)
    for name in names:
        feed.server_info(name)
    feed.wait(3, *names)


@load()
def orders_of_new_accounts(feed: Feed, rows: int) -> None:
    names = [f"V/{i}" for i in range(rows)]
    feed.event(events.SESSION_OPENED, {"url": "wss://ems.example/", "site": 0})
    for name in names:
        feed.server_info(name)
    feed.begin(rows)
    for name in names:
        feed.row("ORDER_EXEC_REPORT_UPDATE", order(feed, "o", filled=1), account=f"{name}x")


@load()
def bad_rows(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.begin(rows)
    feed.frame("BALANCE_SNAPSHOT", [{"balance": "x", "rate_usd": "NaN"} for _ in range(rows)])
    feed.frame("ORDER_EXEC_REPORT_SNAPSHOT", [{"status": i, "side": "?", "avg_px": "x"} for i in range(rows)])


@load()
def pauses(feed: Feed, rows: int) -> None:
    """Sessions that come and go, for an account with many units."""
    feed.connect()
    feed.frame("BALANCE_SNAPSHOT", [balance(f"C{i}", 10) for i in range(rows)])
    feed.wait(30)
    feed.begin(rows)
    feed.event(events.SESSION_CLOSED, {"reason": "disconnected"}, after_us=TICK_US)
    feed.connect()
    feed.frame("BALANCE_SNAPSHOT", [balance(f"C{i}", 10) for i in range(rows)])
