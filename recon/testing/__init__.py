"""Tools for tests of your own: drive a gateway by hand, or play recorded days, and look at the result.

Write a test of a new cause like this:

    from recon.testing import GatewayDriver, OrderScript, balance_row

    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    order = OrderScript("a", [("1", "100")], placed_at=driver.now)
    driver.report(order.report(1))                   # the EMS reports one fill ...
    driver.poll("USDT", "99900", 30)
    driver.poll("BTC", "10", 30)                     # ... and the bitcoin never arrives
    (break_,) = driver.breaks("BTC")
    assert break_.amount == -1
    assert break_.cause == "..."

`GatewayDriver` writes events to a log in memory and folds each at once. Log time is virtual: `driver.wait(30)` takes no
time. `play` does the same with whole simulated days. No database, network or clock is involved, and no test framework.
"""

from recon.testing.driver import GatewayDriver
from recon.testing.log import START, as_stored, is_readable, new_fold
from recon.testing.messages import (
    ACCOUNT,
    BTC_USDT,
    ETH_USDT,
    PERPETUAL,
    Json,
    Row,
    Symbol,
    balance_row,
    position_row,
    stamp,
    symbol_row,
)
from recon.testing.orders import OrderScript
from recon.testing.player import PlayedDay, play, recorded_events, settings_of, without_rest

__all__ = [
    "ACCOUNT",
    "BTC_USDT",
    "ETH_USDT",
    "PERPETUAL",
    "START",
    "GatewayDriver",
    "Json",
    "OrderScript",
    "PlayedDay",
    "Row",
    "Symbol",
    "as_stored",
    "balance_row",
    "is_readable",
    "new_fold",
    "play",
    "position_row",
    "recorded_events",
    "settings_of",
    "stamp",
    "symbol_row",
    "without_rest",
]
