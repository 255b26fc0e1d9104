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
time. `play` does the same with whole simulated days, and `replay` with cases: recordings in a directory, with the
outcome expected. No database, network or clock is involved, and no test framework.

    case = load_case(Path("tests/cases/lost-fill"))
    assert not differences(load_expectation(Path("tests/cases/lost-fill")), replay(case).outcome)
"""

from recon.testing.case import Case, CaseLine, load_case
from recon.testing.case_player import ReplayedCase, case_events, replay
from recon.testing.driver import GatewayDriver
from recon.testing.expectation import Expectation, differences, load_expectation
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
from recon.testing.outcome import Outcome, outcome_of
from recon.testing.player import PlayedDay, play, recorded_events, settings_of, without_rest

__all__ = [
    "ACCOUNT",
    "BTC_USDT",
    "ETH_USDT",
    "PERPETUAL",
    "START",
    "Case",
    "CaseLine",
    "Expectation",
    "GatewayDriver",
    "Json",
    "OrderScript",
    "Outcome",
    "PlayedDay",
    "ReplayedCase",
    "Row",
    "Symbol",
    "as_stored",
    "balance_row",
    "case_events",
    "differences",
    "is_readable",
    "load_case",
    "load_expectation",
    "new_fold",
    "outcome_of",
    "play",
    "position_row",
    "recorded_events",
    "replay",
    "settings_of",
    "stamp",
    "symbol_row",
    "without_rest",
]
