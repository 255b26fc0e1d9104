"""Payments that come by the clock: funding, off-exchange settlements, interest, rewards. Pure.

1. Funding needs a position that settles in the asset, a time on the grid, and at most MAX_FUNDING_SHARE of its value.
2. An off-exchange settlement needs its grid in the settings; several assets that move then are one settlement.
3. Interest and rewards are at most MAX_INTEREST_SHARE of the balance; otherwise they look like a small deposit.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO, divide
from recon.ledger.rules import Funding, OffExchangeSettlement
from recon.reconciliation.causes import advice, trades
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import AccountContract, BreakContext, BreakSummary
from recon.reconciliation.causes.formatting import number_text, percent_text
from recon.reconciliation.model.break_ import Evidence
from recon.times import to_datetime

#: The largest share of a position's value that one funding takes: venues cap it below.
MAX_FUNDING_SHARE: Final = Decimal("0.01")
#: The largest share of a balance that interest or a reward changes at one time.
MAX_INTEREST_SHARE: Final = Decimal("0.001")
#: A time is on the grid at most this part of its step late; with a larger part every time would be.
_GRID_PARTS: Final = 4
_DAY_US: Final = 86_400_000_000
#: Assets that a reason names.
_MAX_NAMED: Final = 8
#: Times at which something is due.
Grid = Funding | OffExchangeSettlement


def _funding(context: BreakContext) -> CauseMatch:
    """Match funding of all positions that settle in this asset: under cross margin they pay together."""
    break_ = context.break_
    contracts = [contract for contract in context.contracts if contract.settles_in == break_.code and contract.position]
    if not contracts:
        return no_match(f"no position is held that settles in {break_.code}")
    trade = trades.trade_of(context)
    if not isinstance(trade, str) and trade.contract:
        return no_match(f"it did not move alone: {trade.why}")
    grid = context.funding
    due_us, late_us = _due_us(break_, grid), _lateness_us(break_, grid)
    if late_us > _max_lateness_us(context, grid):
        return no_match(f"it arose at least {late_us // 1_000_000} s after a time of the grid")
    codes = ", ".join(contract.code for contract in contracts)
    due = f"funding of {codes} was due at {to_datetime(due_us).isoformat()}"
    value, strength = _total_value(contracts), Strength.STRONG if _is_timely(context, grid) else Strength.POSSIBLE
    if not value:
        why = f"{due}; the value of the position is not known"
        return CauseMatch(max(strength, Strength.LIKELY), why, (Evidence(why),))
    share = divide(abs(break_.amount), value)
    if share > MAX_FUNDING_SHARE:
        return no_match(f"it is {percent_text(share)} of the value of {codes}: more than a venue takes at once")
    why = f"{due}; it is {percent_text(share)} of a value of {number_text(value)} {break_.code}"
    return CauseMatch(strength, why, (Evidence(why, break_.until_seq, break_.amount),))


def _due_us(break_: BreakSummary, grid: Grid) -> int:
    """Return the last time of a grid that starts at midnight UTC, before the report that shows a break."""
    return break_.seen_us - break_.seen_us % _DAY_US % grid.every_us


def _lateness_us(break_: BreakSummary, grid: Grid) -> int:
    """Return how long after that time a break arose at least."""
    return (break_.after_us or break_.seen_us) - _due_us(break_, grid)


def _max_lateness_us(context: BreakContext, grid: Grid) -> int:
    return min(grid.within_us, grid.every_us // _GRID_PARTS) + context.window_us


def _is_timely(context: BreakContext, grid: Grid) -> bool:
    """True if the time supports a payment: a late one, or one with a long origin, can be anything else."""
    break_ = context.break_
    origin_us = break_.seen_us - (break_.after_us or break_.seen_us)
    return _lateness_us(break_, grid) <= context.window_us and origin_us <= grid.every_us // 2


def _off_exchange_settlement(context: BreakContext) -> CauseMatch:
    """Match what moved at a time of settlement: custodian and venue clear the assets of the account together."""
    break_, grid = context.break_, context.settlement
    if grid is None:
        return no_match("the settings name no off-exchange settlement of the account")
    late_us = _lateness_us(break_, grid)
    if late_us > _max_lateness_us(context, grid):
        return no_match(f"it arose at least {late_us // 1_000_000} s after a time of settlement")
    trade = trades.trade_of(context)
    order = None if isinstance(trade, str) else trades.admitting_order(context, trade)
    if order is not None:
        return no_match(f"our order {order.key} could account for it")
    due_us = _due_us(break_, grid)
    beside = [leg for leg in context.related_breaks if leg.kind == "asset" and _due_us(leg, grid) == due_us]
    why = f"an off-exchange settlement was due at {to_datetime(due_us).isoformat()}"
    if beside:
        why = f"{why}; {', '.join(leg.code for leg in beside[:_MAX_NAMED])} moved with it"
    traded = not isinstance(trade, str) and trade.missing_leg is None and len(beside) == 1
    best = Strength.STRONG if beside and not traded else Strength.LIKELY
    strength = best if _is_timely(context, grid) else Strength(best + 1)
    breaks = tuple(leg.break_id for leg in beside)
    return CauseMatch(strength, why, (Evidence(why, break_.until_seq, break_.amount),), breaks)


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
OFF_EXCHANGE_SETTLEMENT: Final = Cause(
    "off_exchange_settlement",
    meaning="a custodian and the venue settled what was traded, on its grid of times",
    applies_to="asset",
    floor="low",
    advice=advice.STATEMENT,
    booked_as="transfer",
    test=_off_exchange_settlement,
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
CAUSES: Final = (FUNDING, OFF_EXCHANGE_SETTLEMENT, INTEREST, REWARD)
