"""Two days of an account as an analyst asks about them: trades, fees, funding, a gap, drift, and what people decided.

The venue of these days does what the execution reports say, less a fee of a thousandth in the quote. Once it does more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import text

from recon.db.engine import create_engine
from recon.ledger.rules import AccountRules, ContractTerms, FeeRule, Rules
from recon.testing import BTC_USDT, ETH_USDT, PERPETUAL, GatewayDriver, OrderScript, balance_row, position_row
from recon.testing.log import START
from recon.testing.messages import Row, Symbol
from recon.times import microseconds
from tests.conftest import TestDatabase
from tests.support.database_days import fold
from tests.support.decisions_driver import BOB, record_decision
from tests.support.facts_driver import record_fact

D = Decimal
FEE: Final = D("0.001")
GATEWAY: Final = "prod-eu"
#: Contracts pay their cash and fees in the quote.
RULES: Final = Rules(
    defaults=AccountRules(
        fees=[FeeRule(maker=FEE, taker=FEE, asset="quote")],
        contracts={
            PERPETUAL.exchange: ContractTerms(
                multiplier=D(1),
                kind="linear",
                settlement_asset="USDT",
                realised="close",
                method="average",
                balance_includes_unrealised=False,
            )
        },
    )
)
#: What the venue says that a unit is worth, in USD.
RATES: Final[Mapping[str, int]] = {"BTC": 120, "ETH": 20, "USDT": 1}
_APPEND: Final = text(
    "SELECT recon_store.append_any(:gateway, :writer, 1, :at, :kinds, :accounts, :sessions,"
    " ARRAY[CAST(:at AS bigint)], ARRAY[false], :payloads)"
)


class AnalystsDays:
    """The venue's side of the days, and what the gateway was told of it."""

    def __init__(self, rules: Rules = RULES, rates: Mapping[str, int] = RATES, start: datetime = START) -> None:
        """Open the account with known balances; `rates` are in USD."""
        self.rates = rates
        self.driver = GatewayDriver(rules, start=start)
        self.held = {"BTC": D(1), "ETH": D(50), "USDT": D(100_000)}
        self.position = D(0)
        self.orders = 0
        self.driver.start(*(self.row(code) for code in self.held))

    def row(self, code: str) -> Row:
        """Return a balance as the venue has it."""
        return balance_row(code, self.held[code], rate_usd=self.rates.get(code))

    def position_row(self) -> Row:
        """Return the position as the venue has it."""
        return position_row(self.position, "BUY")

    def rest(self, seconds: int = 40) -> None:
        """Report all balances each five seconds."""
        for _ in range(seconds // 5):
            self.driver.wait(5)
            for code in self.held:
                self.driver.balance(code, self.held[code], rate_usd=self.rates.get(code))

    def trade(self, side: str, amount: str, price: str, symbol: Symbol = BTC_USDT) -> str:
        """Fill an order whole, report it, and let the balances follow."""
        self.orders += 1
        script = OrderScript(
            f"o{self.orders}",
            [(amount, price)],
            side=side,
            symbol=symbol,
            placed_at=self.driver.now - timedelta(seconds=4),
        )
        signed = D(amount) if side == "BUY" else -D(amount)
        cash = -signed * D(price)
        self.held["USDT"] -= abs(cash) * FEE
        if symbol is not PERPETUAL:
            self.held[symbol.base] += signed
            self.held["USDT"] += cash
        self.driver.report(script.report(1))
        if symbol is PERPETUAL:
            self.position += signed
        self.rest()
        return script.key

    def trade_contract(self, side: str, amount: str, price: str, realised: str) -> None:
        """Fill an order in the perpetual, which realises cash."""
        self.held["USDT"] += D(realised)
        self.trade(side, amount, price, PERPETUAL)
        self.driver.position(self.position_row())

    def morning(self) -> None:
        """Trade spot and a contract."""
        self.trade("BUY", "2", "100")
        self.trade("BUY", "1", "103")
        self.trade("SELL", "1", "110")
        self.trade_contract("BUY", "10", "100", "0")
        self.trade_contract("SELL", "4", "105", "20")

    def lose(self) -> tuple[str, str]:
        """Lose half an ether that nobody reports, and two people explain it; return the break's id and the digest."""
        self.held["ETH"] -= D("0.5")
        self.rest(120)
        (found,) = self.driver.breaks("ETH")
        record_decision(self.driver, "propose", found, cause="withdrawal", text="a test of the wallet")
        self.driver.wait(2)
        digest = found.proposal.digest if found.proposal is not None else ""
        record_decision(self.driver, "approve", found, by=BOB, digest=digest)
        self.rest(20)
        return found.id, digest

    def pay_funding(self) -> None:
        """Pay funding that a statement tells a second later."""
        self.held["USDT"] -= D("1.25")
        record_fact(self.driver, "funding", "USDT", "-1.25", "F-1", ago=1)
        self.rest()

    def be_away(self, seconds: float = 120) -> None:
        """Lose the session for a while, and begin another."""
        self.driver.close_session()
        self.driver.wait(seconds, silent=[self.driver.account])
        self.come_back("s2")

    def come_back(self, session: str) -> None:
        """Begin a session with all that the venue holds."""
        self.driver.open_session(session)
        self.driver.server_info("g2")
        self.driver.symbols(BTC_USDT, ETH_USDT, PERPETUAL)
        self.driver.orders()
        self.driver.balances(*(self.row(code) for code in self.held))
        self.driver.positions(self.position_row())
        self.rest(60)

    def next_day(self) -> None:
        """Sleep until the next day without losing sight, and sell more than was bought."""
        self.driver.now += timedelta(days=1)
        self.driver.open_session("s3")
        self.be_away(10)
        self.trade("SELL", "3", "90")
        self.held["BTC"] -= D("0.25")
        self.rest(120)


def analysts_days() -> GatewayDriver:
    """Return the log and the books of both days; the last thing is drift that nobody has explained."""
    days = AnalystsDays()
    days.morning()
    days.lose()
    days.pay_funding()
    days.be_away()
    days.next_day()
    return days.driver


def write_driver(database: TestDatabase, driver: GatewayDriver, *, since: int = 0) -> str:
    """Append what a driver's gateway was told, each event at its log time, and fold it; return the gateway.

    `since` are as many events as were written before. The superuser appends: decisions of several people are among
    the events.
    """
    gateway = driver.ledger.gateway
    engine = create_engine(database.superuser_url, "tests", pooled=False)
    with engine.begin() as connection:
        for event in driver.log[since:]:
            at = microseconds(event.recorded_at)
            connection.execute(
                _APPEND,
                {
                    "gateway": gateway, "writer": str(UUID(int=event.seq)), "at": at, "kinds": [event.kind],
                    "accounts": [event.account], "sessions": [event.session], "payloads": [event.payload],
                },
            )  # fmt: skip
        connection.execute(text("ANALYZE"))
    fold(database.service_url, gateway)
    return gateway
