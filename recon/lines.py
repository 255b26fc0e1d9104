"""Lines that one process of recon tells another by a pipe: whole, whatever pieces they come in, bounded. Pure."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from recon.errors import ProjectionError


class Lines:
    """Makes lines of what comes in pieces; one of more than `most` bytes is an error, in the words `too_long`."""

    def __init__(self, most: int, too_long: str) -> None:
        """Begin with nothing."""
        self._most = most
        self._too_long = too_long
        self._rest = bytearray()

    def take(self, piece: bytes) -> list[bytes]:
        """Return the lines that end in a piece. Raise ProjectionError where one is beyond the bound."""
        *ended, rest = piece.split(b"\n")
        if ended and self._rest:
            ended[0] = bytes(self._rest) + ended[0]
            self._rest.clear()
        self._rest += rest
        if len(self._rest) > self._most:
            raise ProjectionError(self._too_long)
        return ended


class Source(Protocol):
    """Where pieces come from, such as a stream of Trio."""

    async def receive_some(self) -> bytes | bytearray:
        """Return the next piece; an empty one at the end."""
        ...


class LineReader:
    """Reads the lines of a stream, one by one."""

    def __init__(self, source: Source, lines: Lines) -> None:
        """Read a stream whose owner closes it."""
        self._source = source
        self._lines = lines
        self._waiting: deque[bytes] = deque()

    async def next(self) -> bytes | None:
        """Return the next line; None once there are no more. Raise ProjectionError for one beyond the bound."""
        while not self._waiting:
            piece = await self._source.receive_some()
            if not piece:
                return None
            self._waiting.extend(self._lines.take(bytes(piece)))
        return self._waiting.popleft()
