"""A stretch of time as a strip of characters, one state each: how an account was covered. Pure.

A character stands for the worst state of its stretch of time, so that no gap is too short to be seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

#: From the best to the worst; each with its character and the same without UTF-8.
_MARKS: Final = {
    "covered": ("━", "="),
    "unresolved": ("░", "."),
    "catching_up": ("░", "."),
    "gap": ("▒", "~"),
}
_ORDER: Final = tuple(_MARKS)
#: What is explained below a strip.
LEGEND: Final = ("covered", "gap", "catching_up")


class Stretch(NamedTuple):
    """A stretch of time in one state."""

    begin: datetime
    end: datetime
    state: str


def strip(stretches: Iterable[Stretch], since: datetime, until: datetime, width: int, *, glyphs: bool) -> str:
    """Return the states between two times in so many characters; where nothing is known, a space."""
    worst = [-1] * width
    length = until - since
    if length.total_seconds() <= 0:
        return " " * width
    for stretch in stretches:
        if stretch.state not in _MARKS or stretch.end <= stretch.begin:
            continue
        # Whole numbers: no stretch may fall between two characters.
        first = max((stretch.begin - since) * width // length, 0)
        last = min(-((since - stretch.end) * width // length), width)
        for place in range(first, max(last, first + 1) if first < width else first):
            if place < width:
                worst[place] = max(worst[place], _ORDER.index(stretch.state))
    return "".join(mark(_ORDER[state], glyphs=glyphs) if state >= 0 else " " for state in worst)


def mark(state: str, *, glyphs: bool) -> str:
    """Return the character of a state."""
    glyph, ascii_ = _MARKS[state]
    return glyph if glyphs else ascii_
