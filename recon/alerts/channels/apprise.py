"""Delivering a message by the library Apprise: Slack, Teams, Telegram, e-mail and many others.

1. The library is an extra: `pip install 'recon[apprise]'`. A receiver without it is an error of the settings.
2. Each receiver is one URL. It is called in a worker thread, one at a time; its own retries are off, since the outbox
   has its own. A thread cannot be cancelled: after a time limit it ends by the library's own, of a few seconds.
3. The library's log is silenced, and its errors are not quoted: both may contain the URL.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Final, Protocol, cast

import trio

from recon.alerts.channels.registry import Sender, channel
from recon.alerts.channels.wording import Tone, words_of
from recon.alerts.message import Message
from recon.config import Apprise as AppriseSettings
from recon.errors import ConfigError, DeliveryError

_TYPES: Final[Mapping[Tone, str]] = {"good": "success", "bad": "warning", "neutral": "info"}


#: Who logs URLs, also in warnings and errors.
_LOUD: Final = ("apprise", "urllib3", "urllib3.connectionpool", "requests")


class Service(Protocol):
    """One receiver as the library knows it; `retry` is how often the library itself tries again."""

    retry: int

    def notify(self, body: str, title: str, notify_type: str) -> object:
        """Return whether the receiver has taken it."""
        ...


class _Library(Protocol):
    """The part of the library that we use."""

    def instantiate(self, url: str) -> Service | None:
        """Return the receiver of a URL, None if there is none."""
        ...


@channel("apprise", AppriseSettings)
@asynccontextmanager
async def open_apprise(
    receivers: Mapping[str, AppriseSettings],
    _now: Callable[[], datetime],
) -> AsyncIterator[Mapping[str, Sender]]:
    """Open the senders of all receivers, by their names. Raise ConfigError without the library, or for a wrong URL."""
    _silence()
    library = _library()
    yield {name: AppriseSender(name, _service(library, name, table)) for name, table in receivers.items()}


class AppriseSender:
    """Sends messages to one receiver that the library knows."""

    def __init__(self, name: str, service: Service) -> None:
        """Turn the library's own retries off."""
        self._label = f"apprise {name!r}"
        self._service = service
        self._service.retry = 0
        #: A thread that outlasts its attempt keeps the next one waiting, so threads never pile up.
        self._one = trio.CapacityLimiter(1)

    async def send(self, message: Message) -> None:
        """Return when the receiver has taken the message. Raise DeliveryError."""
        words = words_of(message)
        # The last line is the id, so that people see which message came twice.
        text = f"{words.text}\n{message.id}" if words.text else message.id
        notify = partial(self._service.notify, body=text, title=words.title, notify_type=_TYPES[words.tone])
        try:
            taken = await trio.to_thread.run_sync(notify, abandon_on_cancel=True, limiter=self._one)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises, the message was not taken
            # From None: the library's errors contain the URL.
            raise DeliveryError(f"{self._label} failed: {type(error).__name__}") from None
        if not taken:
            raise DeliveryError(f"{self._label} was not taken; check its URL, and try it with Apprise's own command")


def _silence() -> None:
    """Keep the library from logging anything; idempotent."""
    for name in _LOUD:
        logger = logging.getLogger(name)
        if _nothing not in logger.filters:
            logger.addFilter(_nothing)


def _nothing(_: logging.LogRecord) -> bool:
    return False


def _library() -> _Library:
    try:
        return cast("_Library", importlib.import_module("apprise").Apprise)
    except ImportError:
        raise ConfigError("[apprise] needs the library Apprise; install it: pip install 'recon[apprise]'") from None


def _service(library: _Library, name: str, settings: AppriseSettings) -> Service:
    service = library.instantiate(settings.url.get_secret_value())
    if service is None:
        raise ConfigError(f"apprise.{name}.url: Apprise knows no receiver by this URL; see its documentation")
    return service
