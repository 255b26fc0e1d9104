"""Which channel serves which table of the settings, and the senders of all that are configured.

An edge channel (`channel`) delivers each message of the outbox once. A level channel (`level_channel`) is told again
and again what is open; the outbox knows nothing of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

import msgspec

from recon.alerts.channels.level import Habits, OpenAlert, Post
from recon.alerts.message import Message
from recon.config import Settings


class Sender(Protocol):
    """Delivers messages to one receiver."""

    async def send(self, message: Message) -> None:
        """Return when the receiver has taken the message. Raise DeliveryError if it has not."""
        ...


class LevelSender(Protocol):
    """Tells one receiver what is open and what is over; telling it again changes nothing."""

    habits: Habits

    def identity(self, alert: OpenAlert) -> str | None:
        """Return what the receiver knows an alert by; None if it is not told of it."""
        ...

    def standing(self, now: datetime) -> Sequence[OpenAlert]:
        """Return what is to be told as open as long as recon sees at all."""
        ...

    async def tell(self, posts: Sequence[Post]) -> int:
        """Tell the first of these; return how many. Raise DeliveryError if not even the first was taken."""
        ...


#: The event of a message that only tries whether a receiver can be reached.
TEST: Final = "recon.test"

Clock = Callable[[], datetime]
Senders = Mapping[str, Sender]
LevelSenders = Mapping[str, LevelSender]
S = TypeVar("S")


class _Channel(msgspec.Struct, frozen=True):
    kind: str
    open_senders: Callable[..., AbstractAsyncContextManager[Senders]]


class _LevelChannel(msgspec.Struct, frozen=True):
    kind: str
    open_senders: Callable[..., AbstractAsyncContextManager[LevelSenders]]


_channels: dict[type, _Channel] = {}
_level_channels: dict[type, _LevelChannel] = {}


def channel(
    kind: str, settings: type[S]
) -> Callable[
    [Callable[[Mapping[str, S], Clock], AbstractAsyncContextManager[Senders]]],
    Callable[[Mapping[str, S], Clock], AbstractAsyncContextManager[Senders]],
]:
    """Register a function that opens the senders of all receivers whose settings are of one type, by their names.

    The outbox knows the receivers as `KIND:NAME`; a kind never changes once alerts were queued for it.
    """

    def register(
        open_senders: Callable[[Mapping[str, S], Clock], AbstractAsyncContextManager[Senders]],
    ) -> Callable[[Mapping[str, S], Clock], AbstractAsyncContextManager[Senders]]:
        _channels[settings] = _Channel(kind, open_senders)
        return open_senders

    return register


def level_channel(
    kind: str, settings: type[S]
) -> Callable[
    [Callable[[Mapping[str, S], Clock], AbstractAsyncContextManager[LevelSenders]]],
    Callable[[Mapping[str, S], Clock], AbstractAsyncContextManager[LevelSenders]],
]:
    """Register a function that opens the level senders of all receivers whose settings are of one type."""

    def register(
        open_senders: Callable[[Mapping[str, S], Clock], AbstractAsyncContextManager[LevelSenders]],
    ) -> Callable[[Mapping[str, S], Clock], AbstractAsyncContextManager[LevelSenders]]:
        _level_channels[settings] = _LevelChannel(kind, open_senders)
        return open_senders

    return register


def configured_channels(settings: Settings) -> list[str]:
    """Return the outbox names of all receivers in the settings, in order."""
    return sorted(
        f"{registered.kind}:{name}" for registered, receivers in _receivers(settings) for name in sorted(receivers)
    )


def level_names(settings: Settings) -> list[str]:
    """Return the names of all receivers of what is open, as `KIND:NAME`, in order."""
    return sorted(
        f"{registered.kind}:{name}"
        for table_type, registered in _level_channels.items()
        for name in _tables(settings, table_type)
    )


def watchdogs(settings: Settings) -> dict[str, timedelta]:
    """Return how often each receiver is told that recon runs, by its outbox name; zero: never."""
    return {
        f"{registered.kind}:{name}": getattr(table, "watchdog", timedelta())
        for registered, receivers in _receivers(settings)
        for name, table in receivers.items()
    }


@asynccontextmanager
async def open_senders(settings: Settings, now: Clock) -> AsyncIterator[dict[str, Sender]]:
    """Open the senders of all receivers in the settings, by their outbox names. Raise ConfigError."""
    senders: dict[str, Sender] = {}
    async with AsyncExitStack() as stack:
        for registered, receivers in _receivers(settings):
            opened = await stack.enter_async_context(registered.open_senders(receivers, now))
            senders |= {f"{registered.kind}:{name}": sender for name, sender in opened.items()}
        yield senders


@asynccontextmanager
async def open_level_senders(settings: Settings, now: Clock) -> AsyncIterator[dict[str, LevelSender]]:
    """Open the level senders of all receivers in the settings, as `KIND:NAME`. Raise ConfigError."""
    senders: dict[str, LevelSender] = {}
    async with AsyncExitStack() as stack:
        for table_type, registered in _level_channels.items():
            if receivers := _tables(settings, table_type):
                opened = await stack.enter_async_context(registered.open_senders(receivers, now))
                senders |= {f"{registered.kind}:{name}": sender for name, sender in opened.items()}
        yield senders


async def try_level(sender: LevelSender, now: datetime) -> None:
    """Tell a receiver of a test alert, and that it is over. Raise DeliveryError."""
    alert = OpenAlert(TEST, TEST, "", "", "somebody tries whether this receiver can be reached", now, "critical")
    identity = sender.identity(alert) or TEST
    over = msgspec.structs.replace(alert, ended_at=now)
    await sender.tell([Post("fire", identity, alert)])
    await sender.tell([Post("resolve", identity, over)])


def _receivers(settings: Settings) -> list[tuple[_Channel, dict[str, object]]]:
    """Return each channel with its receivers."""
    found = ((registered, _tables(settings, table_type)) for table_type, registered in _channels.items())
    return [(registered, receivers) for registered, receivers in found if receivers]


def _tables(settings: Settings, table_type: type) -> dict[str, object]:
    """Return the receivers of a channel, recognised by the type of their tables in the settings."""
    return {
        name: table
        for _, section in settings
        if isinstance(section, dict)
        for name, table in section.items()
        if type(table) is table_type
    }
