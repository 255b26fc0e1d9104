"""One order and its fills, and the execution reports that an EMS sends of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from recon.testing.log import START
from recon.testing.messages import ACCOUNT, BTC_USDT, Json, Row, Symbol, stamp

#: Digits that suffice for any amount times any price.
_DIGITS = 200


@dataclass
class OrderScript:
    """An order with its `fills`, each an amount and a price.

    `amount`: the amount ordered, if it is not the sum of the fills. `exchange_id`: "=" derives one from the key.
    `price_digits`: digits after the point of the average price. `lists_fills`: the reports list the fills.
    `extra`: further fields of every report.
    """

    key: str
    fills: Sequence[tuple[str, str]]
    side: str = "BUY"
    amount: str | None = None
    symbol: Symbol = BTC_USDT
    exchange_id: str | None = "="
    placed_at: datetime = START
    price_digits: int = 12
    lists_fills: bool = True
    extra: Row = field(default_factory=dict)

    @property
    def ordered(self) -> Decimal:
        """Return the amount ordered."""
        return Decimal(self.amount) if self.amount is not None else self.filled(len(self.fills))

    def filled(self, count: int) -> Decimal:
        """Return the amount of the first `count` fills."""
        with localcontext(prec=_DIGITS):
            return sum((Decimal(amount) for amount, _ in self.fills[:count]), Decimal(0))

    def cash(self, count: int) -> Decimal:
        """Return the value of the first `count` fills, in the quote asset."""
        with localcontext(prec=_DIGITS):
            return sum((Decimal(amount) * Decimal(price) for amount, price in self.fills[:count]), Decimal(0))

    def average(self, count: int) -> Decimal | None:
        """Return the average price of the first `count` fills; None before the first."""
        with localcontext(prec=_DIGITS):
            filled = self.filled(count)
            return round(self.cash(count) / filled, self.price_digits).normalize() if filled else None

    def at(self, step: int) -> datetime:
        """Return the time of a step of the status history: one a second, the first fill is step 4."""
        return self.placed_at + timedelta(seconds=step)

    def report(self, count: int, *, status: str | None = None, **more: Json) -> Row:
        """Return the execution report after `count` fills.

        `status`: a status that follows the fills (default: NEW, PARTIALLY_FILLED or FILLED). `more`: fields to replace.
        """
        steps = self._steps(count, status)
        with localcontext(prec=_DIGITS):
            left = self.ordered - self.filled(count)
        row: Row = {
            "exchange_id": ACCOUNT,
            "client_order_id": self.key,
            "exchange_order_id": "X-" + self.key if self.exchange_id == "=" else self.exchange_id,
            "symbol_id_exchange": self.symbol.exchange,
            "symbol_id_coinapi": self.symbol.coinapi,
            "amount_order": self.ordered,
            "amount_open": left,
            "amount_filled": self.filled(count),
            "price": Decimal(self.fills[0][1]) if self.fills else 1,
            "avg_px": self.average(count),
            "side": self.side,
            "order_type": "LIMIT",
            "time_in_force": "GOOD_TILL_CANCEL",
            "status": steps[-1],
            "status_history": [[step, stamp(self.at(index))] for index, step in enumerate(steps)],
            "fills": self._listed(count) if self.lists_fills else [],
        }
        return row | self.extra | more

    def _steps(self, count: int, status: str | None) -> list[str]:
        steps = ["RECEIVED", "ROUTING", "ROUTED", "NEW"]
        whole = self.filled(count) == self.ordered
        steps += ["PARTIALLY_FILLED"] * (count - whole) + ["FILLED"] * whole if count else []
        if status is not None and status != steps[-1]:
            steps.append(status)
        return steps

    def _listed(self, count: int) -> list[Json]:
        return [
            {"time": stamp(self.at(4 + index)), "price": Decimal(price), "amount": Decimal(amount)}
            for index, (amount, price) in enumerate(self.fills[:count])
        ]
