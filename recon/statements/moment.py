"""Times as statements write them: formats, zones, fractions of any length. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Final

from recon.config.zones import zone_of

#: Seconds or milliseconds since 1970. An exponent has lost digits, or is a number that no time is.
_UNIX: Final = re.compile(r"[+-]?[0-9]{1,17}(?:\.[0-9]{1,9})?")
#: A fraction of a second behind a time of day: versions of one export write it or not.
_FRACTION: Final = re.compile(r"(?P<time>:[0-9]{2})[.,](?P<digits>[0-9]{1,12})")
#: A zone behind a time: `2026-01-05 09:00:00 UTC`, or `UTC+3`.
_ZONE: Final = re.compile(r"\s*(?P<zone>(?:UTC|GMT)(?:\s*[+-][0-9]{1,2}(?::?[0-9]{2})?)?)$")
#: What some venues write for the ninth month, and strptime does not know.
_SEPTEMBER: Final = re.compile(r"\bSept\b")
#: A minute in microseconds: the step of formats without seconds.
MINUTE_US: Final = 60_000_000


def read_moment(written: str, formats: tuple[str, ...], zone: tzinfo) -> datetime:
    """Return a time in UTC by the first format that fits. Raise ValueError; OverflowError beyond year 9999."""
    text = written.strip()
    if not text.isascii() and any(sign.isdigit() and not sign.isascii() for sign in text):
        raise ValueError("digits of another script")
    for form in formats[:-1]:
        try:
            return _read(text, form, zone)
        except (ValueError, ArithmeticError, OSError):
            continue
    try:
        return _read(text, formats[-1], zone)
    except OverflowError:
        raise
    except (ArithmeticError, OSError):
        raise ValueError("no time") from None


def _read(text: str, form: str, zone: tzinfo) -> datetime:
    if form in {"unix", "unix_ms"}:
        return _unix(text, form)
    told = _ZONE.search(text)
    if told is not None and not any(mark in form for mark in ("%Z", "%z")):
        text, zone = text[: told.start()], zone_of(told["zone"])
    micros = 0
    if form != "iso" and "%f" not in form and (fraction := _FRACTION.search(text)) is not None:
        micros = int(fraction["digits"][:6].ljust(6, "0"))
        text = _FRACTION.sub(r"\g<time>", text, count=1)
    if "%b" in form:
        text = _SEPTEMBER.sub("Sep", text)
    at = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007 - below
    at = at.replace(microsecond=micros) if micros else at
    return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)


def _unix(text: str, form: str) -> datetime:
    if _UNIX.fullmatch(text) is None:
        raise ValueError("not a count")
    micros = int(Decimal(text).scaleb(6 if form == "unix" else 3))
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)
