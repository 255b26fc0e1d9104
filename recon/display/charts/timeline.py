"""The log around the origin of a case: what was said of orders, and each unit as reported and as expected. Pure.

1. Time runs over the origin with some room before and after, so that what changed stands in the middle.
2. The order that the evidence names has a line of its own life: from its first report to its last, a tick for each.
3. Below each unit are its cuts: the report before (a dot: a cut of the books fits it), the one that shows the break (a
   diamond: none does), and a tick for each posting that lies between what the two had seen.
4. Reported is a solid step line with a point for each report, expected a dashed one; the origin is tinted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

import msgspec

from recon.display.ages import time_of_day
from recon.display.charts.axes import TimeAxis
from recon.display.charts.strips import Stretch, verdict_strip
from recon.display.charts.svg import Drawing, room_of
from recon.display.figures import figure
from recon.display.words import counted
from recon.exact import divide, exact
from recon.times import to_datetime

WIDE: Final = 848
NARROW: Final = 340
_TOP: Final = 26
_TICKS: Final = 18
_LANE: Final = 78
_GAP: Final = 26
_STRIP: Final = 18
_ORDER: Final = 20
_CUTS: Final = 20
#: Room between two labels of time, in pixels.
_TIME_ROOM: Final = 92
#: Most characters of a unit that a lane has room for beside it.
_UNIT_CHARS: Final = 12


class Said(msgspec.Struct, frozen=True):
    """An event that names an order: when, its log position, and in words."""

    us: int
    seq: int
    text: str


class Level(msgspec.Struct, frozen=True):
    """What an amount is from a time on, and the event that says so."""

    us: int
    seq: int
    amount: Decimal


class Between(msgspec.Struct, frozen=True):
    """A posting between the cuts of two reports: when the venue says that it happened, its amount, its order."""

    us: int
    amount: Decimal
    order: str | None


class Cuts(msgspec.Struct, frozen=True):
    """The report before a break and the one that shows it, and the postings that one of them had seen and one had not.

    `total` counts the postings; not all of them are kept.
    """

    before: tuple[int, int]
    after: tuple[int, int]
    between: Sequence[Between]
    total: int


class Lane(msgspec.Struct, frozen=True):
    """One unit of the case: its reports, what the books expected, and its origin."""

    unit: str
    amount: Decimal
    reported: Sequence[Level]
    expected: Sequence[Level]
    after_us: int | None
    until_us: int
    after_seq: int
    until_seq: int
    verdicts: Sequence[Stretch]
    #: None: the break has no path, or lies beyond what is drawn.
    cuts: Cuts | None = None


class OrderLife(msgspec.Struct, frozen=True):
    """The order that the evidence names, and what was said of it."""

    name: str
    said: Sequence[Said]


class Timeline(msgspec.Struct, frozen=True):
    """What is drawn."""

    account: str
    from_us: int
    until_us: int
    orders: Sequence[Said]
    lanes: Sequence[Lane]
    order: OrderLife | None = None


def span_of(origins: Sequence[tuple[int | None, int]], opened_us: int) -> tuple[int, int]:
    """Return the time to draw: the origins with room around them, up to when the case opened or a little later."""
    first = min(until if after is None else after for after, until in origins)
    last = max(until for _, until in origins)
    room = max(6_000_000, last - first)
    return first - room, min(max(opened_us, last), last + 2 * room) + room // 4


def timeline(drawn: Timeline, name: str = "timeline") -> str:
    """Return both drawings, wide and for a telephone; the style sheet shows one."""
    return _drawing(drawn, name, "wide", WIDE) + _drawing(drawn, name, "narrow", NARROW)


def _drawing(drawn: Timeline, name: str, css: str, width: int) -> str:
    wide = width == WIDE
    left = 100 if wide else 8
    top = _TOP + (_TICKS + 12 if drawn.orders else 0)
    order_top, top = top, top + (_ORDER if drawn.order else 0)
    lane_height = _LANE + _GAP + _STRIP + 8
    height = top + sum(lane_height + (_CUTS if lane.cuts else 0) for lane in drawn.lanes) + 4
    amounts = [figure(each.amount, signed=True).text for each in drawn.lanes]
    axis = TimeAxis(drawn.from_us, drawn.until_us, left, width - max(20, *map(room_of, amounts)))
    drawing = Drawing(width, height, css, name, finding(drawn))
    for x, text in axis.labels(_TIME_ROOM):
        drawing.line("grid", (x, 16), (x, height - 4))
        drawing.centered((x, 12), text)
    if drawn.orders:
        if wide:
            drawing.text((0, _TOP + 13), "Reports", "t-strong")
        for each in drawn.orders:
            x = axis.x(each.us)
            drawing.rect("said", (x, _TOP + 4), (1, _TICKS - 6), f"event {each.seq:,}: {each.text}")
    if drawn.order is not None:
        _order(drawing, axis, drawn.order, order_top, wide=wide)
    for lane in drawn.lanes:
        _lane(drawing, axis, lane, top + _GAP - 6, wide=wide)
        if lane.cuts is not None:
            _cuts(drawing, axis, lane, lane.cuts, top + lane_height - 6, wide=wide)
        top += lane_height + (_CUTS if lane.cuts else 0)
    return drawing.text_of()


def _lane(drawing: Drawing, axis: TimeAxis, lane: Lane, top: int, *, wide: bool) -> None:
    bottom = top + _LANE - 10
    start = axis.x(axis.from_us if lane.after_us is None else lane.after_us)
    end = axis.x(lane.until_us)
    drawing.rect("origin", (start, top), (end - start, bottom - top), _origin(lane))
    if wide:
        drawing.text((start, top - 5), _origin(lane), "t-wait")
        drawing.text((0, top + 16), lane.unit[:_UNIT_CHARS], "t-strong")
        drawing.text((0, top + 32), "reported,")
        drawing.text((0, top + 46), "expected")
    else:
        drawing.text((axis.left, top - 5), lane.unit, "t-strong")
    heights = _Heights([each.amount for each in (*lane.reported, *lane.expected)], top + 6, bottom - 6)
    drawing.path("exp", _steps(lane.expected, axis, heights))
    drawing.path("step", _steps(lane.reported, axis, heights))
    for each in lane.reported:
        if axis.has(each.us):
            at = time_of_day(to_datetime(each.us), exact=True)
            title = f"event {each.seq:,}, {at}: {figure(each.amount).text} {lane.unit}"
            drawing.dot("dot", (axis.x(each.us), heights.y(each.amount)), title, 2)
    if lane.reported:
        text = figure(lane.amount, signed=True).text
        drawing.at_the_end(heights.y(lane.reported[-1].amount) + 4, text, "t-bad")
    verdict_strip(drawing, axis, lane.verdicts, bottom + 8, _STRIP)


def _order(drawing: Drawing, axis: TimeAxis, order: OrderLife, top: int, *, wide: bool) -> None:
    """Draw the life of an order: a line over its reports, a tick for each with what it says."""
    times = [each.us for each in order.said if axis.has(each.us)]
    if wide:
        drawing.text((0, top + 13), "Order", "t-strong")
    if not times:
        return
    first, last = axis.x(min(times)), axis.x(max(times))
    drawing.line("ord", (first, top + 9), (max(last, first + 1), top + 9))
    for each in order.said:
        if axis.has(each.us):
            drawing.rect("said", (axis.x(each.us), top + 4), (2, 10), f"event {each.seq:,}: {each.text}")


def _cuts(drawing: Drawing, axis: TimeAxis, lane: Lane, cuts: Cuts, top: int, *, wide: bool) -> None:
    """Draw what two reports had seen: a line between them, and the postings that lie between their cuts."""
    y = top + _CUTS // 2
    if wide:
        drawing.text((0, y + 4), "cuts")
    (before, before_seq), (after, after_seq) = cuts.before, cuts.after
    drawing.line("tick", (axis.x(before), y), (axis.x(after), y))
    for each in cuts.between:
        of = "" if each.order is None else f", order {each.order}"
        said = f"{figure(each.amount, signed=True).text} {lane.unit} between the cuts{of}"
        drawing.rect("said", (axis.x(each.us), y - 5), (2, 10), said)
    if axis.has(before):
        drawing.dot("dot", (axis.x(before), y), f"event {before_seq:,}: a cut of the books fits the report")
    if axis.has(after):
        many = counted(cuts.total, "posting")
        drawing.diamond("brk", (axis.x(after), y), f"event {after_seq:,}: no cut fits; {many} since the one before", 5)


def _origin(lane: Lane) -> str:
    return f"origin: after event {lane.after_seq:,}, by event {lane.until_seq:,}"


class _Heights:
    """Amounts of one lane from bottom to top; these do not begin at zero, since only changes matter here."""

    def __init__(self, amounts: Sequence[Decimal], top: int, bottom: int) -> None:
        self._low, self._high = (min(amounts), max(amounts)) if amounts else (Decimal(0), Decimal(0))
        self._top, self._bottom = top, bottom

    def y(self, amount: Decimal) -> int:
        if self._high == self._low:
            return (self._top + self._bottom) // 2
        with exact():
            way = (self._high - amount) * (self._bottom - self._top)
            return self._top + int(divide(way, self._high - self._low, 0))


def _steps(levels: Sequence[Level], axis: TimeAxis, heights: _Heights) -> list[str]:
    commands: list[str] = []
    for each in levels:
        y = heights.y(each.amount)
        commands.append(f"H{axis.x(each.us)}V{y}" if commands else f"M{axis.x(each.us)} {y}")
    return [*commands, f"H{axis.right}"] if commands else []


def finding(drawn: Timeline) -> str:
    """Return what the drawing shows, in words."""
    today = to_datetime(drawn.until_us)
    parts = [
        f"{each.unit} {figure(each.amount, signed=True).text} between event {each.after_seq:,} and event"
        f" {each.until_seq:,}, reported {time_of_day(to_datetime(each.until_us), today)}"
        for each in drawn.lanes
    ]
    length = timedelta(microseconds=drawn.until_us - drawn.from_us)
    return f"The log of {drawn.account} around the origin, {int(length.total_seconds())} s: {'; '.join(parts)}"
