"""The arithmetic of a case's units, and its steps, as a screen shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from recon.display.figures import Figure, figure, padded, scale_of
from recon.reads.case.evidence import reason_said
from recon.reads.case.model import Case, Leg
from recon.web.addresses import event_address, unit_address
from recon.web.rendering import MAX_ROOM

_SUM: Final = (
    ("opening", "opening"),
    ("+ fills", "fills"),
    ("= expected", "expected"),
    ("reported", "reported"),
    ("drift", "drift"),
    ("explained by entries", "explained"),
    ("drift, unexplained", "unexplained"),
)
_SIGNED: Final = frozenset({"fills", "drift", "explained", "unexplained"})
#: The lines of the sum, in words.
LINES: Final = tuple(label for label, _ in _SUM)


class Column(msgspec.Struct, frozen=True):
    """A unit of the case with its figures, one for each line of the sum."""

    unit: str
    place: str
    figures: Sequence[Figure]
    room: int


def columns_of(case: Case) -> list[Column]:
    """Return a column for each unit that has figures."""
    found: dict[tuple[object, ...], Leg] = {}
    for leg in case.legs:
        if leg.figures.get("reported") is not None:
            found.setdefault(tuple(leg.row[key] for key in ("gateway", "account", "unit_kind", "unit")), leg)
    columns = []
    for leg in found.values():
        values = [leg.figures[key] for _, key in _SUM]
        scale = scale_of(values)
        figures = [
            padded(value, scale, signed=key in _SIGNED) if key != "unexplained" else figure(value, scale, signed=True)
            for value, (_, key) in zip(values, _SUM, strict=True)
        ]
        place = unit_address(*(str(leg.row[key]) for key in ("gateway", "account", "unit", "unit_kind")))
        columns.append(Column(str(leg.row["unit"]), place, figures, min(scale, MAX_ROOM)))
    return columns


def history_of(case: Case) -> list[Mapping[str, Any]]:
    """Return the steps of all breaks, the latest first; what several took at one event is one line."""
    steps: dict[tuple[object, ...], dict[str, Any]] = {}
    notes = {leg.row["note"] for leg in case.legs}
    for leg in case.legs:
        for step in leg.history:
            key = (step["gateway"], step["seq"], step["event"], step["reason"])
            if key in steps:
                steps[key]["units"] += f", {leg.row['unit']}"
            else:
                steps[key] = {
                    **{name: step[name] for name in ("at", "seq", "event")},
                    "place": event_address(str(step["gateway"]), int(step["seq"])),
                    "reason": reason_said(step["reason"], notes),
                    "units": str(leg.row["unit"]),
                }
    return sorted(steps.values(), key=lambda step: (step["at"], step["seq"]), reverse=True)
