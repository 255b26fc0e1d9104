"""A directory that is written whole: each file with its digest, and in its place only once all of it is there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from recon.errors import ConfigError
from recon.evidence.manifest import File

#: Rights of the directory, before those that the process takes away.
_MODE: Final = 0o777
_PIECE: Final = 1 << 20


class Directory:
    """Writes files into a directory that has another name until it is whole."""

    def __init__(self, part: Path) -> None:
        self._part = part
        #: The names of the files so far, in the order in which they were written.
        self._names: list[str] = []

    @contextmanager
    def file(self, name: str) -> Iterator[BinaryIO]:
        """Give a stream to write one file to; `name` is its path in the directory, with slashes."""
        path = self._part / name
        path.parent.mkdir(exist_ok=True)
        with path.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        self._names.append(name)

    def write(self, name: str, content: bytes) -> None:
        """Write one file."""
        with self.file(name) as stream:
            stream.write(content)

    def files(self) -> list[File]:
        """Return the files that were written so far."""
        return [_described(self._part, name) for name in sorted(self._names)]


@contextmanager
def whole_directory(path: Path) -> Iterator[Directory]:
    """Give a directory that appears once the block is over without an error; else nothing of it stays.

    Errors: ConfigError where something is there already, or it cannot be written.
    """
    if os.path.lexists(path) and not (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
        raise ConfigError(f"{path} is there already, and evidence is never replaced: name another directory")
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.absolute().parent))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or 'unknown reason'}") from error
    try:
        yield Directory(part)
        part.chmod(_MODE & ~_umask())
        part.replace(path)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise ConfigError(f"{path} cannot be written: {error.strerror or 'unknown reason'}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _described(directory: Path, name: str) -> File:
    digest, size = hashlib.sha256(), 0
    with (directory / name).open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return File(name=name, sha256=digest.hexdigest(), size=size)
