"""Numbers as statements write them: marks by setting, parentheses for negative ones, units glued on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Final, NamedTuple

from recon.config.imports import Import
from recon.config.values import parse_decimal
from recon.exact import ZERO

#: A code of an asset that follows a number; a code that begins with a digit is known only from the pair.
_UNIT: Final = r"[A-Za-z][A-Za-z0-9._-]{0,39}"
#: Spaces that files use between groups of digits, and the minus that texts are set with.
_SIGNS: Final = str.maketrans({"\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ", "\N{MINUS SIGN}": "-"})


class Style(NamedTuple):
    """How the numbers of a file are written."""

    decimal: str
    thousands: str
    units: bool


class Written(NamedTuple):
    """A number, and the unit that it carries; empty where it carries none."""

    number: Decimal
    unit: str


def style_of(mapping: Import) -> Style:
    """Return how the numbers of a mapping's files are written."""
    return Style(mapping.decimal, mapping.thousands, mapping.units)


def read_number(written: str, style: Style, codes: Iterable[str] = ()) -> Written:
    """Return a number and its unit; `codes` are units that it may carry. Raise ValueError if it is no number."""
    text = written.strip().translate(_SIGNS)
    negative = text.startswith("(") and text.endswith(")")
    text = text[1:-1].strip() if negative else text
    for code in codes if style.units else ():
        if text.endswith(code) and _is_number(text[: -len(code)].rstrip(), style):
            text, unit = text[: -len(code)].rstrip(), code
            break
    else:
        text, unit = _split(text, style)
    number = parse_decimal(_plain(text, style)) + ZERO
    if negative and text[:1] in {"+", "-"}:
        raise ValueError("a number in parentheses has no sign")
    return Written(-number if negative else number, unit)


def _split(text: str, style: Style) -> tuple[str, str]:
    if not style.units:
        return text, ""
    found = _with_unit(style).fullmatch(text)
    return (text, "") if found is None else (found["number"], found["unit"] or "")


def _plain(text: str, style: Style) -> str:
    """Return a number without its marks. Raise ValueError where a mark stands elsewhere than the style says."""
    if style.decimal == "." and not style.thousands:
        return text
    if not _is_number(text, style):
        raise ValueError("is not a number")
    if style.thousands:
        text = text.replace(style.thousands, "")
    return text.replace(style.decimal, ".")


def _is_number(text: str, style: Style) -> bool:
    return _number(style).fullmatch(text) is not None


@cache
def _number(style: Style) -> re.Pattern[str]:
    return re.compile(_pattern(style))


@cache
def _with_unit(style: Style) -> re.Pattern[str]:
    return re.compile(rf"(?P<number>{_pattern(style)})\s*(?P<unit>{_UNIT})?")


def _pattern(style: Style) -> str:
    mark, whole = re.escape(style.decimal), "[0-9]+"
    if style.thousands:
        whole = rf"(?:[0-9]{{1,3}}(?:{re.escape(style.thousands)}[0-9]{{3}})+|[0-9]+)"
    return rf"[+-]?(?:{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]{{1,9}})?"
