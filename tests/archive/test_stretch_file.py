"""Files of archived events: the same events come back, any split is one chain, and what was changed is refused."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from sqlalchemy import create_engine

from recon.archive import event_file
from recon.archive.directory import ArchiveDirectory, file_name
from recon.archive.pages import ArchivedPages
from recon.archive.stretch_file import events_of, write_stretch
from recon.errors import ConfigError, IntegrityError
from recon.log.chain_check import ChainCheck, Start
from recon.log.events import genesis
from recon.log.stored_event import StoredEvent, event_of, leaf_of
from tests.support.archived_logs import GATEWAY, archived, logs, plain
from tests.support.properties import steady


@st.composite
def split_logs(draw: st.DrawFn) -> tuple[list[StoredEvent], list[int]]:
    """A log and where its stretches end; the last one ends with the log."""
    events = draw(logs())
    ends = draw(st.sets(st.integers(1, len(events)), max_size=3)) | {len(events)}
    return events, sorted(ends)


@steady(40)
@given(split_logs())
def test_any_split_gives_back_the_same_events_and_the_same_chain(log: tuple[list[StoredEvent], list[int]]) -> None:
    events, ends = log
    with tempfile.TemporaryDirectory() as place:
        stretches = archived(Path(place) / "archive", events, ends)
        directory = ArchiveDirectory(Path(place) / "archive")
        back = [event for stretch in stretches for event in events_of(directory, stretch)]
        assert directory.manifest().of(GATEWAY) == stretches
        assert directory.unnamed() == []
    assert back == events
    chain = ChainCheck(GATEWAY)
    for event in back:
        chain.check(event)
    assert not chain.differences
    assert chain.head.digest == stretches[-1].head == events[-1].digest.hex()
    assert [(each.first_seq, each.last_seq) for each in stretches] == list(
        zip([1, *(end + 1 for end in ends)], ends, strict=False)
    )
    assert [each.before for each in stretches] == [genesis(GATEWAY).hex(), *(each.head for each in stretches[:-1])]


@steady(30)
@given(split_logs(), st.data())
def test_pages_go_on_from_any_position_in_pages_of_any_size(
    log: tuple[list[StoredEvent], list[int]], data: st.DataObject
) -> None:
    events, ends = log
    unused = create_engine("postgresql+psycopg://")
    with tempfile.TemporaryDirectory() as place:
        stretches = archived(Path(place) / "archive", events, ends)
        pages = ArchivedPages(ArchiveDirectory(Path(place) / "archive"), GATEWAY, stretches)
        for _ in range(4):
            after = data.draw(st.integers(0, len(events) - 1))
            while after < len(events):
                limit = data.draw(st.integers(1, 9))
                page = pages(unused, GATEWAY, after, limit)  # type: ignore[arg-type] # the archive asks no database
                assert page == [event_of(event) for event in events[after : after + limit]]
                after += len(page)


def test_a_file_is_for_its_owner_alone_and_its_groups_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_file, "GROUP_EVENTS", 7)
    monkeypatch.setattr(event_file, "GROUP_BYTES", 60)
    events = plain(40)
    (stretch,) = archived(tmp_path / "a", events, [40])
    path = tmp_path / "a" / stretch.file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    groups = [parquet.ParquetFile(path).metadata.row_group(number).num_rows for number in range(6)]
    assert max(groups) == 7
    assert list(events_of(ArchiveDirectory(tmp_path / "a"), stretch, after=33)) == events[33:]
    assert {entry.name for entry in (tmp_path / "a").iterdir()} == {"archive.json", stretch.file}


def test_other_tools_read_the_files(tmp_path: Path) -> None:
    events = plain(50)
    archived(tmp_path / "a", events, [20, 50])
    (found,) = duckdb.execute(
        "SELECT count(*), sum(octet_length(payload)), min(epoch_us(recorded_at)), max(epoch_us(recorded_at)),"
        " max(lower(hex(leaf))) FROM read_parquet(?)",
        [f"{tmp_path}/a/*.parquet"],
    ).fetchall()
    count, sizes, first, last, leaf = found
    assert (count, sizes) == (50, sum(len(event.payload) for event in events))
    assert (first, last) == (events[0].recorded_us, events[-1].recorded_us)
    assert leaf == max(leaf_of(event).hex() for event in events)


def swapped(directory: Path, first: str, second: str) -> None:
    content = (directory / first).read_bytes()
    (directory / first).write_bytes((directory / second).read_bytes())
    (directory / second).write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda place, names: (place / names[0]).unlink(), "is missing: the archive lacks events 1 to 10"),
        (lambda place, names: swapped(place, *names), "is not the file that was archived"),
        (lambda place, names: (place / names[0]).write_bytes(b"PAR1"), "is not the file that was archived"),
    ],
)
def test_a_file_that_is_another_one_is_refused(
    tmp_path: Path, damage: Callable[[Path, list[str]], None], told: str
) -> None:
    stretches = archived(tmp_path / "a", plain(20), [10, 20])
    damage(tmp_path / "a", [stretch.file for stretch in stretches])
    with pytest.raises(IntegrityError, match=told):
        list(events_of(ArchiveDirectory(tmp_path / "a"), stretches[0]))


def test_what_does_not_fit_its_digest_is_never_archived(tmp_path: Path) -> None:
    directory = ArchiveDirectory(tmp_path / "a")
    directory.prepare()
    events = plain(10)
    start = Start(0, genesis(GATEWAY))
    forged = [*events[:4], events[4]._replace(payload=b"{}"), *events[5:]]
    with pytest.raises(IntegrityError, match="event 5 does not fit its digest"):
        write_stretch(directory, GATEWAY, start, 10, forged, "0019")
    with pytest.raises(IntegrityError, match="after event 4 comes 6"):
        write_stretch(directory, GATEWAY, start, 10, [*events[:4], *events[5:]], "0019")
    with pytest.raises(IntegrityError, match="the log ends at 9, not at 10"):
        write_stretch(directory, GATEWAY, start, 10, events[:9], "0019")
    assert list((tmp_path / "a").iterdir()) == []


def test_a_disk_that_gives_other_bytes_back_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = ArchiveDirectory(tmp_path / "a")
    directory.prepare()
    events = plain(10)
    write = event_file.write_events

    def losing(stream: object, gateway: str, first_seq: int, given: object) -> None:
        kept = [event for event in given if event.seq != 7]  # type: ignore[attr-defined] # events
        write(stream, gateway, first_seq, kept)  # type: ignore[arg-type] # as it was called

    monkeypatch.setattr("recon.archive.stretch_file.write_events", losing)
    with pytest.raises(IntegrityError, match="after event 6 comes 8"):
        write_stretch(directory, GATEWAY, Start(0, genesis(GATEWAY)), 10, events, "0019")
    assert list((tmp_path / "a").iterdir()) == []


def test_a_file_of_another_gateway_or_form_says_so_in_plain_words(tmp_path: Path) -> None:
    (stretch,) = archived(tmp_path / "a", plain(5), [5])
    path = tmp_path / "a" / stretch.file
    with pytest.raises(IntegrityError, match="events of another gateway than 'other'"):
        list(event_file.read_events(path, "other"))
    for content in (b"", b"PAR1 and no more", path.read_bytes()[:-9]):
        path.write_bytes(content)
        with pytest.raises(IntegrityError, match=r"is damaged|cannot be read") as caught:
            list(event_file.read_events(path, GATEWAY))
        assert "arquet magic" not in str(caught.value)
    parquet.write_table(pa.table({"seq": [1]}), path)
    with pytest.raises(IntegrityError, match="is damaged: it is no file of archived events"):
        list(event_file.read_events(path, GATEWAY))


def test_a_directory_of_others_is_refused_and_what_a_dead_run_left_is_removed(tmp_path: Path) -> None:
    directory = ArchiveDirectory(tmp_path / "a")
    directory.prepare()
    (tmp_path / "a" / ".x.parquet.part").write_bytes(b"half")
    with (
        directory.exclusive(),
        pytest.raises(ConfigError, match="another `recon archive` works"),
        ArchiveDirectory(tmp_path / "a").exclusive(),
    ):
        pass
    assert [entry.name for entry in (tmp_path / "a").iterdir()] == ["archive.lock"]
    (tmp_path / "a").chmod(0o750)
    with pytest.raises(ConfigError, match="open to other accounts"):
        directory.prepare()


def test_names_tell_gateways_apart_that_are_spelled_alike() -> None:
    names = [file_name(gateway, 1, 10) for gateway in ("a/b", "a_b", "a" * 300)]
    assert len(set(names)) == 3
    assert all(len(name) < 140 and "/" not in name for name in names)
    assert file_name("a", 1, 999) < file_name("a", 1000, 2000)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "it is no manifest of an archive"),
        (b'{"format":"recon.evidence","version":1}', "it is of another version of recon"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    archived(tmp_path / "a", plain(5), [5])
    (tmp_path / "a" / "archive.json").write_bytes(content)
    with pytest.raises(IntegrityError, match=told):
        ArchiveDirectory(tmp_path / "a").manifest()
