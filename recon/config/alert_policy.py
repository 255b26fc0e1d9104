"""The tables of `[alerts]` that say who is told what, when, and how often (operator 7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal, Self, TypeAlias, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, model_validator

from recon.config.accounts import Weekday
from recon.config.base import Table
from recon.config.values import Amount, Duration, Name, PositiveAmount, TimeOfDay
from recon.nearest import did_you_mean

#: As `recon.alerts.policy.rules` has them; a test compares.
SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
CERTAINTIES: Final = ("exact", "inferred", "candidate")
ALL_DAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)
#: Shortest time between two reminders, and of a limit: what comes more often is no reminder.
SHORTEST: Final = timedelta(minutes=1)
#: Longest wait for the rest of a burst.
LONGEST_GATHER: Final = timedelta(minutes=10)


def _severity(word: str) -> str:
    if word not in SEVERITIES:
        raise ValueError(f"must be one of {', '.join(SEVERITIES)}{did_you_mean(word, SEVERITIES)}")
    return word


def _certainty(word: str) -> str:
    if word not in CERTAINTIES:
        raise ValueError(f"must be one of {', '.join(CERTAINTIES)}{did_you_mean(word, CERTAINTIES)}")
    return word


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('must be a time zone such as "UTC" or "Europe/London"') from None
    return name


def _not_hectic(duration: timedelta) -> timedelta:
    if duration < SHORTEST:
        raise ValueError("must be a minute or more")
    return duration


def _not_long(duration: timedelta) -> timedelta:
    if duration > LONGEST_GATHER:
        raise ValueError("must be ten minutes or less: an alert waits so long")
    return duration


Severity = Annotated[str, AfterValidator(_severity)]
Certainty = Annotated[str, AfterValidator(_certainty)]
Zone = Annotated[str, AfterValidator(_zone)]
Interval = Annotated[Duration, AfterValidator(_not_hectic)]
Gather = Annotated[Duration, AfterValidator(_not_long)]
Globs = tuple[Name, ...]
Days = Annotated[tuple[Weekday, ...], Field(min_length=1)]
#: Names of channels; without any: all of them.
Channels = Annotated[tuple[Name, ...], Field(min_length=1)]
Send: TypeAlias = Literal["gate", "page", "digest", "nothing"]


class Route(Table):
    """Which alerts go to which channels, and how. The first route that matches holds; see `continue`."""

    model_config = ConfigDict(serialize_by_alias=True)

    name: Name
    #: Without this key: all channels.
    channels: tuple[Name, ...] | None = None
    send: Send = "gate"
    goes_on: bool = Field(default=False, alias="continue")
    #: The least severity.
    severity: Severity | None = None
    cause: Globs = ()
    certainty: tuple[Certainty, ...] = ()
    gateway: Globs = ()
    account: Globs = ()
    unit: Globs = ()
    event: Globs = ()

    @model_validator(mode="after")
    def _sends_somewhere(self) -> Self:
        if self.channels == () and self.send != "nothing":
            raise ValueError('channels names none; leave the key out for all of them, or set send = "nothing"')
        if self.channels and self.send == "nothing":
            raise ValueError('channels contradicts send = "nothing"; give one of them')
        return self


class Gate(Table):
    """What is sent at once where a route leaves it to the gate; the rest waits for the digest."""

    certainty: tuple[Certainty, ...] = ("exact", "inferred")
    #: From this severity on whatever the certainty; `high` begins at `material_usd`.
    severity: Severity = "high"


class Again(Table):
    """From which move on a break is told again; a changed cause and a higher severity are told in any case."""

    #: By unit, or a glob of units; the first that matches.
    units: dict[Name, PositiveAmount] = Field(default_factory=dict)
    #: As a share of what was told.
    share: Amount | None = Field(default="0.5", validate_default=True)
    usd: PositiveAmount | None = None


class Remind(Table):
    """At which ages a case is told again while nobody has taken it up, and how often after the last of them."""

    after: tuple[Interval, ...] = ()
    every: Interval | None = None


class Escalate(Table):
    """Whom else a case is told that nobody has taken up."""

    after: Interval
    to: Channels
    severity: Severity | None = None


class QuietHours(Table):
    """When channels are not disturbed, by local time; `days` are those on which the hours begin."""

    channels: Channels | None = None
    start: TimeOfDay
    end: TimeOfDay
    zone: Zone = "UTC"
    days: Days = ALL_DAYS
    #: From this severity on it is sent all the same.
    passes: Severity | None = None

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.start == self.end:
            raise ValueError("start and end must differ")
        return self


class Maintenance(Table):
    """A planned time in which alerts of these gateways and accounts are held."""

    name: Name
    since: AwareDatetime
    until: AwareDatetime
    gateway: Globs = ()
    account: Globs = ()

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.since >= self.until:
            raise ValueError("until must be later than since")
        return self


class ChannelLimit(Table):
    """Most messages that each of these channels gets in any time of that length."""

    channels: Channels | None = None
    messages: Annotated[int, Field(ge=1, le=1000)]
    every: Interval


class PageBudget(Table):
    """How many pages a week each of these channels is meant to get."""

    channels: Channels | None = None
    pages: Annotated[int, Field(ge=1)]


class Digest(Table):
    """When digests are sent."""

    at: Annotated[tuple[TimeOfDay, ...], Field(min_length=1)] = ("08:00",)
    zone: Zone = "UTC"
    days: Days = ALL_DAYS
