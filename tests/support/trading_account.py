"""An account that trades bitcoin, for the comparison tests."""

from __future__ import annotations

from datetime import timedelta

from recon.ledger.rules import AccountRules, Rules
from recon.reconciliation.model.verdict import verdict_of
from recon.testing import GatewayDriver, OrderScript, balance_row

#: The default settlement window in seconds, and the longest chain in windows.
WINDOW, WINDOWS = 5, 4


def trading(window: int = WINDOW) -> GatewayDriver:
    driver = GatewayDriver(Rules(defaults=AccountRules(settlement_window_us=window * 1_000_000)))
    driver.start(balance_row("BTC", "10"), balance_row("ETH", "50"), balance_row("USDT", "100000"), quiet=6 * window)
    return driver


def report_bought(driver: GatewayDriver, key: str, amount: str = "1", price: str = "100", side: str = "BUY") -> None:
    driver.report(OrderScript(key, [(amount, price)], side=side, placed_at=driver.now).report(1))


def report_balances(driver: GatewayDriver, btc: str, usdt: str) -> None:
    driver.balance("BTC", btc)
    driver.balance("USDT", usdt)


def verdict(driver: GatewayDriver, code: str) -> str:
    return verdict_of(driver.unit(code), driver.comparison(code))


def late_order(driver: GatewayDriver, key: str, *, side: str = "BUY", ahead: float = 0) -> OrderScript:
    """Return an order that fills now by the venue's clock, which may be ahead of ours."""
    return OrderScript(key, [("1", "100")], side=side, placed_at=driver.now + timedelta(seconds=ahead - 4))
