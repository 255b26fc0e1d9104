"""What a statement told before any report did: trades, and fees of trades that nobody told. Pure (semantics 10.3)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from recon.exact import ZERO, divide
from recon.ledger.told import ByStatement, Told, joined, told_most, with_fee

#: How far the times of the same execution may be apart in two sources, where no id decides.
TRADED_WITHIN_US: Final = 5_000_000
#: How far prices of the same execution may be apart in two sources, as a share: reports tell averages.
PRICE_WITHIN: Final = Decimal("0.002")
#: How much later than it was told an execution may seem to have happened, by the difference of clocks.
CLOCKS_WITHIN_US: Final = 500_000
#: Most trades of an account that are remembered, and how long, in microseconds.
MAX_TOLD_AHEAD: Final = 256
REMEMBERED_US: Final = 7 * 86_400_000_000


class ToldTrade(msgspec.Struct, gc=False):
    """A trade of a statement that no report contained; its entries bear the key in the place of an order's."""

    key: str
    symbol: str
    side: str
    #: What no report contained yet of it, and the cash of that.
    quantity: Decimal
    cash: Decimal
    occurred_us: int
    step_us: int
    told_us: int
    order_id: str | None = None
    trade_id: str | None = None
    told: ByStatement = {}

    def is_near(self, us: int, step_us: int = 0) -> bool:
        """True if something of a time, known within a step, may be the same execution."""
        return self.occurred_us - step_us - TRADED_WITHIN_US <= us <= self.occurred_us + self.step_us + TRADED_WITHIN_US

    def room_of(self, statement: str) -> Decimal:
        """Return the quantity that other statements told and this one did not."""
        own = self.told[statement].quantity if statement in self.told else ZERO
        return max(told_most(self.told, but=statement) - own, ZERO)


class ClaimingFill(NamedTuple):
    """A fill that may have been told ahead: the quantity that was not, its price if known, and its time."""

    quantity: Decimal
    price: Decimal | None
    us: int

    def may_be(self, trade: ToldTrade) -> bool:
        """True if a trade may be this fill by time and price; what was told had happened before."""
        if not trade.is_near(self.us) or self.us > trade.told_us + CLOCKS_WITHIN_US:
            return False
        return not self.price or prices_agree(trade.cash, trade.quantity, self.price, Decimal(1))


class Claimed(NamedTuple):
    """A part of told trades that turned out to be an order's: quantity, cash, and who told it."""

    quantity: Decimal
    cash: Decimal
    told: ByStatement


class LooseFee(msgspec.Struct, frozen=True, gc=False):
    """A fee of a trade that neither a report nor a statement told: of which asset, when, and who told it."""

    asset: str
    occurred_us: int
    step_us: int
    told_us: int
    trade_id: str | None
    told: ByStatement

    def may_be(self, asset: str, us: int, step_us: int, trade_id: str | None) -> bool:
        """True if a fee may be this one, by the id of its trade or by its time."""
        if asset != self.asset:
            return False
        if trade_id is not None and self.trade_id is not None:
            return trade_id == self.trade_id
        return self.occurred_us - step_us <= us + TRADED_WITHIN_US and us <= (
            self.occurred_us + self.step_us + TRADED_WITHIN_US
        )


