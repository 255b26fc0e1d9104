"""What a rate is a rate of: the side of a fill, the class of its order and the market. Pure (semantics 8.5)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from recon.ledger.fees.schedule import rule_of
from recon.ledger.rules import FeeRule

#: What an order's terms and fills say of its liquidity: it only makes, it only takes, it rested in the order book
#: before the fill, or none of these is known.
OrderClass = Literal["post_only", "immediate", "rested", "other"]
ORDER_CLASSES: Final[tuple[OrderClass, ...]] = ("post_only", "immediate", "rested", "other")
#: Classes whose liquidity is certain: their fills pay one rate at a time.
CERTAIN_CLASSES: Final = frozenset({"post_only", "immediate"})
#: The class of orders that only take.
TAKER_CLASS: Final = "immediate"
#: Terms of orders that only make, or that only take.
_MAKER: Final = frozenset({"MAKER_OR_CANCEL", "POST_ONLY"})
_TAKER: Final = frozenset({"IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"})

#: Rates are integers, in units of 1e-7 of turnover: digits of a unit, and units of the whole.
RATE_DIGITS: Final = 7
RATES: Final = 10**RATE_DIGITS
#: The market of a schedule's line that selects all fills.
ANY: Final = "any"
#: Before every time, in microseconds: what a schedule tells holds since then.
LONG_AGO: Final = -(1 << 62)

#: Roles of the asset that a fee is taken in.
QUOTE: Final = "quote"
BASE: Final = "base"
_THIRD: Final = "third:"


class FeeKey(NamedTuple):
    """What a rate is a rate of.

    `role`: "quote", "base", or "third:CODE" for a fee taken in an asset that the fill does not move. `side`: 1 if the
    fill's leg was received, -1 if paid, 0 for a third asset. `market`: what `market_of` returns, so that what a
    schedule or a venue may price apart is kept apart.
    """

    role: str
    side: int
    order_class: str
    market: str


@lru_cache(maxsize=1024)
def fee_key(role: str, side: int, order_class: str, market: str) -> FeeKey:
    """Return a key, the same one for equal parts: each leg of a fill asks for one."""
    return FeeKey(role, side, order_class, market)


def order_class_of(
    time_in_force: str | None, exec_inst: Sequence[str] | str | None, order_type: str | None
) -> OrderClass:
    """Return what an order's terms say of its liquidity: a market order takes as an immediate one does."""
    instructions = (exec_inst,) if isinstance(exec_inst, str) else exec_inst or ()
    if any(instruction in _MAKER for instruction in instructions):
        return "post_only"
    return "immediate" if time_in_force in _TAKER or order_type == "MARKET" else "other"


def share_of(rate: int) -> Decimal:
    """Return a rate, in units of 1e-7, as a share of turnover."""
    return Decimal(rate).scaleb(-RATE_DIGITS)


def third(code: str) -> str:
    """Return the role of an asset, by its code, that a fee is taken in though the fill does not move it."""
    return _THIRD + code


def certain(key: FeeKey) -> bool:
    """True if the fills of a key all make or all take liquidity."""
    return key.order_class in CERTAIN_CLASSES


def market_of(rules: Sequence[FeeRule], symbol: str | None, instrument: str | None) -> str:
    """Return the label of the schedule's line that matches a fill, or else the type of its instrument.

    An unknown type is an empty text.
    """
    rule = rule_of(rules, symbol, instrument)
    return (instrument or "") if rule is None else line_label(rule)


def line_label(rule: FeeRule) -> str:
    """Return the label of a schedule's line: the fills that it selects, whatever its rates and its place."""
    kind = rule.instrument or ANY
    return kind if rule.symbol is None else f"{kind} {rule.symbol}"


def role_of(rule: FeeRule | None, part: Literal["quote", "base"], code: str) -> str:
    """Return the role of a fill's leg: `part`, or the third asset if the schedule names the leg's asset by its code.

    `rule` is the schedule's line that matches the fill, if any.
    """
    return third(code) if rule is not None and rule.asset == code else part
