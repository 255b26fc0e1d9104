"""Public holidays by the names of their calendars: `US`, `US-NY`, `ECB`, `XNYS`, or a single date. Pure.

1. A country is its ISO code, a part of it follows a hyphen; a market or a central bank is its code, such as `XNYS`.
2. A date such as `2026-12-24` is a holiday of one's own.
3. The rules are those of the library `holidays`, which is imported only where a calendar is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Final

#: Most calendars and dates of one account.
MAX_HOLIDAYS: Final = 100


@lru_cache(maxsize=256)
def holidays_of(name: str, year: int) -> frozenset[date]:
    """Return the holidays of a calendar in one year. Raise ValueError where there is no such calendar."""
    own = _date(name)
    if own is not None:
        return frozenset([own] if own.year == year else [])
    # Only who names a calendar pays for it.
    from holidays import country_holidays, financial_holidays  # noqa: PLC0415

    code, _, part = name.partition("-")
    try:
        return frozenset(country_holidays(code, subdiv=part or None, years=year))
    except NotImplementedError:
        pass
    try:
        if not part:
            return frozenset(financial_holidays(code, years=year))
    except NotImplementedError:
        pass
    raise ValueError(
        f"there is no holiday calendar {name!r}: give a country (US), a part of one (US-NY), a market (XNYS, ECB), "
        "or a date (2026-12-24)"
    )


def is_holiday(names: Iterable[str], day: date) -> bool:
    """Tell whether a day is a holiday of any of these calendars. Raise ValueError where there is no such calendar."""
    return any(day in holidays_of(name, day.year) for name in names)


def check_calendar(name: str) -> str:
    """Return the name of a calendar that there is. Raise ValueError."""
    holidays_of(name, 2026)
    return name


def _date(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None
