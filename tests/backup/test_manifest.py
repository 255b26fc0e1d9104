"""What a backup says of itself, and which backups go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recon.backup.manifest import (
    FORM,
    Manifest,
    StoredFile,
    UnreadableManifest,
    Wal,
    decode,
    encode,
    lsn,
    missing_segments,
    segment_name,
    segment_number,
)
from recon.backup.retention import outdated
from recon.log.events import Head

AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
MIB = 1 << 20


def manifest(
    name: str = "20260105T093000Z", at: datetime = AT, form: int = FORM, files: tuple[str, ...] = ()
) -> Manifest:
    return Manifest(
        form=form,
        name=name,
        began_at=at,
        ended_at=at + timedelta(minutes=1),
        recon="0.1.0",
        postgres="18.6",
        schema="0008",
        system="7",
        wal=Wal(1, lsn("0/1000028"), lsn("0/2000100"), 16 * MIB),
        heads=[Head("prod-eu", 7, "ab")],
        folders=[],
        files=[StoredFile(path, 3, "00") for path in files],
    )


def test_a_document_is_read_back_and_no_byte_of_it_changes_unnoticed() -> None:
    document = encode(manifest(files=("cluster/PG_VERSION",)))
    assert decode(document) == manifest(files=("cluster/PG_VERSION",))
    for at in range(0, len(document) - 1, 7):
        changed = bytearray(document)
        changed[at] ^= 1
        with pytest.raises(UnreadableManifest):
            decode(bytes(changed))
    for cut in (0, 1, len(document) // 2):
        with pytest.raises(UnreadableManifest):
            decode(document[:cut])


def test_a_document_of_a_later_form_is_refused() -> None:
    with pytest.raises(UnreadableManifest, match="use the recon that made it"):
        decode(encode(manifest(form=FORM + 1)))


def test_positions_and_segments_are_spelled_as_postgres_does() -> None:
    assert lsn("0/3000148") == 0x3000148
    assert lsn("2A/FF000000") == 0x2AFF000000
    assert segment_name(1, lsn("0/3000148") // (16 * MIB), 16 * MIB) == "000000010000000000000003"
    assert segment_name(11, lsn("2A/FF000000") // (16 * MIB), 16 * MIB) == "0000000B0000002A000000FF"
    assert segment_number("0000000B0000002A000000FF", 16 * MIB) == lsn("2A/FF000000") // (16 * MIB)


def test_every_segment_of_the_stretch_must_be_listed() -> None:
    names = ["000000010000000000000001", "000000010000000000000002"]
    assert manifest().wal.segments == names
    assert missing_segments(manifest()) == names
    assert missing_segments(manifest(files=(f"cluster/pg_wal/{names[0]}",))) == names[1:]
    # A stretch that ends at the border of a segment needs nothing of the next.
    assert Wal(1, lsn("0/1000028"), lsn("0/2000000"), 16 * MIB).segments == names[:1]


@pytest.mark.parametrize(
    ("keep", "keep_for", "gone"),
    [(10, "0", []), (2, "0", [2, 3]), (10, "36h", [2, 3]), (10, "1m", [1, 2, 3]), (1, "1m", [1, 2, 3])],
)
def test_backups_go_by_number_and_age_and_never_the_newest(keep: int, keep_for: str, gone: list[int]) -> None:
    spans = {"0": timedelta(), "36h": timedelta(hours=36), "1m": timedelta(minutes=1)}
    days = [manifest(str(day), AT - timedelta(days=day)) for day in (2, 0, 3, 1)]
    now = AT + timedelta(hours=1)
    assert sorted(outdated(days, keep=keep, keep_for=spans[keep_for], now=now)) == [str(day) for day in gone]
