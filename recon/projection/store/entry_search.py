"""Searches for the entries that the facts of a batch may replace. Pure.

What overlaps is joined, so an entry is read once, and not once for each fact of a like amount.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple


class EntrySearch(NamedTuple):
    """Entries of an account and cause, with an amount in a range, within a span of time."""

    account: str
    cause: str
    low: Decimal
    high: Decimal
    first_us: int
    last_us: int


_Range = tuple[Decimal | int, Decimal | int]


def joined(searches: Iterable[EntrySearch]) -> Iterator[EntrySearch]:
    """Yield searches that find all that these find, and no entry twice."""
    by_cause: dict[tuple[str, str], list[EntrySearch]] = {}
    for search in searches:
        by_cause.setdefault((search.account, search.cause), []).append(search)
    for (account, cause), alike in by_cause.items():
        for amounts in _overlapping(alike, lambda search: (search.low, search.high)):
            low, high = min(search.low for search in amounts), max(search.high for search in amounts)
            for near in _overlapping(amounts, lambda search: (search.first_us, search.last_us)):
                last_us = max(search.last_us for search in near)
                yield EntrySearch(account, cause, low, high, near[0].first_us, last_us)


def _overlapping(searches: Iterable[EntrySearch], range_of: Callable[[EntrySearch], _Range]) -> list[list[EntrySearch]]:
    """Return searches in groups: those of one group overlap, directly or through others."""
    groups: list[list[EntrySearch]] = []
    end: Decimal | int = 0
    for search in sorted(searches, key=range_of):
        first, last = range_of(search)
        if groups and first <= end:
            groups[-1].append(search)
            end = max(end, last)
        else:
            groups.append([search])
            end = last
    return groups
