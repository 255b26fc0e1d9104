"""Ctrl-C is one line on standard error and exit status 130, never a traceback.

While modules are imported there is nothing to give back, and Python swallows an exception that is raised inside some
callbacks of its import system, so there the process ends at once. While a command works, Ctrl-C raises
KeyboardInterrupt, which closes connections and stops servers on its way up; trio expects that handler too.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

#: The exit status of a command that Ctrl-C ended (128 + SIGINT); `typing.Final` would cost an import here.
INTERRUPTED = 130
LINE = "recon: interrupted\n"


def end_at_once() -> None:
    """From here on Ctrl-C ends the process; not where SIGINT is ignored (a job in the background)."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit)


def end_in_order() -> None:
    """From here on Ctrl-C raises KeyboardInterrupt."""
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _exit(_number: int, _frame: FrameType | None) -> None:
    os.write(2, LINE.encode())
    os._exit(INTERRUPTED)
