"""The body of an answer over HTTP as it comes: bounded, also as decompressed. Pure.

A small answer may decompress to any size, so it is decompressed in pieces and cut off at the bound. The HTTP library
would decompress whole what it has read, through as many layers as are named.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final

from recon.ems.protocol.rest_requests import TOO_LARGE

#: Bytes that decompression gives at a time.
PIECE_BYTES: Final = 256 * 1024

_GZIP: Final = frozenset({"gzip", "x-gzip"})


class BodyRefused(Exception):
    """A body is not taken; the text says why."""


@dataclass(slots=True)
class BodyReader:
    """What has come of an answer so far."""

    max_bytes: int
    status: int | None = None
    #: Seconds that we are asked to wait before we ask again.
    retry_after: float | None = None
    content: bytearray = field(default_factory=bytearray)
    _inflate: zlib._Decompress | None = None

    def set_encoding(self, coding: str) -> None:
        """Note how the body is compressed. Raises Refused where we cannot read that."""
        if coding in _GZIP:
            self._inflate = zlib.decompressobj(wbits=31)
        elif coding not in {"", "identity"}:
            raise BodyRefused(f"compressed as {coding[:20]!r}, which was not offered")

    def feed(self, raw: bytes) -> None:
        """Take what came. Raises Refused where that is more than the bound, or cannot be decompressed."""
        while raw:
            piece, raw = (raw, b"") if self._inflate is None else self._inflated(self._inflate, raw)
            self.content += piece
            if len(self.content) > self.max_bytes:
                raise BodyRefused(f"{TOO_LARGE} {self.max_bytes} bytes")

    def finish(self) -> None:
        """Note the end of the body. Raises Refused where it lacks something."""
        if self._inflate is not None and not self._inflate.eof:
            raise BodyRefused("truncated")

    @staticmethod
    def _inflated(inflate: zlib._Decompress, raw: bytes) -> tuple[bytes, bytes]:
        try:
            return inflate.decompress(raw, PIECE_BYTES), inflate.unconsumed_tail
        except zlib.error:
            raise BodyRefused("compressed in a way that cannot be read") from None
