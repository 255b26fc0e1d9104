"""A business day as an accountant finds it: trades with fees, a deposit and a trade that the EMS does not tell.

The day is a Monday and ends at 17:00 UTC. recon begins to listen a quarter of an hour before, loses the EMS in the
evening, and hears of it again on Tuesday from 09:00 on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import exact
from recon.ledger.rules import Rules
from tests.conftest import TestDatabase
from tests.support.analysts_days import FEE, RULES, AnalystsDays, write_driver

D = Decimal
ACCOUNT: Final = "BINANCE"
DAY: Final = "2026-01-05"
BEGIN: Final = datetime(2026, 1, 5, 16, 45, tzinfo=UTC)
CUT_OFF: Final = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)
MORNING: Final = datetime(2026, 1, 6, 9, 0, tzinfo=UTC)
#: Seconds between two heartbeats.
HEARTBEAT: Final = 5.0
#: Ether that somebody sends to the account.
DEPOSITED: Final = D("0.75")
#: The sale of bitcoin that the EMS does not tell, its price, and its fee in USDT.
SOLD, PRICE, SALE_FEE = D("0.5"), D(120), D("0.06")
#: What the EMS tells was earned, and paid in fees; and what the sale earned: three had cost 303.
EARNED: Final = {"BTCUSDT": D(9), "BTCUSDT-PERP": D(20)}
FEES: Final = {"BTCUSDT": D("-0.413"), "BTCUSDT-PERP": D("-1.42")}
SALE_EARNED: Final = SOLD * (PRICE - 101)


class AccountantsDay(AnalystsDays):
    """The days at the venue, and when what the EMS does not tell happened there."""

    def __init__(self) -> None:
        """Live Monday."""
        super().__init__(Rules(defaults=msgspec.structs.replace(RULES.defaults, cutoff_minute=17 * 60)), start=BEGIN)
        self._written = 0
        with exact():
            self.morning()
            self.deposited_at = self._untold(ETH=DEPOSITED)
            self.sold_at = self._untold(BTC=-SOLD, USDT=SOLD * PRICE * (1 - FEE))
            self.rest(int((CUT_OFF - self.driver.now).total_seconds()) - 5)

    def rest(self, seconds: int = 40) -> None:
        """Report all balances each five seconds, and then the position."""
        super().rest(seconds)
        if self.position:
            self.driver.position(self.position_row())

    def tuesday(self) -> None:
        """End the session, and begin the next day with the same holdings."""
        self.driver.close_session()
        self.driver.now = MORNING
        self.come_back("s2")

    def write(self, database: TestDatabase, until: datetime | None = None) -> None:
        """Have recon record and fold what was told, and heartbeats until a time."""
        while until is not None and self.driver.now < until:
            self.driver.tick(after=min(HEARTBEAT, (until - self.driver.now).total_seconds()))
        write_driver(database, self.driver, since=self._written)
        self._written = len(self.driver.log)

    def statement(self) -> str:
        """Return the venue's own list of trades, with the one that the EMS did not tell."""
        row = f"{self.sold_at.isoformat()},T-1,BTCUSDT,sell,{SOLD},{PRICE},{SALE_FEE},USDT"
        return f"time,id,symbol,side,quantity,price,fee,fee_asset\n{row}\n"

    def holdings(self) -> str:
        """Return the custodian's list of what is held."""
        return "asset,balance\n" + "".join(f"{code},{amount}\n" for code, amount in self.held.items())

    def _untold(self, **changes: Decimal) -> datetime:
        """Change balances at the venue, which reports them and not why; return when it was."""
        self.driver.wait(1)
        at = self.driver.now
        for code, amount in changes.items():
            self.held[code] += amount
        self.rest(120)
        return at
