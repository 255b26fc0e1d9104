"""Delivering a message to the service's own log: one line, with the words of the message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

import structlog
import trio

from recon.alerts.channels.registry import Sender, channel
from recon.alerts.channels.wording import words_of
from recon.alerts.message import Message
from recon.config import AlertLog as AlertLogSettings

_log = structlog.get_logger(__name__)


@channel("alert_log", AlertLogSettings)
@asynccontextmanager
async def open_alert_logs(
    logs: Mapping[str, AlertLogSettings],
    _now: Callable[[], datetime],
) -> AsyncIterator[Mapping[str, Sender]]:
    """Open the senders of all logs, by their names."""
    yield {name: AlertLogSender(name, table) for name, table in logs.items()}


class AlertLogSender:
    """Writes messages into the log."""

    def __init__(self, name: str, settings: AlertLogSettings) -> None:
        """Write at the level of the settings."""
        self._write = getattr(_log, settings.level)
        self._name = name

    async def send(self, message: Message) -> None:
        """Write the line; it cannot fail."""
        await trio.lowlevel.checkpoint()
        self._write(
            "alert",
            to=self._name,
            message=message.id,
            event_type=message.event,
            gateway=message.gateway or None,
            case=message.case_id,
            alerts=len(message.entries),
            attempt=message.attempt,
            text=words_of(message).text,
        )
