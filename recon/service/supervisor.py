"""Keeping a part running: a crash restarts it, with growing pauses, and the others go on (architecture 2.12, 3)."""

from __future__ import annotations

import random  # noqa: TID251  # backoff jitter
from collections.abc import Awaitable, Callable
from typing import Final, Never

import structlog
import trio

from recon.backoff import Backoff
from recon.errors import ReconError
from recon.service.status import Board

#: Pauses before a restart, doubled from the first to the last, with jitter, in seconds.
FIRST_PAUSE_SECONDS: Final = 0.5
LAST_PAUSE_SECONDS: Final = 30.0
#: A part that ran this long has settled: its next failure is a first one, in seconds.
SETTLED_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


def reason_of(error: BaseException) -> str:
    """Say in one line why a part failed; a group is told by its first member."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = " ".join(str(error).split())
    return text if isinstance(error, ReconError) else f"{type(error).__name__}: {text}"


async def supervise(
    board: Board,
    gateway: str,
    part: str,
    run: Callable[[], Awaitable[object]],
    *,
    draw: Callable[[], float] = random.random,
) -> Never:
    """Run a part until cancelled; whenever it fails, or ends by itself, run it again after a pause.

    Its state on the board is `running` or `restarting` (with the reason, and how often it failed in a row).
    """
    backoff = Backoff(FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, draw, jitter=0.5)
    while True:
        began = trio.current_time()
        board.tell(gateway, part, "running", failures=backoff.failures)
        log = _log.bind(gateway=gateway, part=part)
        try:
            await run()
            reason = "it ended by itself"
            log.error("a part ended by itself")
        except Exception as error:
            reason = reason_of(error)
            known = isinstance(error, ReconError) or _holds_only_known(error)
            log.warning("a part failed", reason=reason, exc_info=None if known else error)
        if trio.current_time() - began >= SETTLED_SECONDS:
            backoff.reset()
        pause = backoff.next()
        board.tell(gateway, part, "restarting", reason, failures=backoff.failures)
        await trio.sleep(pause)


def _holds_only_known(error: BaseException) -> bool:
    """Tell whether a group holds nothing but our own errors, whose message says all."""
    return isinstance(error, ExceptionGroup) and error.split(ReconError)[1] is None
