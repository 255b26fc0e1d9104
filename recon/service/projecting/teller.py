"""What the process of a projection tells the service: each message is one line on its standard output.

A line is written at once, also by the thread of a step, and whoever writes waits while the pipe is full: so nothing
gathers here, and a service that does not read holds its projection back.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from typing import Final

from structlog.exceptions import DropEvent
from structlog.typing import EventDict, WrappedLogger

from recon.backfill.view import backfill_view
from recon.errors import ProjectionError
from recon.meters import Pulse
from recon.projection.position import Position
from recon.projection.step import Step
from recon.service.projecting.changed_views import ViewChanges
from recon.service.projecting.messages import Beat, Logged, Moved, Report, Reported, StepFailed, Stepped, line_of
from recon.status import Status

#: How often it is told that the projector moves, in seconds.
BEAT_SECONDS: Final = 1.0


class Teller:
    """Tells what the projector does; the projector notes its steps here as on a meter."""

    def __init__(self, output: int) -> None:
        """Write to a file descriptor that blocks. A service that is gone makes each call raise BrokenPipeError."""
        self._output = output
        self._lock = threading.Lock()
        self._changes = ViewChanges()
        self._times = (0.0, 0.0)

    def tell(self, message: Report) -> None:
        """Write a message, from any thread. Raise ProjectionError for one beyond the bound."""
        line = memoryview(line_of(message))
        with self._lock:
            while line:
                line = line[os.write(self._output, line) :]

    def note(self, events: int, refused: int, seconds: float, computed: float) -> None:  # noqa: ARG002 - told by `stepped`
        """Remember how long the step took that is told of next."""
        self._times = (seconds, computed)

    def note_failure(self) -> None:
        """Tell that a step failed."""
        self.tell(StepFailed())

    def stepped(self, done: Step) -> None:
        """Tell of a step that folded events."""
        view = self._changes.of(backfill_view(done.working_set.ledger, done.seq))
        self.tell(Stepped(done.folded, done.refused, done.told, *self._times, view))

    def moved(self, position: Position) -> None:
        """Tell where the projector stands."""
        self.tell(Moved(position))

    def reported(self, status: Status) -> None:
        """Tell of another state of the projector."""
        self.tell(Reported(status.state, status.detail))

    def logged(self, logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
        """Tell a line of the log, as the last processor of structlog; nobody else writes it."""
        event = str(line.pop("event", ""))
        fields = {key: _plain(value) for key, value in line.items()}
        level = getattr(logging, method.upper(), logging.ERROR)
        self.log(Logged(level, str(getattr(logger, "name", "")), event, fields))
        raise DropEvent

    def log(self, line: Logged) -> None:
        """Tell a line of the log; where nobody reads it, it is dropped: whoever logs must never fail by that."""
        with suppress(OSError, ProjectionError):
            self.tell(line)


class LibraryLog(logging.Handler):
    """Tells what libraries log."""

    def __init__(self, teller: Teller) -> None:
        """Tell by a teller."""
        super().__init__()
        self._teller = teller

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a record, without any traceback of others."""
        self._teller.log(Logged(record.levelno, record.name, record.getMessage(), {}))


class ToldPulse(Pulse):
    """A pulse that the service hears now and then."""

    __slots__ = ("_teller", "_told_at")

    def __init__(self, teller: Teller) -> None:
        """Begin before the first move."""
        super().__init__()
        self._teller = teller
        self._told_at = float("-inf")

    def beat(self, now: float) -> None:
        """Note a move, and tell of it where the last one was told of some time ago."""
        super().beat(now)
        if now - self._told_at >= BEAT_SECONDS:
            self._told_at = now
            self._teller.tell(Beat())


def _plain(value: object) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float) else str(value)
