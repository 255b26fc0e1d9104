"""Ageing: how many cases are how old, as numbers with bars. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from recon.display.charts.svg import Drawing
from recon.display.words import counted
from recon.display.worth import worth

_ROW: Final = 22
_LABEL: Final = 84
_COUNT: Final = 40


class Bucket(msgspec.Struct, frozen=True):
    """Cases of one range of ages, and what they are worth; None: a rate is missing."""

    label: str
    cases: int
    usd: Decimal | None


def ageing_bars(buckets: Sequence[Bucket], width: int = 340) -> str:
    """Return the buckets as bars, the empty ones too; the number stands beside its bar."""
    drawing = Drawing(width, _ROW * len(buckets), "ageing", "ageing", _finding(buckets))
    most = max((each.cases for each in buckets), default=0)
    room = width - _LABEL - _COUNT
    for number, each in enumerate(buckets):
        top = number * _ROW
        length = room * each.cases // most if most else 0
        drawing.text((_LABEL - 8, top + 15), each.label, anchor="end")
        title = f"{each.label}: {counted(each.cases, 'case')}, {worth(each.usd)}"
        drawing.rect("bar" if each.cases else "bar-0", (_LABEL, top + 6), (length or 2, 10), title)
        drawing.text((_LABEL + length + 8, top + 15), f"{each.cases:,}", "t-strong" if each.cases else "")
    return drawing.text_of()


def _finding(buckets: Sequence[Bucket]) -> str:
    cases = sum(each.cases for each in buckets)
    if not cases:
        return "No open cases"
    oldest = next(each for each in reversed(buckets) if each.cases)
    return f"{counted(cases, 'open case')}; the oldest {counted(oldest.cases, 'is', 'are')} {oldest.label}"
