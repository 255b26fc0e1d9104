"""Whole text frames peeled off the socket's data in lists; all else is wsproto's, in the order in which it came.

The library makes an event of each frame, which costs more than all the rest of receiving it. A gateway sends nearly
nothing but whole text frames, and those need no event.

1. A frame is peeled if it is final, of text, without reserved bits or a mask, of a length in its shortest form and
   within the bound, proper UTF-8, outside a fragmented message, and the connection is open. The library would make one
   text message of it.
2. Every other frame goes to the library byte by byte as it came: it answers, bounds and refuses as ever. So does all
   data before the upgrade is accepted and once closing has begun. Data behind a close is dropped (RFC 6455, 1.4).
   A frame that is not UTF-8 is refused when it is whole, not at its first wrong byte.
3. What is held back is the beginning of one frame within the bound; work is linear in the data.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Sequence
from typing import Final

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Event

#: The first byte of a final frame of text without reserved bits (RFC 6455, 5.2).
_WHOLE_TEXT: Final = 0x81
_FINAL: Final = 0x80
_OPCODE: Final = 0x0F
_FIRST_CONTROL_OPCODE: Final = 8
_OPCODES: Final = frozenset({0, 1, 2, 8, 9, 10})
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
#: The bits of a frame's length; these lengths say that the next two or eight bytes have it.
_LENGTH: Final = 0x7F
_IN_TWO_BYTES: Final = 126
_IN_EIGHT_BYTES: Final = 127
#: By such a length: how many bytes have it, and the least that needs so many.
_LONG: Final = {_IN_TWO_BYTES: (2, 126), _IN_EIGHT_BYTES: (8, 1 << 16)}
#: The end of the response to the upgrade, as h11 finds it.
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
#: Most bytes of a response that begin a blank line which ends in later data.
_BEGUN_BYTES: Final = 2


class FrameLists(WSConnection):
    """A client's connection that calls `take` with each list of whole text frames, as UTF-8, between the events."""

    def __init__(self, take: Callable[[Sequence[bytes]], None], max_bytes: int) -> None:
        """`max_bytes` bounds a frame that is peeled; the library's user bounds the others."""
        super().__init__(ConnectionType.CLIENT)
        self._take = take
        self._max_bytes = max_bytes
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        #: How many bytes there have to be until the frame at their beginning can be told, or is whole.
        self._needed = 1
        #: How many bytes of the frame in progress are still to go to the library.
        self._passing = 0
        self._in_message = False
        self._begun = b""
        self._over = False

    def receive_data(self, data: bytes | None) -> None:
        """Take data from the network; `events` tells what comes of it."""
        if data and self.connection is None:
            data = self._through_response(data)
        if data and self.connection is not None:
            self._waiting.append(bytes(data))
            self._waiting_bytes += len(data)
        elif data is None:
            super().receive_data(data)

    def events(self) -> Generator[Event, None, None]:
        """Yield the library's events, and call `take`, in the order of the data."""
        yield from self._library_events()
        if not self._waiting:
            return
        if self._is_open and self._waiting_bytes < self._needed:
            return
        data, at = b"".join(self._waiting), 0
        self._waiting, self._waiting_bytes = [], 0
        while at < len(data) and self._is_open:
            if not self._passing:
                at = self._peel(data, at)
            if not self._passing:
                break
            until = min(at + self._passing, len(data))
            self._passing -= until - at
            super().receive_data(data[at:until])
            at = until
            yield from self._library_events()
        if at == len(data):
            return
        if self._is_open:
            self._waiting, self._waiting_bytes = [data[at:]], len(data) - at
        elif self.state is ConnectionState.LOCAL_CLOSING:
            super().receive_data(data[at:])
            yield from self._library_events()

    @property
    def _is_open(self) -> bool:
        return not self._over and self.state is ConnectionState.OPEN

    def _library_events(self) -> Generator[Event, None, None]:
        for event in super().events():
            self._over = self._over or isinstance(event, CloseConnection)
            yield event

    def _through_response(self, data: bytes) -> bytes:
        """Give the library the response to the upgrade; return what follows an acceptance, else nothing."""
        begun = self._begun + data
        end = _BLANK_LINE.search(begun)
        if end is None or self.state is not ConnectionState.CONNECTING:
            self._begun = begun[-_BEGUN_BYTES:]
            super().receive_data(data)
            return b""
        until = end.end() - len(self._begun)
        self._begun = b""
        super().receive_data(data[:until])
        if self.connection is None and until < len(data):
            super().receive_data(data[until:])
            return b""
        return data[until:]

    def _peel(self, data: bytes, at: int) -> int:
        """Hand over the whole text frames from `at` on; return where the first other frame begins."""
        frames: list[bytes] = []
        end = len(data)
        self._needed = 1
        while at + 1 < end and data[at] == _WHOLE_TEXT and not self._in_message:
            size, body = data[at + 1], at + 2
            if size >= _IN_TWO_BYTES:
                length_bytes, least = _LONG.get(size, (0, 0))
                body += length_bytes
                size = int.from_bytes(data[at + 2 : body], "big")
                if not least or body > end or size < least:
                    break
            if size > self._max_bytes:
                break
            until = body + size
            if until > end:
                self._needed = until - at
                break
            frame = data[body:until]
            if not frame.isascii() and not _is_text(frame):
                break
            frames.append(frame)
            at = until
        if frames:
            self._take(frames)
        if at < end and self._needed == 1:
            self._begin(data, at)
        return at

    def _begin(self, data: bytes, at: int) -> None:
        """Begin to pass the frame at `at` to the library, or say how many bytes there have to be to tell its length."""
        if len(data) - at < 2:
            self._needed = 2
            return
        first, second = data[at], data[at + 1]
        if _is_refused(first, second):
            self._passing = sys.maxsize
            return
        length_bytes, _ = _LONG.get(second, (0, 0))
        header = 2 + length_bytes
        if len(data) - at < header:
            self._needed = header
            return
        self._passing = header + (int.from_bytes(data[at + 2 : at + header], "big") if length_bytes else second)
        if first & _OPCODE < _FIRST_CONTROL_OPCODE:
            self._in_message = not first & _FINAL


def _is_refused(first: int, second: int) -> bool:
    """True if the library refuses a frame by its first two bytes: no later frame counts then."""
    opcode = first & _OPCODE
    control = opcode >= _FIRST_CONTROL_OPCODE
    return bool(
        opcode not in _OPCODES
        or first & _RESERVED
        or second & _MASKED
        or (control and (not first & _FINAL or second & _LENGTH >= _IN_TWO_BYTES))
    )


def _is_text(frame: bytes) -> bool:
    try:
        frame.decode()
    except UnicodeDecodeError:
        return False
    return True