class ToldAhead(msgspec.Struct, gc=False):
    """What statements told of an account and no report did, the oldest first."""

    trades: list[ToldTrade] = []
    #: Fees of trades that nobody told; at most MAX_TOLD_AHEAD.
    fees: list[LooseFee] = []

    def add_fee(self, fee: LooseFee) -> None:
        """Remember a fee that belongs to no trade that is known."""
        kept = [each for each in self.fees if each.told_us >= fee.told_us - REMEMBERED_US]
        self.fees = [*kept, fee][-MAX_TOLD_AHEAD:]

    def fee_like(self, fee: LooseFee, statement: str, amount: Decimal) -> LooseFee | None:
        """Return the fee that another statement told: of the same trade, or else of the same amount and time."""
        near = [each for each in self.fees if each.may_be(fee.asset, fee.occurred_us, fee.step_us, fee.trade_id)]
        others = [each for each in near if statement not in each.told]
        by_id = [each for each in others if fee.trade_id is not None and each.trade_id == fee.trade_id]
        equal = (each for each in others if not with_fee(each.told, statement, fee.asset, amount)[1])
        return by_id[0] if by_id else next(equal, None)

    def replace_fee(self, fee: LooseFee, told: ByStatement | None) -> None:
        """Note what is told of a fee now; None: it is a known trade's, and is loose no more."""
        new = [] if told is None else [msgspec.structs.replace(fee, told=told)]
        at = next(index for index, each in enumerate(self.fees) if each is fee)
        self.fees = [*self.fees[:at], *new, *self.fees[at + 1 :]]

    def add(self, trade: ToldTrade) -> ToldTrade | None:
        """Remember a trade; return the one that is remembered no longer because there are too many, if any."""
        kept = [each for each in self.trades if each.told_us >= trade.told_us - REMEMBERED_US]
        dropped = kept.pop(0) if len(kept) >= MAX_TOLD_AHEAD else None
        self.trades = [*kept, trade]
        return dropped

    def replace(self, trade: ToldTrade) -> None:
        """Put a trade in the place of that of its key."""
        self.trades = [trade if each.key == trade.key else each for each in self.trades]

    def remove(self, key: str) -> None:
        """Forget a trade: an order has it."""
        self.trades = [each for each in self.trades if each.key != key]

    def like(self, symbol: str, side: str, us: int, step_us: int, trade_id: str | None) -> Iterator[ToldTrade]:
        """Yield the trades that a trade of a statement may be one with: those of its id, then the nearest in time."""
        same = [each for each in self.trades if (each.symbol, each.side) == (symbol, side)]
        by_id = [each for each in same if trade_id is not None and each.trade_id == trade_id]
        near = [each for each in same if each not in by_id and each.is_near(us, step_us)]
        either = [each for each in near if trade_id is None or each.trade_id is None]
        yield from by_id
        yield from sorted(either, key=lambda each: (abs(each.occurred_us - us), each.key))

    def claim(self, ids: frozenset[str], symbol: str, side: str, fill: ClaimingFill) -> Claimed | None:
        """Take what a fill of an order is of what was told: by the order's ids, or without one by time and price.

        None: nothing was told of it.
        """
        left, cash, sums = fill.quantity, ZERO, ByStatement()
        for trade in sorted(self.trades, key=lambda each: (each.quantity != left, each.occurred_us, each.key)):
            mine = trade.order_id in ids if trade.order_id is not None else fill.may_be(trade)
            if not left or not mine or (trade.symbol, trade.side) != (symbol, side):
                continue
            taken, rest = _split(trade, min(left, trade.quantity))
            left, cash, sums = left - taken.quantity, cash + taken.cash, joined(sums, taken.told)
            if rest is None:
                self.remove(trade.key)
            else:
                self.replace(rest)
        return None if left == fill.quantity else Claimed(fill.quantity - left, cash, sums)


def prices_agree(cash: Decimal | None, quantity: Decimal, other_cash: Decimal | None, other: Decimal) -> bool:
    """True if two quantities may be of one execution by their cash, or if the cash of one is not known."""
    if not cash or not other_cash:
        return True
    expected = other_cash * quantity
    return abs(cash * other - expected) <= expected * PRICE_WITHIN


def _split(trade: ToldTrade, part: Decimal) -> tuple[ToldTrade, ToldTrade | None]:
    """Return a part of a trade, with all that was told of fees, and the rest; None where nothing is left."""
    if part == trade.quantity:
        return trade, None
    cash = divide(trade.cash * part, trade.quantity)
    of_part = {name: Told(min(each.quantity, part), None, each.fees) for name, each in trade.told.items()}
    of_rest = {name: Told(each.quantity - min(each.quantity, part), None) for name, each in trade.told.items()}
    taken = msgspec.structs.replace(trade, quantity=part, cash=cash, told=of_part)
    return taken, msgspec.structs.replace(trade, quantity=trade.quantity - part, cash=trade.cash - cash, told=of_rest)
