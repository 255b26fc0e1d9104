"""The demonstration's own directory: removed when it ends, or by the next demonstration if it was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

PREFIX: Final = "recon-demo-"
#: Locked while the demonstration lives; the kernel unlocks it at its death, however it dies.
LOCK_FILE: Final = "running"
#: Most directories of killed demonstrations that one start removes.
MAX_REMOVED: Final = 20


@contextmanager
def temporary_place() -> Iterator[Path]:
    """Give a directory that the server's account can pass through; it is removed afterwards."""
    remove_left_over()
    place = Path(tempfile.mkdtemp(prefix=PREFIX))
    place.chmod(0o711)
    # Named once it is locked: a start that looks for left-overs at this moment finds no file to lock.
    unnamed = place / ".running"
    with unnamed.open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unnamed.rename(place / LOCK_FILE)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def remove_left_over() -> None:
    """Remove the directories of this person's demonstrations that were killed."""
    found = (path for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _is_left_over(path))
    for path in islice(found, MAX_REMOVED):
        shutil.rmtree(path, ignore_errors=True)


def _is_left_over(path: Path) -> bool:
    """True if nobody runs in a directory of ours; one whose lock file cannot be opened is left alone."""
    try:
        if path.is_symlink() or path.stat().st_uid != os.geteuid():
            return False
        with (path / LOCK_FILE).open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
