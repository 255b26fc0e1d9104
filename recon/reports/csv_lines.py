"""CSV: lines of text that programs read exactly and spreadsheets open without harm. Pure.

1. Null is an empty cell; an empty text is `""`. Cells with a separator, a quote or a line's end are in quotes.
2. A text that a spreadsheet may take for a formula begins, blanks aside, with `= + - @` or a wide form of these, or
   with a tab or a line's end. It gets an apostrophe in front, and so does a text that begins with one. Without that
   apostrophe the text is as stored. A remark has no such cell either, whatever separates cells.
3. Numbers are never touched: `-1.5` is a number, no formula. They have no exponent and no separators.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from recon.reports.model import Value
from recon.reports.values import text_of

#: The mark of a text that would be a formula, and how a report says so.
MARK: Final = "'"
SAFETY: Final = (
    "a text that begins with = + - @ ' a tab or a line's end has a ' in front, so that no spreadsheet runs it"
)
END: Final = "\n"

_FORMULA: Final = re.compile(r"[\t\r\n']|\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_FORMULA_IN_REMARK: Final = re.compile(r"([,;|]\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
#: What a cell must not have outside quotes; a `#` at its beginning would be a remark.
_QUOTED: Final = re.compile(r'[",\r\n]|^#|^\s|\s$|^$')


def line(values: Iterable[Value]) -> str:
    """Return one line with its end."""
    return ",".join([cell(value) for value in values]) + END


def cell(value: Value) -> str:
    """Return one cell."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return text_of(value)
    text = MARK + value if _FORMULA.match(value) else value
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def stored(text: str) -> str:
    """Return the text of a cell as it is stored: without the mark of rule 2."""
    return text.removeprefix(MARK)


def remark(name: str, text: str) -> str:
    """Return a line of a file's head: `# name: text`."""
    words = _FORMULA_IN_REMARK.sub(rf"\1{MARK}", " ".join(text.split()))
    return f"# {name}: {words}{END}"


def list_lines(keys: Sequence[str], rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Yield a list of rows as lines, its keys first; what is no single value is written as people read it."""
    yield line(keys)
    for row in rows:
        yield line([_single(row.get(key)) for key in keys])


def _single(value: object) -> Value:
    if value is None or isinstance(value, str | Decimal | int | bool | date):
        return value
    if isinstance(value, list | tuple):
        return ", ".join("" if item is None else text_of(_single(item)) for item in value)
    return str(value)
