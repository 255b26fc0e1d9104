"""Loads of fills: that wait, of one order, of many pairs, of contracts."""

from __future__ import annotations

from recon.ledger.rules import AccountRules
from tests.bench.growth_loads import FIFO, TERMS, Feed, balance, load, order, symbol


@load()
def fills_that_wait(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.frame("BALANCE_SNAPSHOT", [balance("BTC"), balance("USDT")])
    feed.begin(rows)
    for i in range(rows):
        feed.row(
            "ORDER_EXEC_REPORT_UPDATE",
            order(feed, f"o{i}", filled=1, symbol_id_exchange="W", symbol_id_coinapi=None),
        )
    feed.frame("SYMBOLS_SNAPSHOT", [symbol("W")])


@load()
def symbols_that_fills_wait_for(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.begin(rows)
    waiting = [order(feed, f"o{i}", filled=1, symbol_id_exchange=f"W{i}", symbol_id_coinapi=None) for i in range(rows)]
    feed.frame("ORDER_EXEC_REPORT_UPDATE", waiting)
    feed.frame("SYMBOLS_SNAPSHOT", [symbol(f"W{i}") for i in range(rows)])


@load()
def fills_of_one_order(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.frame("BALANCE_SNAPSHOT", [balance("BTC"), balance("USDT")])
    feed.frame("SYMBOLS_SNAPSHOT", [symbol("BTC/USDT")])
    feed.begin(rows)
    fills = [{"time": feed.now(), "price": 100, "amount": 1} for _ in range(rows)]
    feed.row("ORDER_EXEC_REPORT_UPDATE", order(feed, "o1", filled=rows, fills=fills))


@load()
def fills_in_one_window(feed: Feed, rows: int) -> None:
    """Fills of one pair with balance reports between, all within a settlement window."""
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol("BTC/USDT")])
    feed.frame("BALANCE_SNAPSHOT", [balance("BTC", 10), balance("USDT", 10)])
    feed.wait(30)
    feed.begin(rows)
    for i in range(rows):
        feed.row("ORDER_EXEC_REPORT_UPDATE", order(feed, f"o{i}", filled=1))
        if i % 4 == 0:
            feed.row("BALANCE_UPDATE", balance("BTC", 11 + i))


@load()
def fills_in_many_pairs(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol(f"S{i}", base=f"B{i}") for i in range(rows)])
    feed.frame("BALANCE_SNAPSHOT", [*(balance(f"B{i}") for i in range(rows)), balance("USDT")])
    feed.begin(rows)
    for i in range(rows):
        feed.row("ORDER_EXEC_REPORT_UPDATE", order(feed, f"o{i}", filled=1, symbol_id_exchange=f"S{i}"))


@load()
def fills_of_unlisted_coins(feed: Feed, rows: int) -> None:
    """Fills of coins without a balance row of their own, in an account with many rows."""
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol(f"S{i}", base=f"B{i}") for i in range(rows)])
    feed.frame("BALANCE_SNAPSHOT", [*(balance(f"C{i}") for i in range(rows)), balance("USDT")])
    feed.begin(rows)
    for i in range(rows):
        feed.row("ORDER_EXEC_REPORT_UPDATE", order(feed, f"o{i}", filled=1, symbol_id_exchange=f"S{i}"))


def _contract_fills(feed: Feed, rows: int, *, opened: bool) -> None:
    feed.rules(AccountRules(contracts={"P": FIFO}))
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol("P", kind="PERP")])
    feed.frame("BALANCE_SNAPSHOT", [balance("USDT")])
    if opened:
        feed.frame("POSITION_SNAPSHOT", [])
    feed.begin(rows)
    for i in range(rows):
        feed.row("ORDER_EXEC_REPORT_UPDATE", order(feed, f"o{i}", filled=1, symbol_id_exchange="P"))


@load()
def contract_fills_before_opening(feed: Feed, rows: int) -> None:
    _contract_fills(feed, rows, opened=False)


@load()
def contract_fills_in_lots(feed: Feed, rows: int) -> None:
    _contract_fills(feed, rows, opened=True)


@load()
def contracts_with_cash_pending(feed: Feed, rows: int) -> None:
    feed.rules(AccountRules(contracts={f"P{i}": TERMS for i in range(rows)}))
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol(f"P{i}", kind="PERP") for i in range(rows)])
    feed.frame("BALANCE_SNAPSHOT", [balance("USDT"), balance("BTC")])
    feed.begin(rows)
    for i in range(rows):
        feed.row("ORDER_EXEC_REPORT_UPDATE", order(feed, f"o{i}", filled=1, symbol_id_exchange=f"P{i}"))
        feed.row("BALANCE_UPDATE", balance("BTC"))


@load()
def regressions(feed: Feed, rows: int) -> None:
    feed.connect()
    feed.frame("SYMBOLS_SNAPSHOT", [symbol("BTC/USDT")])
    feed.frame("BALANCE_SNAPSHOT", [balance("BTC"), balance("USDT")])
    feed.frame("ORDER_EXEC_REPORT_UPDATE", [order(feed, f"o{i}", filled=2) for i in range(rows)])
    feed.begin(rows)
    history = [["NEW", feed.now()], ["X", feed.now()]]
    feed.frame(
        "ORDER_EXEC_REPORT_UPDATE", [order(feed, f"o{i}", filled=1, status_history=history) for i in range(rows)]
    )
