"""Restoring: a backup, and what the server wrote since, become a data directory of an embedded server.

It is made beside its place, and moved there once its WAL is replayed; so an incomplete one is never started.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from recon.backup.copying import Progress, copy_cluster
from recon.backup.directory import Backup, reading
from recon.backup.manifest import Manifest, segment_name
from recon.backup.wal import check_replayed, segments_after, stage
from recon.db.embedded.account import Account, server_account
from recon.db.embedded.binaries import packed_binaries, server_version
from recon.db.embedded.data_dir import DataDirLock
from recon.db.embedded.recovery import recover
from recon.errors import BackupError
from recon.private_files import PRIVATE_DIRECTORY

#: Free space that a restore wants beyond the size of the backup: WAL that the server writes at once.
SPARE_BYTES: Final = 256 << 20
#: Made beside its place, under this name.
RESTORING: Final = ".restoring"

_NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})


class Restored(msgspec.Struct, frozen=True):
    """What was restored: how many segments of WAL came after the backup, and what of them is missing, in words."""

    segments: int
    gap: str | None


def restore(
    backup: Backup,
    data_dir: Path,
    *,
    archive: Path | None = None,
    binaries: Path | None = None,
    options: Mapping[str, str] = _NO_OPTIONS,
    progress: Progress | None = None,
) -> Restored:
    """Make a data directory of a backup and of the WAL in a directory of backups. Raise BackupError.

    The directory must not hold a database. Each file is compared with the backup's document as it is copied.
    """
    data_dir = data_dir.absolute()
    binaries = binaries or packed_binaries()
    _check_version(backup.manifest, binaries)
    lock = DataDirLock(data_dir)
    try:
        _refuse_existing(data_dir)
        lock.acquire()
        _refuse_existing(data_dir)
        _check_room(data_dir, backup.manifest)
        work = data_dir / RESTORING
        shutil.rmtree(work, ignore_errors=True)
        # As root the server's account must be able to pass through.
        work.mkdir(mode=0o711 if os.geteuid() == 0 else PRIVATE_DIRECTORY)
        try:
            with reading(backup.path):
                restored = _restore(backup, work, archive, binaries, options, progress)
            (work / "postgres").rename(data_dir / "postgres")
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise BackupError(f"{backup.path} cannot be restored to {data_dir}: {error.strerror or error}") from error
    finally:
        lock.release()
    return restored


def _restore(
    backup: Backup,
    work: Path,
    archive: Path | None,
    binaries: Path,
    options: Mapping[str, str],
    progress: Progress | None,
) -> Restored:
    manifest, account = backup.manifest, server_account()
    copy_cluster(backup, work / "postgres", progress)
    owner = None if account is None else (account.uid, account.gid)
    _give(work / "postgres", account)
    if archive is None:
        recover(work, binaries, options=options)
        return Restored(0, None)
    segments = segments_after(archive, manifest)
    stage(segments, work / "wal", owner)
    recover(work, binaries, wal=work / "wal", options=options)
    check_replayed(work / "postgres", manifest, segments)
    if segments.missing is None:
        return Restored(len(segments.files), None)
    name = segment_name(manifest.wal.timeline, segments.missing, manifest.wal.segment_bytes)
    return Restored(len(segments.files), f"WAL segment {name} is missing, so nothing after it was restored")


def _give(cluster: Path, account: Account | None) -> None:
    """Give the server's files to the account that runs it."""
    if account is not None:
        for path in (cluster, *cluster.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _refuse_existing(data_dir: Path) -> None:
    if (data_dir / "postgres").exists():
        raise BackupError(
            f"{data_dir} holds a database already, and a restore never replaces one; name a directory that does not "
            "exist yet, or move that database away"
        )


def _check_version(manifest: Manifest, binaries: Path) -> None:
    ours, theirs = server_version(binaries, None).partition(".")[0], manifest.postgres.partition(".")[0]
    if ours != theirs:
        raise BackupError(
            f"the backup {manifest.name} is of Postgres {theirs}, and this recon brings {ours}; restore it with the "
            f"recon that made it ({manifest.recon})"
        )


def _check_room(data_dir: Path, manifest: Manifest) -> None:
    free, needed = shutil.disk_usage(data_dir).free, manifest.size + SPARE_BYTES
    if free < needed:
        raise BackupError(f"{data_dir} has {free >> 20} MiB free, and the restore needs about {needed >> 20} MiB")
