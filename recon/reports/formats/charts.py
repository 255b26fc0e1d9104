"""Charts of a printed report as SVG: drawn by Vega-Lite inside this process, without any network.

Only the place of a mark is a double; every figure stands in a table beside the chart, to the last digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import vl_convert

from recon.reports.pictures import Ageing, Drift
from recon.reports.values import nearest_double, text_of

#: The version of Vega-Lite that the charts are written for.
_VEGA_LITE: Final = "6.1"
_INK: Final = "#1f2933"
_BAR: Final = "#4c6fa5"
_CONFIG: Final[Mapping[str, object]] = {
    "font": "Arial, Helvetica, sans-serif",
    "background": "#ffffff",
    "view": {"stroke": None},
    "axis": {"labelColor": _INK, "titleColor": _INK, "gridColor": "#e4e7eb", "domainColor": "#9aa5b1"},
}
#: Times of day, so few that they never touch.
_CLOCK: Final[Mapping[str, object]] = {"format": "%H:%M:%S", "tickCount": 4}


def ageing_svg(picture: Ageing) -> str:
    """Return open breaks by age as bars."""
    labels = [each.label for each in picture.ranges]
    return _svg(
        {
            "width": 320,
            "height": 130,
            "data": {"values": [{"age": each.label, "breaks": each.breaks} for each in picture.ranges]},
            "mark": {"type": "bar", "color": _BAR},
            "encoding": {
                "y": {"field": "age", "type": "nominal", "sort": labels, "title": None},
                "x": {"field": "breaks", "type": "quantitative", "title": "open breaks", "axis": {"tickMinStep": 1}},
            },
        }
    )


def drift_svg(picture: Drift) -> str:
    """Return the drift of a unit as a step line: a balance jumps and does not slope."""
    values = [{"at": text_of(each.at), "drift": nearest_double(each.drift)} for each in picture.points]
    line: Mapping[str, object] = {
        "data": {"values": values},
        "mark": {"type": "line", "interpolate": "step-after", "color": _BAR},
        "encoding": {
            "x": {"field": "at", "type": "temporal", "scale": {"type": "utc"}, "title": None, "axis": _CLOCK},
            "y": {"field": "drift", "type": "quantitative", "title": None},
        },
    }
    zero: Mapping[str, object] = {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "color": "#9aa5b1"},
        "encoding": {"y": {"field": "zero", "type": "quantitative"}},
    }
    layers: Sequence[Mapping[str, object]] = [zero, line]
    return _svg({"width": 320, "height": 110, "layer": layers})


def _svg(specification: Mapping[str, object]) -> str:
    schema = "https://vega.github.io/schema/vega-lite/v6.json"
    # No base URL is allowed, so that nothing is ever fetched.
    made = vl_convert.vegalite_to_svg(
        {"$schema": schema, "config": _CONFIG, **specification}, vl_version=_VEGA_LITE, allowed_base_urls=[]
    )
    return str(made)
