"""The directory of backups: one folder for each, named by its UTC time; half-made ones have other names.

1. A folder gets its name once it is complete and on the disk, and loses it before it is removed.
2. One process makes or removes backups at a time; one that is being read is not removed.
3. Nobody but their owner reads them: folders are of mode 0700, files of 0600.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from recon.backup.manifest import Manifest, UnreadableManifest, decode
from recon.backup.retention import outdated
from recon.errors import BackupError
from recon.private_files import OTHERS, prepare_directory, sync_folder

#: The document of a backup: what it holds.
DOCUMENT: Final = "backup.json"
#: Largest document that is read, in bytes: a backup of a million files.
MAX_DOCUMENT_BYTES: Final = 256 << 20
#: The name of a backup: when it was begun.
NAME_FORMAT: Final = "%Y%m%dT%H%M%SZ"
#: Locked by whoever makes or removes backups.
LOCK_FILE: Final = "backup.lock"
#: Marks of folders that are no backups: one that is being made, one that is being removed.
PART: Final = ".part"
REMOVING: Final = ".removing"

_NAME: Final = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup: its folder, and what its document says."""

    path: Path
    manifest: Manifest

    def age(self, now: datetime) -> timedelta:
        """Return how long ago it ended."""
        return now - self.manifest.ended_at


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A folder with the name of a backup whose document cannot be read."""

    path: Path
    problem: str


def read_backup(path: Path) -> Backup:
    """Return the backup in a folder. Raise BackupError that names what is wrong with its document."""
    file = path / DOCUMENT
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_DOCUMENT_BYTES + 1)
        return Backup(path, decode(content))
    except FileNotFoundError:
        raise BackupError(f"{path} is no complete backup: it has no {DOCUMENT}") from None
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror or 'unknown reason'}") from error
    except UnreadableManifest as error:
        raise BackupError(f"the backup {path} is damaged: {DOCUMENT}: {error}") from None


class BackupDirectory:
    """The backups in one directory."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def prepare(self) -> None:
        """Make the directory if necessary. Raise BackupError if others may read it."""
        prepare_directory(self.path, "a backup", BackupError)

    def entries(self) -> Iterator[Backup | Unreadable]:
        """Yield every complete backup, the newest first, and what is damaged in its place."""
        try:
            names = sorted((entry.name for entry in self.path.iterdir() if _NAME.fullmatch(entry.name)), reverse=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise BackupError(f"{self.path} cannot be read: {error.strerror or error}") from error
        for name in names:
            try:
                yield read_backup(self.path / name)
            except BackupError as error:
                yield Unreadable(self.path / name, str(error))

    def last(self) -> Backup:
        """Return the newest backup. Raise BackupError if there is none, or it is damaged."""
        for entry in self.entries():
            if isinstance(entry, Unreadable):
                raise BackupError(entry.problem)
            return entry
        raise BackupError(f"there is no backup in {self.path} yet; run `recon backup`")

    def find(self, name: str | None) -> Backup:
        """Return a backup by its name or its path; without one the newest. Raise BackupError."""
        if name is None:
            return self.last()
        if _NAME.fullmatch(name):
            return read_backup(self.path / name)
        return read_backup(Path(name).absolute())

    def free_name(self, at: datetime) -> str:
        """Return the name of a backup that begins now; a second later where one began in the same."""
        while True:
            name = at.astimezone(UTC).strftime(NAME_FORMAT)
            if not (self.path / name).exists():
                return name
            at += timedelta(seconds=1)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Exclude whoever else makes or removes backups, and remove what one that died has left."""
        handle = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError(f"another `recon backup` works in {self.path}; wait for its end") from None
            for entry in self.path.iterdir():
                if entry.name.startswith(".") and entry.suffix in {PART, REMOVING}:
                    shutil.rmtree(entry, ignore_errors=True)
            yield
        finally:
            os.close(handle)

    def partial(self, name: str) -> Path:
        """Return the folder in which a backup is made; it looks like none."""
        return self.path / f".{name}{PART}"

    def complete(self, name: str) -> Path:
        """Give a backup that is made and on the disk its name."""
        path = self.path / name
        self.partial(name).rename(path)
        sync_folder(self.path)
        return path

    def prune(self, *, keep: int, keep_for: timedelta, now: datetime) -> list[str]:
        """Remove what need not be kept; return the names. What somebody reads now stays until the next time."""
        complete = [entry.manifest for entry in self.entries() if isinstance(entry, Backup)]
        return [name for name in outdated(complete, keep=keep, keep_for=keep_for, now=now) if self._remove(name)]

    def _remove(self, name: str) -> bool:
        path, going = self.path / name, self.path / f".{name}{REMOVING}"
        with suppress(BlockingIOError), reading(path, fcntl.LOCK_EX):
            path.rename(going)
            sync_folder(self.path)
            shutil.rmtree(going, ignore_errors=True)
            return True
        return False


@contextmanager
def reading(path: Path, kind: int = fcntl.LOCK_SH) -> Iterator[None]:
    """Keep a backup from being removed while it is read. Raise BlockingIOError where it is being removed."""
    handle = os.open(path / DOCUMENT, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def make_private(path: Path) -> None:
    """Take the rights of all others from every file and folder below a path."""
    for entry in [path, *path.rglob("*")]:
        if not entry.is_symlink():
            entry.chmod(entry.stat().st_mode & ~OTHERS & 0o777)
