"""Keeping a part running: a crash restarts it after a growing delay, and the others go on (architecture 2.12, 3)."""

from __future__ import annotations

import random  # noqa: TID251  # backoff jitter
from collections.abc import Awaitable, Callable
from typing import Final, Never

import structlog
import trio

from recon.backoff import Backoff
from recon.db.errors import database_error, is_transient
from recon.errors import ReconError
from recon.redaction import LAST_NET
from recon.service.status import StatusBoard

#: First and longest delay before a restart, in seconds.
FIRST_PAUSE_SECONDS: Final = 0.5
LAST_PAUSE_SECONDS: Final = 30.0
#: After running this long, in seconds, a part's next failure counts as its first.
SETTLED_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


def reason_of(error: BaseException) -> str:
    """Return in one line why a part failed; the first member stands for a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if is_transient(error):
        return LAST_NET.clean(str(database_error(error, "the database does not answer")))
    text = LAST_NET.clean(" ".join(str(error).split()))
    return text if isinstance(error, ReconError) else f"{type(error).__name__}: {text}"


async def supervise(
    board: StatusBoard,
    gateway: str,
    part: str,
    run: Callable[[], Awaitable[object]],
    *,
    draw: Callable[[], float] = random.random,
) -> Never:
    """Run a part until cancelled; whenever it fails or ends by itself, run it again after a delay.

    Its state on the board is `running` or `restarting`, with the reason and the number of failures in a row.
    """
    status = board.reporter(gateway, part)
    backoff = Backoff(FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, draw, jitter=0.5)
    while True:
        began = trio.current_time()
        status.set("running", failures=backoff.failures)
        reason = await _run_to_its_end(gateway, part, run)
        if trio.current_time() - began >= SETTLED_SECONDS:
            backoff.reset()
        pause = backoff.next()
        status.set("restarting", reason, failures=backoff.failures)
        await trio.sleep(pause)


async def _run_to_its_end(gateway: str, part: str, run: Callable[[], Awaitable[object]]) -> str:
    """Run a part and return why it ended."""
    log = _log.bind(gateway=gateway, part=part)
    try:
        await run()
    except Exception as error:
        reason = reason_of(error)
        log.warning("a part failed", reason=reason, exc_info=None if _is_expected(error) else error)
        return reason
    log.error("a part ended by itself")
    return "it ended by itself"


def _is_expected(error: BaseException) -> bool:
    """True if a message says all there is to say: our own errors, and a database that is away for a while."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_expected, error.exceptions))
    return isinstance(error, ReconError) or is_transient(error)
