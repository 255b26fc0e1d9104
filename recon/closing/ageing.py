"""How many open breaks are how old, in business time from their origin. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from recon.ledger.rules import AccountRules

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
#: The bounds where the settings name none.
DEFAULT_BOUNDS: Final = (_HOUR, _DAY, 2 * _DAY, 5 * _DAY)


class AgeBand(msgspec.Struct, frozen=True):
    """How many are younger than a bound, and not younger than the one before; without a bound, older than all."""

    under: timedelta | None
    count: int

    @property
    def words(self) -> str:
        """Return the band's name."""
        return "over" if self.under is None else f"under {self.bound}"

    @property
    def bound(self) -> str:
        """Return the band's bound in words; empty where it has none."""
        return "" if self.under is None else bound_words(self.under)


def bounds_of(rules: AccountRules) -> tuple[timedelta, ...]:
    """Return the bounds that an account's ages are counted between."""
    return tuple(timedelta(microseconds=us) for us in rules.ageing_us) or DEFAULT_BOUNDS


def bands(ages: Iterable[timedelta], bounds: Sequence[timedelta]) -> list[AgeBand]:
    """Return the count of each band, the youngest first."""
    counts = dict.fromkeys([*bounds, None], 0)
    for age in ages:
        counts[next((bound for bound in bounds if age < bound), None)] += 1
    return [AgeBand(bound, count) for bound, count in counts.items()]


def bound_words(bound: timedelta) -> str:
    """Return a bound in its largest unit that divides it: 1 h, 2 d."""
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", timedelta(minutes=1)), ("s", timedelta(seconds=1))):
        if bound >= length and not bound % length:
            return f"{bound // length} {unit}"
    return f"{bound // timedelta(milliseconds=1)} ms"
