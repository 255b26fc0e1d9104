"""Assets that come, go, or turn into other assets: deposits, withdrawals, transfers, conversions. Pure.

1. A transfer is the same asset that leaves one account and reaches another one of the gateway within TRANSFER_US; the
   difference is the network fee.
2. A conversion is assets of one account that change places for the same value: one against one, or several remainders
   against one. If two are traded against each other, a conversion looks like a trade made outside the EMS.
3. An amount that was locked just before it moved is a withdrawal or a deposit. Otherwise only the sign of a single
   asset supports them, and another cause of the same size may fit as well.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.exact import ZERO, divide
from recon.reconciliation.causes import advice, trades
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import MAX_PRICE_DISTANCE, BreakContext, BreakSummary
from recon.reconciliation.causes.fees import is_fee_like
from recon.reconciliation.causes.formatting import percent_text, significant_digits
from recon.reconciliation.model.break_ import Evidence

#: The largest distance in log time between the two ends of a transfer.
TRANSFER_US: Final = 3_600_000_000
#: The largest share of the sent amount that a network fee takes.
MAX_NETWORK_FEE_SHARE: Final = Decimal("0.02")
#: The largest difference in value of the two sides of a conversion: spread, fee and the age of rates.
MAX_CONVERSION_DISTANCE: Final = Decimal("0.02")
#: The same where several assets become one: the venue takes a charge of two percent or so as well.
MAX_SWEEP_DISTANCE: Final = Decimal("0.05")
#: So many assets that become one are several, and so many are named.
_SEVERAL: Final = 2
_MAX_NAMED: Final = 4
#: Orders lock in lots: an amount of so many lots or fewer may be locked by orders.
_ORDERS_AT_ONCE: Final = 4
#: A number with so many significant digits or fewer is round: people choose such amounts.
_ROUND_DIGITS: Final = 2


def _transfer(context: BreakContext) -> CauseMatch:
    break_ = context.break_
    refused = f"no other account of the gateway moved {break_.coinapi or break_.code} the other way at that time"
    for other in context.same_asset_other_accounts:
        if not _can_be_other_end(break_, other):
            continue
        sent, received = (break_, other) if break_.amount < 0 else (other, break_)
        lost = -sent.amount - received.amount
        if lost < -context.tolerance or lost > MAX_NETWORK_FEE_SHARE * -sent.amount:
            refused = f"{other.account} moved by {shown(other.amount)}: the difference is no network fee"
            continue
        fee = "nothing lost" if lost <= 0 else f"{shown(lost)} lost on the way"
        amounts = f"{shown(-sent.amount)} left {sent.account}, {shown(received.amount)} came to {received.account}"
        evidence = Evidence(f"{amounts}: {fee}", other.until_seq, other.amount)
        strength = Strength.POSSIBLE if is_fee_like(context) else Strength.STRONG
        return CauseMatch(strength, evidence.text, (evidence,), (other.break_id,))
    return no_match(refused)


def _can_be_other_end(break_: BreakSummary, other: BreakSummary) -> bool:
    is_opposite = (other.amount > 0) != (break_.amount > 0)
    return is_opposite and abs(other.seen_us - break_.seen_us) <= TRANSFER_US


def _conversion(context: BreakContext) -> CauseMatch:
    trade = trades.trade_of(context)
    if isinstance(trade, str) or trade.contract or trade.missing_leg is not None:
        return _conversion_by_value(context)
    order = trades.admitting_order(context, trade)
    if order is not None:
        return no_match(f"our order {order.key} could account for it as a trade")
    strength = Strength.LIKELY if trade.has_market_price else Strength.POSSIBLE
    return CauseMatch(strength, trade.why, (Evidence(trade.why),), trade.breaks)


def _conversion_by_value(context: BreakContext) -> CauseMatch:
    """Match assets that are in no traded pair: one against one, by amount or value, or several against one."""
    refused = "no other asset moved the other way"
    for leg in _assets(context, opposite=True):
        match = _one_for_one(context, leg)
        if isinstance(match, CauseMatch):
            return match
        refused = match
    return _several_for_one(context) or no_match(refused)


def _assets(context: BreakContext, *, opposite: bool) -> list[BreakSummary]:
    """Return the related breaks of assets that moved the other way, or the same way."""
    up = context.break_.amount > 0
    return [leg for leg in context.related_breaks if leg.kind == "asset" and ((leg.amount > 0) != up) == opposite]


def _one_for_one(context: BreakContext, leg: BreakSummary) -> CauseMatch | str:
    """Match one other asset of the same value; without rates, of the same amount but for a power of ten."""
    break_ = context.break_
    amounts = f"{shown(break_.amount)} {break_.code} and {shown(leg.amount)} {leg.code}"
    if break_.usd is not None and leg.usd:
        distance = abs(1 - abs(divide(break_.usd, leg.usd)))
        why = f"{amounts} are {percent_text(distance)} apart in USD"
        if distance > MAX_CONVERSION_DISTANCE:
            return why
        return CauseMatch(Strength.LIKELY, why, (Evidence(why, leg.until_seq, leg.amount),), (leg.break_id,))
    if break_.amount.normalize().as_tuple().digits != leg.amount.normalize().as_tuple().digits:
        return f"the rate of {break_.code} or {leg.code} is not known"
    telling = significant_digits(break_.amount) > _ROUND_DIGITS
    why = f"{amounts} have the same digits: one may be the other's new name, or its receipt"
    evidence = (Evidence(why, leg.until_seq, leg.amount),)
    return CauseMatch(Strength.LIKELY if telling else Strength.POSSIBLE, why, evidence, (leg.break_id,))


def _several_for_one(context: BreakContext) -> CauseMatch | None:
    """Match several assets that became one by their values in USD, or one that became several."""
    break_ = context.break_
    others, beside = _assets(context, opposite=True), _assets(context, opposite=False)
    for one, many in ((break_, others), *((other, [break_, *beside]) for other in others)):
        values = [leg.usd for leg in many if leg.usd is not None]
        total = abs(sum(values, ZERO))
        if len(many) < _SEVERAL or len(values) < len(many) or not one.usd or not total:
            continue
        if any(abs(1 - abs(divide(one.usd, usd))) <= MAX_CONVERSION_DISTANCE for usd in values if usd):
            continue  # two that are a conversion of their own take no third
        distance = abs(1 - divide(abs(one.usd), total))
        if distance > MAX_SWEEP_DISTANCE:
            continue
        named = ", ".join(f"{shown(leg.amount)} {leg.code}" for leg in many[:_MAX_NAMED])
        more = f" and {len(many) - _MAX_NAMED} more" if len(many) > _MAX_NAMED else ""
        why = f"{named}{more} against {shown(one.amount)} {one.code} are {percent_text(distance)} apart in USD"
        breaks = tuple(leg.break_id for leg in (one, *many) if leg is not break_)
        return CauseMatch(Strength.LIKELY, why, (Evidence(why, one.until_seq, one.amount),), breaks)
    return None


def _deposit(context: BreakContext) -> CauseMatch:
    if context.break_.amount < 0:
        return no_match("deposits are credits; this is a debit")
    return _single_move(context)


def _withdrawal(context: BreakContext) -> CauseMatch:
    if context.break_.amount > 0:
        return no_match("withdrawals are debits; this is a credit")
    return _single_move(context)


def _single_move(context: BreakContext) -> CauseMatch:
    break_ = context.break_
    trade = trades.trade_of(context)
    if not isinstance(trade, str) and trade.missing_leg is None:
        return no_match(f"it did not move alone: {trade.why}")
    locked_seq = _locked_seq(context)
    if locked_seq is not None:
        why = f"{shown(abs(break_.amount))} {break_.code} was locked on its way"
        return CauseMatch(Strength.STRONG, why, (Evidence(why, locked_seq, break_.amount),))
    round_ = ", a round number" if significant_digits(break_.amount) <= _ROUND_DIGITS else ""
    why = f"{break_.code} moved by {shown(break_.amount)} alone{round_}"
    return CauseMatch(Strength.POSSIBLE, why, (Evidence(why, break_.until_seq, break_.amount),))


def _locked_seq(context: BreakContext) -> int | None:
    """Return the event that locked the amount before it moved; an amount that orders may lock does not count."""
    amount = abs(context.break_.amount)
    if any(_is_of_lots(amount, lot) for lot in _lots(context) if lot):
        return None
    latest_us = context.break_.seen_us + context.window_us
    for change in context.locks:
        if change.us <= latest_us and abs(change.amount - amount) <= context.tolerance:
            return change.seq
    return None


def _lots(context: BreakContext) -> set[Decimal]:
    lots = {abs(flow.amount) for flow in context.flows}
    for order in context.orders:
        if order.open:
            lots |= {order.open, order.open * (order.price or 0)}
    return lots


def _is_of_lots(amount: Decimal, lot: Decimal) -> bool:
    """True if an amount is a few lots, within the distance that prices move."""
    lots = divide(amount, lot)
    return any(abs(lots - count) <= MAX_PRICE_DISTANCE * count for count in range(1, _ORDERS_AT_ONCE + 1))


CONVERSION: Final = Cause(
    "conversion",
    meaning="one asset turned into another by the venue",
    applies_to="asset",
    floor="low",
    advice=advice.STATEMENT,
    booked_as="conversion",
    test=_conversion,
)
DEPOSIT: Final = Cause(
    "deposit",
    meaning="an asset came in",
    applies_to="asset",
    floor="low",
    advice=advice.STATEMENT,
    booked_as="deposit",
    test=_deposit,
)
WITHDRAWAL: Final = Cause(
    "withdrawal",
    meaning="an asset went out",
    applies_to="asset",
    floor="medium",
    advice=advice.STATEMENT,
    booked_as="withdrawal",
    test=_withdrawal,
)
TRANSFER: Final = Cause(
    "transfer",
    meaning="an asset that moved between two accounts",
    applies_to="asset",
    floor="low",
    advice=advice.STATEMENT,
    booked_as="transfer",
    test=_transfer,
)
CAUSES: Final = (CONVERSION, DEPOSIT, WITHDRAWAL, TRANSFER)
