"""The directory of an archive: its manifest and its files, for their owner alone.

1. A file has another name until it is complete, on the disk, and read back.
2. One process writes to an archive at a time.
3. The manifest is replaced as a whole, after the file that it names.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from recon.archive.manifest import Manifest, UnreadableManifest, decode, encode
from recon.errors import ConfigError, IntegrityError
from recon.log.stretch import Stretch
from recon.private_files import PRIVATE_FILE, prepare_directory, sync_folder, write_private

DOCUMENT: Final = "archive.json"
#: Largest manifest that is read, in bytes: some hundred thousand files.
MAX_DOCUMENT_BYTES: Final = 256 << 20
#: Locked by whoever writes to the archive.
LOCK_FILE: Final = "archive.lock"
ENDING: Final = ".parquet"
PART: Final = ".part"
#: Most characters of a gateway's name in the name of a file.
MAX_NAME: Final = 60
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9-]")
_PIECE: Final = 1 << 20


class ArchiveDirectory:
    """An archive at one path; nothing is made until `prepare`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def prepare(self) -> None:
        """Make the directory if necessary. Raise ConfigError if others may read it."""
        prepare_directory(self.path, "an archive", ConfigError)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Exclude whoever else writes to the archive, and remove what one that died has left. Raise ConfigError."""
        handle = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(f"another `recon archive` works in {self.path}; wait for its end") from None
            for entry in self.path.glob(f".*{PART}"):
                entry.unlink()
            yield
        finally:
            os.close(handle)

    def manifest(self) -> Manifest:
        """Return what the archive says of itself; an empty manifest where it has no files. Raise IntegrityError."""
        document = self.path / DOCUMENT
        try:
            with document.open("rb") as stream:
                return decode(stream.read(MAX_DOCUMENT_BYTES + 1))
        except FileNotFoundError:
            return Manifest()
        except OSError as error:
            raise ConfigError(f"{document} cannot be read: {error.strerror or 'unknown reason'}") from error
        except UnreadableManifest as error:
            raise IntegrityError(f"{document} cannot be used: {error}") from None

    def put(self, stretch: Stretch) -> None:
        """Have the manifest name one more file, which is in its place already. Raise ConfigError."""
        try:
            write_private(self.path / DOCUMENT, encode(self.manifest().with_stretch(stretch)))
            sync_folder(self.path)
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror or 'unknown reason'}") from error

    def file(self, stretch: Stretch) -> Path:
        """Return the path of a file that the manifest names. Raise IntegrityError for one that lies elsewhere."""
        if Path(stretch.file).name != stretch.file:
            raise IntegrityError(f"{self.path / DOCUMENT} names a file that is not in the archive: {stretch.file!r}")
        return self.path / stretch.file

    def unnamed(self) -> list[str]:
        """Return the files of events that the manifest does not name."""
        named = {stretch.file for stretch in self.manifest().stretches}
        return sorted(entry.name for entry in self.path.glob(f"*{ENDING}") if entry.name not in named)

    @contextmanager
    def new_file(self, name: str) -> Iterator[tuple[BinaryIO, Path]]:
        """Give a stream, and the path that it has for now; after the block the file is on the disk in its place.

        Whoever writes closes the stream's content before reading it back by its path. Raise ConfigError.
        """
        part = self.path / f".{name}{PART}"
        try:
            part.unlink(missing_ok=True)
            handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
            with os.fdopen(handle, "wb") as stream:
                yield stream, part
            part.replace(self.path / name)
            sync_folder(self.path)
        except OSError as error:
            raise ConfigError(f"{self.path / name} cannot be written: {error.strerror or 'unknown reason'}") from error
        finally:
            part.unlink(missing_ok=True)


def file_name(gateway: str, first_seq: int, last_seq: int) -> str:
    """Return the name of a file: of the gateway's name only what any file system takes, and so much of its digest."""
    mark = hashlib.sha256(gateway.encode()).hexdigest()[:8]
    return f"{_UNSAFE.sub('_', gateway)[:MAX_NAME]}-{mark}-{first_seq:015d}-{last_seq:015d}{ENDING}"


def sha256_of(path: Path) -> tuple[str, int]:
    """Return the digest of a file in hex, and its length. Raise OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size
