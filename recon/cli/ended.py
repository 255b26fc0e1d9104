"""SIGTERM as an interrupt: a command that writes takes back what it began, as after Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

#: The exit status of a program that SIGTERM ended (128 + 15).
TERMINATED: Final = 143


@contextmanager
def ending_in_order() -> Iterator[None]:
    """End with 143 on SIGTERM, after everything that was begun is given back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)
