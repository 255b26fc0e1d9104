"""Whether a payload can be read as JSON: the rule of the database's `is_readable`, written independently. Pure.

1. Readable is UTF-8 without NUL, and one JSON value as RFC 8259 defines it.
2. A payload with a backslash before a `u` must also be one that jsonb holds: no U+0000 and no lone surrogate in a
   string, and no number beyond the range of `numeric`.
3. How deep a value may be nested depends on the stack of the database server. Up to SURE_DEPTH every server reads it.
"""

from __future__ import annotations

import json
import re
from typing import Final, Never

import msgspec

#: Nesting that every server reads: Postgres takes thousands of levels with its usual stack.
SURE_DEPTH: Final = 500
#: Bounds of a number in Postgres: the highest power of ten, the most digits after the point, the largest exponent.
MAX_POWER: Final = 131_071
MAX_SCALE: Final = 16_383
MAX_EXPONENT: Final = (1 << 30) - 1
#: Most digits of an exponent that are looked at; more are beyond every bound.
_EXPONENT_DIGITS: Final = 12

_quick: Final = msgspec.json.Decoder().decode
_NUMBER: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?)0*([0-9]*))?")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")


def is_readable(payload: bytes) -> bool | None:
    """Return whether the database reads a payload as JSON; None if that depends on the server's stack or version."""
    many = payload.count(b"[") + payload.count(b"{") > SURE_DEPTH
    if not many and b"\\u" not in payload and _is_plain(payload):
        return True
    try:
        text = payload.decode()
        escaped = "\\u" in text
        (_BOUNDED if escaped else _PLAIN).decode(text)
    except (RecursionError, _DependsOnServerError):
        return None
    except ValueError:
        return False
    if escaped and not _holds_escapes(text):
        return False
    return None if many and _depth(text) > SURE_DEPTH else True


def _is_plain(payload: bytes) -> bool:
    """Return True if a quick parser takes a payload without escapes of code points: it takes no more than Postgres."""
    try:
        _quick(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is no JSON")


class _DependsOnServerError(Exception):
    """Versions of Postgres differ about a number."""


def _bounded(number: str) -> None:
    """Raise ValueError if Postgres's numeric does not hold a number, and _DependsOnServerError if only some do."""
    match = _NUMBER.fullmatch(number)
    if match is None:  # pragma: no cover - the parser gives numbers alone
        raise ValueError(f"{number} is no number")
    whole, fraction, sign, digits = match[1], match[2] or "", match[3], match[4] or "0"
    exponent = int(digits[:_EXPONENT_DIGITS]) * (-1 if sign == "-" else 1)
    significant = (whole + fraction).lstrip("0")
    power = len(significant) - len(fraction) - 1 + exponent
    if abs(exponent) > MAX_EXPONENT or len(fraction) - exponent > MAX_SCALE or (significant and power > MAX_POWER):
        raise ValueError(f"{number} is beyond the range of numeric")
    if abs(exponent) == MAX_EXPONENT:
        raise _DependsOnServerError


_PLAIN: Final = json.JSONDecoder(parse_int=float, parse_constant=_refuse)
_BOUNDED: Final = json.JSONDecoder(parse_int=_bounded, parse_float=_bounded, parse_constant=_refuse)


def _holds_escapes(text: str) -> bool:
    """True if no escape stands for U+0000, and each surrogate stands beside its other half."""
    high_ends = -1
    for match in _ESCAPE.finditer(text):
        code = int(match[1], 16) if match[1] else -1
        is_low = 0xDC00 <= code <= 0xDFFF
        if code == 0 or is_low != (match.start() == high_ends):
            return False
        high_ends = -1
        if 0xD800 <= code <= 0xDBFF:
            high_ends = match.end()
            if text[high_ends : high_ends + 2] != "\\u":
                return False
    return True


def _depth(text: str) -> int:
    """Return how deep the value of a JSON text is nested."""
    depth = deepest = 0
    for match in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if match[0] in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
