"""What the server wrote since a backup: received while it runs, replayed, and named where it is damaged."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
from sqlalchemy import text

from recon.backup.directory import Backup
from recon.backup.drill import Drill, DrillOptions, drill
from recon.backup.manifest import Manifest, segment_name, segment_number
from recon.backup.wal import new_stretch, prune_wal, segments_after, stretches
from recon.clock import utc_now
from recon.db.engine import create_engine
from recon.errors import BackupError, ReconError
from recon.log.events import NewEvent
from recon.log.heads import LastEvent, last_events
from recon.service.wal_archive import keep_archive
from recon.status import StatusReporter
from tests.backup.conftest import World
from tests.backup.test_manifest import manifest
from tests.conftest import UNSAFE_BUT_FAST
from tests.support.database_days import write_events
from tests.support.processes import until

#: The segment in which the backup of these tests ends.
LAST = 2


def no_bars(_name: str) -> Callable[[int, int], None]:
    return lambda _done, _total: None


def archive(place: Path, names: list[str], at: datetime | None = None) -> Path:
    folder = new_stretch(place, "7", at or datetime(2026, 1, 5, tzinfo=UTC))
    for name in names:
        (folder / name).write_bytes(name.encode())
    return folder


def named(number: int, timeline: int = 1) -> str:
    return segment_name(timeline, number, 16 << 20)


def test_segments_of_several_stretches_are_one_sequence_and_complete_ones_count(tmp_path: Path) -> None:
    archive(tmp_path, [named(1), named(2), named(3), f"{named(4)}.partial"])
    later = archive(tmp_path, [named(4), f"{named(5)}.partial", "00000002.history"], datetime(2026, 1, 6, tzinfo=UTC))
    found = segments_after(tmp_path, manifest())
    assert set(found.files) == {named(2), named(3), named(4), named(5), "00000002.history"}
    assert found.files[named(4)] == later / named(4)
    assert (found.last, found.missing) == (4, None)


def test_a_gap_is_told_and_what_comes_after_it_does_not_count(tmp_path: Path) -> None:
    archive(tmp_path, [named(3), named(5), named(6)])
    found = segments_after(tmp_path, manifest())
    assert (found.last, found.missing) == (3, 4)
    assert segments_after(tmp_path / "none", manifest()).files == {}


def test_segments_that_no_backup_needs_go(tmp_path: Path) -> None:
    first = archive(tmp_path, [named(0)])
    second = archive(tmp_path, [named(0), named(1), named(2)], datetime(2026, 1, 6, tzinfo=UTC))
    assert prune_wal(tmp_path, manifest()) == 2
    assert not first.exists()
    assert sorted(path.name for path in second.iterdir()) == [named(1), named(2)]
    assert stretches(tmp_path, "8") == []


@asynccontextmanager
async def archiving(world: World) -> AsyncIterator[None]:
    status = StatusReporter(utc_now)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_archive, world.server, world.directory.path, utc_now, status, world.binaries)
        yield
        nursery.cancel_scope.cancel()


def write(world: World, count: int) -> None:
    at = utc_now()
    write_events(world.service_url, "late", [NewEvent("frame", b"{}", at + timedelta(seconds=n)) for n in range(count)])


def last(url: str) -> list[LastEvent]:
    with create_engine(url, "tests", pooled=False).connect() as connection:
        return last_events(connection)


def switch(world: World) -> None:
    """Have the server begin a new segment."""
    engine = create_engine(world.source.url, "tests", pooled=False)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_switch_wal()"))


def received(world: World, described: Manifest) -> list[Path]:
    """Return the complete segments after the one in which a backup ends, the oldest first."""
    own = segment_number(described.wal.segments[-1], described.wal.segment_bytes)
    return sorted(
        path
        for folder in stretches(world.directory.path, described.system)
        for path in folder.iterdir()
        if len(path.name) == 24 and segment_number(path.name, described.wal.segment_bytes) > own
    )


def drilled(world: World, backup: Backup) -> tuple[Drill, list[ReconError]]:
    options = DrillOptions(
        place=world.place / "drills",
        binaries=world.binaries,
        server_options=UNSAFE_BUT_FAST,
        archive=world.directory.path,
        live=last(world.service_url),
    )
    return drill(backup, options, utc_now, no_bars)


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.trio
async def test_a_restore_replays_what_came_after_the_backup_and_names_what_of_it_is_damaged(world: World) -> None:
    world.directory.prepare()
    async with archiving(world):
        await trio.to_thread.run_sync(until, lambda: any(world.directory.path.glob("wal/*/*/*")))
        backup = await trio.to_thread.run_sync(world.backup)
        for _ in range(3):
            write(world, 200)
            switch(world)
        write(world, 50)
        await trio.to_thread.run_sync(until, lambda: len(received(world, backup.manifest)) >= 3)
    segments = received(world, backup.manifest)
    done, errors = drilled(world, backup)
    assert (done.problems, errors) == ([], [])
    late = {each.gateway: each for each in done.gateways}["late"]
    assert late.exported_seq is None, "it came after the backup"
    assert late.seq is not None
    assert late.seq >= 600
    assert done.wal_segments >= 3
    live = {each.head.gateway: each.head.seq for each in last(world.service_url)}["late"]
    assert late.events_lost == live - late.seq

    middle, kept = segments[1], segments[1].read_bytes()
    content = bytearray(kept)
    content[200:4000] = os.urandom(3800)
    middle.write_bytes(content)
    with pytest.raises(BackupError, match=rf"damaged: the replay ended in segment {middle.name}"):
        drilled(world, backup)
    middle.unlink()
    done, errors = drilled(world, backup)
    assert isinstance(errors[0], BackupError)
    assert f"WAL segment {middle.name} is missing, so nothing after it was restored" in done.problems[0]
    middle.write_bytes(kept)
    shutil.rmtree(world.directory.path / "wal")
    done, errors = drilled(world, backup)
    assert "late" not in {each.gateway for each in done.gateways}
    assert (done.problems, errors) == ([], []), "the backup alone is whole too"
