"""What comes and goes by the clock: funding, interest, rewards. Pure.

1. Funding needs a position that settles in the asset, a time on the grid, and at most FUNDING_SHARE of its value.
2. Interest and rewards are at most SMALL_SHARE of what is held; nothing else tells them from a small deposit.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO, divide, plain
from recon.reconciliation.causes import advice, trades
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import CaseContext, ContractSeen, percent
from recon.reconciliation.model.break_ import Evidence
from recon.times import to_datetime

#: The most that one funding takes of a position's value: venues cap it below.
FUNDING_SHARE: Final = Decimal("0.01")
#: Interest and rewards are at most this share of what is held, at one time.
SMALL_SHARE: Final = Decimal("0.001")
#: A time is on the grid within this part of its step at most: else every time would be.
GRID_PARTS: Final = 4
_DAY_US: Final = 86_400_000_000


def funding(case: CaseContext) -> CauseMatch:
    """Funding of the positions that settle in this asset; under cross margin they are named as a set."""
    own, grid = case.own, case.funding
    held = [contract for contract in case.contracts if contract.settles_in == own.code and contract.position]
    if own.kind != "asset" or not held:
        return no_match(f"no position is held that settles in {own.code}")
    trade = trades.read(case)
    if not isinstance(trade, str) and trade.contract:
        return no_match(f"it did not move alone: {trade.why}")
    due_us = own.seen_us - own.seen_us % _DAY_US % grid.every_us
    late_us = (own.after_us or own.seen_us) - due_us
    if late_us > min(grid.within_us, grid.every_us // GRID_PARTS) + case.window_us:
        return no_match(f"it arose at least {late_us // 1_000_000} s after a time of the grid")
    # Paid late, or somewhere in a long stretch, anything else may be it as well.
    stretch = own.seen_us - (own.after_us or own.seen_us)
    exact = late_us <= case.window_us and stretch <= grid.every_us // 2
    on_time = Strength.STRONG if exact else Strength.POSSIBLE
    worth = [_value(contract) for contract in held]
    value = sum((each for each in worth if each is not None), ZERO)
    named = ", ".join(contract.code for contract in held)
    due = to_datetime(due_us).isoformat()
    if None in worth or not value:
        why = f"funding of {named} was due at {due}; the value of the position is not known"
        return CauseMatch(max(on_time, Strength.LIKELY), why, (Evidence(why),))
    share = divide(abs(own.amount), value)
    if share > FUNDING_SHARE:
        return no_match(f"it is {percent(share)} of the value of {named}: more than a venue takes at once")
    why = f"funding of {named} was due at {due}; it is {percent(share)} of a value of {plain(value)} {own.code}"
    return CauseMatch(on_time, why, (Evidence(why, own.until_seq, own.amount),))


def interest(case: CaseContext) -> CauseMatch:
    """Interest: a small share of what is held, either way."""
    return _small(case)


def reward(case: CaseContext) -> CauseMatch:
    """A reward: a small share of what is held that came in."""
    if case.own.amount < 0:
        return no_match("a reward comes in, and this went out")
    return _small(case)


def _small(case: CaseContext) -> CauseMatch:
    own = case.own
    if own.kind != "asset" or not own.expected:
        return no_match(f"no {own.code} was held that could earn or owe it")
    share = abs(divide(own.amount, own.expected))
    if share > SMALL_SHARE:
        return no_match(f"it is {percent(share)} of what is held: more than {percent(SMALL_SHARE)}")
    why = f"it is {percent(share)} of what is held"
    return CauseMatch(Strength.POSSIBLE, why, (Evidence(why, own.until_seq, own.amount),))


def _value(contract: ContractSeen) -> Decimal | None:
    """Return what a position is worth in the asset that it settles in, None where that is not known."""
    price = contract.price or contract.average
    if not price or contract.multiplier is None:
        return None
    size = abs(contract.position) * contract.multiplier
    return divide(size, price) if contract.inverse else size * price


FUNDING: Final = Cause(
    "funding",
    meaning="funding of a position, on its grid of times",
    applies_to="asset",
    advice=advice.STATEMENT,
    booked_as="funding",
    test=funding,
)
INTEREST: Final = Cause(
    "interest",
    meaning="interest charged or paid",
    applies_to="asset",
    advice=advice.STATEMENT,
    booked_as="interest",
    test=interest,
)
REWARD: Final = Cause(
    "reward",
    meaning="a reward, such as for staking",
    applies_to="asset",
    advice=advice.STATEMENT,
    booked_as="reward",
    test=reward,
)
CAUSES: Final = (FUNDING, INTEREST, REWARD)
