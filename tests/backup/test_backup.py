"""Backups of a running server: complete or not there, private, and named where they are damaged."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from recon.backup import take as taking
from recon.backup.copying import differences
from recon.backup.directory import DOCUMENT, Backup, BackupDirectory, Unreadable, reading
from recon.backup.drill import DrillOptions, drill
from recon.backup.restore import restore
from recon.backup.take import take
from recon.clock import utc_now
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import create_engine
from recon.db.roles import SERVICE
from recon.errors import BackupError, IntegrityError, ProjectionError
from recon.log.events import Head
from recon.log.heads import LastEvent, last_events, read_heads
from recon.projection.store.digest import digest_of
from tests.backup.conftest import World
from tests.conftest import UNSAFE_BUT_FAST

pytestmark = pytest.mark.postgres


def no_bars(_name: str) -> Callable[[int, int], None]:
    return lambda _done, _total: None


def options(world: World, **given: object) -> DrillOptions:
    return DrillOptions(place=world.place / "drills", binaries=world.binaries, server_options=UNSAFE_BUT_FAST, **given)  # type: ignore[arg-type] # what a test gives beside


def last(url: str) -> list[LastEvent]:
    with create_engine(url, "tests", pooled=False).connect() as connection:
        return last_events(connection)


def digests(url: str) -> dict[str, str]:
    with create_engine(url, "tests", pooled=False).connect() as connection:
        current = connection.execute(text("SELECT gateway, edition FROM recon_store.editions WHERE state = 'current'"))
        return {row.gateway: digest_of(connection, row.gateway, row.edition) for row in current.all()}


def segment(backup: Backup) -> Path:
    return backup.path / "cluster" / "pg_wal" / backup.manifest.wal.segments[0]


def largest(backup: Backup) -> Path:
    files = [file for file in backup.manifest.files if "/base/" in file.path]
    return backup.path / max(files, key=lambda file: file.size).path


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_backup_is_restored_to_the_same_log_and_the_same_books(world: World, kept: Backup) -> None:
    backup = kept
    assert backup.manifest.heads == [each.head for each in last(world.service_url)]
    assert read_heads(backup.path / "heads.json").heads == backup.manifest.heads
    assert differences(backup) == []
    target = world.place / "restored"
    restore(backup, target, binaries=world.binaries, options=UNSAFE_BUT_FAST)
    assert not (target / ".restoring").exists()
    with EmbeddedPostgres(target, world.binaries, options=UNSAFE_BUT_FAST) as server:
        assert last(server.url(SERVICE)) == last(world.service_url)
        assert digests(server.url(SERVICE)) == digests(world.service_url)
        with create_engine(server.url(SERVICE), "tests", pooled=False).connect() as connection:
            assert connection.scalar(text("SELECT timeline_id FROM pg_control_checkpoint()")) == 2, "a life of its own"
    with pytest.raises(BackupError, match="holds a database already"):
        restore(backup, target, binaries=world.binaries)
    assert (target / "postgres" / "PG_VERSION").exists()


def test_nobody_else_reads_a_backup_and_no_password_file_is_in_it(world: World) -> None:
    backup = world.backup()
    for path in [world.directory.path, backup.path, *backup.path.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    passwords = {
        file.read_text().rpartition(":")[2].strip() for file in (world.server.data_dir / "passwords").iterdir()
    }
    assert len(passwords) == 4
    content = b"".join(path.read_bytes() for path in backup.path.rglob("*") if path.is_file())
    assert not [password for password in passwords if password.encode() in content]
    world.directory.path.chmod(0o755)
    with pytest.raises(BackupError, match="chmod 700"):
        world.backup()


def test_what_is_half_made_never_looks_complete(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(taking, "encode", dies)
    with pytest.raises(KeyboardInterrupt):
        world.backup()
    assert list(world.directory.entries()) == []
    # A kill leaves the folder under a name that is none of a backup; the next one removes it.
    left = world.directory.path / ".20260105T093000Z.part"
    shutil.copytree(world.server.data_dir / "passwords", left / "cluster")
    assert list(world.directory.entries()) == []
    monkeypatch.undo()
    made = world.backup()
    assert not left.exists()
    assert [entry.path for entry in world.directory.entries()] == [made.path]


def test_one_process_makes_backups_at_a_time(world: World) -> None:
    world.directory.prepare()
    with world.directory.exclusive(), pytest.raises(BackupError, match="another `recon backup`"):
        take(world.source, BackupDirectory(world.directory.path), utc_now)


def test_a_disk_without_room_is_told_before_anything_is_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 << 20))
    with pytest.raises(BackupError, match="5 MiB free, and a backup needs about"):
        world.backup()


def test_old_backups_go_but_for_the_newest_and_one_that_is_read(world: World) -> None:
    made = [world.backup() for _ in range(3)]
    assert len({backup.path for backup in made}) == 3, "also within one second"
    later = utc_now() + timedelta(days=2)
    with reading(made[0].path):
        assert world.directory.prune(keep=7, keep_for=timedelta(days=1), now=later) == [made[1].path.name]
    assert world.directory.prune(keep=1, keep_for=timedelta(), now=later) == [made[0].path.name]
    assert [entry.path for entry in world.directory.entries()] == [made[2].path]
    assert not [path for path in world.directory.path.iterdir() if path.name.startswith(".")]


def test_every_kind_of_damage_is_found_and_named(world: World, kept: Backup) -> None:
    backup = kept

    def refused(words: str) -> None:
        assert [words in each for each in differences(backup)] == [True]

    def damaged(path: Path, damage: Callable[[Path], object], words: str) -> None:
        kept = path.read_bytes()
        damage(path)
        refused(words)
        path.write_bytes(kept)

    base, wal = largest(backup), segment(backup)
    named = base.relative_to(backup.path).as_posix()
    damaged(base, flip, f"{named} was changed")
    damaged(base, lambda path: os.truncate(path, 8192), f"{named} has 8,192 bytes, not")
    damaged(base, Path.unlink, f"{named} is missing")
    damaged(wal, flip, f"WAL segment {wal.name} was changed")
    damaged(wal, Path.unlink, f"WAL segment {wal.name} is missing")
    damaged(wal, lambda path: os.truncate(path, 1 << 20), f"WAL segment {wal.name} has 1,048,576 bytes")
    extra = backup.path / "cluster" / "base" / "extra"
    extra.write_bytes(b"x")
    refused("cluster/base/extra is no part of it")
    extra.unlink()
    assert differences(backup) == []
    flip(base)
    wal.unlink()
    with pytest.raises(BackupError, match="is damaged") as caught:
        drill(backup, options(world), utc_now, no_bars)
    assert f"{named} was changed" in str(caught.value)
    assert f"WAL segment {wal.name} is missing" in str(caught.value)
    with pytest.raises(BackupError, match="is damaged"):
        restore(backup, world.place / "other", binaries=world.binaries)
    assert not (world.place / "other" / "postgres").exists()
    flip(backup.path / DOCUMENT)
    (entry,) = world.directory.entries()
    assert isinstance(entry, Unreadable)
    with pytest.raises(BackupError, match=r"damaged: backup\.json"):
        world.directory.last()


def test_a_copy_that_lost_empty_folders_is_still_whole(world: World, kept: Backup) -> None:
    backup = kept
    for path in sorted(backup.path.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    done, errors = drill(backup, options(world), utc_now, no_bars)
    assert (done.problems, errors) == ([], [])
    assert done.against == "now", "there is no live log to compare with"
    assert done.rpo_seconds is not None
    assert done.rpo_seconds > 0


def test_a_drill_proves_log_and_books_and_leaves_nothing(world: World, kept: Backup) -> None:
    backup = kept
    live = last(world.service_url)
    ahead = [each for each in live if each.head.gateway == "prod-us"]
    moved = LastEvent(Head("prod-us", ahead[0].head.seq + 5, "00"), ahead[0].recorded_at + timedelta(seconds=90))
    told = [*(each for each in live if each.head.gateway != "prod-us"), moved]
    done, errors = drill(backup, options(world, live=told), utc_now, no_bars)
    assert (done.problems, errors) == ([], [])
    assert [(each.gateway, each.log, each.books, each.events_lost, each.rpo_seconds) for each in done.gateways] == [
        ("prod-eu", "verified", "the same", 0, 0.0),
        ("prod-us", "verified", "the same", 5, 90.0),
    ]
    assert (done.rpo_seconds, done.against) == (90.0, "the live log")
    assert [phase.name for phase in done.phases] == ["copy and recover", "start and migrate", "verify", "rebuild"]
    assert done.rto_seconds >= sum(phase.seconds for phase in done.phases) - 0.01
    assert not (world.place / "drills").exists(), "the directories that were made for it go too"
    assert world.place.exists()


def test_a_drill_finds_a_log_that_was_changed_before_the_backup(world: World) -> None:
    engine = create_engine(world.source.url, "tests", pooled=False)
    change = "UPDATE recon_store.log_events SET payload = :payload WHERE gateway = 'prod-us' AND seq = 77"
    with engine.begin() as connection:
        kept = connection.scalar(
            text("SELECT payload FROM recon_store.log_events WHERE gateway = 'prod-us' AND seq = 77")
        )
        connection.execute(text("ALTER TABLE recon_store.log_events DISABLE TRIGGER ALL"))
        connection.execute(text(change), {"payload": b"{}"})
    try:
        done, errors = drill(world.backup(), options(world), utc_now, no_bars)
    finally:
        with engine.begin() as connection:
            connection.execute(text(change), {"payload": kept})
            connection.execute(text("ALTER TABLE recon_store.log_events ENABLE TRIGGER ALL"))
    assert isinstance(errors[0], IntegrityError)
    assert "event 77 does not fit its digest" in done.problems[0]
    assert [each.log for each in done.gateways] == ["verified", "differs"]


def test_a_drill_finds_a_log_that_is_not_the_one_of_an_exported_head(world: World, kept: Backup) -> None:
    backup = kept
    heads = [Head("prod-eu", 5, "00" * 32), Head("gone", 5, "00" * 32)]
    done, errors = drill(backup, options(world, heads=heads), utc_now, no_bars)
    assert all(isinstance(error, IntegrityError) for error in errors)
    told = "\n".join(done.problems)
    assert "'gone': the log ends at 0, the exported head was at 5" in told
    assert "event 5 has another digest than the exported head; history differs" in told
    assert [(each.gateway, each.log) for each in done.gateways] == [
        ("gone", "differs"),
        ("prod-eu", "differs"),
        ("prod-us", "verified"),
    ]


def test_a_drill_finds_books_that_do_not_follow_from_the_log(world: World) -> None:
    engine = create_engine(world.source.url, "tests", pooled=False)
    change = "UPDATE recon_store.units SET {} WHERE gateway = 'prod-eu'"
    with engine.begin() as connection:
        columns = connection.execute(
            text(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'recon_store'"
                " AND table_name = 'units' AND data_type = 'numeric' ORDER BY 1"
            )
        ).scalars()
        column = next(iter(columns))
        connection.execute(text(change.format(f"{column} = {column} + 1")))
    try:
        done, errors = drill(world.backup(), options(world), utc_now, no_bars)
    finally:
        with engine.begin() as connection:
            connection.execute(text(change.format(f"{column} = {column} - 1")))
    assert isinstance(errors[0], ProjectionError)
    assert [each.books for each in done.gateways] == ["differ", "the same"]
