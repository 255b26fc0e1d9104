"""The data directory of an embedded server, and the lock that gives it one owner."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from recon.db.embedded.cluster import pause
from recon.errors import EmbeddedPostgresError

#: Locked by the owner of the server; it holds the owner's process id.
LOCK_FILE: Final = "recon.lock"
#: Longest wait for another recon to release the data directory, in seconds.
LOCK_SECONDS: Final = 5.0


def default_data_dir() -> Path:
    """Return where the embedded server lives unless the settings say otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/recon")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "recon"


def data_dir_in_use(data_dir: Path) -> bool:
    """True if a living process has locked this data directory; the question changes nothing."""
    try:
        handle = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EmbeddedPostgresError(
            f"the data directory {data_dir} cannot be used: {error.strerror}; "
            "run recon as the account that owns it, or choose another [database] data_dir"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


class DataDirLock:
    """The lock of one data directory; it lives and dies with this process."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._handle: int | None = None

    def acquire(self) -> None:
        """Make the data directory if necessary and lock it. Raise EmbeddedPostgresError if it is in use."""
        if self._handle is not None:
            return
        self._make_directory()
        handle = os.open(self._data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for_lock(handle)
        except BaseException:
            os.close(handle)
            raise
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        self._handle = handle

    def release(self) -> None:
        """Unlock the directory; do nothing if it is not locked."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _make_directory(self) -> None:
        if self._data_dir.exists():
            return
        self._data_dir.parent.mkdir(parents=True, exist_ok=True)
        # As root the server's account must be able to pass through, though not to look around.
        self._data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)

    def _wait_for_lock(self, handle: int) -> None:
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < until:
                    pause()
                    continue
                holder = os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"
                raise EmbeddedPostgresError(
                    f"the data directory {self._data_dir} is in use by another recon (process {holder}); "
                    "stop it, or choose another [database] data_dir"
                ) from None
            return
