"""Standard output and standard error of this process: what is to happen where nothing can be written to them.

1. Standard output: a reader that has gone (`| head`) is the end, and quietly so; a full disk is an error.
2. Standard error: what nobody can be told is dropped. It changes no answer and no exit status.
3. Whatever failed once leads nowhere from then on: what is in a buffer would fail again when Python ends.
4. Notes and answers come in the order in which they were written, line by line, also where Python is to buffer nothing.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import TYPE_CHECKING, Final, TextIO

from recon.errors import OutputError, ReaderGone

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_OUTPUT: Final = 1
_ERRORS: Final = 2


def guard_streams() -> None:
    """Put our own streams in the place of this process's; one that was closed before it began stays unusable."""
    sys.stdout = _guarded(_OUTPUT, sys.stdout, _refused)
    sys.stderr = _guarded(_ERRORS, sys.stderr, _dropped)


class _Stream(FileIO):
    """A descriptor whose failed writes are told in our words, or dropped."""

    def __init__(self, descriptor: int, failed: Callable[[OSError], None]) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._failed = failed

    def write(self, content: ReadableBuffer, /) -> int:
        try:
            while (written := super().write(content)) is None:
                # Somebody who shares the descriptor has made it one that does not wait.
                select.select([], [self], [])
        except OSError as error:
            _lead_nowhere(self.fileno(), os.O_WRONLY)
            self._failed(error)
            return memoryview(content).nbytes
        return written


def _guarded(descriptor: int, former: TextIO | None, failed: Callable[[OSError], None]) -> TextIOWrapper:
    if former is None:
        # The next file that is opened would get its number, and what is written to it.
        _lead_nowhere(descriptor, os.O_RDONLY)
    return TextIOWrapper(
        BufferedWriter(_Stream(descriptor, failed)),
        encoding=None if former is None else former.encoding,
        line_buffering=former is None or _at_once(former),
    )


def _at_once(former: TextIO) -> bool:
    """Return whether a stream keeps no line back; one that writes through has no buffer for lines at all."""
    return bool(former.line_buffering) or bool(getattr(former, "write_through", False))


def _lead_nowhere(descriptor: int, flags: int) -> None:
    nowhere = os.open(os.devnull, flags)
    os.dup2(nowhere, descriptor)
    os.set_inheritable(descriptor, True)
    if nowhere != descriptor:
        os.close(nowhere)


def _refused(error: OSError) -> None:
    if isinstance(error, BrokenPipeError):
        raise ReaderGone from None
    raise OutputError(f"standard output cannot be written: {error.strerror or 'unknown reason'}") from error


def _dropped(_: OSError) -> None:
    """Leave it: there is nobody to tell."""
