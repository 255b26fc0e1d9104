"""Values of reports as text that every program reads: exact decimals, times in UTC. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from recon.exact import plain
from recon.reports.model import Value

#: Digits after and before the point of a `decimal(38,18)`.
SCALE: Final = 18
WHOLE_DIGITS: Final = 20
#: Digits that spreadsheets keep of a number; a double of so many is written back as the same decimal.
SPREADSHEET_DIGITS: Final = 15
#: Largest power of ten of a double, with room to spare.
_DOUBLE_EXPONENT: Final = 300


def text_of(value: Value) -> str:
    """Return a value that is known as text: a decimal without an exponent, a time as `2026-01-05T09:00:00.000000Z`."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def fits(value: Decimal) -> bool:
    """True if a `decimal(38,18)` holds the value to the last digit."""
    if value.adjusted() >= WHOLE_DIGITS:
        return not value
    return _places(value) <= SCALE


def is_spreadsheet_number(value: Decimal) -> bool:
    """True if a spreadsheet's number shows and keeps the value to the last digit."""
    if not value:
        return True
    adjusted = value.adjusted()
    return -_DOUBLE_EXPONENT < adjusted < _DOUBLE_EXPONENT and adjusted + _places(value) < SPREADSHEET_DIGITS


def nearest_double(value: Decimal) -> float | None:
    """Return the double nearest to a value, for a cell that has the exact text beside it; None where none is near."""
    return float(value) if value.adjusted() < _DOUBLE_EXPONENT else None


def _places(value: Decimal) -> int:
    """Return the digits after the point that are needed; negative where zeros before it need not be written."""
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or not value:
        return 0
    zeros = 0
    for digit in reversed(digits):
        if digit:
            break
        zeros += 1
    return -exponent - zeros
