"""An account that trades bitcoin, as the comparison tests drive it."""

from __future__ import annotations

from datetime import timedelta

from recon.ledger.rules import AccountRules, Rules
from recon.reconciliation.model.verdict import judge
from tests.support.gateway_driver import Desk, Life, balance_row

#: The default settlement window, in seconds, and how many of them a chain may last.
WINDOW, WINDOWS = 5, 4


def trading(window: int = WINDOW) -> Desk:
    desk = Desk(Rules(defaults=AccountRules(settlement_window_us=window * 1_000_000)))
    desk.begin(balance_row("BTC", "10"), balance_row("ETH", "50"), balance_row("USDT", "100000"), settle=6 * window)
    return desk


def bought(desk: Desk, key: str, amount: str = "1", price: str = "100", side: str = "BUY") -> None:
    desk.report(Life(key, [(amount, price)], side=side, began=desk.now).report(1))


def both(desk: Desk, btc: str, usdt: str) -> None:
    desk.balance("BTC", btc)
    desk.balance("USDT", usdt)


def verdict(desk: Desk, code: str) -> str:
    return judge(desk.unit(code), desk.comparison(code))


def late(desk: Desk, key: str, *, side: str = "BUY", ahead: float = 0) -> Life:
    """An order that fills now, by the venue's clock, which may be ahead of ours."""
    return Life(key, [("1", "100")], side=side, began=desk.now + timedelta(seconds=ahead - 4))
