"""Drift over time: a step line, since a balance jumps and does not slope. Pure.

1. The line is what the verdict judges: reported less expected less explained. Zero is always on the axis.
2. A gap is hatched over the full height, and the line is never joined over it, nor where nothing was expected.
3. After the last observation nothing newer was judged: from there the line is dashed, and it says since when.
4. A tolerance thinner than four pixels is drawn as four; its value stands in the heading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from recon.display.ages import duration, time_of_day
from recon.display.charts.axes import TimeAxis, ValueAxis
from recon.display.charts.strips import Stretch, clipped, merged, uncovered, verdict_strip
from recon.display.charts.svg import Drawing, room_of, width_of
from recon.display.figures import figure, scale_of
from recon.exact import exact
from recon.times import to_datetime

WIDE: Final = 1214
NARROW: Final = 340
_HEIGHT: Final = 270
_TOP: Final = 28
_BOTTOM: Final = 212
_STRIP_TOP: Final = 238
_STRIP_HEIGHT: Final = 16
#: A band thinner than this is drawn so, in pixels.
_BAND: Final = 4
#: Room between two labels of time, in pixels.
_TIME_ROOM: Final = 84
#: Shortest stretch whose length is written over it, in microseconds.
_SHORTEST_US: Final = 100_000
#: A last part shorter than this part of the time is not told.
_UNTOLD: Final = 50
#: Most levels that a title tells one by one.
_TOLD_LEVELS: Final = 3


class DriftPoint(msgspec.Struct, frozen=True):
    """An observation as it was judged; `drift` is None where nothing was expected."""

    us: int
    judged_us: int
    seq: int
    drift: Decimal | None
    verdict: str


class BreakMark(msgspec.Struct, frozen=True):
    """A break of the unit: when it opened and arose, its amount, its cause."""

    origin_us: int
    opened_us: int
    until_seq: int
    amount: Decimal
    cause: str


class DriftHistory(msgspec.Struct, frozen=True):
    """What the chart shows of one unit between two times."""

    unit: str
    account: str
    from_us: int
    until_us: int
    points: Sequence[DriftPoint]
    coverage: Sequence[Stretch]
    breaks: Sequence[BreakMark]
    tolerance: Decimal | None
    #: When the unit was last observed; None: until the end, or later.
    observed_us: int | None = None

    @property
    def judged_us(self) -> int:
        """Return up to when the drift is one that was judged."""
        return self.until_us if self.observed_us is None else max(self.from_us, min(self.observed_us, self.until_us))


class _Level(NamedTuple):
    """The drift from one time to another; None: it is not known there."""

    drift: Decimal | None
    from_us: int
    until_us: int


def drift_chart(history: DriftHistory, name: str = "drift") -> str:
    """Return both drawings, wide and for a telephone; the style sheet shows one."""
    return _drawing(history, name, "wide", WIDE) + _drawing(history, name, "narrow", NARROW)


def _drawing(history: DriftHistory, name: str, css: str, width: int) -> str:
    scale = scale_of(point.drift for point in history.points)
    levels = list(_levels(history))
    values = ValueAxis([each.drift for each in levels if each.drift is not None], _TOP, _BOTTOM)
    labels = values.labels()
    left = max(52, max(width_of(text) for _, text in labels) + 12)
    now = figure(levels[-1].drift, scale, signed=True).text if levels else ""
    axis = TimeAxis(history.from_us, history.until_us, left, width - max(16, room_of(now)))
    drawing = Drawing(width, _HEIGHT, css, name, finding(history))
    _grid(drawing, axis, values, labels)
    _band(drawing, axis, values, history.tolerance)
    _gaps(drawing, axis, history)
    drawing.path("step", list(_step(levels, axis, values)))
    if levels and levels[-1].drift is not None and levels[-1].until_us == history.judged_us:
        y = values.y(levels[-1].drift)
        held_until = _held_until(history)
        drawing.path("held", _held(axis, history.judged_us, held_until, y), _last_judged(history))
        if held_until == history.until_us:
            color = "t-bad" if history.points[-1].verdict == "break" else "t-strong"
            drawing.at_the_end(y + 4, now, color)
    _marks(drawing, axis, values, history, scale)
    drawing.text((left - 6, _STRIP_TOP + 12), "verdict", anchor="end")
    verdict_strip(drawing, axis, _verdicts(history), _STRIP_TOP, _STRIP_HEIGHT)
    return drawing.text_of()


def _held_until(history: DriftHistory) -> int:
    """Return how far the last drift holds: until the end, or until the account was no longer observed."""
    holes = uncovered(clipped(history.coverage, history.judged_us, history.until_us))
    return min((each.from_us for each in holes), default=history.until_us)


def _held(axis: TimeAxis, from_us: int, until_us: int, y: int) -> list[str]:
    start, end = axis.x(from_us), axis.x(until_us)
    return [f"M{start} {y}", f"H{end}"] if end > start else []


def _last_judged(history: DriftHistory) -> str:
    today = to_datetime(history.until_us)
    return f"last reported {time_of_day(to_datetime(history.judged_us), today)}; nothing newer was judged"


def _levels(history: DriftHistory) -> Iterator[_Level]:
    """Yield the drift as it stood, in order, cut where the account was not observed."""
    if not history.points:
        return
    holes = uncovered(clipped(history.coverage, history.from_us, history.until_us))
    last = history.judged_us
    nexts = [*(point.us for point in history.points[1:]), last]
    for point, following in zip(history.points, nexts, strict=True):
        start, end = max(point.us, history.from_us), min(following, last)
        for hole in holes:
            hole_end = history.until_us if hole.until_us is None else hole.until_us
            if hole.from_us >= end or hole_end <= start:
                continue
            if hole.from_us <= start and point.judged_us >= hole_end:
                start = min(hole_end, end)  # it was judged once the hole was over
                continue
            # After a gap nothing is known until the next observation.
            if hole.from_us > start:
                yield _Level(point.drift, start, hole.from_us)
            break
        else:
            if end > start or end == last:
                yield _Level(point.drift, start, end)


def _step(levels: Sequence[_Level], axis: TimeAxis, values: ValueAxis) -> Iterator[str]:
    before: _Level | None = None
    for each in levels:
        if each.drift is not None:
            joined = before is not None and before.drift is not None and before.until_us == each.from_us
            y = values.y(each.drift)
            yield f"V{y}" if joined else f"M{axis.x(each.from_us)} {y}"
            yield f"H{max(axis.x(each.until_us), axis.x(each.from_us) + (not joined))}"
        before = each


def _grid(drawing: Drawing, axis: TimeAxis, values: ValueAxis, labels: list[tuple[int, str]]) -> None:
    for y, text in labels:
        is_zero = text == "0"
        drawing.line("zero" if is_zero else "grid", (axis.left, y), (axis.right, y))
        drawing.text((axis.left - 6, y + 4), text, "t-strong" if is_zero else "", "end")
    for x, text in axis.labels(_TIME_ROOM):
        drawing.line("grid", (x, values.top), (x, values.bottom))
        drawing.centered((x, values.bottom + 16), text)


def _band(drawing: Drawing, axis: TimeAxis, values: ValueAxis, tolerance: Decimal | None) -> None:
    if tolerance is None:
        return
    with exact():
        top, bottom = values.y(tolerance), values.y(-tolerance)
    thin = max(0, _BAND - (bottom - top))
    drawing.rect("band", (axis.left, top - thin // 2), (axis.right - axis.left, bottom - top + thin))


def _gaps(drawing: Drawing, axis: TimeAxis, history: DriftHistory) -> None:
    free = 0
    for each in clipped(history.coverage, history.from_us, history.until_us):
        if each.state == "covered":
            continue
        end = history.until_us if each.until_us is None else each.until_us
        left, right = axis.x(each.from_us), axis.x(end)
        said = f"{each.state} {duration(each.lasted(history.until_us))}"
        css = "hatch" if each.state == "gap" else "hatch2"
        drawing.rect(css, (left, _TOP), (right - left, _BOTTOM - _TOP), said)
        if end - each.from_us >= _SHORTEST_US and left >= free and left + width_of(said) <= drawing.width:
            drawing.text((left, _TOP - 6), said, "t-stale")
            free = left + width_of(said) + 8


def _marks(drawing: Drawing, axis: TimeAxis, values: ValueAxis, history: DriftHistory, scale: int) -> None:
    """Draw the breaks: a line at the origin, a diamond at the opening, words where there is room."""
    free = 0
    for each in sorted(history.breaks, key=lambda mark: mark.opened_us):
        amount = figure(each.amount, scale, signed=True).text
        if axis.has(each.origin_us):
            x = axis.x(each.origin_us)
            drawing.line("brk-line", (x, values.top), (x, values.bottom))
        if not axis.has(each.opened_us):
            continue
        x, y = axis.x(each.opened_us), values.y(_drift_at(history, each))
        said = f"{amount} {each.cause}"
        opened = time_of_day(to_datetime(each.opened_us), to_datetime(history.until_us))
        drawing.diamond("brk", (x, y), f"break opened {opened}: {said}, origin by event {each.until_seq:,}")
        fits_right = x + 10 + width_of(said) <= axis.right
        start = x + 10 if fits_right else x - 10 - width_of(said)
        if start >= max(free, axis.left):
            below = y + 20 if y + 20 < values.bottom else y - 10
            drawing.text((start, below), said, "t-bad t-halo")
            free = start + width_of(said) + 8


def _drift_at(history: DriftHistory, mark: BreakMark) -> Decimal:
    known = [each.drift for each in history.points if each.judged_us <= mark.opened_us and each.drift is not None]
    return known[-1] if known else mark.amount


def _verdicts(history: DriftHistory) -> list[Stretch]:
    """Return the verdicts as they stood: each from when it was judged, and stale where the account was not covered."""
    times = [max(point.judged_us, history.from_us) for point in history.points]
    ends = [*times[1:], history.until_us][: len(times)]
    known = [
        Stretch(point.verdict, start, end)
        for point, start, end in zip(history.points, times, ends, strict=True)
        if end > start
    ]
    holes = uncovered(clipped(history.coverage, history.from_us, history.until_us))
    return merged([*_outside(known, holes), *(Stretch("stale", each.from_us, each.until_us) for each in holes)])


def _outside(stretches: Sequence[Stretch], holes: Sequence[Stretch]) -> Iterator[Stretch]:
    for each in stretches:
        start = each.from_us
        end = each.until_us or start
        for hole in holes:
            hole_end = end if hole.until_us is None else hole.until_us
            if hole.from_us < end and hole_end > start:
                if hole.from_us > start:
                    yield Stretch(each.state, start, hole.from_us)
                start = max(start, hole_end)
        if end > start:
            yield Stretch(each.state, start, end)


def finding(history: DriftHistory) -> str:
    """Return what the chart shows, in words."""
    today = to_datetime(history.until_us)
    place = f"Drift of {history.unit} in {history.account}"
    span = f"from {time_of_day(to_datetime(history.from_us), today)} to {time_of_day(today, today)}"
    scale = scale_of(point.drift for point in history.points)
    levels = [each for each in _levels(history) if each.drift is not None]
    if not levels:
        return f"{place} {span}: nothing was judged"
    changes = [levels[0], *(after for before, after in pairwise(levels) if after.drift != before.drift)]
    figures = [figure(each.drift, scale, signed=True).text for each in changes]
    if len(changes) == 1:
        told = f"{figures[0]} all the time"
    elif len(changes) <= _TOLD_LEVELS:
        times = [time_of_day(to_datetime(each.from_us), today) for each in changes[1:]]
        told = ", ".join(f"{text} until {time}" for text, time in zip(figures, times, strict=False))
        told = f"{told}, then {figures[-1]}"
    else:
        known = [each.drift for each in levels if each.drift is not None]
        low, high = (figure(each, scale, signed=True).text for each in (min(known), max(known)))
        told = f"between {low} and {high}, now {figures[-1]}"
    holes = uncovered(clipped(history.coverage, history.from_us, history.until_us))
    held = history.until_us - history.judged_us > (history.until_us - history.from_us) // _UNTOLD
    judged = f"; {_last_judged(history)}" if held and _held_until(history) == history.until_us else ""
    return f"{place} {span}: {told}{_holes(holes, history.until_us)}{judged}"


def _holes(holes: Sequence[Stretch], now_us: int) -> str:
    if not holes:
        return ""
    lost = sum((now_us if each.until_us is None else each.until_us) - each.from_us for each in holes)
    return f"; not covered for {duration(timedelta(microseconds=lost))}"
