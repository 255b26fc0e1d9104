"""Strips over time: coverage, and the verdicts of a unit. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from recon.display.ages import duration, time_of_day
from recon.display.charts.axes import TimeAxis
from recon.display.charts.svg import Drawing, width_of
from recon.times import to_datetime

#: The room of a strip of coverage, in pixels.
STRIP_WIDTH: Final = 600
STRIP_HEIGHT: Final = 14
#: How each state of coverage is drawn; what is not named here is drawn as a gap.
_COVERED: Final = frozenset({"covered"})
_WIDE_HATCH: Final = frozenset({"catching_up", "unresolved"})
#: How each verdict is drawn.
_VERDICTS: Final = {"agreed": "v-agreed", "pending": "v-pending", "break": "v-break", "stale": "hatch2"}


class Stretch(msgspec.Struct, frozen=True):
    """A stretch of time with one state; without an end it lasts until now. `whole`: what a part is cut from."""

    state: str
    from_us: int
    until_us: int | None
    whole: tuple[int, int] | None = None

    def whole_until(self, now_us: int) -> tuple[int, int]:
        """Return where the whole stretch begins and ends."""
        return self.whole or (self.from_us, now_us if self.until_us is None else self.until_us)

    def lasted(self, now_us: int) -> timedelta:
        """Return how long the whole stretch lasted."""
        begin, end = self.whole_until(now_us)
        return timedelta(microseconds=end - begin)


def coverage_strip(name: str, account: str, stretches: Sequence[Stretch], from_us: int, until_us: int) -> str:
    """Return a strip of coverage: thin for covered, hatched for a gap, wider for what is made up for.

    `name` is used once on a page.
    """
    axis = TimeAxis(from_us, until_us, 0, STRIP_WIDTH)
    drawing = Drawing(STRIP_WIDTH, STRIP_HEIGHT, "strip", name, _finding(account, stretches, axis))
    for each in clipped(stretches, from_us, until_us):
        left, right = axis.x(each.from_us), axis.x(until_us if each.until_us is None else each.until_us)
        if each.state in _COVERED:
            drawing.rect("cov", (left, 5), (right - left, 4))
        else:
            css = "hatch2" if each.state in _WIDE_HATCH else "hatch"
            drawing.rect(css, (left, 0), (right - left, STRIP_HEIGHT), _said(each, until_us))
    return drawing.text_of().replace("<svg ", '<svg preserveAspectRatio="none" ', 1)


def verdict_strip(drawing: Drawing, axis: TimeAxis, stretches: Sequence[Stretch], top: int, height: int) -> None:
    """Draw the verdicts of a unit, each with its word where there is room."""
    for each in clipped(merged(stretches), axis.from_us, axis.until_us):
        left, right = axis.x(each.from_us), axis.x(axis.until_us if each.until_us is None else each.until_us)
        drawing.rect(
            _VERDICTS.get(each.state, "v-none"), (left, top), (right - left, height), _said(each, axis.until_us)
        )
        if right - left > width_of(each.state) + 8:
            drawing.text(
                (left + 5, top + height - 4), each.state, "t-halo t-strong" if each.state == "stale" else "t-strong"
            )


def merged(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Return stretches with neighbours of one state made one."""
    found: list[Stretch] = []
    for each in stretches:
        if found and found[-1].state == each.state and found[-1].until_us == each.from_us:
            found[-1] = Stretch(each.state, found[-1].from_us, each.until_us)
        else:
            found.append(each)
    return found


def clipped(stretches: Sequence[Stretch], from_us: int, until_us: int) -> list[Stretch]:
    """Return what lies between two times, cut to them; a part keeps what it is cut from."""
    found = []
    for each in stretches:
        start, end = max(each.from_us, from_us), until_us if each.until_us is None else min(each.until_us, until_us)
        if end > start or (end == start and each.from_us == each.until_us):
            found.append(Stretch(each.state, start, end, each.whole_until(until_us)))
    return found


def uncovered(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Return the stretches in which an account was not observed, or not caught up with."""
    return [each for each in stretches if each.state not in _COVERED]


def _finding(account: str, stretches: Sequence[Stretch], axis: TimeAxis) -> str:
    holes = uncovered(clipped(stretches, axis.from_us, axis.until_us))
    if not holes:
        return f"{account}: covered the whole time" if stretches else f"{account}: nothing is known of this time"
    said = [_said(each, axis.until_us) for each in holes[:3]]
    more = f", and {len(holes) - 3} more" if len(holes) > 3 else ""
    return f"{account}: covered, but for {', '.join(said)}{more}"


def _said(stretch: Stretch, now_us: int) -> str:
    begin, _ = stretch.whole_until(now_us)
    since = time_of_day(to_datetime(begin), to_datetime(now_us))
    return f"{stretch.state} {duration(stretch.lasted(now_us))} from {since}"
