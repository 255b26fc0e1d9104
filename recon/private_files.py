"""Files that nobody but their owner reads: written completely or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from recon.errors import ReconError

PRIVATE_FILE: Final = 0o600
PRIVATE_DIRECTORY: Final = 0o700
#: The rights of everyone but the owner.
OTHERS: Final = 0o077


def write_private(path: Path, content: bytes, *, owner: tuple[int, int] | None = None) -> None:
    """Write a file of mode 0600 in its place; an earlier one is replaced as a whole. Raise OSError.

    `owner` is the uid and gid of another account that is to have it.
    """
    # mkstemp creates the file, of mode 0600, and follows no link.
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(handle, PRIVATE_FILE)
            if owner is not None:
                os.fchown(handle, *owner)
            stream.write(content)
            stream.flush()
            os.fsync(handle)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def prepare_directory(path: Path, holder: str, refusal: type[ReconError]) -> None:
    """Make a directory that its owner alone reads, if necessary; `holder` is what it is, such as `a backup`.

    Raise `refusal` if others may read one that is there, or if it cannot be used.
    """
    try:
        path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        if open_to_others(path):
            raise refusal(f"{path} is open to other accounts, and {holder} holds all; chmod 700 it")
    except OSError as error:
        raise refusal(f"{path} cannot be used: {error.strerror or error}") from error


def open_to_others(path: Path) -> bool:
    """True if others than its owner have any right to a file or directory. Raise OSError."""
    return bool(stat.S_IMODE(path.stat().st_mode) & OTHERS)


def sync_folder(path: Path) -> None:
    """Have the disk hold the names in a folder. Raise OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
