"""Which entries and fills an external fact is matched with. Pure (semantics 10.3).

1. Ids, amounts and valid times decide alone, within the bounds named here. So a match does not depend on how much of
   the past a working set has loaded.
2. A manual fact and the statement that reports the same movement later are one movement.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Final

import msgspec

from recon.ledger.facts.external_fact import MISSED_FILL, REBATE, Movement, is_manual
from recon.ledger.facts.replaceable import ReplaceableEntries
from recon.ledger.units import FEE, Entry

#: How far the times of a manual fact and a statement may be apart: people know the day.
MANUAL_WITHIN_US: Final = 86_400_000_000
#: How far the times of an inferred entry and a fact of the same movement may be apart; a fee has the fill's time.
REPLACED_WITHIN_US: Final = 3_600_000_000
FEE_WITHIN_US: Final = 5_000_000
#: The largest difference of an inferred entry, as a share of the fact's amount; the unit's tolerance may be less.
REPLACED_SHARE: Final = Decimal("0.01")
#: Kinds that different sources may use for the same movement: a fact of a kind may replace entries of its family.
_FAMILIES: Final[tuple[frozenset[str], ...]] = (
    frozenset({"deposit", "withdrawal", "transfer"}),
    frozenset({FEE, REBATE}),
    frozenset({"funding"}),
    frozenset({"interest", "reward"}),
    frozenset({"conversion"}),
    frozenset({"adjustment"}),
    frozenset({MISSED_FILL}),
)


class MatchableFill(msgspec.Struct, frozen=True, gc=False):
    """A booked fill, as far as a trade is matched with fills."""

    account: str
    order: str
    ordinal: int
    symbol: str | None
    side: str | None
    amount: Decimal
    occurred_us: int


def family_of(cause: str) -> frozenset[str]:
    """Return the causes that facts of the same movement may have."""
    return next((family for family in _FAMILIES if cause in family), frozenset({cause}))


def time_bound_of(cause: str) -> int:
    """Return how far the times of a fact and a matching inferred entry may be apart, in microseconds."""
    return FEE_WITHIN_US if cause in family_of(FEE) else REPLACED_WITHIN_US


def is_replaceable(entry: Entry) -> bool:
    """True if a fact may replace an entry: the entry is inferred, decided or manual, and replaces no other entry.

    An entry that follows from a statement is never replaced.
    """
    if entry.replaces is not None:
        return False
    return is_manual(entry.fact) if entry.fact else entry.certainty == "inferred" or entry.break_id is not None


def replaced_by(
    move: Movement,
    entries: ReplaceableEntries,
    causes: Collection[str],
    *,
    occurred_us: int,
    tolerance: Decimal,
    order: str | None = None,
    ordinal: int | None = None,
) -> Entry | None:
    """Return the entry that a fact confirms: the nearest in time of an equal amount, with one of the causes.

    The fee of a fill (`order`, and `ordinal` where known) matches the fees of that fill only, at any amount.
    """
    if order is not None:
        return entries.of_fill(causes, order, ordinal, move.amount)
    return entries.nearest(causes, move.amount, _bound(move, tolerance), occurred_us, time_bound_of(move.cause))


def manual_duplicate_of(
    move: Movement, entries: ReplaceableEntries, external_id: str, *, occurred_us: int, tolerance: Decimal
) -> Entry | None:
    """Return the entry a person recorded manually for the movement that a statement now reports, if any.

    Fees never match: many fees are equal, and a fee follows from its fill.
    """
    if is_manual(external_id) or move.cause in family_of(FEE):
        return None
    bound = _bound(move, tolerance)
    return entries.nearest((move.cause,), move.amount, bound, occurred_us, MANUAL_WITHIN_US, told=True)


def _bound(move: Movement, tolerance: Decimal) -> Decimal:
    """Return the largest difference of equal amounts."""
    return min(tolerance, abs(move.amount) * REPLACED_SHARE)
