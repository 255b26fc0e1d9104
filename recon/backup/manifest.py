"""What a backup says of itself: each file with its size and sha256, and the stretch of WAL that makes it whole. Pure.

The document holds the sha256 of its own content, so nothing of it can be left out or changed unnoticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from recon.log.events import Head

#: The form of the document; a recon that knows only earlier ones refuses it.
FORM: Final = 1
#: The directory of the server's files inside a backup, and that of its WAL.
CLUSTER: Final = "cluster"
WAL_FOLDER: Final = f"{CLUSTER}/pg_wal"
#: The heads of the logs, beside the server's files.
HEADS: Final = "heads.json"

_LOG_FILE_BYTES: Final = 1 << 32


class StoredFile(msgspec.Struct, frozen=True):
    """A file of a backup; its path is relative to the backup."""

    path: str
    size: int
    sha256: str


class Wal(msgspec.Struct, frozen=True):
    """The stretch of WAL that a backup needs: from its first byte to the one after its last."""

    timeline: int
    start: int
    end: int
    segment_bytes: int

    @property
    def segments(self) -> list[str]:
        """Return the names of the segments that hold it."""
        first, last = self.start // self.segment_bytes, max(self.start, self.end - 1) // self.segment_bytes
        return [segment_name(self.timeline, number, self.segment_bytes) for number in range(first, last + 1)]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, of which server, and since when."""

    form: int = FORM
    name: str
    began_at: datetime
    ended_at: datetime
    recon: str
    postgres: str
    schema: str | None
    #: Names the cluster; a restored one has the same.
    system: str
    wal: Wal
    heads: list[Head]
    #: Folders too: a copy elsewhere may have lost the empty ones.
    folders: list[str]
    files: list[StoredFile]

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(file.size for file in self.files)


class _Document(msgspec.Struct):
    sha256: str
    backup: msgspec.Raw


class UnreadableManifest(ValueError):
    """The document of a backup cannot be used; the text is the problem."""


def encode(manifest: Manifest) -> bytes:
    """Return the document, with the sha256 of its content."""
    content = msgspec.json.encode(manifest)
    return msgspec.json.encode(_Document(hashlib.sha256(content).hexdigest(), msgspec.Raw(content))) + b"\n"


def decode(document: bytes) -> Manifest:
    """Read a document. Raise UnreadableManifest."""
    try:
        found = msgspec.json.decode(document, type=_Document)
        content = bytes(found.backup)
        if hashlib.sha256(content).hexdigest() != found.sha256:
            raise UnreadableManifest("its content does not fit its sha256; it was changed")
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableManifest("it is no document of a backup") from None
    if manifest.form > FORM:
        raise UnreadableManifest(f"it has form {manifest.form}, this recon reads {FORM}; use the recon that made it")
    return manifest


def lsn(text: str) -> int:
    """Return a position in the WAL as a number, from Postgres' spelling such as 0/3000148."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def segment_name(timeline: int, number: int, segment_bytes: int) -> str:
    """Return the name of a segment of WAL, as Postgres writes it."""
    high, low = divmod(number, _LOG_FILE_BYTES // segment_bytes)
    return f"{timeline:08X}{high:08X}{low:08X}"


def segment_number(name: str, segment_bytes: int) -> int:
    """Return the number of a segment by its name."""
    return int(name[8:16], 16) * (_LOG_FILE_BYTES // segment_bytes) + int(name[16:24], 16)


def missing_segments(manifest: Manifest) -> list[str]:
    """Return the segments of WAL that a backup needs and does not list."""
    listed = {file.path for file in manifest.files}
    return [name for name in manifest.wal.segments if f"{WAL_FOLDER}/{name}" not in listed]


class ServerFile(msgspec.Struct, frozen=True, rename={"path": "Path", "size": "Size", "sha256": "Checksum"}):
    """A file as Postgres' own manifest lists it; its path is relative to the cluster."""

    size: int
    sha256: str
    path: str = ""


class _Range(msgspec.Struct, frozen=True, rename={"timeline": "Timeline", "start": "Start-LSN", "end": "End-LSN"}):
    timeline: int
    start: str
    end: str


class ServerManifest(msgspec.Struct, frozen=True, rename={"files": "Files", "ranges": "WAL-Ranges"}):
    """Postgres' own manifest, `backup_manifest`: what the server sent."""

    files: list[ServerFile]
    ranges: list[_Range]

    def wal(self, segment_bytes: int) -> Wal:
        """Return the stretch of WAL. Raise UnreadableManifest where it is not one."""
        if len(self.ranges) != 1:
            raise UnreadableManifest("the server changed its timeline while the backup was made; make another one")
        one = self.ranges[0]
        return Wal(one.timeline, lsn(one.start), lsn(one.end), segment_bytes)

    def differences(self, stored: dict[str, StoredFile]) -> Iterator[str]:
        """Yield what of the server's files was not stored as it was sent; `stored` is by the backup's paths."""
        for file in self.files:
            found = stored.get(f"{CLUSTER}/{file.path}")
            if found is None:
                yield f"{file.path} is missing"
            elif (found.size, found.sha256) != (file.size, file.sha256):
                yield f"{file.path} is not as the server sent it"


def decode_server_manifest(document: bytes) -> ServerManifest:
    """Read Postgres' own manifest. Raise UnreadableManifest."""
    try:
        return msgspec.json.decode(document, type=ServerManifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableManifest("the server's own manifest cannot be read") from None
