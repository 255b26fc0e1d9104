"""Loads of rows: positions, balances, symbols and orders, in one message or in many."""

from __future__ import annotations

from recon.ledger.rules import AccountRules
from recon.log import events
from tests.bench.growth_loads import TERMS, Feed, balance, load, order, position, symbol


@load()
def positions_without_terms(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.begin(rows)
    feed.frame("POSITION_SNAPSHOT", [position(f"P{i}") for i in range(rows)])


@load()
def positions_with_terms(feed: Feed, rows: int) -> None:
    feed.rules(AccountRules(contracts={f"P{i}": TERMS for i in range(rows)}))
    feed.connect()
    feed.begin(rows)
    feed.frame("POSITION_SNAPSHOT", [position(f"P{i}") for i in range(rows)])


@load()
def positions_one_by_one(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol(f"P{i}", base=f"B{i}", kind="PERP") for i in range(rows)])
    feed.frame("BALANCE_SNAPSHOT", [balance(f"B{i}") for i in range(rows)])
    feed.begin(rows)
    for i in range(rows):
        feed.row("POSITION_UPDATE", position(f"P{i}"))


@load()
def balances_of_new_coins(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.begin(rows)
    feed.frame("BALANCE_SNAPSHOT", [balance(f"C{i}") for i in range(rows)])


@load()
def balances_of_unmodelled_coins(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.frame("POSITION_SNAPSHOT", [position(f"P{i}") for i in range(rows)])
    feed.begin(rows)
    feed.frame("BALANCE_SNAPSHOT", [balance(f"C{i}") for i in range(rows)])


@load()
def balances_of_one_coin(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.begin(rows)
    feed.frame("BALANCE_SNAPSHOT", [balance("BTC", i) for i in range(rows)])


@load()
def balances_of_many_codes(feed: Feed, rows: int) -> None:
    """Many codes of one asset, which orders wait for."""
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol(f"S{i}", base=f"A{i}") for i in range(rows)])
    feed.frame(
        "ORDER_EXEC_REPORT_UPDATE",
        [order(feed, f"o{i}", filled=1, symbol_id_exchange=f"S{i}") for i in range(rows)],
    )
    feed.begin(rows)
    feed.frame("BALANCE_SNAPSHOT", [balance(f"C{i}", asset_id_coinapi=f"A{i // 2}") for i in range(rows)])


@load()
def balances_without_coinapi(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol(f"S{i}", base=f"A{i}") for i in range(rows)])
    feed.frame(
        "ORDER_EXEC_REPORT_UPDATE",
        [order(feed, f"o{i}", filled=1, symbol_id_exchange=f"S{i}") for i in range(rows)],
    )
    feed.begin(rows)
    feed.frame("BALANCE_SNAPSHOT", [balance(f"C{i}", asset_id_coinapi=None) for i in range(rows)])


@load()
def symbols(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.begin(rows)
    feed.frame("SYMBOLS_SNAPSHOT", [symbol(f"S{i}") for i in range(rows)])


@load()
def symbols_one_by_one(feed: Feed, rows: int) -> None:
    """Symbols that come singly, while fills wait for others."""
    feed.connect()
    waiting = [order(feed, f"o{i}", filled=1, symbol_id_exchange=f"W{i}", symbol_id_coinapi=None) for i in range(rows)]
    feed.frame("ORDER_EXEC_REPORT_UPDATE", waiting)
    feed.begin(rows)
    for i in range(rows):
        feed.frame("SYMBOLS_SNAPSHOT", [symbol(f"W{rows - 1 - i}")])


@load()
def orders_listed(feed: Feed, rows: int) -> None:
    feed.event(events.SESSION_OPENED, {"url": "wss://ems.example/", "site": 0})
    feed.begin(rows)
    feed.frame("ORDER_EXEC_REPORT_SNAPSHOT", [order(feed, f"o{i}") for i in range(rows)])


@load()
def orders_of_the_exchange(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.begin(rows)
    feed.frame("ORDER_EXEC_REPORT_SNAPSHOT", [order(feed, None, exchange=f"X{i}") for i in range(rows)])


@load()
def orders_that_vanish(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol("BTC/USDT")])
    feed.frame("BALANCE_SNAPSHOT", [balance("BTC"), balance("USDT")])
    feed.frame("ORDER_EXEC_REPORT_SNAPSHOT", [order(feed, f"o{i}") for i in range(rows)])
    feed.wait(12)
    feed.begin(rows)
    feed.frame("ORDER_EXEC_REPORT_SNAPSHOT", [])
    feed.frame("ORDER_EXEC_REPORT_SNAPSHOT", [order(feed, f"o{i}") for i in range(rows)])


@load()
def missing_orders_reported_singly(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol("BTC/USDT")])
    feed.frame("BALANCE_SNAPSHOT", [balance("BTC"), balance("USDT")])
    feed.frame("ORDER_EXEC_REPORT_SNAPSHOT", [order(feed, f"o{i}") for i in range(rows)])
    feed.wait(12)
    feed.frame("ORDER_EXEC_REPORT_SNAPSHOT", [])
    feed.begin(rows)
    for i in range(rows):
        feed.row("ORDER_EXEC_REPORT_UPDATE", order(feed, f"o{i}", filled=1))


@load()
def snapshots_of_one_order(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.frame("ORDER_EXEC_REPORT_UPDATE", [order(feed, f"d{i}", status="CANCELED") for i in range(rows)])
    feed.begin(rows)
    for _ in range(rows):
        feed.frame("ORDER_EXEC_REPORT_SNAPSHOT", [order(feed, "o1")])


@load()
def generations(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.begin(rows)
    for i in range(rows):
        feed.row("ORDER_EXEC_REPORT_UPDATE", order(feed, "1", exchange=f"X{i}", status="FILLED", filled=1))


@load()
def generations_without_number(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.begin(rows)
    for _ in range(rows):
        history = [["NEW", feed.now()], ["CANCELED", feed.now()]]
        feed.row(
            "ORDER_EXEC_REPORT_UPDATE",
            order(feed, "1", exchange="", status="CANCELED", status_history=history),
        )


@load()
def generations_of_symbols(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.begin(rows)
    for i in range(rows):
        feed.row("ORDER_EXEC_REPORT_UPDATE", order(feed, "1", exchange="", symbol_id_exchange=f"S{i}"))
