"""Which unmapped asset's fills a break may be: they are kept under the asset's own code. Pure (semantics 3.3, 8.4).

Bounds: MAX_ASSETS unmapped assets are looked at, and MAX_LEGS of each near the break.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Final

from recon.exact import ZERO
from recon.ledger.fees.fee_key import share_of
from recon.ledger.units import Unit, UnitState
from recon.reconciliation.causes.context import BreakSummary
from recon.reconciliation.context import ComparisonContext

MAX_ASSETS: Final = 16
MAX_LEGS: Final = 32


def unmapped_reason(context: ComparisonContext, break_: BreakSummary) -> str | None:
    """Return why legs of an asset may be the break's, where they come to about its amount or more; None else."""
    account, unit = context.account, context.unit
    if unit.kind != "asset":
        return None
    unmapped = account.mappings.unmapped_assets
    first = unmapped.in_order((unit.code, *islice(unmapped.of(unit.coinapi), 1)))[:1]
    if not first:
        moving = moving_asset(context, break_.amount, break_.after_us, break_.seen_us)
        return None if moving is None else f"{unit.code} moved as fills of {moving} do, which has no balance row"
    legs = _asset(context, first[0])
    kept = ZERO if legs is None else legs.unit.balance.fills
    if first[0] != unit.code and kept and ((kept > 0) != (break_.amount > 0) or abs(break_.amount) > 2 * abs(kept)):
        return None  # another movement than that of the legs
    return f"legs of {first[0]} have no balance row that is known to be theirs"


def moving_asset(context: ComparisonContext, amount: Decimal, after_us: int, seen_us: int) -> str | None:
    """Return the unmapped asset whose fills, with their fees, move a unit by an amount at a time; None if none does.

    A unit that fills of its own move is no other asset's.
    """
    unit, mappings = context.unit, context.account.mappings
    if unit.balance.fills or any(mappings.pairs_by_asset.of(unit.code)):
        return None
    for asset, code, coinapi in islice(_without_row(context), MAX_ASSETS):
        state = _asset(context, code)
        if state is None or state is context.state or _is_other(unit, coinapi):
            continue
        if _moved(context, state, amount, after_us - context.window, seen_us + context.window):
            return asset
    return None


def _without_row(context: ComparisonContext) -> Iterator[tuple[str, str, str | None]]:
    """Yield the assets whose row is not known, each with the unit that keeps its fills and its CoinAPI code."""
    account, rules = context.account, context.rules
    for asset, coinapi in account.mappings.unmapped.items():
        yield asset, asset, coinapi
    for asset, assumed in account.snapshots.assumed.items():
        yield asset, rules.pool_of(assumed.row), assumed.coinapi


def _is_other(unit: Unit, coinapi: str | None) -> bool:
    """True if CoinAPI's codes tell two assets, or one that has several rows: of those none is chosen."""
    return bool(unit.coinapi and coinapi)


def _moved(context: ComparisonContext, state: UnitState, amount: Decimal, from_us: int, to_us: int) -> bool:
    """True if fills that follow each other within a time come to an amount, but for fees."""
    timeline, rate = state.timeline, share_of(context.account.rates.most)
    near = [
        position
        for position in range(timeline.first(), timeline.last() + 1)
        if from_us <= timeline.occurred[position] <= to_us
    ][-MAX_LEGS:]
    for first in range(len(near)):
        moved = turnover = ZERO
        for position in near[first:]:
            moved += timeline.totals[position] - timeline.totals[position - 1]
            turnover += abs(timeline.turnovers[position])
            if moved and abs(amount - moved) <= rate * turnover + context.tolerance_of(amount, ZERO):
                return True
    return False


def _asset(context: ComparisonContext, code: str) -> UnitState | None:
    return context.ledger.units.get((context.unit.account, "asset", code))
