"""Ages, durations and times. Pure: the present is always an argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from recon.display.figures import UNKNOWN

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_SECOND: Final = timedelta(seconds=1)
#: Below this a duration has a decimal.
_FINE: Final = timedelta(seconds=10)


def age(length: timedelta | None, units: int = 1) -> str:
    """Return an age in its largest unit, or units, rounded down: `<1 s`, `24 s`, `4 m`; with two `1 h 4 m`.

    An age is of the past: where two clocks differ so that it seems to be ahead, it is `<1 s`.
    """
    if length is None:
        return UNKNOWN
    return "<1 s" if length < _SECOND else _in_units(length // _SECOND, units)


def duration(length: timedelta | None) -> str:
    """Return how long something lasted, rounded down: `3.9 s`, `24 s`, `4 m 10 s`.

    What is too short to tell has no sign: below a tenth of a second it is `<0.1 s`.
    """
    if length is None:
        return UNKNOWN
    if length < timedelta():
        told = duration(-length)
        return told if told.startswith("<") else f"-{told}"
    if length >= _FINE:
        return _in_units(length // _SECOND, 2)
    tenths = length // timedelta(milliseconds=100)
    if not tenths:
        return "<0.1 s" if length else "0 s"
    return f"{tenths // 10}.{tenths % 10} s"


def skew(length: timedelta | None) -> str:
    """Return by how much a clock is ahead, with its sign; below a second in milliseconds: `-12 ms`, `+3.2 s`."""
    if length is None:
        return UNKNOWN
    sign = "-" if length < timedelta() else "+" if length else ""
    size = abs(length)
    if size < _SECOND:
        milliseconds = size // timedelta(milliseconds=1)
        return f"{sign}{milliseconds} ms" if milliseconds else "<1 ms" if size else "0 ms"
    return f"{sign}{duration(size)}"


def time_of_day(at: datetime | None, today: datetime | None = None, *, exact: bool = False) -> str:
    """Return a time in UTC; with its date unless it is of the day of `today`. `exact` shows milliseconds."""
    if at is None:
        return UNKNOWN
    utc = at.astimezone(UTC)
    clock = utc.strftime("%H:%M:%S.%f")[:-3] if exact else utc.strftime("%H:%M:%S")
    same_day = today is not None and today.astimezone(UTC).date() == utc.date()
    return clock if same_day else f"{utc.date().isoformat()} {clock}"


def moment(at: datetime | None, *, exact: bool = False) -> str:
    """Return a time with date and zone: `2026-11-28 19:33:19 UTC`."""
    return UNKNOWN if at is None else f"{time_of_day(at, exact=exact)} UTC"


def _in_units(seconds: int, units: int) -> str:
    parts: list[tuple[int, str]] = []
    for size, unit in _UNITS:
        parts.append((seconds // size, unit))
        seconds %= size
    first = next(index for index, (number, _) in enumerate(parts) if number)
    shown = [parts[first], *(part for part in parts[first + 1 : first + units] if part[0])]
    return " ".join(f"{number} {unit}" for number, unit in shown)
