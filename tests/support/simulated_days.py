"""The played days: clean flows, planted faults of each kind, and harmless oddities."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Final, NamedTuple

from recon.simulator.fault import Fault, FaultKind
from recon.simulator.plan import Plan
from recon.simulator.scenarios import clean_plan

D = Decimal
#: Seconds of a clean day, and of one with a fault. The quiet time after it lets the engine judge everything: a
#: possible fee waits sixty windows for a similar one.
CLEAN_SECONDS: Final = 60.0
FAULTY_SECONDS: Final = 120.0
QUIET_SECONDS: Final = 330.0
#: Second of the day at which a fault is planted. An opening takes at most nine windows, and a report waits for one,
#: so every opening is settled by then. Fees before it are part of the opening.
PLANTED: Final = 50.0


class Flow(NamedTuple):
    """How a clean day trades and reports; windows and polls in seconds, rates in fills per second per unit."""

    window: float
    rate: float
    equal_sizes: bool
    polled: float | None

    def __str__(self) -> str:
        sizes = "equal" if self.equal_sizes else "varied"
        reporting = "after each fill" if self.polled is None else f"polled each {self.polled:g}s"
        return f"window {self.window:g}s, {self.rate:g}/s, {sizes} sizes, {reporting}"

    def plan(self, seed: int) -> Plan:
        return clean_plan(
            seed,
            duration=CLEAN_SECONDS,
            fills_per_second=self.rate,
            equal_sizes=self.equal_sizes,
            polled=self.polled,
            settlement_window=self.window,
        )


def flows(window: float, *, equal_sizes: bool | None = None) -> list[Flow]:
    sizes = (False, True) if equal_sizes is None else (equal_sizes,)
    return [Flow(window, *each) for each in product((0.1, 1.0, 2.0), sizes, (None, 1.0))]


def _fault(kind: FaultKind, account: str = "", **more: str | Decimal | float) -> Fault:
    return Fault(kind=kind, after=PLANTED, account=account, **more)  # type: ignore[arg-type]  # the keys of Fault


#: Each kind of fault that must be flagged, on spot and contracts, base and quote.
FAULTS: Final = {
    "lost fill of spot": _fault(FaultKind.LOST_FILL, "KRAKEN/JOHN", symbol="XBT/USD"),
    "lost fill in USDT": _fault(FaultKind.LOST_FILL, "BINANCE", symbol="ETHUSDT"),
    "lost fill of an inverse contract": _fault(FaultKind.LOST_FILL, "BITMEX", symbol="XBTUSD"),
    "lost fill of a linear contract": _fault(FaultKind.LOST_FILL, "BITMEX", symbol="XBTUSDT"),
    "late fill": _fault(FaultKind.LATE_FILL, "KRAKEN/JOHN", symbol="ETH/USD", lasting=45.0),
    "wrong balance": _fault(FaultKind.WRONG_BALANCE, "BINANCE", asset="ETH", amount=D("-0.75")),
    "deposit": _fault(FaultKind.DEPOSIT, "KRAKEN/JOHN", asset="ZUSD", amount=D("1234.5")),
    "withdrawal": _fault(FaultKind.WITHDRAWAL, "BINANCE", asset="BTC", amount=D("0.3")),
    "fee in quote": _fault(FaultKind.FEE, "BINANCE", symbol="BTCUSDT"),
    "fee in base": _fault(FaultKind.FEE, "BINANCE", symbol="BTCUSDT", asset="BTC", amount=D("0.00012")),
    "disconnect with fills": _fault(FaultKind.DISCONNECT_WITH_FILLS, "BINANCE", symbol="SOLUSDT"),
    "stall with fills": _fault(FaultKind.SILENT_STALL, "BINANCE", symbol="BTCUSDT"),
    "restart with fills": _fault(FaultKind.RESTART, "KRAKEN/JOHN", symbol="XBT/USD"),
}
#: Harmless oddities.
BENIGN: Final = {
    "disconnect": _fault(FaultKind.DISCONNECT_WITH_FILLS),
    "stall": _fault(FaultKind.SILENT_STALL),
    "restart": _fault(FaultKind.RESTART),
    "duplicate report": _fault(FaultKind.DUPLICATE_REPORT, "BINANCE"),
    "reordered reports": _fault(FaultKind.REORDERED_REPORTS, "BINANCE", symbol="SOLUSDT"),
    "unreadable frame": _fault(FaultKind.UNREADABLE_FRAME, "BINANCE"),
}


def faulty(fault: Fault, seed: int, window: float) -> Plan:
    return clean_plan(seed, duration=FAULTY_SECONDS, faults=[fault], settlement_window=window)
