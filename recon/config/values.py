"""The types of values in settings: exact decimals, durations with a unit, addresses. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints

from recon.exact import bounded, plain

_UNITS: Final = {
    "us": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_DURATION: Final = re.compile(r"(?P<whole>[0-9]{1,9})(?:\.(?P<part>[0-9]{1,6}))?\s*(?P<unit>us|ms|s|m|h|d)")
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_TIME_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
#: Longest name of a gateway, account or webhook, in characters.
MAX_NAME: Final = 200


def parse_decimal(value: object) -> Decimal:
    """Return the exact decimal of a string, an integer or TOML's own number; refuse floats."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        # ValueError, for pydantic turns nothing else into a finding about the settings.
        raise ValueError('must be an exact number, written as a string such as "0.001"')  # noqa: TRY004
    # Python reads 1_000, NaN and the digits of every script as numbers; none of them is meant.
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()) is None:
        raise ValueError('must be a decimal number such as "0.001"')
    number = Decimal(value)
    if not bounded(number):
        raise ValueError("must be a finite number of reasonable size")
    return number


def parse_duration(value: object) -> timedelta:
    """Return a duration with its unit (250us, 500ms, 5s, 1.5s, 2m, 1h, 1d), exact to the microsecond."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a duration with a unit, such as "500ms", "5s" or "2m"')
    unit, part = _UNITS[match["unit"]], match["part"] or ""
    fraction, rest = divmod(int(part or 0) * (unit // timedelta(microseconds=1)), 10 ** len(part))
    if rest:
        raise ValueError("is finer than a microsecond")
    return int(match["whole"]) * unit + timedelta(microseconds=fraction)


def write_duration(value: timedelta) -> str:
    """Return a duration in the largest unit that divides it: 5s, 1500ms."""
    for name, unit in reversed(_UNITS.items()):
        if value >= unit and not value % unit:
            return f"{value // unit}{name}"
    return "0s"


def microseconds(value: timedelta) -> int:
    """Return a duration in whole microseconds."""
    return value // timedelta(microseconds=1)


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError("must not be negative")
    return value


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError("must be greater than zero")
    return value


def _share(value: Decimal) -> Decimal:
    if not -1 < value < 1:
        raise ValueError("must be a share of the traded amount, between -1 and 1")
    return value


def _time_of_day(text: str) -> str:
    if _TIME_OF_DAY.fullmatch(text) is None:
        raise ValueError('must be a time of day, such as "17:30"')
    return text


def check_url(url: str, schemes: tuple[str, ...]) -> str:
    """Return the address if it has one of these schemes, a host and no credentials. Raise ValueError."""
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(f"must be an address that begins with {wanted}") from None
    if parts.scheme not in schemes or not parts.hostname or not port_is_valid or any(c.isspace() for c in url):
        raise ValueError(f"must be an address that begins with {wanted} and names a host")
    if parts.username is not None or parts.password is not None or "apikey=" in url.lower():
        raise ValueError("must not hold credentials; they belong into keys of their own")
    if parts.fragment:
        raise ValueError("must not end in a #fragment")
    return url


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("must hold printable characters alone")
    return name


_written_plainly = PlainSerializer(plain, return_type=str)

#: A tolerance: exact, zero or more.
Amount = Annotated[Decimal, BeforeValidator(parse_decimal), AfterValidator(_not_negative), _written_plainly]
#: A multiplier or quantum: exact, more than zero.
PositiveAmount = Annotated[Decimal, BeforeValidator(parse_decimal), AfterValidator(_positive), _written_plainly]
#: A fee rate: exact, a share of what was traded; a rebate is negative.
Rate = Annotated[Decimal, BeforeValidator(parse_decimal), AfterValidator(_share), _written_plainly]
Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(write_duration, return_type=str)]
#: Hours and minutes, UTC.
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
#: A name or code exactly as sent: not empty, printable.
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, strict=True), AfterValidator(_printable)]
WebSocketUrl = Annotated[str, AfterValidator(lambda url: check_url(url, ("wss", "ws")))]
HttpUrl = Annotated[str, AfterValidator(lambda url: check_url(url, ("https", "http")))]
