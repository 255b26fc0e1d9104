"""Which channel serves which table of the settings, and the senders of all that are configured."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

import msgspec

from recon.alerts.message import Message
from recon.config import Settings


class Sender(Protocol):
    """Delivers messages to one receiver."""

    async def send(self, message: Message) -> None:
        """Return when the receiver has taken the message. Raise DeliveryError if it has not."""
        ...


#: The event of a message that only tries whether a receiver can be reached.
TEST: Final = "recon.test"

Clock = Callable[[], datetime]
Senders = Mapping[str, Sender]
S = TypeVar("S")


class _Channel(msgspec.Struct, frozen=True):
    kind: str
    open_senders: Callable[..., AbstractAsyncContextManager[Senders]]


_channels: dict[type, _Channel] = {}


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


def configured_channels(settings: Settings) -> list[str]:
    """Return the outbox names of all receivers in the settings, in order."""
    return sorted(
        f"{registered.kind}:{name}" for registered, receivers in _receivers(settings) for name in sorted(receivers)
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


def _receivers(settings: Settings) -> list[tuple[_Channel, dict[str, object]]]:
    """Return each channel with its receivers, recognised by the type of their tables in the settings."""
    channels: list[tuple[_Channel, dict[str, object]]] = []
    for table_type, registered in _channels.items():
        receivers = {
            name: table
            for _, section in settings
            if isinstance(section, dict)
            for name, table in section.items()
            if type(table) is table_type
        }
        if receivers:
            channels.append((registered, receivers))
    return channels
