"""Residuals read as one trade: base against quote, or a position with the cash it realised. Pure (semantics 8.2).

1. Base and quote of one symbol moved opposite ways, at a price within MARKET_SHARE of the last one known.
2. A position moves alone, or with cash in what it settles in; that cash tells its price where the entry is known.
3. An order of ours admits a trade if its side, its open amount and its limit do, and nothing was heard of it since.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Final

import msgspec

from recon.exact import ONE, ZERO, divide, plain
from recon.reconciliation.causes.context import (
    MARKET_SHARE,
    CaseContext,
    ContractSeen,
    OrderSeen,
    Pair,
    Residual,
    percent,
    shown,
)

#: A price may be so much worse than the limit of an order, of which just all that was open is gone.
WHOLE_SHARE: Final = Decimal("0.02")


class Alone(Enum):
    """What is known of the other leg, where only one is seen to move; the sooner it may still show, the sooner here."""

    UNJUDGED = "is not judged"
    UNDECIDED = "is not decided yet"
    UNMOVED = "did not move"


class Trade(msgspec.Struct, frozen=True):
    """One trade that would leave such residuals; `why` has the arithmetic, `partners` are the breaks of it."""

    symbol: str
    quantity: Decimal
    price: Decimal | None
    #: Whether the price is near one that is known; a position without cash has none, and is not alone for that.
    priced: bool
    why: str
    partners: tuple[str, ...] = ()
    #: Where only one leg is seen to move: what is known of the other.
    alone: Alone | None = None
    contract: bool = False


def read(case: CaseContext) -> Trade | str:
    """Return the trade that a case reads as, the nearest to its market; else why it reads as none."""
    if case.own.kind == "contract":
        return _of_position(case, case.own)
    for leg in case.legs:
        if leg.kind == "contract" and _contract(case, leg.code).settles_in == case.own.code:
            return _of_position(case, leg)
    return _of_fee(case) or _of_pair(case)


def admitting(case: CaseContext, trade: Trade) -> OrderSeen | None:
    """Return the order of ours that admits a trade, the closest in amount; a vanished one first."""
    found = [order for order in case.orders if order.symbol == trade.symbol and _admits(case, order, trade)]
    return min(found, key=lambda order: (not order.vanished, (order.open or ZERO) - abs(trade.quantity)), default=None)


def vanished_together(case: CaseContext, trade: Trade) -> list[OrderSeen]:
    """Return the vanished orders of a symbol whose open amounts add up to a trade, if they do."""
    gone = [order for order in case.orders if order.vanished and order.symbol == trade.symbol and order.open]
    total = sum(((-order.open if order.side == "SELL" else order.open) for order in gone if order.open), ZERO)
    return gone if len(gone) > 1 and total == trade.quantity else []


def implied_price(contract: ContractSeen, quantity: Decimal, cash: Decimal) -> Decimal | None:
    """Return the price at which closing `quantity` (signed) of a contract realises `cash`, None where not known."""
    multiplier, average = contract.multiplier, contract.average
    if not multiplier or not average or not quantity:
        return None
    moved = divide(cash, quantity * multiplier)
    if not contract.inverse:
        return average - moved
    rate = divide(ONE, average) + moved
    return divide(ONE, rate) if rate > 0 else None


def _of_position(case: CaseContext, position: Residual) -> Trade:
    contract = _contract(case, position.code)
    assets = [leg for leg in (case.own, *case.legs) if leg.kind == "asset"]
    cash = next((leg for leg in assets if leg.code == contract.settles_in), None)
    price = None if cash is None else implied_price(contract, position.amount, cash.amount)
    why = f"the position in {position.code} moved by {plain(position.amount)}"
    if cash is not None:
        why += f", {cash.code} by {plain(cash.amount)}"
        if price is not None:
            why += f", which is a price of {shown(price)}"
    partners = tuple(leg.break_id for leg in (position, cash) if leg is not None and leg is not case.own)
    return Trade(position.code, position.amount, price, priced=True, why=why, partners=partners, contract=True)


def _of_fee(case: CaseContext) -> Trade | None:
    """Read an asset that a trade beside it does not move as the fee of that trade."""
    own, usd = case.own, case.own.usd
    codes = {own.code} | {leg.code for leg in case.legs if leg.kind == "contract"}
    if usd is None or usd >= 0 or not case.legs:
        return None
    for leg in case.legs:
        if leg.kind != "asset" or leg.code in codes or not leg.usd or abs(usd) > case.learn_up_to * abs(leg.usd):
            continue
        others = tuple(each for each in case.legs if each is not leg)
        trade = _of_pair(msgspec.structs.replace(case, own=leg, legs=others))
        if isinstance(trade, str) or trade.alone is not None or own.break_id in trade.partners:
            continue
        why = f"{trade.why}; {plain(-own.amount)} {own.code} is {percent(divide(-usd, abs(leg.usd)))} of it, a fee"
        return msgspec.structs.replace(trade, why=why, partners=(leg.break_id, *trade.partners))
    return None


def _of_pair(case: CaseContext) -> Trade | str:
    own = case.own
    pairs = [pair for pair in case.pairs if own.code in (pair.base, pair.quote)]
    if not pairs:
        return f"{own.code} is in no symbol that is traded"
    best: tuple[Decimal, Trade] | None = None
    off = ""
    for pair in pairs:
        other = pair.quote if pair.base == own.code else pair.base
        for leg in case.legs:
            if leg.kind != "asset" or leg.code != other:
                continue
            found = _priced(pair, *((own, leg) if pair.base == own.code else (leg, own)))
            if isinstance(found, str):
                off = found
            elif best is None or found[0] < best[0]:
                best = found
    if best is not None:
        trade = best[1]
        return msgspec.structs.replace(trade, partners=tuple(each for each in trade.partners if each != own.break_id))
    return _lone(case, pairs) or off or f"nothing moved the other way in {_others(own.code, pairs)}"


def _priced(pair: Pair, base: Residual, quote: Residual) -> tuple[Decimal, Trade] | str:
    """Return the reading of two legs that is nearest to the market, with its distance; else why there is none."""
    market = pair.price
    if market is None and base.rate_usd and quote.rate_usd:
        market = divide(base.rate_usd, quote.rate_usd)
    nearest: tuple[Decimal, Decimal, Decimal] | None = None
    for quantity in base.amounts:
        for cash in quote.amounts:
            if not quantity or not cash or (quantity > 0) == (cash > 0):
                continue
            price = divide(abs(cash), abs(quantity))
            off = ZERO if not market else abs(divide(price, market) - 1)
            if nearest is None or off < nearest[0]:
                nearest = (off, quantity, price)
    if nearest is None:
        return f"{quote.code} did not move the other way"
    off, quantity, price = nearest
    known = "no price is known" if not market else f"{percent(off)} from the last price {shown(market)}"
    why = f"{plain(quantity)} {base.code} against {quote.code} is a price of {shown(price)}, {known}"
    if off > MARKET_SHARE:
        return f"{why}: too far for a trade in {pair.symbol}"
    return off, Trade(pair.symbol, quantity, price, bool(market), why, (base.break_id, quote.break_id))


def _lone(case: CaseContext, pairs: list[Pair]) -> Trade | None:
    """Read one leg alone as a trade: any base whose quote is hidden, and else what is all of an order of ours."""
    hidden = dict.fromkeys(case.undecided, Alone.UNDECIDED) | dict.fromkeys(case.unjudged, Alone.UNJUDGED)
    found: list[Trade] = []
    for pair in pairs:
        is_base = pair.base == case.own.code
        other = pair.quote if is_base else pair.base
        alone = hidden.get(other, Alone.UNMOVED)
        why = f"{plain(case.own.amount)} {case.own.code} alone, and {other} {alone.value}"
        if is_base and alone is not Alone.UNMOVED:
            found.append(Trade(pair.symbol, case.own.amount, None, priced=False, why=why, alone=alone))
            continue
        whole = _whole_order(case, pair)
        if whole is not None:
            quantity, price = whole
            why += f": all that was open of an order of {plain(abs(quantity))} {pair.symbol}"
            found.append(Trade(pair.symbol, quantity, price, priced=False, why=why, alone=alone))
    return min(found, key=lambda trade: list(Alone).index(trade.alone or Alone.UNMOVED), default=None)


def _whole_order(case: CaseContext, pair: Pair) -> tuple[Decimal, Decimal | None] | None:
    """Return the quantity, and the price if it is known, at which one leg is all that is open of an order of ours."""
    amount, fee = case.own.amount, case.learn_up_to
    for order in case.orders:
        if order.symbol != pair.symbol or not order.open:
            continue
        bought = order.side != "SELL"
        quantity = order.open if bought else -order.open
        if pair.base == case.own.code:
            if bought == (amount > 0) and abs(amount - quantity) <= fee * order.open:
                return amount, None
        elif order.price and bought == (amount < 0):
            price = divide(abs(amount), order.open)
            if abs(price - order.price) <= fee * order.price:
                return quantity, price
    return None


def _others(code: str, pairs: list[Pair]) -> str:
    others = sorted({pair.quote if pair.base == code else pair.base for pair in pairs})
    return ", ".join(others[:4]) + (" …" if len(others) > 4 else "")


def _contract(case: CaseContext, code: str) -> ContractSeen:
    return next((contract for contract in case.contracts if contract.code == code), ContractSeen(code))


def contract_of(case: CaseContext, trade: Trade) -> ContractSeen:
    """Return the contract that a trade is in."""
    return _contract(case, trade.symbol)


def _admits(case: CaseContext, order: OrderSeen, trade: Trade) -> bool:
    """Tell whether an order of ours could have filled like this; fees, of other fills too, may hide in either leg."""
    bought, amount = trade.quantity > 0, abs(trade.quantity)
    fee = case.learn_up_to
    if (order.side == "BUY") != bought or order.open is None:
        return False
    if amount > order.open * (1 if trade.contract else 1 + fee):
        return False
    if order.updated_us > case.own.seen_us + case.window_us and not order.vanished:
        return False
    if order.price is None or trade.price is None:
        return True
    share = WHOLE_SHARE if order.open - amount <= fee * order.open else fee
    worse = trade.price - order.price if bought else order.price - trade.price
    return worse <= share * order.price
