"""The files of a backup, read as its document lists them: listed when it is made, compared or copied afterwards.

Each file is read once, for its sha256 and for the copy, so what is restored is what was compared.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from recon.backup.directory import DOCUMENT, Backup
from recon.backup.manifest import CLUSTER, WAL_FOLDER, StoredFile, missing_segments
from recon.display.words import counted
from recon.errors import BackupError
from recon.private_files import PRIVATE_DIRECTORY, PRIVATE_FILE

#: Bytes read at once.
CHUNK_BYTES: Final = 1 << 20
#: Differences that are named; one is enough to refuse a backup.
MAX_NAMED: Final = 20

#: Called with how many bytes are done, and how many there are.
Progress = Callable[[int, int], None]


def list_files(folder: Path) -> tuple[list[StoredFile], list[str]]:
    """Return the files and the folders of a backup that is being made. Raise BackupError if there is a link."""
    files, folders = [], []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise BackupError(f"{name} is a link, such as a tablespace's; recon backs up no tablespaces")
        if path.is_dir():
            folders.append(name)
        else:
            with path.open("rb") as stream:
                size, digest = _read(stream, None)
            files.append(StoredFile(name, size, digest))
    return files, folders


def differences(backup: Backup, progress: Progress | None = None) -> list[str]:
    """Return what of a backup is not as its document lists it, the first ones by name."""
    return _compare(backup, None, progress)


def copy_cluster(backup: Backup, target: Path, progress: Progress | None = None) -> None:
    """Copy the server's files of a backup to a new folder. Raise BackupError that names what is damaged."""
    target.mkdir(mode=PRIVATE_DIRECTORY)
    for folder in backup.manifest.folders:
        if folder.startswith(f"{CLUSTER}/"):
            (target / folder.removeprefix(f"{CLUSTER}/")).mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    refuse_damaged(backup, _compare(backup, target, progress))


def refuse_damaged(backup: Backup, found: list[str]) -> None:
    """Raise BackupError that names each difference, if there is any."""
    if found:
        lines = [f"the backup {backup.path} is damaged: {each}" for each in found]
        raise BackupError("\n".join([*lines, "take another backup, and look at the disk that this one is on"]))


def _compare(backup: Backup, target: Path | None, progress: Progress | None) -> list[str]:
    found = [f"WAL segment {name} is not listed" for name in missing_segments(backup.manifest)]
    done, size = 0, backup.manifest.size
    for file in backup.manifest.files:
        place = None
        if target is not None and file.path.startswith(f"{CLUSTER}/"):
            place = target / file.path.removeprefix(f"{CLUSTER}/")
        problem = _problem_of(backup.path / file.path, file, place)
        if problem is not None:
            found.append(f"{_named(file.path)} {problem}")
        done += file.size
        if progress is not None:
            progress(done, size)
    found += [f"{_named(name)} is no part of it" for name in _others(backup)]
    if len(found) > MAX_NAMED:
        more = len(found) - MAX_NAMED
        found = [*found[:MAX_NAMED], f"{counted(more, 'more file')} {'differs' if more == 1 else 'differ'}"]
    return found


def _named(path: str) -> str:
    return f"WAL segment {path.removeprefix(f'{WAL_FOLDER}/')}" if path.startswith(f"{WAL_FOLDER}/") else path


def _problem_of(path: Path, listed: StoredFile, place: Path | None) -> str | None:
    """Read a file, into its place if it has one; return what is wrong with it."""
    try:
        with path.open("rb") as stream:
            size, digest = _read(stream, place)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read or copied: {error.strerror or 'unknown reason'}"
    if size != listed.size:
        return f"has {counted(size, 'byte')}, not {listed.size:,}"
    return None if digest == listed.sha256 else "was changed: its sha256 differs"


def _read(stream: BinaryIO, place: Path | None) -> tuple[int, str]:
    """Read a file to its end, into its place if it has one; return its size and sha256."""
    if place is None:
        return _digest(stream, None)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(handle, "wb") as copy:
        return _digest(stream, copy)


def _digest(stream: BinaryIO, copy: BinaryIO | None) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    while chunk := stream.read(CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
        if copy is not None:
            copy.write(chunk)
    return size, digest.hexdigest()


def _others(backup: Backup) -> Iterator[str]:
    """Yield the files in a backup's folder that its document does not list."""
    listed = {file.path for file in backup.manifest.files} | {DOCUMENT}
    for path in sorted(backup.path.rglob("*")):
        name = path.relative_to(backup.path).as_posix()
        if name not in listed and not path.is_dir():
            yield name
