"""Payments that come by the clock: funding, interest, rewards. Pure.

1. Funding needs a position that settles in the asset, a time on the grid, and at most MAX_FUNDING_SHARE of its value.
2. Interest and rewards are at most MAX_INTEREST_SHARE of the balance; otherwise they look like a small deposit.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO, divide, plain
from recon.reconciliation.causes import advice, trades
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import AccountContract, BreakContext
from recon.reconciliation.causes.formatting import percent_text
from recon.reconciliation.model.break_ import Evidence
from recon.times import to_datetime

#: The largest share of a position's value that one funding takes: venues cap it below.
MAX_FUNDING_SHARE: Final = Decimal("0.01")
#: The largest share of a balance that interest or a reward changes at one time.
MAX_INTEREST_SHARE: Final = Decimal("0.001")
#: A time is on the grid at most this part of its step late; with a larger part every time would be.
_GRID_PARTS: Final = 4
_DAY_US: Final = 86_400_000_000


def _funding(context: BreakContext) -> CauseMatch:
    """Match funding of all positions that settle in this asset: under cross margin they pay together."""
    break_ = context.break_
    contracts = [contract for contract in context.contracts if contract.settles_in == break_.code and contract.position]
    if not contracts:
        return no_match(f"no position is held that settles in {break_.code}")
    trade = trades.trade_of(context)
    if not isinstance(trade, str) and trade.contract:
        return no_match(f"it did not move alone: {trade.why}")
    due_us = break_.seen_us - break_.seen_us % _DAY_US % context.funding.every_us
    late_us = (break_.after_us or break_.seen_us) - due_us
    if late_us > _max_lateness_us(context):
        return no_match(f"it arose at least {late_us // 1_000_000} s after a time of the grid")
    codes = ", ".join(contract.code for contract in contracts)
    due = f"funding of {codes} was due at {to_datetime(due_us).isoformat()}"
    value = _total_value(contracts)
    if not value:
        why = f"{due}; the value of the position is not known"
        return CauseMatch(max(_strength_of_time(context, late_us), Strength.LIKELY), why, (Evidence(why),))
    share = divide(abs(break_.amount), value)
    if share > MAX_FUNDING_SHARE:
        return no_match(f"it is {percent_text(share)} of the value of {codes}: more than a venue takes at once")
    why = f"{due}; it is {percent_text(share)} of a value of {plain(value)} {break_.code}"
    return CauseMatch(_strength_of_time(context, late_us), why, (Evidence(why, break_.until_seq, break_.amount),))


def _max_lateness_us(context: BreakContext) -> int:
    grid = context.funding
    return min(grid.within_us, grid.every_us // _GRID_PARTS) + context.window_us


def _strength_of_time(context: BreakContext, late_us: int) -> Strength:
    """Return how strongly the time supports funding: a late payment, or a long origin, can be anything else."""
    break_ = context.break_
    origin_us = break_.seen_us - (break_.after_us or break_.seen_us)
    exact = late_us <= context.window_us and origin_us <= context.funding.every_us // 2
    return Strength.STRONG if exact else Strength.POSSIBLE


def _total_value(contracts: list[AccountContract]) -> Decimal | None:
    """Return the value of the positions in their settlement asset, None if one of them is not known."""
    total = ZERO
    for contract in contracts:
        value = _value(contract)
        if value is None:
            return None
        total += value
    return total


def _value(contract: AccountContract) -> Decimal | None:
    price = contract.price or contract.average
    if not price or contract.multiplier is None:
        return None
    size = abs(contract.position) * contract.multiplier
    return divide(size, price) if contract.inverse else size * price


def _interest(context: BreakContext) -> CauseMatch:
    break_ = context.break_
    if not break_.expected:
        return no_match(f"no {break_.code} was held that could earn or owe it")
    share = abs(divide(break_.amount, break_.expected))
    if share > MAX_INTEREST_SHARE:
        return no_match(f"it is {percent_text(share)} of what is held: more than {percent_text(MAX_INTEREST_SHARE)}")
    why = f"it is {percent_text(share)} of what is held"
    return CauseMatch(Strength.POSSIBLE, why, (Evidence(why, break_.until_seq, break_.amount),))


def _reward(context: BreakContext) -> CauseMatch:
    if context.break_.amount < 0:
        return no_match("rewards are credits; this is a debit")
    return _interest(context)


FUNDING: Final = Cause(
    "funding",
    meaning="funding of a position, on its grid of times",
    applies_to="asset",
    advice=advice.STATEMENT,
    booked_as="funding",
    test=_funding,
)
INTEREST: Final = Cause(
    "interest",
    meaning="interest charged or paid",
    applies_to="asset",
    advice=advice.STATEMENT,
    booked_as="interest",
    test=_interest,
)
REWARD: Final = Cause(
    "reward",
    meaning="a reward, for instance for staking",
    applies_to="asset",
    advice=advice.STATEMENT,
    booked_as="reward",
    test=_reward,
)
CAUSES: Final = (FUNDING, INTEREST, REWARD)
