"""What the server wrote since a backup: segments of WAL that the service copies along while it runs (operator 11.6).

`wal/SYSTEM/TIME/` holds one stretch without a gap; a new one begins where the server no longer had what came next.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from recon.backup.directory import NAME_FORMAT
from recon.backup.manifest import Manifest, lsn, segment_number
from recon.errors import BackupError
from recon.private_files import PRIVATE_DIRECTORY

#: The folder of segments, beside the backups.
WAL: Final = "wal"
#: The end of the name of a segment that is being written.
PARTIAL: Final = ".partial"

_SEGMENT: Final = re.compile(r"[0-9A-F]{24}")
_HISTORY: Final = re.compile(r"[0-9A-F]{8}\.history")
#: A line of a history: the timeline that ended, where, and why.
_SWITCH: Final = re.compile(r"^(\d+)\s+([0-9A-F]+/[0-9A-F]+)", re.MULTILINE)


class Segments(NamedTuple):
    """What there is to replay after a backup: each file by the name that the server asks for.

    `last` is the number of the last complete segment on the backup's timeline, None if there is none after it, and
    `missing` the first one that is not there although later ones are.
    """

    files: dict[str, Path]
    last: int | None
    missing: int | None


def stretches(directory: Path, system: str) -> list[Path]:
    """Return the folders of a cluster's segments, the oldest first."""
    folder = directory / WAL / system
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def new_stretch(directory: Path, system: str, at: datetime) -> Path:
    """Make and return the folder of a new stretch."""
    folder = directory / WAL / system / at.strftime(NAME_FORMAT)
    for path in (*reversed(folder.parents[:2]), folder):
        path.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    return folder


def segments_after(directory: Path, manifest: Manifest) -> Segments:
    """Return what there is to replay after a backup, from the segment in which it ends."""
    size = manifest.wal.segment_bytes
    first = segment_number(manifest.wal.segments[-1], size)
    files: dict[str, Path] = {}
    for path in _files(directory, manifest.system):
        name = path.name.removesuffix(PARTIAL)
        wanted = _HISTORY.fullmatch(name) or segment_number(name, size) >= first
        # Of a segment that two stretches hold, the complete one counts.
        if wanted and (name not in files or files[name].suffix == PARTIAL):
            files[name] = path
    prefix = f"{manifest.wal.timeline:08X}"
    own = {segment_number(name, size): path for name, path in files.items() if _is_segment_of(name, prefix)}
    complete = [number for number, path in own.items() if path.suffix != PARTIAL]
    # The backup brings the segment in which it ends along.
    missing = next((number for number in range(first + 1, max(own, default=first)) if number not in own), None)
    if missing is not None:
        complete = [number for number in complete if number < missing]
    return Segments(files, max(complete, default=None), missing)


def _is_segment_of(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and _SEGMENT.fullmatch(name) is not None


def _files(directory: Path, system: str) -> Iterator[Path]:
    for folder in stretches(directory, system):
        for path in sorted(folder.iterdir()):
            name = path.name.removesuffix(PARTIAL)
            if _SEGMENT.fullmatch(name) or _HISTORY.fullmatch(name):
                yield path


def stage(segments: Segments, folder: Path, owner: tuple[int, int] | None) -> None:
    """Copy segments to where the server's account can read them, under the names that it asks for."""
    folder.mkdir(mode=PRIVATE_DIRECTORY)
    for name, path in segments.files.items():
        shutil.copyfile(path, folder / name)
    if owner is not None:
        for path in (folder, *folder.iterdir()):
            os.chown(path, *owner)


def check_replayed(cluster: Path, manifest: Manifest, segments: Segments) -> None:
    """Raise BackupError where the replay ended before the last complete segment: one of them is damaged."""
    size = manifest.wal.segment_bytes
    histories = sorted(path for path in (cluster / "pg_wal").iterdir() if _HISTORY.fullmatch(path.name))
    switches = _SWITCH.findall(histories[-1].read_text(encoding="utf-8")) if histories else []
    ended = [lsn(position) for timeline, position in switches if int(timeline) == manifest.wal.timeline]
    if not ended or segments.last is None:
        return
    if ended[-1] // size < segments.last:
        names = [name for name in segments.files if _is_segment_of(name, f"{manifest.wal.timeline:08X}")]
        damaged = next(name for name in names if segment_number(name, size) >= ended[-1] // size)
        raise BackupError(
            f"the WAL after the backup is damaged: the replay ended in segment {damaged}"
            f" ({segments.files[damaged]}), and there are complete ones after it; take another backup"
        )


def prune_wal(directory: Path, oldest: Manifest) -> int:
    """Remove the segments that no backup needs, the kept ones being this one and later; return how many."""
    size, removed = oldest.wal.segment_bytes, 0
    first = segment_number(oldest.wal.segments[0], size)
    folders = stretches(directory, oldest.system)
    for path in list(_files(directory, oldest.system)):
        if _SEGMENT.fullmatch(path.name) and segment_number(path.name, size) < first:
            path.unlink()
            removed += 1
    for folder in folders[:-1]:
        if not any(folder.iterdir()):
            folder.rmdir()
    return removed
