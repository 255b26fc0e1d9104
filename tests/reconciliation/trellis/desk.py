"""A desk that a test plays by hand: reports and legs at seconds since the start."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.ledger.fees.fee_key import FeeKey, OrderClass
from recon.ledger.fees.rate_table import RateTable
from recon.ledger.legs import Leg, Stamp
from recon.ledger.units import UnitKey
from recon.reconciliation.model.step import Step
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.column import Report
from recon.reconciliation.trellis.steps import Cleared, Moved, Opened, OpeningUncertain, Told
from tests.reconciliation.trellis.synthetic_day import BASE, MARKET, QUANTUM, QUOTE, SECOND, START, WINDOW

CONTRACT: UnitKey = ("desk", "contract", "BTC-PERP")


class Desk:
    """One account; each call is an event at a second."""

    def __init__(self, table: RateTable | None = None) -> None:
        self.trellis = AccountTrellis("desk", RateTable() if table is None else table, WINDOW)
        self.told: list[Told] = []
        self.seq = 0

    def report(self, second: float, key: UnitKey, *values: str, tolerance: str = "0", price: str | None = None) -> int:
        """Report a unit; return the log position."""
        self.seq += 1
        readings = tuple(map(Decimal, values))
        usd = None if price is None else Decimal(price)
        self.trellis.report(key, Report(self.seq, _us(second), readings, QUANTUM, Decimal(tolerance), usd))
        return self.seq

    def reports(self, seconds: range, key: UnitKey, value: str) -> None:
        """Report the same again and again."""
        for second in seconds:
            self.report(second, key, value)

    def leg(
        self,
        second: float,
        key: UnitKey,
        amount: str,
        *,
        arrived: float | None = None,
        order: str | None = None,
        role: str | None = None,
        order_class: OrderClass = "post_only",
        **more: Decimal | bool,
    ) -> None:
        """Book a leg stamped at a second; with a role, a fee is a share of its amount."""
        self.seq += 1
        moved = Decimal(amount)
        came = _us(second + 0.1 if arrived is None else arrived)
        fee_key = None if role is None else FeeKey(role, 1 if moved > 0 else -1, order_class, MARKET)
        turnover = Decimal(0) if role is None else moved
        leg = Leg(moved, Stamp(_us(second), 1), came, order, turnover, fee_key, rounded=role == "quote")
        leg = msgspec.structs.replace(leg, **more)
        self.trellis.add_leg(key, leg, came)

    def fill(self, second: float, quantity: str, cash: str, order: str, *, arrived: float | None = None) -> None:
        """Book a spot fill."""
        self.leg(second, BASE, quantity, arrived=arrived, order=order, role="base")
        self.leg(second, QUOTE, cash, arrived=arrived, order=order, role="quote")

    def advance(self, second: float) -> list[Told]:
        """Return what there is to tell by a second."""
        told = self.trellis.advance(_us(second))
        self.told += told
        return told


def _us(second: float) -> int:
    return START + round(second * SECOND)


def steps(told: list[Told]) -> list[tuple[str, str, Decimal]]:
    """Return what was told of breaks in short: what, of which unit, the amount."""
    found: list[tuple[str, str, Decimal]] = []
    for each in told:
        if isinstance(each, Opened | Moved | OpeningUncertain):
            step: Step = each.step
            found.append((type(each).__name__, step.unit[2], step.amount))
        elif isinstance(each, Cleared):
            found.append((f"Cleared {each.reason}", each.unit[2], Decimal(0)))
    return found
