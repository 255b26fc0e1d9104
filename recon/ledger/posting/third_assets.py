"""Fees of fills in an asset that the fill does not move. Pure (semantics 8.5)."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Final, NamedTuple

from recon.exact import ZERO, divide
from recon.ledger.account import Account
from recon.ledger.fees.fee_key import BASE, QUOTE, third
from recon.ledger.fees.model import FEE_DIGITS
from recon.ledger.fees.schedule import rates_of
from recon.ledger.ledger import Ledger
from recon.ledger.legs import Leg, LegOrigin
from recon.ledger.posting.fees import scheduled_fee, third_asset_fee
from recon.ledger.posting.fill_entries import post_legs
from recon.ledger.posting.openings import asset_unit
from recon.ledger.rules import FeeRule
from recon.ledger.units import FillRef, Posting, UnitState
from recon.times import LogTime

#: Error of a fee in a third asset, as a share: the price moves between the fill and the last reported rate.
THIRD_ASSET_SHARE: Final = Decimal("0.02")
#: The assets of a schedule's line that a fill moves.
_OWN_ASSETS: Final = frozenset({BASE, QUOTE, "received"})


class FeeSource(NamedTuple):
    """A fill as its fee depends on it: its worth in an asset that it moves, and its order's liquidity."""

    fill: FillRef
    origin: LegOrigin
    worth: Decimal
    payer: UnitState
    liquidity: str | None


def third_asset_of(rule: FeeRule | None, moved: Collection[str]) -> str | None:
    """Return the asset of a schedule's line if it is none of those that a fill moves."""
    return None if rule is None or rule.asset in _OWN_ASSETS or rule.asset in moved else rule.asset


def post_third_asset_fee(
    ledger: Ledger, account: Account, asset: str, rule: FeeRule | None, source: FeeSource, at: LogTime
) -> None:
    """Post the fee of a fill in a third asset: the schedule's, else the learned one of the account's fee asset."""
    target = asset_unit(ledger, account, asset, None, at)
    worth = _convert(target, source.payer, source.worth)
    if not worth:
        return
    fees: list[Posting] = []
    if rule is None:
        fees = third_asset_fee(target, worth, source.fill)
    elif not target.unit.fees.model.learned:
        rates = rates_of(rule, source.liquidity)
        fees = scheduled_fee(rates, worth, source.fill, error=worth * THIRD_ASSET_SHARE)
    origin = source.origin
    key = origin.key(third(asset), 0)
    leg = Leg(ZERO, origin.stamp, origin.arrived_us, origin.order, turnover=worth, fee_key=key)
    post_legs(ledger, target, [leg], fees, at)


def _convert(target: UnitState, payer: UnitState, worth: Decimal) -> Decimal | None:
    """Return the worth in another asset at the last reported rates; None where a rate is unknown."""
    payer_rate, target_rate = payer.unit.reported.rate_usd, target.unit.reported.rate_usd
    if not payer_rate or not target_rate:
        return None
    return divide(worth * payer_rate, target_rate, FEE_DIGITS)
