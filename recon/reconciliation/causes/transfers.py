"""Assets that come, go, or turn into others: deposits, withdrawals, transfers, conversions. Pure.

1. A transfer is the same asset going from one account and coming to another of the gateway within TRANSFER_US; what is
   lost between is the network fee.
2. A conversion is two assets of one account changing places for the same value. Where they are traded against each
   other nothing tells it from a trade made elsewhere.
3. What is locked just before it leaves, or while it comes in, points at a withdrawal or deposit. Else one asset alone
   is one by its sign only, and whatever else is that small may be it as well.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import divide, plain
from recon.reconciliation.causes import advice, trades
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import MARKET_SHARE, CaseContext, percent, significant
from recon.reconciliation.causes.fees import is_fee_like
from recon.reconciliation.model.break_ import Evidence

#: The two ends of a transfer are at most this far apart in log time.
TRANSFER_US: Final = 3_600_000_000
#: A network fee is at most this share of what was sent.
NETWORK_FEE_SHARE: Final = Decimal("0.02")
#: Two sides of a conversion are worth the same within this share: spread, fee and the age of rates.
CONVERSION_SHARE: Final = Decimal("0.02")
#: Orders lock in lots; an amount of so many lots or fewer may be theirs.
ORDERS_AT_ONCE: Final = 4
#: A number of at most so many significant digits is round: people choose such amounts.
ROUND_DIGITS: Final = 2


def transfer(case: CaseContext) -> CauseMatch:
    """The same asset went out of one account and came into another."""
    own = case.own
    if own.kind != "asset":
        return no_match("a contract cannot be sent")
    refused = f"no other account of the gateway moved {own.coinapi or own.code} the other way at that time"
    for other in case.elsewhere:
        if (other.amount > 0) == (own.amount > 0) or abs(other.seen_us - own.seen_us) > TRANSFER_US:
            continue
        sent, received = (own, other) if own.amount < 0 else (other, own)
        lost = -sent.amount - received.amount
        if lost < -case.tolerance or lost > NETWORK_FEE_SHARE * -sent.amount:
            refused = f"{other.account} moved by {plain(other.amount)}: the difference is no network fee"
            continue
        fee = "nothing lost" if lost <= 0 else f"{plain(lost)} lost on the way"
        strength = Strength.POSSIBLE if is_fee_like(case) else Strength.STRONG
        amounts = f"{plain(-sent.amount)} left {sent.account}, {plain(received.amount)} came to {received.account}"
        seen = Evidence(f"{amounts}: {fee}", other.until_seq, other.amount)
        return CauseMatch(strength, seen.text, (seen,), (other.break_id,))
    return no_match(refused)


def conversion(case: CaseContext) -> CauseMatch:
    """One asset of the account turned into another for the same value."""
    own = case.own
    if own.kind != "asset":
        return no_match("a contract cannot be converted")
    trade = trades.read(case)
    if not isinstance(trade, str) and not trade.contract and trade.alone is None:
        order = trades.admitting(case, trade)
        if order is not None:
            return no_match(f"order {order.key} of ours admits it as a trade")
        strength = Strength.LIKELY if trade.priced else Strength.POSSIBLE
        return CauseMatch(strength, trade.why, (Evidence(trade.why),), trade.partners)
    refused = "no other asset moved the other way"
    for leg in case.legs:
        if leg.kind != "asset" or (leg.amount > 0) == (own.amount > 0):
            continue
        worth, against = own.usd, leg.usd
        if worth is None or against is None or not against:
            refused = f"the rate of {own.code} or {leg.code} is not known"
            continue
        off = abs(1 - abs(divide(worth, against)))
        why = f"{plain(own.amount)} {own.code} and {plain(leg.amount)} {leg.code} are {percent(off)} apart in USD"
        if off > CONVERSION_SHARE:
            refused = why
            continue
        return CauseMatch(Strength.LIKELY, why, (Evidence(why, leg.until_seq, leg.amount),), (leg.break_id,))
    return no_match(refused)


def deposit(case: CaseContext) -> CauseMatch:
    """An asset came in."""
    if case.own.amount < 0:
        return no_match("a deposit comes in, and this went out")
    return _alone(case)


def withdrawal(case: CaseContext) -> CauseMatch:
    """An asset went out."""
    if case.own.amount > 0:
        return no_match("a withdrawal goes out, and this came in")
    return _alone(case)


def _alone(case: CaseContext) -> CauseMatch:
    own = case.own
    if own.kind != "asset":
        return no_match("a contract cannot be sent")
    trade = trades.read(case)
    if not isinstance(trade, str) and trade.alone is None:
        return no_match(f"it did not move alone: {trade.why}")
    locked = _locked(case)
    if locked is not None:
        why = f"{plain(abs(own.amount))} {own.code} was locked on its way"
        return CauseMatch(Strength.STRONG, why, (Evidence(why, locked, own.amount),))
    round_ = ", a round number" if significant(own.amount) <= ROUND_DIGITS else ""
    why = f"{own.code} moved by {plain(own.amount)} alone{round_}"
    return CauseMatch(Strength.POSSIBLE, why, (Evidence(why, own.until_seq, own.amount),))


def _locked(case: CaseContext) -> int | None:
    """Return where the amount was locked before it was seen to move; what orders lock tells nothing."""
    amount = abs(case.own.amount)
    lots = {abs(flow.amount) for flow in case.flows}
    for order in case.orders:
        if order.open:
            lots |= {order.open, order.open * (order.price or 0)}
    if any(_is_of_lots(amount, lot) for lot in lots if lot):
        return None
    for change in case.locks:
        late = change.us > case.own.seen_us + case.window_us
        if not late and abs(change.amount - amount) <= case.tolerance:
            return change.seq
    return None


def _is_of_lots(amount: Decimal, lot: Decimal) -> bool:
    """Tell whether an amount is a few lots, give or take what prices move."""
    lots = divide(amount, lot)
    return any(abs(lots - count) <= MARKET_SHARE * count for count in range(1, ORDERS_AT_ONCE + 1))


CONVERSION: Final = Cause(
    "conversion",
    meaning="one asset turned into another by the venue",
    applies_to="asset",
    floor="low",
    advice=advice.STATEMENT,
    booked_as="conversion",
    test=conversion,
)
DEPOSIT: Final = Cause(
    "deposit",
    meaning="an asset came in",
    applies_to="asset",
    floor="low",
    advice=advice.STATEMENT,
    booked_as="deposit",
    test=deposit,
)
WITHDRAWAL: Final = Cause(
    "withdrawal",
    meaning="an asset went out",
    applies_to="asset",
    floor="medium",
    advice=advice.STATEMENT,
    booked_as="withdrawal",
    test=withdrawal,
)
TRANSFER: Final = Cause(
    "transfer",
    meaning="an asset moved between two accounts",
    applies_to="asset",
    floor="low",
    advice=advice.STATEMENT,
    booked_as="transfer",
    test=transfer,
)
CAUSES: Final = (CONVERSION, DEPOSIT, WITHDRAWAL, TRANSFER)
