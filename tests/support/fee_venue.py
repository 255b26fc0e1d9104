"""A venue with its own balances, which charges fees that no report mentions."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from recon.exact import ZERO, divide, exact
from recon.ledger.fees.fee_key import RATES
from recon.ledger.rules import AccountRules, Rules
from recon.testing import GatewayDriver, OrderScript, balance_row
from tests.support.claims import residual

D = Decimal
RATE = D("0.001")
#: Bitcoin per trade.
SIZE = D("0.01")


class Venue:
    """Trades SIZE bitcoin at a time, and reports its balances a moment after each trade.

    `received`: the fee of a purchase is charged in bitcoin. `fee_asset`: the asset of all fees, at the `rates` in USD
    of its balance rows. `digits`: the scale to which the venue rounds cash, legs and fees.
    """

    def __init__(
        self,
        rules: AccountRules | None = None,
        *,
        received: bool = False,
        fee_asset: str | None = None,
        rates: dict[str, Decimal] | None = None,
        digits: int = 8,
    ) -> None:
        self.driver = GatewayDriver(Rules(defaults=rules or AccountRules()))
        self.received, self.fee_asset, self.rates, self.digits = received, fee_asset, rates or {}, digits
        self.balances = {"BTC": D("10.00000000"), "USDT": D("100000." + "0" * digits)}
        if fee_asset is not None:
            self.balances[fee_asset] = D("50.00000000")
        self.driver.start(
            *(balance_row(asset, held, rate_usd=self.rates.get(asset)) for asset, held in self.balances.items())
        )
        for _ in range(3):
            self.report_balances()
            self.driver.wait(5)
        self.trades = 0

    @property
    def btc(self) -> Decimal:
        return self.balances["BTC"]

    @property
    def usdt(self) -> Decimal:
        return self.balances["USDT"]

    def report_balances(self, *assets: str) -> None:
        for asset in assets or self.balances:
            self.driver.balance(asset, self.balances[asset], rate_usd=self.rates.get(asset))

    def move(self, asset: str, amount: str | int | Decimal) -> None:
        """Deposit or withdraw; only the next balance shows it."""
        self.balances[asset] += D(amount)

    def filled_now(self) -> datetime:
        """Return when an order was placed whose first fill happens now."""
        return self.driver.now - timedelta(seconds=4)

    def fill(self, side: str, price: str | Decimal, *, rate: Decimal = RATE, extra: Decimal = ZERO) -> OrderScript:
        """Trade at the venue without a report; return the order. `extra` is charged in addition to the fee."""
        sign, cash = (1 if side == "BUY" else -1), divide(SIZE * D(price), D(1), self.digits)
        self.balances["BTC"] += sign * SIZE
        self.balances["USDT"] -= sign * cash + extra
        with exact():
            self._charge_fee(side, cash, rate)
        self.trades += 1
        return OrderScript(f"o{self.trades}", [(str(SIZE), str(price))], side=side, placed_at=self.driver.now)

    def trade(
        self, side: str, price: str | Decimal, *, rate: Decimal = RATE, extra: Decimal = ZERO, quiet: float = 8
    ) -> None:
        """Trade, report the order, and the balances a moment later; `quiet` seconds follow."""
        order = self.fill(side, price, rate=rate, extra=extra)
        self.driver.report(order.report(1))
        self.driver.wait(0.1)
        self.report_balances()
        self.driver.wait(quiet)

    def days_work(self, rate: Decimal = RATE, rounds: int = 8) -> None:
        for number in range(rounds):
            self.trade("BUY", f"{50000 + 10 * number}.00", rate=rate)
            self.trade("SELL", f"{50005 + 10 * number}.00", rate=rate)

    def rest(self, times: int = 3) -> None:
        """Pass a time without trading, with occasional reports of the balances."""
        for _ in range(times):
            self.driver.wait(8)
            self.report_balances()
        self.driver.wait(8)

    def _charge_fee(self, side: str, cash: Decimal, rate: Decimal) -> None:
        asset, leg = ("BTC", SIZE) if self.received and side == "BUY" else ("USDT", cash)
        if self.fee_asset is not None:
            asset, leg = self.fee_asset, divide(cash * self.rates["USDT"], self.rates[self.fee_asset])
        self.balances[asset] -= divide(leg * rate, D(1), self.digits)


def booked_fees(driver: GatewayDriver, unit: str) -> list[Decimal]:
    return [entry.amount for entry in driver.entries(unit) if entry.cause == "fee"]


def agrees(venue: Venue, unit: str) -> bool:
    """True if the ledger equals the venue's balance, with no open break and nothing undecided or unposted."""
    driver, comparison = venue.driver, venue.driver.comparison(unit)
    open_ = comparison.undecided or comparison.breaks or comparison.suspended
    return driver.value(unit) == venue.balances[unit] and not residual(driver, unit) and not open_


def rates_of(driver: GatewayDriver, side: int, role: str = "quote") -> set[Decimal]:
    """Return the rates that the account's fills pay now of what they receive (1) or pay (-1); 0: in a third asset."""
    table = driver.ledger.accounts[driver.account].rates
    found = {key for key in (*table.known, *table.mixed) if (key.side, key.role) == (side, role)}
    rates = {each.rate for key in found for each in (*table.mixed.get(key, ()), *table.rates(key)[-1:])}
    return {divide(D(rate), D(RATES)) for rate in rates}


def suspended(driver: GatewayDriver, unit: str = "USDT") -> list[Decimal]:
    """Return what may be a fee at a rate that nobody knows, and is not decided."""
    return [step.amount for step in driver.comparison(unit).pending if step.kind == "novel"]
