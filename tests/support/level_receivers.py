"""Receivers that are told what is open, as they really are: they forget, and they take silence for an end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

import trio
from sqlalchemy import Connection

from recon.alerts.channels.level import Habits, OpenAlert, Post
from recon.errors import DatabaseError, DeliveryError

T = TypeVar("T")

T0 = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
#: As an Alertmanager wants it, and as PagerDuty does.
FORGETFUL = Habits(every=MINUTE, most=100, within=5 * MINUTE, fires_first=True)
LASTING = Habits(every=60 * MINUTE, most=100, within=timedelta(days=7), takes_up=True)


def case(name: str, **changes: object) -> OpenAlert:
    given: dict[str, object] = {
        "key": f"case/prod-eu/{name}",
        "kind": "case",
        "gateway": "prod-eu",
        "about": "KRAKEN/JOHN",
        "summary": f"case {name}",
        "began_at": T0,
        "severity": "medium",
        "cause": "missed_fill",
        "certainty": "inferred",
        "details": {"case": name},
    }
    return OpenAlert(**(given | changes))  # type: ignore[arg-type]


def virtual_now() -> datetime:
    return T0 + timedelta(seconds=trio.current_time())


@dataclass
class MemoryLevel:
    """A receiver in memory: it shows what it was told, until the end that it was told or four intervals of silence."""

    habits: Habits = FORGETFUL
    errors: list[DeliveryError] = field(default_factory=list)
    seen: list[tuple[float, str, str]] = field(default_factory=list)
    open: dict[str, datetime] = field(default_factory=dict)
    stalls: int = 0
    alive: bool = False

    def identity(self, alert: OpenAlert) -> str | None:
        return alert.key

    def standing(self, now: datetime) -> Sequence[OpenAlert]:
        return [case("alive", key="alive", kind="recon.watchdog", began_at=now)] if self.alive else []

    async def tell(self, posts: Sequence[Post]) -> int:
        await trio.lowlevel.checkpoint()
        if self.stalls:
            self.stalls -= 1
            await trio.sleep_forever()
        if self.errors:
            raise self.errors.pop(0)
        self.seen.append((trio.current_time(), posts[0].kind, posts[0].identity))
        self.take(posts[0], virtual_now())
        return 1

    def take(self, post: Post, now: datetime) -> None:
        if post.kind == "resolve":
            self.open.pop(post.identity, None)
        elif post.kind == "fire":
            self.open[post.identity] = now + 4 * self.habits.every

    def shows(self, now: datetime) -> set[str]:
        return {identity for identity, until in self.open.items() if until > now}


@dataclass
class OpenSet:
    """A database that tells the open set that a test sets; `away` while it cannot be reached."""

    alerts: list[OpenAlert] = field(default_factory=list)
    away: bool = False
    looks: list[datetime | None] = field(default_factory=list)

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:  # noqa: ARG002 - the interface's
        await trio.lowlevel.checkpoint()
        if self.away:
            error = DatabaseError("the database is away")
            error.transient = True
            raise error
        since = work.keywords["ended_since"]  # type: ignore[attr-defined] # it is a partial
        self.looks.append(since)
        return cast("T", [each for each in self.alerts if since is not None or each.ended_at is None])
