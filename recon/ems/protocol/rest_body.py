"""The body of an HTTP response while it comes: bounded, also as decompressed. Pure.

A small body may decompress to any size, so it is decompressed in pieces and cut off at the bound. The HTTP library
would decompress each chunk as a whole, through as many layers as are named.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final

from recon.ems.protocol.rest_requests import TOO_LARGE

#: Most bytes that one step of decompression returns.
PIECE_BYTES: Final = 256 * 1024

_GZIP: Final = frozenset({"gzip", "x-gzip"})


class BodyRefused(Exception):
    """A body was refused; the text says why."""


@dataclass(slots=True)
class BodyReader:
    """The part of a response that has come so far."""

    max_bytes: int
    status: int | None = None
    #: Seconds to wait before the next attempt, if the other side asked for that.
    retry_after: float | None = None
    content: bytearray = field(default_factory=bytearray)
    _inflate: zlib._Decompress | None = None

    def set_encoding(self, coding: str) -> None:
        """Set how the body is compressed. Raise BodyRefused if it cannot be read."""
        if coding in _GZIP:
            self._inflate = zlib.decompressobj(wbits=31)
        elif coding not in {"", "identity"}:
            raise BodyRefused(f"compressed as {coding[:20]!r}, which was not offered")

    def feed(self, raw: bytes) -> None:
        """Add a chunk. Raise BodyRefused if the body is too large, or cannot be decompressed."""
        while raw:
            piece, raw = (raw, b"") if self._inflate is None else self._inflated(self._inflate, raw)
            self.content += piece
            if len(self.content) > self.max_bytes:
                raise BodyRefused(f"{TOO_LARGE} {self.max_bytes} bytes")

    def finish(self) -> None:
        """End the body. Raise BodyRefused if a part is missing."""
        if self._inflate is not None and not self._inflate.eof:
            raise BodyRefused("truncated")

    @staticmethod
    def _inflated(inflate: zlib._Decompress, raw: bytes) -> tuple[bytes, bytes]:
        try:
            return inflate.decompress(raw, PIECE_BYTES), inflate.unconsumed_tail
        except zlib.error:
            raise BodyRefused("compressed in a way that cannot be read") from None
