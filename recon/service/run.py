"""`recon run`: the service from its settings to its exit status.

SIGTERM and SIGINT (Ctrl-C) stop it: sessions are closed, received events are appended, and the embedded server is
stopped, all within `[service] shutdown_seconds`. A second signal ends the process at once. That is safe: committed
transactions are complete, and the embedded server's guardian stops the server.

Exit status: 0 after a clean stop; 9 (ServiceError) if the bound was exceeded, or received events could not be
appended; 128 + the signal's number after a second signal.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final, Never

import structlog
import trio
from sqlalchemy.exc import SQLAlchemyError

from recon.clock import utc_now
from recon.config import Settings, secrets_of
from recon.db.engine import create_engine
from recon.db.errors import database_error
from recon.db.migrate import check_migrated, migrate
from recon.db.resolve import DatabaseHandle, resolve_database
from recon.db.roles import assert_service_role
from recon.errors import ReconError, ServiceError
from recon.log.partitions import make_partitions
from recon.redaction import LAST_NET
from recon.service.collector import rest_collector
from recon.service.gateway import RECORDER
from recon.service.logging import configure_logging
from recon.service.status import StatusBoard
from recon.service.wiring import serve

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
#: How long a thread may go on before another one gets its turn, in seconds. At Python's own 5 ms, whoever asks the
#: database a few questions waits for the folding thread at each answer, and an alert asks about twenty.
SWITCH_SECONDS: Final = 0.0005

_log = structlog.get_logger(__name__)


def run_service(settings: Settings, *, on_ready: Callable[[], None] | None = None) -> None:
    """Run the service until a signal stops it. Call it in the main thread; it configures logging.

    `on_ready` is called once all parts are started. Raise ConfigError or DatabaseError; ServiceError if the service
    did not stop cleanly.
    """
    LAST_NET.know(secrets_of(settings))
    configure_logging(settings.log)
    settings.require_gateways()
    sys.setswitchinterval(SWITCH_SECONDS)
    shutdown = _ShutdownTimer(settings.service.shutdown_seconds)
    try:
        with resolve_database(settings, attach=False) as handle:
            prepare(handle)
            rest_collector()
            board = trio.run(_until_signalled, settings, handle, on_ready, shutdown)
    except BaseExceptionGroup as group:
        raise _first(group) from group
    finally:
        shutdown.over()
    not_appended = {
        part.gateway: part.figures.get("waiting_events", 0) for part in board.parts() if part.part == RECORDER
    }
    named = ", ".join(f"{count} of {gateway}" for gateway, count in not_appended.items() if count)
    if named:
        raise ServiceError(
            f"events were received but could not be appended before the stop: {named}; the log shows the gap"
        )
    _log.info("stopped")


def prepare(handle: DatabaseHandle) -> None:
    """Migrate the embedded server's schema and make partitions, or check a named one; check that we act as the service.

    Raise DatabaseError, NotMigrated or WrongRole.
    """
    if handle.embedded is not None:
        migrate(handle.require_owner_url(), lambda step: _log.info("migrating", step=step))
        make_partitions(handle.require_owner_url())
    engine = create_engine(handle.service_url, "recon run", pooled=False)
    try:
        with engine.connect() as connection:
            check_migrated(connection)
            assert_service_role(connection)
    except SQLAlchemyError as error:
        raise database_error(error, "the database cannot be used") from error


async def _until_signalled(
    settings: Settings, handle: DatabaseHandle, on_ready: Callable[[], None] | None, shutdown: _ShutdownTimer
) -> StatusBoard:
    board = StatusBoard(utc_now)
    serving = trio.CancelScope()
    with trio.open_signal_receiver(*_SIGNALS) as signals:
        async with trio.open_nursery() as outer:
            outer.start_soon(_handle_signals, signals, serving, shutdown)
            with serving:
                async with trio.open_nursery() as inner:
                    await inner.start(partial(serve, settings, handle, board=board))
                    _log.info("serving", gateways=sorted(settings.gateways))
                    if on_ready is not None:
                        on_ready()
            outer.cancel_scope.cancel()
    return board


async def _handle_signals(signals: AsyncIterator[int], serving: trio.CancelScope, shutdown: _ShutdownTimer) -> None:
    """Stop serving at the first signal, and end the process at the second."""
    async for number in signals:
        if shutdown.begun:
            _log.error("ended at once by a second signal", signal=signal.Signals(number).name)
            _exit(128 + number)
        _log.info("stopping", signal=signal.Signals(number).name, within_seconds=shutdown.seconds)
        shutdown.begin()
        serving.cancel()


class _ShutdownTimer:
    """Ends the process if its shutdown takes longer than the bound: a thread of its own, as others may be blocked."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._timer: threading.Timer | None = None

    @property
    def begun(self) -> bool:
        return self._timer is not None

    def begin(self) -> None:
        self._timer = threading.Timer(self.seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        _log.error("stopping took longer than its bound; ended at once", bound_seconds=self.seconds)
        _exit(ServiceError.exit_status)


def _exit(status: int) -> Never:
    sys.stderr.flush()
    os._exit(status)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first of our own errors in a group, else its first error."""
    ours = group.subgroup(ReconError)
    error: BaseException = group if ours is None else ours
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
