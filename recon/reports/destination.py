"""Where a report goes: a file that appears whole or not at all, or standard output.

1. A file is written without a name, and gets its own when it is whole. Of one that failed or was killed nothing stays.
2. Where the file system has no files without names, it has another name, and is removed if it fails.
3. A file that is there is kept, unless it is to be replaced; then it stays as it was until the new one is whole.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, Self

from recon.errors import ConfigError

#: How much is copied to standard output at once, in bytes.
_PIECE: Final = 1 << 20
#: The rights of a new file, before those that the process takes away.
_MODE: Final = 0o666
#: Where the files of this process can be linked from.
_DESCRIPTORS: Final = Path("/proc/self/fd")


@contextmanager
def whole_file(path: Path, *, replace: bool, beside: Path | None = None) -> Iterator[BinaryIO]:
    """Give a stream that becomes the file once the block is over without an error.

    Of a place that cannot be written an error names the file that this one is `beside`: a person asked for that one.
    Errors: ConfigError.
    """
    if not replace and os.path.lexists(path):
        raise ConfigError(f"{path} is there already: name another file, or give --replace")
    if path.is_dir():
        raise ConfigError(f"{path} is a directory: name a file in it")
    try:
        part = _nameless(path.parent) or _named(path)
    except OSError as error:
        raise ConfigError(f"{beside or path} cannot be written: {error.strerror or 'unknown reason'}") from error
    with part:
        try:
            with os.fdopen(os.dup(part.handle), "w+b") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            part.appear(path, replace=replace)
        except FileExistsError:
            raise ConfigError(f"{path} is there since this began: name another file, or give --replace") from None
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise ConfigError(f"{path} cannot be written: {error.strerror or 'unknown reason'}") from error


class _Part:
    """A file that is being written: without a name, or with one of its own."""

    def __init__(self, handle: int, name: Path | None) -> None:
        self.handle, self._name = handle, name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)
        if self._name is not None:
            self._name.unlink(missing_ok=True)

    def appear(self, path: Path, *, replace: bool) -> None:
        """Give the file its name. Raise FileExistsError where another has it and may not be replaced."""
        if not replace:
            self._link(path)
            return
        if self._name is None:
            # A link never replaces, so the file gets a name beside first; a move does.
            beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
            self._link(beside)
            self._name = beside
        self._name.replace(path)
        self._name = None

    def _link(self, path: Path) -> None:
        if self._name is not None:
            os.link(self._name, path)
            return
        descriptors = os.open(_DESCRIPTORS, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # With a directory given, Python asks for the link to be followed to the file.
            os.link(str(self.handle), path, src_dir_fd=descriptors, follow_symlinks=True)
        finally:
            os.close(descriptors)


def _nameless(directory: Path) -> _Part | None:
    flag = getattr(os, "O_TMPFILE", None)
    if flag is None or not _DESCRIPTORS.exists():
        return None
    with suppress(OSError):
        return _Part(os.open(directory, flag | os.O_RDWR | os.O_CLOEXEC, _MODE), None)
    return None


def _named(path: Path) -> _Part:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    mask = os.umask(0)
    os.umask(mask)
    os.fchmod(handle, _MODE & ~mask)
    return _Part(handle, Path(name))


@contextmanager
def spooled(out: BinaryIO) -> Iterator[BinaryIO]:
    """Give a stream to move about in, whose content goes to standard output once the block is over without an error."""
    with tempfile.TemporaryFile() as spool:
        yield spool
        spool.seek(0)
        while piece := spool.read(_PIECE):
            out.write(piece)
        out.flush()
