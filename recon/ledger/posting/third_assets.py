"""Fees of fills in an asset that the fill does not move. Pure (semantics 8.5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from recon.exact import ZERO, divide
from recon.ledger.account import Account
from recon.ledger.fees.fee_key import BASE, QUOTE, third
from recon.ledger.ledger import Ledger
from recon.ledger.legs import Leg, LegOrigin
from recon.ledger.posting.fees import FEE_DIGITS
from recon.ledger.posting.fill_entries import post_legs
from recon.ledger.posting.openings import asset_unit
from recon.ledger.rules import FeeRule
from recon.ledger.units import FillRef, UnitState
from recon.times import LogTime

#: The assets of a schedule's line that a fill moves.
_OWN_ASSETS: Final = frozenset({BASE, QUOTE, "received"})


class FeeSource(NamedTuple):
    """A fill as its fee in another asset depends on it: its worth in an asset that it moves."""

    fill: FillRef
    origin: LegOrigin
    worth: Decimal
    payer: UnitState


def third_asset_of(rule: FeeRule | None, moved: Collection[str]) -> str | None:
    """Return the asset of a schedule's line if it is none of those that a fill moves."""
    return None if rule is None or rule.asset in _OWN_ASSETS or rule.asset in moved else rule.asset


def third_assets_of(account: Account, rule: FeeRule | None, moved: Collection[str]) -> Sequence[str]:
    """Return the assets beside those moved that the fee of a fill may be in: the schedule's, else the learnt ones."""
    if rule is None:
        return account.rates.third_assets
    named = third_asset_of(rule, moved)
    return () if named is None else (named,)


def post_third_asset_fees(
    ledger: Ledger, account: Account, rule: FeeRule | None, moved: Collection[str], source: FeeSource, at: LogTime
) -> None:
    """Post the fee of a fill in each third asset that fees are taken in."""
    for asset in third_assets_of(account, rule, moved):
        if asset in moved:
            continue
        target = asset_unit(ledger, account, asset, None, at)
        worth = _convert(target, source.payer, source.worth)
        if worth:
            origin, key = source.origin, source.origin.key(third(asset), 0)
            leg = Leg(ZERO, origin.stamp, origin.arrived_us, origin.order, turnover=worth, fee_key=key)
            post_legs(ledger, target, [leg], source.fill, at)


def _convert(target: UnitState, payer: UnitState, worth: Decimal) -> Decimal | None:
    """Return the worth in another asset at the last reported rates; None where a rate is unknown."""
    payer_rate, target_rate = payer.unit.reported.rate_usd, target.unit.reported.rate_usd
    if not payer_rate or not target_rate:
        return None
    return divide(worth * payer_rate, target_rate, FEE_DIGITS)
