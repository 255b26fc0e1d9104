"""The process of a projection: `python -m recon.service.projecting.child`, started by `remote` and by nobody else.

It has the projector of `recon.projection.projector` run in a loop of its own, and does what its input says.

1. When its input ends, the service is gone: the step under way is given up or completed, and the process ends, at the
   latest after ENDING_SECONDS.
2. SIGINT and SIGTERM are left to the service: whoever stops all processes at once would lose the last step otherwise.
3. It imports what folding needs, not the settings: that is a third of its memory.

Exit status: 0 after `Finish`, and when the service is gone; 6 (ProjectionError) where the projector ended otherwise.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import Final, Literal

import structlog
import trio

from recon.clock import utc_now
from recon.db.engine import create_engine
from recon.db.errors import database_error, is_transient
from recon.db.transactions import ThreadedDatabase
from recon.errors import DatabaseError, ProjectionError, ReconError
from recon.lines import LineReader
from recon.projection.projector import Projector
from recon.redaction import LAST_NET
from recon.service.collector import rest_collector
from recon.service.projecting.messages import Begin, Failed, Finish, Hint, Order, lines_of_messages, order_of
from recon.service.projecting.teller import LibraryLog, Teller, ToldPulse
from recon.service.signalling import tell as store_signals
from recon.status import StatusReporter

#: Connections of the process: one for the step, one while an interrupted one is given back.
CONNECTIONS: Final = 2
#: Longest end without a service, in seconds; what is not committed then is folded again by whoever comes next.
ENDING_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


class _Orders:
    """What the service has said, in its order."""

    def __init__(self, source: trio.abc.ReceiveStream) -> None:
        self._reader = LineReader(source, lines_of_messages())

    async def next(self) -> Order | None:
        """Return the next order; None once the service is gone."""
        line = await self._reader.next()
        return None if line is None else order_of(line)


class _Child:
    """The projector, and what the service said last."""

    def __init__(self, begin: Begin, teller: Teller, database: ThreadedDatabase) -> None:
        self._first = begin.first
        self.projector = Projector(
            database,
            begin.gateway,
            on_transitions=store_signals,
            on_step=teller.stepped,
            on_position=teller.moved,
            status=StatusReporter(utc_now, teller.reported),
            is_first=lambda: self._first,
            meter=teller,
            pulse=ToldPulse(teller),
        )

    async def work(self, orders: _Orders) -> None:
        """Project until the service says otherwise, or is gone. Raise what ends the projector, in a group."""
        last: Finish | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.projector.run)
            last = await self._obey(orders)
            nursery.cancel_scope.cancel()
        if last is not None:
            await self.projector.finish(fold=last.fold)

    async def _obey(self, orders: _Orders) -> Finish | None:
        """Pass on hints; return the last order, None once the service is gone."""
        while True:
            order = await orders.next()
            if order is None:
                _end_within(ENDING_SECONDS)
                return None
            if isinstance(order, Finish):
                return order
            if isinstance(order, Hint):
                self._first = order.first
                self.projector.hint(order.seq)


async def _project(source: int, teller: Teller) -> None:
    """Do what the service says on a file descriptor."""
    async with trio.lowlevel.FdStream(source) as stream:
        orders = _Orders(stream)
        begin = await orders.next()
        if not isinstance(begin, Begin):
            return
        LAST_NET.know(begin.secrets)
        _log_by(teller, begin.level)
        engine = create_engine(begin.url, "recon projection", pool_size=CONNECTIONS)
        try:
            await _Child(begin, teller, ThreadedDatabase(engine, CONNECTIONS)).work(orders)
        finally:
            engine.dispose()


def _log_by(teller: Teller, level: str) -> None:
    """Have all that this process logs told to the service, from a level on."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.ExceptionRenderer(),
            teller.logged,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    root = logging.getLogger()
    root.handlers = [LibraryLog(teller)]
    root.setLevel(logging.WARNING)


def _end_within(seconds: float) -> None:
    """End the process by force if it has not ended by itself: a thread may wait for a database that is away."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


def main() -> int:
    """Project until the service is gone or says so; return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    source, output = os.dup(0), os.dup(1)
    # Whatever prints must not be taken for a message.
    os.dup2(2, 1)
    teller = Teller(output)
    rest_collector()
    try:
        try:
            trio.run(_project, source, teller)
        except Exception as error:  # noqa: BLE001 - the service is told of every one
            teller.tell(_failure_of(error))
            return ProjectionError.exit_status
    except BrokenPipeError:
        pass
    return 0


def _failure_of(error: BaseException) -> Failed:
    """Return what the service is told of an error; one that is not ours is logged with its traceback."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, BrokenPipeError):
        raise error
    if is_transient(error):
        error = database_error(error, "the database does not answer")
    if not isinstance(error, ReconError):
        _log.error("the projection failed", exc_info=error)
        return Failed("projection", LAST_NET.clean(f"{type(error).__name__}: {' '.join(str(error).split())}"))
    of: Literal["database", "projection"] = "database" if isinstance(error, DatabaseError) else "projection"
    return Failed(of, LAST_NET.clean(" ".join(str(error).split())))


if __name__ == "__main__":
    sys.exit(main())
