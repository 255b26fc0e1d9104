"""When a condition is told, and when that it is over. Pure.

1. A condition is told once it has lasted for its kind's wait. It lasts on if it is away for less than `settled`.
2. That it is over is told once it has been away for `settled`, and only if it was told.
3. A subject is told anew only `repeat` after it was last told: what comes and goes is one message in that time.
4. What a larger condition covers stays as it is: nothing is known of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from recon.alerts.watch.conditions import Condition

Key = tuple[str, str, str]


class Waits(msgspec.Struct, frozen=True):
    """How long each kind lasts before it is told, and the two intervals that keep messages few."""

    by_kind: Mapping[str, timedelta]
    settled: timedelta
    repeat: timedelta


class Watched(msgspec.Struct, frozen=True):
    """What is remembered of one subject.

    `began_at` is when it was first seen, null once it is over; `seen_at` when it was last seen.
    `told_at` is when it was last told, and `told` whether that still stands: its end is to be told.
    `times` counts how often it came since it was last told to be over.
    """

    gateway: str
    kind: str
    about: str
    began_at: datetime | None
    seen_at: datetime
    present: bool
    told_at: datetime | None
    told: bool
    times: int
    detail: str
    since: datetime | None

    @property
    def key(self) -> Key:
        """Return the key of its condition."""
        return self.gateway, self.kind, self.about


class Notice(msgspec.Struct, frozen=True):
    """What is to be told of one subject: that it began, or that it is over. `told_at` is when its beginning is told."""

    watched: Watched
    over: bool
    at: datetime


def decide(
    former: Mapping[Key, Watched], conditions: Iterable[Condition], now: datetime, waits: Waits
) -> tuple[list[Notice], dict[Key, Watched]]:
    """Return what is to be told now, and what to remember until the next look."""
    notices: list[Notice] = []
    later: dict[Key, Watched] = {}
    held = {condition.key: condition for condition in conditions}
    for key in [*held, *(key for key in former if key not in held)]:
        condition, known = held.get(key), former.get(key)
        if condition is None:
            notice, kept = (None, None) if known is None else _absent(known, now, waits)
        else:
            notice, kept = _present(known, condition, now, waits)
        notices += [] if notice is None else [notice]
        if kept is not None:
            later[key] = kept
    return notices, later


def _present(
    known: Watched | None, condition: Condition, now: datetime, waits: Waits
) -> tuple[Notice | None, Watched | None]:
    if condition.covered:
        # Nothing new begins, and nothing is over: as if it had been seen.
        lasting = known is not None and known.began_at is not None
        return None, msgspec.structs.replace(known, seen_at=now) if known is not None and lasting else known
    watched = _seen(known, condition, now)
    began = now if watched.began_at is None else watched.began_at
    early = now - began < waits.by_kind.get(watched.kind, timedelta())
    repeated = watched.told_at is not None and now - watched.told_at < waits.repeat
    if watched.told or early or repeated:
        return None, watched
    told = msgspec.structs.replace(watched, told=True, told_at=now)
    return Notice(told, over=False, at=now), told


def _seen(known: Watched | None, condition: Condition, now: datetime) -> Watched:
    """Return what is remembered of a subject whose condition holds now."""
    if known is None:
        return Watched(
            *condition.key, now, now, present=True, told_at=None, told=False, times=1,
            detail=condition.detail, since=condition.since,
        )  # fmt: skip
    return msgspec.structs.replace(
        known,
        began_at=known.began_at or now,
        seen_at=now,
        present=True,
        times=known.times + (not known.present),
        detail=condition.detail,
        since=condition.since if known.began_at is None else known.since or condition.since,
    )


def _absent(known: Watched, now: datetime, waits: Waits) -> tuple[Notice | None, Watched | None]:
    """Tell that a condition is over if it was told; forget it once it may be told anew."""
    gone = msgspec.structs.replace(known, present=False)
    if known.began_at is not None and now - known.seen_at < waits.settled:
        return None, gone
    notice = Notice(gone, over=True, at=now) if known.told else None
    if known.told_at is None or now - known.told_at >= waits.repeat:
        return notice, None
    # Only so that it is not told anew too soon. How often it came counts on until it is.
    times = 0 if known.told else known.times
    return notice, msgspec.structs.replace(gone, began_at=None, told=False, times=times)
