"""Packing a bundle: each document cleaned of secrets, within bounds, in one file that only its owner reads."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from recon.cli.support.cleaning import Cleaner
from recon.errors import ConfigError
from recon.private_files import PRIVATE_FILE, write_private

#: Longest document, and all documents together, in bytes; a document that is too long loses its end.
MAX_DOCUMENT_BYTES: Final = 4 << 20
MAX_BUNDLE_BYTES: Final = 32 << 20
#: The ends of a file's name, and so its form.
ENDS: Final = (".zip", ".tar.gz", ".tgz")
#: The folder in which everything lies once it is unpacked.
FOLDER: Final = "recon-support"
_CUT: Final = "\n… cut: the rest is beyond the bound of a document\n"


class Bundle:
    """The documents of a bundle, cleaned as they are added."""

    def __init__(self, cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._documents: dict[str, bytes] = {}

    @property
    def names(self) -> list[str]:
        """Return the names of the documents."""
        return sorted(self._documents)

    @property
    def size(self) -> int:
        """Return the bytes of all documents."""
        return sum(len(content) for content in self._documents.values())

    def add(self, name: str, text: str) -> None:
        """Add a document; beyond the bound of the bundle only that it was left out."""
        content = self._cleaner.clean(text).encode("utf-8", "replace")
        if len(content) > MAX_DOCUMENT_BYTES:
            content = content[:MAX_DOCUMENT_BYTES] + _CUT.encode()
        if self.size + len(content) > MAX_BUNDLE_BYTES:
            content = b"left out: the bundle is full\n"
        self._documents[self._cleaner.clean(name)] = content

    def write(self, path: Path, at: datetime) -> None:
        """Write the bundle, whole or not at all; never over another file. Raise ConfigError."""
        if not path.name.endswith(ENDS):
            raise ConfigError(f"{path}: the name of a bundle ends in {', '.join(ENDS[:-1])} or {ENDS[-1]}")
        if path.exists():
            raise ConfigError(f"{path} is there already; name a file that is not")
        packed = _zip(self._documents, at) if path.name.endswith(".zip") else _tar(self._documents, at)
        try:
            write_private(path, packed)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror or 'unknown reason'}") from error


def _zip(documents: Mapping[str, bytes], at: datetime) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(documents.items()):
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}", at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = PRIVATE_FILE << 16
            archive.writestr(entry, content)
    return packed.getvalue()


def _tar(documents: Mapping[str, bytes], at: datetime) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in sorted(documents.items()):
            entry = tarfile.TarInfo(f"{FOLDER}/{name}")
            entry.size, entry.mode, entry.mtime = len(content), PRIVATE_FILE, int(at.timestamp())
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
