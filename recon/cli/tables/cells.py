"""The values of a column as text: each kind of value by its one format, figures aligned on their points. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from recon.cli.output import EMPTY, Column, Kind, Row, text_of
from recon.cli.tables.look import Look
from recon.cli.tables.text import least_width, width_of
from recon.display.ages import age, duration, skew, time_of_day
from recon.display.figures import UNKNOWN, Figure, aligned, count, figure, scale_of
from recon.display.ids import short_ids
from recon.display.shapes import shape_of
from recon.display.words import safe
from recon.display.worth import share, worth_figure

#: Kinds that have a point, and are aligned on it.
FIGURES: Final[frozenset[Kind]] = frozenset({"figure", "signed", "worth", "signed_worth"})
_RIGHT: Final[frozenset[Kind]] = frozenset({"count", "number", "share", "age", "duration", "skew"})
_STATES: Final[frozenset[Kind]] = frozenset({"state", "mark"})
#: The key that is true in a row of what is not seen now.
NOT_CURRENT: Final = "not_current"
#: Least width of a column of prose, in characters.
_LEAST_PROSE: Final = 20
#: Least and usual width of a strip, in characters.
_LEAST_STRIP: Final = 20
_STRIP: Final = 44


class Strip(Protocol):
    """The value of a strip: it is drawn when its width is known."""

    def __call__(self, width: int, *, glyphs: bool) -> str:
        """Return so many characters."""
        ...


class Cells(msgspec.Struct, frozen=True):
    """A column as text: for each row its lines and their style; `least` is the width that it cannot do without."""

    column: Column
    lines: Sequence[Sequence[str]]
    styles: Sequence[str]
    to_right: bool
    natural: int
    least: int

    @property
    def empty(self) -> bool:
        """True if no row has anything to show."""
        return not any(line.strip() for lines in self.lines for line in lines)


def kind_of(column: Column, rows: Sequence[Row]) -> Kind:
    """Return the kind of a column: its own, or else that of its first value."""
    if column.kind:
        return column.kind
    value = next((each for row in rows for each in _stack(row.get(column.key)) if each is not None), None)
    if isinstance(value, Decimal):
        return "figure"
    if isinstance(value, int) and not isinstance(value, bool):
        return "count"
    if isinstance(value, datetime):
        return "time"
    return "duration" if isinstance(value, timedelta) else "text"


def cells_of(column: Column, rows: Sequence[Row], units: Sequence[Sequence[str]], look: Look) -> Cells:
    """Return a column as text; `units` are the keys of figures that have one scale in each row."""
    kind = kind_of(column, rows)
    if kind == "strip":
        least = max(_LEAST_STRIP, width_of(column.heading))
        lines = [[""] for _ in rows]
        return Cells(column, lines, [""] * len(rows), to_right=False, natural=max(_STRIP, least), least=least)
    if kind in FIGURES:
        lines = _figure_lines(column, kind, rows, units, look)
    else:
        shorts = _shorts(column, rows) if kind == "id" and not look.raw else {}
        lines = [
            [_text(kind, each, shorts, look, stale=is_stale(row)) for each in _stack(row.get(column.key))]
            for row in rows
        ]
    if column.blank:
        lines = [["" if text.strip() in {UNKNOWN, EMPTY} else text for text in each] for each in lines]
    widths = [width_of(text) for each in lines for text in each]
    natural = max([width_of(column.heading), *widths])
    least = natural
    if column.prose:
        numbers = [least_width(text) for each in lines for text in each]
        least = min(natural, max([_LEAST_PROSE, width_of(column.heading), *numbers]))
    styles = [_style(kind, row.get(column.key), row) for row in rows]
    return Cells(column, lines, styles, kind in _RIGHT or kind in FIGURES, natural, least)


def _stack(value: object) -> tuple[object, ...]:
    """Return the lines of a cell: a tuple has one for each of its values, a list is one text."""
    return value if isinstance(value, tuple) and value else (None,) if isinstance(value, tuple) else (value,)


def _figure_lines(
    column: Column, kind: Kind, rows: Sequence[Row], units: Sequence[Sequence[str]], look: Look
) -> list[list[str]]:
    group = next((keys for keys in units if column.key in keys), (column.key,))
    figures: list[list[Figure]] = []
    for row in rows:
        values = row.get(column.key)
        if isinstance(values, tuple):
            figures.append([_figure(kind, each, None, look) for each in _stack(values)])
        elif values is None and column.blank:
            figures.append([Figure("")])
        else:
            scale = scale_of(_number(row.get(key)) for key in group)
            figures.append([_figure(kind, values, scale, look)])
    texts = iter(aligned([each for of_row in figures for each in of_row]))
    return [[next(texts) for _ in of_row] for of_row in figures]


def _figure(kind: Kind, value: object, scale: int | None, look: Look) -> Figure:
    number = _number(value)
    if kind in {"worth", "signed_worth"} and not look.raw:
        return worth_figure(Decimal(number) if number is not None else None, signed=kind == "signed_worth")
    return figure(number, scale, signed=kind in {"signed", "signed_worth"}, raw=look.raw)


def _number(value: object) -> Decimal | int | None:
    return value if isinstance(value, Decimal | int) else None


def _shorts(column: Column, rows: Sequence[Row]) -> dict[str, str]:
    return short_ids(str(each) for row in rows for each in _stack(row.get(column.key)) if each is not None)


def is_stale(row: Row) -> bool:
    """True if a row was read of what is not seen now: its states are hatched, whatever their words."""
    return row.get(NOT_CURRENT) is True


def _text(kind: Kind, value: object, shorts: Mapping[str, str], look: Look, *, stale: bool) -> str:
    if value is None:
        return UNKNOWN
    text = _state(kind, str(value), look, stale=stale) if kind in _STATES else _by_kind(kind, value, shorts, look)
    return look.written(safe(text)) if text else ""


def _by_kind(kind: Kind, value: object, shorts: Mapping[str, str], look: Look) -> str:
    if kind == "id":
        return shorts.get(str(value), str(value))
    if isinstance(value, datetime):
        return _time(kind, value, look)
    if isinstance(value, timedelta) and not look.raw:
        return age(value) if kind == "age" else skew(value) if kind == "skew" else duration(value)
    if kind == "count" and isinstance(value, int) and not isinstance(value, bool) and not look.raw:
        return count(value)
    if kind == "share" and isinstance(value, Decimal) and not look.raw:
        return share(value)
    return text_of(value)


def _state(kind: Kind, word: str, look: Look, *, stale: bool) -> str:
    shape = shape_of("stale" if stale else word)
    glyph = shape.glyph if look.glyphs else shape.ascii
    return glyph if kind == "mark" else f"{glyph} {word}".lstrip()


def _time(kind: Kind, value: datetime, look: Look) -> str:
    if look.raw:
        return text_of(value)
    return age(look.now - value) if kind == "age" else time_of_day(value, look.now, exact=kind == "exact_time")


def _style(kind: Kind, value: object, row: Row) -> str:
    if kind in _STATES and value is not None:
        return shape_of("stale" if is_stale(row) else str(value)).style
    if kind == "signed" and row.get("verdict") == "break" and not is_stale(row):
        return shape_of("break").style
    if kind == "text" and str(value) in {"high", "critical"}:
        return "bold"
    return ""
