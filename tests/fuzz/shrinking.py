"""Shrinking: the least of a list that still fails, by leaving out halves, quarters and so on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

#: Most attempts for one failure.
MAX_ATTEMPTS: Final = 200

T = TypeVar("T")


def shrunk(parts: Sequence[T], fails: Callable[[list[T]], bool], attempts: int = MAX_ATTEMPTS) -> list[T]:
    """Return a part of a list that still fails, and of which no single chunk that was tried can be left out."""
    kept = list(parts)
    size = max(1, len(kept) // 2)
    while attempts > 0 and kept:
        start = 0
        while start < len(kept) and attempts > 0:
            attempts -= 1
            rest = kept[:start] + kept[start + size :]
            if fails(rest):
                kept = rest
            else:
                start += size
        if size == 1:
            break
        size = max(1, size // 2)
    return kept
