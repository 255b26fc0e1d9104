"""Sizes of files and databases. Pure."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("kB", "MB", "GB", "TB", "PB")


def size(count: int) -> str:
    """Return a number of bytes in the unit that leaves at most three digits before the point: `52.1 MB`."""
    if count < 1000:
        return f"{count} B"
    power = min((len(str(count)) - 1) // 3, len(_UNITS))
    whole, tenths = divmod(count * 10 // 1000**power, 10)
    return f"{whole}.{tenths} {_UNITS[power - 1]}"
