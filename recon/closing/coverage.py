"""Whether an account was observed throughout a business day, and what is missing. Pure.

1. A gap that catching up made whole is not missing. One that was not, is.
2. What lies before the account was first named is not missing: the books begin there.
3. After the last event that is known, nobody watched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

#: Most missing stretches that a document names; of more it names the first.
MAX_MISSING: Final = 100


class CoverageStretch(msgspec.Struct, frozen=True):
    """One stretch of the account's coverage as known; `until` is None while it goes on.

    `made_up` is true where catching up made the stretch whole, as far as is known.
    """

    begin: datetime
    until: datetime | None
    state: str
    reason: str | None
    made_up: bool


class Missing(msgspec.Struct, frozen=True):
    """A part of the day for which nobody can say what happened, and why."""

    begin: datetime
    until: datetime
    why: str


class DayCoverage(msgspec.Struct, frozen=True):
    """What of a day was observed: when knowledge begins, how long it was not observed, and what is not made up for."""

    begin: datetime | None
    gaps: int
    unobserved_us: int
    missing: tuple[Missing, ...]
    missing_count: int

    @property
    def whole(self) -> bool:
        """True if nothing is missing."""
        return self.missing_count == 0


def cover(
    stretches: Sequence[CoverageStretch], opens_at: datetime, cut_off: datetime, known_until: datetime
) -> DayCoverage:
    """Return what of a day was observed, as known when the log ended at `known_until`."""
    first = min((each.begin for each in stretches), default=None)
    if first is None or first >= cut_off:
        why = "nothing was known of the account yet"
        return DayCoverage(None, 0, 0, (Missing(opens_at, cut_off, why),), 1)
    begin = max(opens_at, first)
    within = [
        (max(each.begin, begin), min(each.until or cut_off, cut_off), each)
        for each in stretches
        if each.begin < cut_off and (each.until is None or each.until > begin)
    ]
    unobserved = [(since, until) for since, until, each in within if each.state == "gap"]
    missing = list(_missing(within))
    if known_until < cut_off:
        missing.append(Missing(max(known_until, begin), cut_off, "the log ends before the cut-off"))
    missing.sort(key=lambda each: (each.begin, each.until))
    lost = sum((until - since for since, until in unobserved), timedelta())
    return DayCoverage(
        begin,
        len(unobserved),
        lost // timedelta(microseconds=1),
        tuple(missing[:MAX_MISSING]),
        len(missing),
    )


def _missing(within: Iterable[tuple[datetime, datetime, CoverageStretch]]) -> Iterable[Missing]:
    for since, until, each in within:
        if each.state == "covered" or each.made_up or since >= until:
            continue
        if each.state == "gap":
            yield Missing(since, until, f"not observed ({each.reason or 'no reason is known'}), and not made up for")
        elif each.until is None:
            yield Missing(since, until, f"{each.state}: {each.reason or 'orders are not accounted for'}")
