"""The log around the origin of a case: what is drawn where, read back from the SVG."""

from __future__ import annotations

from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from recon.display.charts.strips import Stretch
from recon.display.charts.timeline import (
    Between,
    Cuts,
    Lane,
    Level,
    OrderLife,
    Said,
    Timeline,
    finding,
    span_of,
    timeline,
)

D = Decimal
START = 1_764_358_337_000_000  # 2025-11-28 19:32:17 UTC
SECOND = 1_000_000


def _at(seconds: float) -> int:
    return START + int(seconds * SECOND)


def _lane(**changes: object) -> Lane:
    of = {
        "unit": "ETH", "amount": D("0.2"), "after_us": _at(10), "until_us": _at(12), "after_seq": 278, "until_seq": 383,
        "reported": [Level(_at(2), 20, D(200)), Level(_at(12), 383, D("200.2"))],
        "expected": [Level(_at(2), 20, D(200))],
        "verdicts": [Stretch("agreed", _at(2), _at(13)), Stretch("break", _at(13), _at(20))],
        "cuts": Cuts((_at(10), 278), (_at(12), 383), [Between(_at(11), D("0.2"), "14")], 1),
    }  # fmt: skip
    return Lane(**of | changes)  # type: ignore[arg-type] # by name


def _drawn(*lanes: Lane, order: OrderLife | None = None) -> Timeline:
    said = [Said(_at(3), 31, "order 14 BUY ETHUSDT NEW"), Said(_at(11), 377, "order 14 BUY ETHUSDT FILLED")]
    return Timeline("BINANCE", _at(0), _at(20), said, lanes or (_lane(),), order)


def _drawings(drawn: Timeline) -> list[ET.Element]:
    return list(ET.fromstring(f"<div>{timeline(drawn)}</div>"))  # noqa: S314 - our own text


def _of(drawing: ET.Element, css: str) -> list[ET.Element]:
    return [each for each in drawing.iter() if css in (each.get("class") or "").split()]


def _titles(drawing: ET.Element) -> list[str]:
    return [each.text or "" for each in drawing.iter("title")][1:]


def test_the_title_says_what_moved_between_which_events() -> None:
    told = "ETH +0.2 between event 278 and event 383, reported 19:32:29"
    assert finding(_drawn()) == f"The log of BINANCE around the origin, 20 s: {told}"
    wide, narrow = _drawings(_drawn())
    assert wide[0].text == narrow[0].text == finding(_drawn())
    assert wide[0].get("id") != narrow[0].get("id")


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_every_shape_lies_within_the_drawing_and_lanes_do_not_overlap(lanes: int) -> None:
    order = OrderLife("14", [Said(_at(3), 31, "NEW")])
    drawn = _drawn(*[_lane(unit=f"U{number}") for number in range(lanes)], order=order)
    for drawing, width in zip(_drawings(drawn), (848, 340), strict=True):
        height = int(drawing.get("height", ""))
        for each in drawing.iter("rect"):
            x, y, wide, high = (int(each.get(name, "")) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + wide <= width + 1
            assert 0 <= y <= y + high <= height
        tops = [int(each.get("y", "")) for each in _of(drawing, "origin")]
        bottoms = [int(each.get("y", "")) + int(each.get("height", "")) for each in _of(drawing, "origin")]
        assert len(tops) == lanes
        assert all(bottom < top for bottom, top in zip(bottoms, tops[1:], strict=False))
        # The cuts of a lane lie below its verdicts, and above the next lane.
        cuts = [int(each.get("cy", "")) for each in _of(drawing, "dot") if each.get("r") == "3"]
        assert all(bottom < y for bottom, y in zip(bottoms, cuts, strict=True))
        assert all(y < top for y, top in zip(cuts, tops[1:], strict=False))


def test_the_cuts_say_which_report_the_books_fit_and_what_lies_between() -> None:
    wide, _ = _drawings(_drawn())
    titles = _titles(wide)
    assert "event 278: a cut of the books fits the report" in titles
    assert "event 383: no cut fits; 1 posting since the one before" in titles
    assert "+0.2 ETH between the cuts, order 14" in titles
    (diamond,) = _of(wide, "brk")
    (line,) = _of(wide, "tick")
    assert int(line.get("x1", "")) < int(line.get("x2", ""))
    assert (diamond.get("d") or "").startswith(f"M{line.get('x2')} ")


def test_a_break_without_a_path_has_no_cuts() -> None:
    wide, _ = _drawings(_drawn(_lane(cuts=None)))
    assert _of(wide, "brk") == _of(wide, "tick") == []
    assert "cuts" not in [each.text for each in wide.iter("text")]
    with_cuts, _ = _drawings(_drawn())
    assert int(wide.get("height", "")) < int(with_cuts.get("height", ""))


def test_a_report_beyond_the_time_that_is_drawn_has_no_mark() -> None:
    cuts = Cuts((_at(-500), 2), (_at(12), 383), [], 120)
    wide, _ = _drawings(_drawn(_lane(cuts=cuts)))
    assert not any(each.startswith("event 2:") for each in _titles(wide))
    assert "event 383: no cut fits; 120 postings since the one before" in _titles(wide)


def test_the_order_of_the_evidence_has_a_line_from_its_first_report_to_its_last() -> None:
    order = OrderLife("14", [Said(_at(3), 31, "order 14 NEW"), Said(_at(11), 377, "order 14 FILLED")])
    wide, narrow = _drawings(_drawn(order=order))
    for drawing in (wide, narrow):
        (line,) = _of(drawing, "ord")
        assert int(line.get("x1", "")) < int(line.get("x2", ""))
        assert "event 377: order 14 FILLED" in _titles(drawing)
    assert not _of(_drawings(_drawn())[0], "ord")
    away, _ = _drawings(_drawn(order=OrderLife("14", [Said(_at(99), 900, "order 14 FILLED")])))
    assert not _of(away, "ord"), "nothing of it lies in the time that is drawn"


def test_names_from_outside_are_escaped() -> None:
    cuts = Cuts((_at(10), 278), (_at(12), 383), [Between(_at(11), D(1), '<b>"&')], 1)
    markup = timeline(_drawn(_lane(unit="<i>", cuts=cuts), order=OrderLife("<u>", [Said(_at(3), 3, "<s>")])))
    assert not any(tag in markup for tag in ("<b>", "<i>", "<u>", "<s>"))
    assert len(list(ET.fromstring(f"<div>{markup}</div>"))) == 2  # noqa: S314 - our own text


def test_the_time_that_is_drawn_holds_the_origins_with_room_around_them() -> None:
    origins: list[tuple[int | None, int]] = [(_at(10), _at(12)), (None, _at(15))]
    start, end = span_of(origins, _at(30))
    assert start <= _at(10) - 6 * SECOND
    assert end >= _at(15)
    assert end - start < 60 * SECOND
