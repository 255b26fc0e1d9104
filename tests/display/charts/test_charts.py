"""Charts: what is drawn where, read back from the SVG."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.display.charts.ageing import Bucket, ageing_bars
from recon.display.charts.axes import TimeAxis, ValueAxis
from recon.display.charts.drift import BreakMark, DriftHistory, DriftPoint, drift_chart, finding
from recon.display.charts.strips import Stretch, coverage_strip
from tests.support.properties import steady

D = Decimal
GOLDEN = Path(__file__).with_name("drift.svg")
START = 1_764_358_337_000_000  # 2025-11-28 19:32:17 UTC
SECOND = 1_000_000


def _at(seconds: float) -> int:
    return START + int(seconds * SECOND)


def _history(**changes: object) -> DriftHistory:
    """A balance that agrees, a gap of 3.9 s with 5.4 s to make up for it, and a break of -0.750."""
    points = (
        DriftPoint(_at(2), _at(3), 29, D("0.000"), "agreed"),
        DriftPoint(_at(28), _at(28), 400, D("0.000"), "agreed"),
        DriftPoint(_at(39), _at(40.6), 632, D("-0.750"), "pending"),
        DriftPoint(_at(42), _at(43), 675, D("-0.750"), "break"),
    )
    coverage = (
        Stretch("covered", _at(0), _at(18)),
        Stretch("gap", _at(18), _at(21.9)),
        Stretch("catching_up", _at(21.9), _at(27.3)),
        Stretch("covered", _at(27.3), None),
    )
    marks = (BreakMark(_at(39), _at(43), 632, D("-0.75"), "withdrawal"),)
    given_ = {"points": points, "coverage": coverage, "breaks": marks, "tolerance": D("0.000001"), **changes}
    return DriftHistory("ETH", "COINBASE/DESK", _at(0), _at(62), **given_)  # type: ignore[arg-type] # by name


def _drawings(markup: str) -> list[ET.Element]:
    return list(ET.fromstring(f"<div>{markup}</div>"))  # noqa: S314 - our own text


def _of(drawing: ET.Element, css: str) -> list[ET.Element]:
    return [each for each in drawing.iter() if css in (each.get("class") or "").split()]


def _segments(path: str) -> list[list[tuple[int, int]]]:
    """Return the runs of a step path, each as its corners."""
    runs: list[list[tuple[int, int]]] = []
    word = ""
    for character in [*path, "M"]:
        if character in "MHV" and word:
            kind, rest = word[0], word[1:]
            if kind == "M":
                x, y = map(int, rest.split())
                runs.append([(x, y)])
            else:
                x, y = runs[-1][-1]
                runs[-1].append((int(rest), y) if kind == "H" else (x, int(rest)))
            word = ""
        word += character
    return runs


def test_the_title_says_the_finding() -> None:
    assert finding(_history()) == (
        "Drift of ETH in COINBASE/DESK from 19:32:17 to 19:33:19: 0 until 19:32:56, then -0.75; not covered for 9.3 s"
    )
    wide, narrow = _drawings(drift_chart(_history()))
    for drawing in (wide, narrow):
        title = drawing[0]
        assert title.text == finding(_history())
        assert drawing.get("aria-labelledby") == title.get("id")
    assert wide[0].get("id") != narrow[0].get("id")


def test_both_drawings_hold_everything_within_their_size() -> None:
    for drawing, width in zip(_drawings(drift_chart(_history())), (1214, 340), strict=True):
        assert drawing.get("width") == str(width)
        for each in drawing.iter():
            for name in ("x", "x1", "x2", "cx"):
                assert 0 <= int(each.get(name, "0")) <= width
            assert each.get("style") is None
        assert _of(drawing, "zero")
        assert len(_of(drawing, "brk")) == 1
        assert len(_of(drawing, "hatch")) == 1


def test_the_line_is_a_step_and_is_never_joined_over_a_gap() -> None:
    wide, _ = _drawings(drift_chart(_history()))
    (step,) = _of(wide, "step")
    first, second = _segments(step.get("d", ""))
    (gap,) = _of(wide, "hatch")
    left = int(gap.get("x", ""))
    assert first[-1][0] <= left
    assert second[0][0] >= left + int(gap.get("width", ""))
    for run in (first, second):
        assert all(a[0] == b[0] or a[1] == b[1] for a, b in itertools.pairwise(run)), "no slope"
    assert [y for _, y in second][-1] > second[0][1], "a negative drift lies below zero"


def test_where_nothing_was_expected_nothing_is_drawn() -> None:
    points = (DriftPoint(_at(2), _at(3), 1, None, "pending"),)
    wide, _ = _drawings(drift_chart(_history(points=points, breaks=())))
    assert not _of(wide, "step")
    assert "nothing was judged" in (wide[0].text or "")


def test_an_observation_of_a_gap_that_was_judged_after_it_begins_the_line_at_its_end() -> None:
    points = (DriftPoint(_at(25), _at(28), 390, D(0), "agreed"),)
    wide, _ = _drawings(drift_chart(_history(points=points, breaks=())))
    (step,), (catching_up, *_) = _of(wide, "step"), _of(wide, "hatch2")
    ((begin, _), *_) = _segments(step.get("d", ""))[0]
    assert begin == int(catching_up.get("x", "")) + int(catching_up.get("width", ""))


def test_where_the_log_has_ended_no_drift_is_told_as_that_of_now() -> None:
    coverage = (Stretch("covered", _at(0), _at(50)), Stretch("not recorded", _at(50), None))
    wide, _ = _drawings(drift_chart(_history(coverage=coverage)))
    assert "-0.75" not in [each.text for each in wide.iter("text") if each.get("class") in {"t-bad", "t-strong"}]
    wide, _ = _drawings(drift_chart(_history()))
    assert "-0.75" in [each.text for each in wide.iter("text") if each.get("class") == "t-bad"]


def test_after_the_last_report_the_line_is_dashed_and_the_title_says_since_when() -> None:
    wide, _ = _drawings(drift_chart(_history(observed_us=_at(50))))
    (step,), (held,) = _of(wide, "step"), _of(wide, "held")
    ((*_, (solid_end, level)),) = _segments(step.get("d", ""))[-1:]
    (((begin, y), (end, _)),) = _segments(held.get("d", ""))
    assert (begin, y) == (solid_end, level), "it goes on where the line ends"
    assert end > begin
    assert (wide[0].text or "").endswith("; last reported 19:33:07; nothing newer was judged")
    assert "-0.75" in [each.text for each in wide.iter("text") if each.get("class") == "t-bad"]


@pytest.mark.parametrize("observed", [None, 62, 70])
def test_a_line_that_is_judged_to_the_end_is_whole(observed: float | None) -> None:
    us = None if observed is None else _at(observed)
    wide, _ = _drawings(drift_chart(_history(observed_us=us)))
    assert not _of(wide, "held")
    assert "nothing newer" not in (wide[0].text or "")


def test_a_line_is_dashed_only_up_to_the_next_gap() -> None:
    coverage = (Stretch("covered", _at(0), _at(55)), Stretch("gap", _at(55), None))
    wide, _ = _drawings(drift_chart(_history(observed_us=_at(50), coverage=coverage)))
    (held,), (gap,) = _of(wide, "held"), _of(wide, "hatch")
    assert _segments(held.get("d", ""))[0][-1][0] == int(gap.get("x", ""))
    assert "-0.75" not in [each.text for each in wide.iter("text") if each.get("class") == "t-bad"]


@pytest.mark.parametrize("drift", ["-0.75", "-1199.91040", "123456789.123456789"])
def test_the_figure_at_the_end_of_the_line_has_room(drift: str) -> None:
    points = (DriftPoint(_at(28), _at(28), 400, D(drift), "break"),)
    for drawing in _drawings(drift_chart(_history(points=points, breaks=()))):
        (label,) = [each for each in drawing.iter("text") if each.get("class") == "t-bad"]
        (step,) = _of(drawing, "step")
        end = _segments(step.get("d", ""))[-1][-1][0]
        assert label.get("text-anchor") == "end", "it is placed by its end, so that no font is too wide"
        assert int(label.get("x", "")) <= int(drawing.get("width", ""))
        assert int(label.get("x", "")) - 8 * len(label.text or "") > end


def test_a_stretch_that_is_shown_in_part_tells_its_whole_length() -> None:
    gap = (Stretch("gap", _at(-30), _at(21.9)), Stretch("covered", _at(21.9), None))
    (drawing,) = _drawings(coverage_strip("cov-1", "DERIBIT", gap, _at(0), _at(60)))
    assert drawing[0].text == "DERIBIT: covered, but for gap 51 s from 19:31:47"
    wide, _ = _drawings(drift_chart(_history(coverage=gap)))
    assert "gap 51 s" in [each.text for each in wide.iter("text")]


def test_a_time_of_which_nothing_is_known_is_an_empty_chart() -> None:
    wide, narrow = _drawings(drift_chart(_history(points=(), coverage=(), breaks=())))
    assert not _of(wide, "step")
    assert "nothing was judged" in (narrow[0].text or "")


def test_a_thin_tolerance_is_drawn_as_four_pixels_around_zero() -> None:
    wide, _ = _drawings(drift_chart(_history()))
    (band,), (zero, *_) = _of(wide, "band"), _of(wide, "zero")
    assert int(band.get("height", "")) == 4
    assert int(band.get("y", "")) == int(zero.get("y1", "")) - 2
    wide, _ = _drawings(drift_chart(_history(tolerance=D("0.5"))))
    assert int(_of(wide, "band")[0].get("height", "")) > 40


def test_the_verdict_strip_is_whole_and_says_stale_in_the_gap() -> None:
    wide, _ = _drawings(drift_chart(_history()))
    strip = [each for each in wide.iter("rect") if each.get("y") == "238"]
    spans = sorted((int(each.get("x", "")), int(each.get("width", ""))) for each in strip)
    assert all(a + width == b for (a, width), (b, _) in itertools.pairwise(spans))
    words = [each.text for each in wide.iter("text") if each.get("y") == "250"]
    assert words == ["verdict", "agreed", "agreed", "break", "stale"]


def test_a_text_from_outside_is_escaped() -> None:
    markup = drift_chart(_history(breaks=(BreakMark(_at(39), _at(43), 632, D(-1), '<script>"&\x07'),)))
    assert "<script>" not in markup
    assert "\x07" not in markup
    assert len(_drawings(markup)) == 2


def test_the_drawing_is_the_one_that_was_looked_at(request: pytest.FixtureRequest) -> None:
    """The golden text: rewrite it with --write-golden, and look at it."""
    drawn = drift_chart(_history()).replace("><", ">\n<") + "\n"
    if request.config.getoption("--write-golden", default=False):
        GOLDEN.write_text(drawn, encoding="utf-8")
    assert drawn == GOLDEN.read_text(encoding="utf-8")


@steady(200)
@given(
    values=st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**20), max_value=10**20)
    ),
)
def test_quantities_keep_their_order_and_zero_is_inside(values: list[Decimal]) -> None:
    axis = ValueAxis(values, 20, 220)
    assert 20 < axis.y(D(0)) < 220
    placed = [axis.y(value) for value in sorted(values)]
    assert placed == sorted(placed, reverse=True)
    assert all(20 <= y <= 220 for y in placed)
    labels = axis.labels()
    assert 1 <= len(labels) <= 9
    assert "0" in [text for _, text in labels]


@steady(200)
@given(start=st.integers(0, 2**51), length=st.integers(0, 2**47), room=st.integers(40, 200))
def test_round_times_lie_inside_in_order(start: int, length: int, room: int) -> None:
    axis = TimeAxis(start, start + length, 50, 340)
    places = [x for x, _ in axis.labels(room)]
    assert places == sorted(places)
    assert all(50 <= x <= 340 for x in places)
    assert len(places) <= 290 // room + 2


def test_a_strip_of_coverage_says_each_hole() -> None:
    stretches = (
        Stretch("covered", _at(0), _at(18)),
        Stretch("gap", _at(18), _at(21.9)),
        Stretch("covered", _at(21.9), None),
    )
    (drawing,) = _drawings(coverage_strip("cov-1", "DERIBIT", stretches, _at(0), _at(60)))
    assert drawing[0].text == "DERIBIT: covered, but for gap 3.9 s from 19:32:35"
    assert [each.get("width") for each in _of(drawing, "cov")] == ["180", "381"]
    assert [each.get("x") for each in _of(drawing, "hatch")] == ["180"]
    (whole,) = _drawings(coverage_strip("cov-2", "A", stretches[:1], _at(0), _at(18)))
    assert whole[0].text == "A: covered the whole time"
    (unknown,) = _drawings(coverage_strip("cov-3", "A", (), _at(0), _at(18)))
    assert unknown[0].text == "A: nothing is known of this time"


def test_ageing_shows_empty_buckets_and_numbers() -> None:
    buckets = [Bucket("under 1 h", 4, D("12.5")), Bucket("1 h to 1 d", 0, D(0)), Bucket("over 5 d", 2, None)]
    (drawing,) = _drawings(ageing_bars(buckets))
    assert drawing[0].text == "6 open cases; the oldest 2 are over 5 d"
    bars = list(drawing.iter("rect"))
    assert [each.get("class") for each in bars] == ["bar", "bar-0", "bar"]
    widths = [int(each.get("width", "")) for each in bars]
    assert widths[0] == 2 * widths[2]
    assert [each.text for each in drawing.iter("text")][1::2] == ["4", "0", "2"]
    assert bars[2][0].text == "over 5 d: 2 cases, worth unknown"
