"""Which unmapped asset's fills a break may be: they are kept under the asset's own code. Pure (semantics 3.3, 8.4).

Bounds: MAX_ASSETS unmapped assets are looked at, and MAX_LEGS cuts of each report near the break.
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
        if code != asset and _follows(context, state, seen_us):
            continue
        if _moved(context, state, amount, after_us, seen_us):
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


def _moved(context: ComparisonContext, state: UnitState, amount: Decimal, after_us: int, seen_us: int) -> bool:
    """True if the fills between two reports come to an amount, but for fees; `after_us` is a window before the first.

    Each report had seen all fills from more than a window before it. So a balance that is not the fills' seldom fits.
    """
    timeline, window = state.timeline, context.window
    rate, tolerance = share_of(context.account.rates.most), context.tolerance_of(amount)
    first, last = timeline.first(), timeline.last()
    near = [at for at in range(first, last + 1) if after_us < timeline.occurred[at] <= seen_us + window]
    starts = [at for at in near if timeline.occurred[at] <= after_us + 2 * window]
    starts.append(next((at for at in near if at not in starts), last + 1))
    ends = [at for at in near if timeline.occurred[at] > seen_us - window]
    ends.append(next((at for at in reversed(near) if at not in ends), first - 1))
    for start in starts[-MAX_LEGS:]:
        for end in ends[-MAX_LEGS:]:
            moved = timeline.totals[end] - timeline.totals[start - 1] if start <= end else ZERO
            turnover = sum(map(abs, timeline.turnovers[start : end + 1]), ZERO)
            if moved and abs(amount - moved) <= rate * turnover + tolerance:
                return True
    return False


def _follows(context: ComparisonContext, state: UnitState, seen_us: int) -> bool:
    """True if a row that is taken for an asset was reported since, or just before, and agrees with its fills."""
    comparison = context.comparison_of(state)
    if comparison is None or (comparison.observed_us or 0) < seen_us - context.window:
        return False
    return not comparison.breaks and not comparison.pending


def _asset(context: ComparisonContext, code: str) -> UnitState | None:
    return context.ledger.units.get((context.unit.account, "asset", code))
