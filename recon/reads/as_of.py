"""The two times of a question about the past: when it was true, and when it was known.

1. A list of now reads a view, the same list of a past time the function of the same noun (analyst 3.2).
2. Both times are included. Without the one it is now, and without both nothing is asked of the past.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from recon.display.ages import time_of_day
from recon.errors import ConfigError
from recon.times import parse_time

#: What the two times are called in addresses; options of commands have dashes.
VALID: Final = "as_of"
KNOWN: Final = "known_at"
#: What a function of the past takes.
ARGUMENTS: Final = "(:valid_at, :known_at)"
#: A public view in SQL.
_VIEW: Final = re.compile(r"\b(recon(?:_exact)?)\.(\w+)")


class AsOf(msgspec.Struct, frozen=True):
    """When something was true, and when that was known; None: now."""

    valid_at: datetime | None = None
    known_at: datetime | None = None

    @property
    def is_past(self) -> bool:
        """True if a past time is asked for."""
        return self.valid_at is not None or self.known_at is not None

    @property
    def parameters(self) -> dict[str, object]:
        """Return what the functions of the past take; nothing where nothing of the past is asked for."""
        return {"valid_at": self.valid_at, "known_at": self.known_at} if self.is_past else {}

    @property
    def words(self) -> str:
        """Return both times as people read them: `as of 2026-01-05 17:00:00 UTC, as known now`."""
        return (
            f"as of {_moment(self.valid_at)}, as known {'' if self.known_at is None else 'at '}{_moment(self.known_at)}"
        )

    def horizon(self, now: datetime) -> datetime:
        """Return the earlier of the two times, after which nothing is looked at."""
        return min(self.valid_at or now, self.known_at or now)

    def now(self, now: datetime) -> datetime:
        """Return from when ages count back: the time that is asked for."""
        return self.valid_at or now

    def pairs(self) -> list[tuple[str, str]]:
        """Return names and values, as an address has them; `of_texts` reads them back."""
        times = ((VALID, self.valid_at), (KNOWN, self.known_at))
        return [(name, _written(at)) for name, at in times if at is not None]

    def document(self) -> dict[str, object]:
        """Return the keys of a document that say of when it is; none for now."""
        return {VALID: self.valid_at, KNOWN: self.known_at} if self.is_past else {}


NOW: Final = AsOf()


def of_texts(valid: str | None, known: str | None, now: datetime, names: tuple[str, str] = (VALID, KNOWN)) -> AsOf:
    """Read the two times, or ages of them; `names` are what they are called where they were given. Errors: ConfigError.

    Neither may be ahead: nothing is known of the future.
    """
    return AsOf(_time(valid, names[0], now), _time(known, names[1], now))


def function_of(sql: str) -> str:
    """Return SQL with each public view replaced by its function of the past."""
    return _VIEW.sub(rf"\1.\2_as_of{ARGUMENTS}", sql)


def _time(text: str | None, name: str, now: datetime) -> datetime | None:
    if not text:
        return None
    at = parse_time(text, now)
    if at is None:
        raise ConfigError(
            f"{name} {text} is no time: give one such as 2026-01-05T17:00:00Z, or an age such as 30s, 5m, 2h, 1d"
        )
    if at > now:
        raise ConfigError(f"{name} {text} is ahead of now, {_written(now)}: only what was can be asked for")
    return at


def _moment(at: datetime | None) -> str:
    if at is None:
        return "now"
    return f"{time_of_day(at, exact=bool(at.microsecond))} UTC"


def _written(at: datetime) -> str:
    """Return a time with all that it has, so that it can be read back."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
