"""The arithmetic of a case: what was reported of each unit, against what the books expect. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from recon.display.ages import time_of_day
from recon.display.figures import Figure, aligned, padded, scale_of
from recon.display.words import safe
from recon.reads.case.model import Leg

#: Characters before the first column of figures.
LABEL: Final = 24
_GAP: Final = 4
_SUM: Final = (("opening", "opening"), ("+ fills", "fills"), ("= expected", "expected"), ("  reported", "reported"))


def arithmetic_lines(legs: Sequence[Leg], width: int) -> Iterator[str]:
    """Yield the sums, a column for each unit, as many beside each other as there is room for."""
    told = _units(legs)
    columns = [_column(leg, legs) for leg in told]
    labels = _labels(told, legs)
    while columns:
        fit, used = 1, LABEL + len(columns[0][0])
        while fit < len(columns) and used + _GAP + len(columns[fit][0]) <= width:
            used += _GAP + len(columns[fit][0])
            fit += 1
        for index, label in enumerate(labels):
            yield (label.ljust(LABEL) + (" " * _GAP).join(column[index] for column in columns[:fit])).rstrip()
        columns = columns[fit:]
    for leg in told:
        figures = leg.figures
        at = time_of_day(figures["observed_at"], exact=True)
        yield f"{safe(leg.row['unit'])}: observed {at} at event {figures['cut_seq']}, verdict {figures['verdict']}"
    for leg in legs:
        if leg.figures.get("reported") is None:
            yield f"{safe(leg.row['unit'])}: never reported since"


def _units(legs: Sequence[Leg]) -> list[Leg]:
    """Return a leg for each unit that has figures: two breaks of one unit have the same."""
    found: dict[tuple[object, ...], Leg] = {}
    for leg in legs:
        if leg.figures.get("reported") is not None:
            found.setdefault(tuple(leg.row[key] for key in ("gateway", "account", "unit_kind", "unit")), leg)
    return list(found.values())


def _explained(legs: Sequence[Leg]) -> bool:
    return any(leg.figures["explained"] for leg in legs)


def _labels(told: Sequence[Leg], legs: Sequence[Leg]) -> list[str]:
    drift = ["  drift", "  explained by entries", "  unexplained"] if _explained(told) else ["  drift, unexplained"]
    own = [] if _all_is_owned(told, legs) else ["  of it this case"]
    return ["", *(label for label, _ in _SUM), *drift, *own]


def _all_is_owned(told: Sequence[Leg], legs: Sequence[Leg]) -> bool:
    """True if the case's breaks are all that is unexplained of each unit."""
    return all(leg.figures["unexplained"] == _own(leg, legs) for leg in told)


def _column(leg: Leg, legs: Sequence[Leg]) -> list[str]:
    figures = leg.figures
    sums = [figures[key] for _, key in _SUM]
    drift = ["drift", "explained", "unexplained"] if _explained(_units(legs)) else ["unexplained"]
    signed = [figures[key] for key in drift] + [_own(leg, legs)]
    scale = scale_of([*sums, *signed])
    cells = aligned(
        [padded(value, scale, signed=index == 1) for index, value in enumerate(sums)]
        + [padded(value, scale, signed=True) if value else Figure("0") for value in signed]
    )
    unit = safe(str(leg.row["unit"]))
    room = max(len(unit), *map(len, cells))
    return [text.rjust(room) for text in (unit, *cells)]


def _own(leg: Leg, legs: Sequence[Leg]) -> Decimal:
    """Return what the case's breaks own of the unit's unexplained drift."""
    same = [
        each
        for each in legs
        if each.active
        and each.row["owns_residual"]
        and all(each.row[key] == leg.row[key] for key in ("gateway", "account", "unit_kind", "unit"))
    ]
    return sum((Decimal(str(each.row["amount"])) for each in same), Decimal(0))
