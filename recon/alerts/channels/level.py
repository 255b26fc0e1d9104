"""What a receiver that shows open alerts is to be told now: what is open, again and again, and what is over. Pure.

Such a receiver forgets: one that was killed knows nothing of what it was told, and one that is not told again takes an
alert for over. So everything is told more than once, and telling it twice changes nothing.

1. What is open is told at once, at the start, and then each `every`.
2. That it is over is told at once and then each minute, for `resolves_for`. A receiver that forgets (`fires_first`) is
   told once more that it is open, and a minute later that it is over: one that was killed has something to end then.
3. What was over before our start is told to be over, too: it may have ended while nobody was there to tell.
4. That somebody has it is told once (`takes_up`), and again after each start.
5. Beyond `most` open alerts the later ones are told as one, so a storm has a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

import msgspec

from recon.display.words import counted

#: How often an end is told again.
RESOLVE_EVERY: Final = timedelta(minutes=1)
#: The severities, the least first.
SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
#: The kind of the alert that stands for those beyond the bound.
MORE: Final = "more"
#: Longest summary and detail, in characters.
MAX_TEXT: Final = 500


class OpenAlert(msgspec.Struct, frozen=True):
    """A case, or a condition of recon itself, that is open; or over since `ended_at`.

    `key` is the same after a restart. `about` is the accounts of a case, or the subject of a condition. `severity` is
    "" if it was not judged. `taken_up`: somebody works on it.
    """

    key: str
    kind: str
    gateway: str
    about: str
    summary: str
    began_at: datetime
    severity: str = ""
    cause: str = ""
    certainty: str = ""
    taken_up: bool = False
    details: Mapping[str, str] = {}
    ended_at: datetime | None = None


class Habits(msgspec.Struct, frozen=True):
    """How a receiver wants to be told, see above; `within`: how long before our start an end is still told."""

    every: timedelta
    most: int
    within: timedelta
    resolves_for: timedelta = timedelta(minutes=5)
    fires_first: bool = False
    takes_up: bool = False


PostKind: TypeAlias = Literal["fire", "take_up", "resolve"]


class Post(msgspec.Struct, frozen=True):
    """One thing to tell of one alert; `identity` is what the receiver knows it by."""

    kind: PostKind
    identity: str
    alert: OpenAlert


class Told(msgspec.Struct, frozen=True):
    """What a receiver was last told of one alert, and when."""

    alert: OpenAlert
    at: datetime
    kind: PostKind
    #: When it was first told to be over; null: it is open.
    over_at: datetime | None = None
    #: When it was told once more before its end; null: it was not.
    ending_at: datetime | None = None


#: What a receiver was told, by the identity of the alert.
Memory: TypeAlias = Mapping[str, Told]


def posts(
    memory: Memory, standing: Mapping[str, OpenAlert], now: datetime, habits: Habits, leave: Iterable[str] = ()
) -> list[Post]:
    """Return what is to be told now, the ends first; `standing` is what is open, or was over before our start.

    Of what is in `leave` nothing is told: whether it lasts is not known.
    """
    ignored = frozenset(leave)
    ended = [
        post
        for identity in memory
        if identity not in ignored
        for post in _ends(identity, memory, standing, now, habits)
    ]
    fires = [
        post
        for identity, alert in standing.items()
        if identity not in ignored
        for post in _begins(identity, alert, memory.get(identity), now, habits)
    ]
    return [*ended, *fires]


def _ends(
    identity: str, memory: Memory, standing: Mapping[str, OpenAlert], now: datetime, habits: Habits
) -> list[Post]:
    """Return what is to be told of an alert that was told and is not open any more."""
    told, alert = memory[identity], standing.get(identity)
    if alert is not None and alert.ended_at is None:
        return []
    if told.over_at is not None:
        again = now - told.at >= RESOLVE_EVERY and now - told.over_at < habits.resolves_for
        return [Post("resolve", identity, told.alert)] if again else []
    over = msgspec.structs.replace(told.alert, ended_at=now if alert is None else alert.ended_at)
    if habits.fires_first and told.ending_at is None:
        return [Post("fire", identity, over)]
    if told.ending_at is not None and now - told.ending_at < RESOLVE_EVERY:
        return []
    return [Post("resolve", identity, msgspec.structs.replace(over, ended_at=told.alert.ended_at or over.ended_at))]


def _begins(identity: str, alert: OpenAlert, told: Told | None, now: datetime, habits: Habits) -> list[Post]:
    """Return what is to be told of an alert that is open, or that was over before our start."""
    if alert.ended_at is not None:
        return [Post("resolve", identity, alert)] if told is None else []
    if told is None or told.over_at is not None:
        found = [Post("fire", identity, alert)]
        return [*found, Post("take_up", identity, alert)] if habits.takes_up and alert.taken_up else found
    if habits.takes_up and alert.taken_up and not told.alert.taken_up:
        return [Post("take_up", identity, alert)]
    return [Post("fire", identity, alert)] if now - told.at >= habits.every else []


def after(memory: Memory, done: Iterable[Post], now: datetime, habits: Habits) -> dict[str, Told]:
    """Return what a receiver was told, once these posts have reached it; what is long over is forgotten."""
    later = dict(memory)
    for post in done:
        former = later.get(post.identity)
        later[post.identity] = _told(former, post, now)
    return {
        identity: told
        for identity, told in later.items()
        if told.over_at is None or now - told.over_at < max(habits.resolves_for, RESOLVE_EVERY)
    }


def _told(former: Told | None, post: Post, now: datetime) -> Told:
    if post.kind == "resolve":
        return Told(post.alert, now, post.kind, former.over_at or now if former is not None else now)
    # That somebody has it counts as told only once that was told.
    taken_up = post.kind == "take_up" or (former is not None and former.over_at is None and former.alert.taken_up)
    ending_at = None if post.alert.ended_at is None else now
    return Told(msgspec.structs.replace(post.alert, taken_up=taken_up), now, post.kind, ending_at=ending_at)


def bounded(alerts: Sequence[OpenAlert], most: int) -> list[OpenAlert]:
    """Return at most so many alerts and one more: conditions of recon come first, then the oldest; one for the rest."""
    if len(alerts) <= most:
        return list(alerts)
    ordered = sorted(alerts, key=lambda alert: (alert.kind == "case", alert.began_at, alert.key))
    kept, rest = ordered[:most], ordered[most:]
    severity = max((alert.severity for alert in rest), key=_rank)
    are = "is" if len(rest) == 1 else "are"
    return [*kept, OpenAlert(
        key=MORE, kind=MORE, gateway="", about="", severity=severity, began_at=min(alert.began_at for alert in rest),
        summary=f"and {counted(len(rest), 'more alert')} {are} open; recon breaks and recon status show them",
    )]  # fmt: skip


def at_least(severity: str, least: str) -> bool:
    """True if a severity is no less than another; what was not judged counts as the least."""
    return _rank(severity) >= _rank(least)


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0
