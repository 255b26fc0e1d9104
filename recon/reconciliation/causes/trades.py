"""Breaks read as one trade: base against quote, or a position with the cash it realised. Pure (semantics 8.2).

1. Base and quote of one symbol moved opposite ways, at a price within MAX_PRICE_DISTANCE of the last known price.
2. A position moves alone, or with cash in its settlement asset; the cash gives the price if the entry price is known.
3. An own order admits a trade by its side, open amount and limit, if no later report of the order exists.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Final

import msgspec

from recon.display.figures import shown
from recon.exact import ONE, ZERO, divide
from recon.reconciliation.causes.context import (
    MAX_PRICE_DISTANCE,
    AccountContract,
    BreakContext,
    BreakSummary,
    OwnOrder,
    SpotPair,
)
from recon.reconciliation.causes.formatting import number_text, percent_text

#: How much worse than an order's limit a price may be if exactly the open amount of the order is gone.
_MAX_DISTANCE_OF_WHOLE: Final = Decimal("0.02")
#: Assets named in a reason.
_MAX_NAMED: Final = 4


class MissingLeg(Enum):
    """Why only one leg of a trade moved: first the reasons after which the other leg may still move."""

    UNCOMPARED = "is not judged"
    UNDECIDED = "is not decided yet"
    UNMOVED = "did not move"


class Trade(msgspec.Struct, frozen=True):
    """One trade that leaves these breaks; `why` contains the arithmetic."""

    symbol: str
    quantity: Decimal
    price: Decimal | None
    #: True if the price is near a known one; a position without cash has no price, and counts as true.
    has_market_price: bool
    why: str
    #: The breaks that are the other legs of the trade, by id.
    breaks: tuple[str, ...] = ()
    #: None: both legs moved.
    missing_leg: MissingLeg | None = None
    contract: bool = False


def trade_of(context: BreakContext) -> Trade | str:
    """Return the trade nearest to the market that leaves these breaks; else the reason why none does."""
    if context.break_.kind == "contract":
        return _position_trade(context, context.break_)
    for leg in context.related_breaks:
        if leg.kind == "contract" and _contract(context, leg.code).settles_in == context.break_.code:
            return _position_trade(context, leg)
    return _trade_of_fee(context) or _pair_trade(context)


def admitting_order(context: BreakContext, trade: Trade) -> OwnOrder | None:
    """Return the own order that admits a trade: a vanished one first, then the nearest in amount."""
    orders = [order for order in context.orders if order.symbol == trade.symbol and _admits(context, order, trade)]
    return min(orders, key=lambda order: (not order.vanished, (order.open or ZERO) - abs(trade.quantity)), default=None)


def vanished_orders(context: BreakContext, trade: Trade) -> list[OwnOrder]:
    """Return the vanished orders of a symbol if their open amounts add up to the trade, else none."""
    orders = [order for order in context.orders if order.vanished and order.symbol == trade.symbol and order.open]
    total = sum((order.signed_open for order in orders), ZERO)
    return orders if len(orders) > 1 and total == trade.quantity else []


def implied_price(contract: AccountContract, quantity: Decimal, cash: Decimal) -> Decimal | None:
    """Return the price at which closing `quantity` (signed) of a contract realises `cash`, None if not known."""
    multiplier, average = contract.multiplier, contract.average
    if not multiplier or not average or not quantity:
        return None
    moved = divide(cash, quantity * multiplier)
    if not contract.inverse:
        return average - moved
    rate = divide(ONE, average) + moved
    return divide(ONE, rate) if rate > 0 else None


def contract_of(context: BreakContext, trade: Trade) -> AccountContract:
    """Return the contract that was traded."""
    return _contract(context, trade.symbol)


def _contract(context: BreakContext, code: str) -> AccountContract:
    return next((contract for contract in context.contracts if contract.code == code), AccountContract(code))


def _position_trade(context: BreakContext, position: BreakSummary) -> Trade:
    contract = _contract(context, position.code)
    cash = _settled_cash(context, contract)
    price = None
    why = f"the position in {position.code} moved by {shown(position.amount)}"
    if cash is not None:
        why += f", {cash.code} by {shown(cash.amount)}"
        price = implied_price(contract, position.amount, cash.amount)
        if price is not None:
            why += f", which is a price of {number_text(price)}"
    breaks = tuple(leg.break_id for leg in (position, cash) if leg is not None and leg is not context.break_)
    return Trade(position.code, position.amount, price, has_market_price=True, why=why, breaks=breaks, contract=True)


def _settled_cash(context: BreakContext, contract: AccountContract) -> BreakSummary | None:
    assets = (leg for leg in (context.break_, *context.related_breaks) if leg.kind == "asset")
    return next((leg for leg in assets if leg.code == contract.settles_in), None)


def _trade_of_fee(context: BreakContext) -> Trade | None:
    """Return the trade of two related breaks whose fee this break can be, if any."""
    break_, usd = context.break_, context.break_.usd
    if usd is None or usd >= 0:
        return None
    for leg in context.related_breaks:
        if not _can_be_fee_of(context, -usd, leg):
            continue
        others = tuple(other for other in context.related_breaks if other is not leg)
        trade = _pair_trade(msgspec.structs.replace(context, break_=leg, related_breaks=others))
        if isinstance(trade, str) or trade.missing_leg is not None or break_.break_id in trade.breaks:
            continue
        rate = percent_text(divide(-usd, abs(leg.usd or ZERO)))
        why = f"{trade.why}; {shown(-break_.amount)} {break_.code} is {rate} of it, a fee"
        return msgspec.structs.replace(trade, why=why, breaks=(leg.break_id, *trade.breaks))
    return None


def _can_be_fee_of(context: BreakContext, fee_usd: Decimal, leg: BreakSummary) -> bool:
    """True if the fee is small enough for a trade of this leg; an asset named like a contract is no leg of a pair."""
    contracts = {other.code for other in context.related_breaks if other.kind == "contract"}
    if leg.kind != "asset" or leg.code == context.break_.code or leg.code in contracts:
        return False
    return bool(leg.usd) and fee_usd <= context.max_fee_rate * abs(leg.usd or ZERO)


def _pair_trade(context: BreakContext) -> Trade | str:
    """Return the trade of two breaks of one pair that is nearest to the market, else one with a missing leg."""
    break_ = context.break_
    pairs = [pair for pair in context.pairs if break_.code in {pair.base, pair.quote}]
    if not pairs:
        return f"{break_.code} is in no symbol that is traded"
    readings = _readings(context, pairs)
    trades = [reading for reading in readings if not isinstance(reading, str)]
    if trades:
        _, trade = min(trades, key=lambda reading: reading[0])
        return msgspec.structs.replace(trade, breaks=tuple(id_ for id_ in trade.breaks if id_ != break_.break_id))
    one_legged = _one_legged_trade(context, pairs)
    if one_legged is not None:
        return one_legged
    reasons = [reading for reading in readings if isinstance(reading, str)]
    return reasons[-1] if reasons else f"nothing moved the other way in {_others(break_.code, pairs)}"


def _readings(context: BreakContext, pairs: list[SpotPair]) -> list[tuple[Decimal, Trade] | str]:
    """Return what this break is with each related break that can be the other leg of a pair."""
    break_ = context.break_
    return [
        _priced_trade(pair, break_, leg) if pair.base == break_.code else _priced_trade(pair, leg, break_)
        for pair in pairs
        for leg in context.related_breaks
        if leg.kind == "asset" and leg.code == _other(break_.code, pair)
    ]


def _priced_trade(pair: SpotPair, base: BreakSummary, quote: BreakSummary) -> tuple[Decimal, Trade] | str:
    """Return the trade of two legs with its distance from the market, else the reason why they are none.

    Of several possible amounts, those with the price nearest to the market are chosen.
    """
    market = pair.price
    if market is None and base.rate_usd and quote.rate_usd:
        market = divide(base.rate_usd, quote.rate_usd)
    readings: list[tuple[Decimal, Decimal, Decimal]] = []
    for quantity in base.amounts:
        for cash in quote.amounts:
            if quantity and cash and (quantity > 0) != (cash > 0):
                price = divide(abs(cash), abs(quantity))
                readings.append((abs(divide(price, market) - 1) if market else ZERO, quantity, price))
    if not readings:
        return f"{quote.code} did not move the other way"
    distance, quantity, price = min(readings, key=lambda reading: reading[0])
    compared = f"{percent_text(distance)} from the last price {number_text(market)}" if market else "no price is known"
    why = f"{shown(quantity)} {base.code} against {quote.code} is a price of {number_text(price)}, {compared}"
    if distance > MAX_PRICE_DISTANCE:
        return f"{why}: too far for a trade in {pair.symbol}"
    return distance, Trade(pair.symbol, quantity, price, bool(market), why, (base.break_id, quote.break_id))


def _one_legged_trade(context: BreakContext, pairs: list[SpotPair]) -> Trade | None:
    """Return this break alone as a trade, if any: a base whose quote is hidden, or exactly one open own order."""
    hidden = dict.fromkeys(context.undecided, MissingLeg.UNDECIDED)
    hidden |= dict.fromkeys(context.uncompared, MissingLeg.UNCOMPARED)
    break_ = context.break_
    trades: list[Trade] = []
    for pair in pairs:
        other = _other(break_.code, pair)
        missing = hidden.get(other, MissingLeg.UNMOVED)
        quantity, price = break_.amount, None
        why = f"{shown(break_.amount)} {break_.code} alone, and {other} {missing.value}"
        if pair.base != break_.code or missing is MissingLeg.UNMOVED:
            whole = _whole_order(context, pair)
            if whole is None:
                continue
            quantity, price = whole
            why += f": all that was open of an order of {shown(abs(quantity))} {pair.symbol}"
        trades.append(Trade(pair.symbol, quantity, price, has_market_price=False, why=why, missing_leg=missing))
    return min(trades, key=lambda trade: list(MissingLeg).index(trade.missing_leg or MissingLeg.UNMOVED), default=None)


def _whole_order(context: BreakContext, pair: SpotPair) -> tuple[Decimal, Decimal | None] | None:
    """Return quantity and price (None: not known) if this break is one leg of all that was open of an own order."""
    amount, max_fee = context.break_.amount, context.max_fee_rate
    for order in context.orders:
        if order.symbol != pair.symbol or not order.open:
            continue
        quantity, bought = order.signed_open, order.signed_open > 0
        if pair.base == context.break_.code:
            if bought == (amount > 0) and abs(amount - quantity) <= max_fee * order.open:
                return amount, None
        elif order.price and bought == (amount < 0):
            price = divide(abs(amount), order.open)
            if abs(price - order.price) <= max_fee * order.price:
                return quantity, price
    return None


def _other(code: str, pair: SpotPair) -> str:
    return pair.quote if pair.base == code else pair.base


def _others(code: str, pairs: list[SpotPair]) -> str:
    others = sorted({_other(code, pair) for pair in pairs})
    return ", ".join(others[:_MAX_NAMED]) + (" …" if len(others) > _MAX_NAMED else "")


def _admits(context: BreakContext, order: OwnOrder, trade: Trade) -> bool:
    """True if an own order can have filled like this; fees, also of other fills, may be part of either leg."""
    amount, max_fee = abs(trade.quantity), context.max_fee_rate
    if (order.side == "BUY") != (trade.quantity > 0) or order.open is None:
        return False
    if amount > order.open * (1 if trade.contract else 1 + max_fee):
        return False
    if order.updated_us > context.break_.seen_us + context.window_us and not order.vanished:
        return False
    is_whole = order.open - amount <= max_fee * order.open
    return _is_within_limit(order, trade, _MAX_DISTANCE_OF_WHOLE if is_whole else max_fee)


def _is_within_limit(order: OwnOrder, trade: Trade, max_distance: Decimal) -> bool:
    """True if the price is at most this share worse than the limit; also if one of the two is not known."""
    if order.price is None or trade.price is None:
        return True
    worse = trade.price - order.price if trade.quantity > 0 else order.price - trade.price
    return worse <= max_distance * order.price
