"""Frames peeled in lists: the same messages, events and refusals, in the same order, as from the library's own reader.

A peer's data is drawn: whole frames and fragments of all kinds, proper and broken, cut into pieces anywhere, with or
without the response to the upgrade before them. Both readers get the same pieces, and what they tell is compared.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence
from typing import Final

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, TextMessage

from recon.ems.websocket.frame_lists import FrameLists
from tests.support.web_socket_frames import accepted, frame

MAX_BYTES: Final = 300
RESPONSE: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
)
#: Draws of the fast test and of the slow one.
FEW, MANY = 4_000, 40_000
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
#: The last ones are beyond the bound: one in bytes alone, the others in characters too.
TEXTS: Final = (
    "", "{}", '{"type":"x"}', "ü", "€" * 40, "a" * 125, "a" * 126, "b" * 300, "é" * 299, "c" * 301, "d" * 70_000,
)  # fmt: skip
BROKEN: Final = (b"\xff", b"\xc3", b"ab\xed\xa0\x80", b"\xf5\x80\x80\x80", b"ok\x80")


class Told:
    """What a reader tells, in order: messages in whole, pings, the close, and why it ended."""

    def __init__(self) -> None:
        self.all: list[object] = []
        self._parts: list[str | bytes] = []

    def frames(self, frames: Sequence[bytes]) -> None:
        self.all += [each.decode() for each in frames]

    def event(self, event: Event) -> None:
        """Note an event as trio-websocket does: messages are put together, and bounded."""
        if isinstance(event, TextMessage | BytesMessage):
            self._message(event)
        elif isinstance(event, CloseConnection):
            self.all.append(("close", event.code))
        elif not isinstance(event, AcceptConnection):
            self.all.append((type(event).__name__, bytes(getattr(event, "payload", b""))))

    def _message(self, event: TextMessage | BytesMessage) -> None:
        self._parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
        if sum(map(len, self._parts)) > MAX_BYTES:
            self._parts = []
            self.all.append("too big")
        elif event.message_finished:
            whole = "".join if isinstance(event, TextMessage) else b"".join
            self.all.append(whole(self._parts))  # type: ignore[arg-type] # of one type, by the protocol
            self._parts = []


def read(connection: WSConnection, told: Told, pieces: Sequence[bytes], *, closes_after: int = -1) -> list[object]:
    """Read pieces as trio-websocket's reader does, until it would stop; `closes_after` so many we begin to close."""
    for number, piece in enumerate(pieces):
        if connection.state is ConnectionState.CLOSED:
            break
        connection.receive_data(piece)
        for event in connection.events():
            told.event(event)
            if isinstance(event, Ping) and connection.state is ConnectionState.OPEN:
                connection.send(event.response())
            if told.all and told.all[-1] == "too big":
                return told.all
            if isinstance(event, CloseConnection):
                return told.all
        if number == closes_after and connection.state is ConnectionState.OPEN:
            connection.send(CloseConnection(1000))
    return told.all


def drawn(draw: random.Random) -> bytes:
    """Draw one frame, or a fragmented message; now and then a broken one."""
    text = draw.choice(TEXTS).encode()
    kind = draw.random()
    if kind < 0.5:
        return b"".join(frame(TEXT, draw.choice(TEXTS[:6]).encode()) for _ in range(draw.randrange(1, 6)))
    if kind < 0.62:
        return frame(TEXT, text)
    if kind < 0.72:
        return frame(draw.choice((PING, PONG)), b"p" * draw.choice((0, 3, 125)))
    if kind < 0.77:
        return frame(BINARY, text[:280])
    if kind < 0.9:
        return fragments(draw, text)
    return broken(draw, text)


def fragments(draw: random.Random, text: bytes) -> bytes:
    cuts = sorted(draw.randrange(len(text) + 1) for _ in range(draw.randrange(1, 4)))
    parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    frames = []
    for number, part in enumerate(parts):
        frames.append(frame(TEXT if number == 0 else 0, part, final=number == len(parts) - 1))
        if draw.random() < 0.2:
            frames.append(frame(PING, b"between"))
    return b"".join(frames)


def broken(draw: random.Random, text: bytes) -> bytes:
    wrong = [
        frame(TEXT, draw.choice(BROKEN)),
        frame(TEXT, text[:100], mask=True),
        frame(TEXT, text[:100], reserved=draw.randrange(1, 8)),
        frame(draw.choice((3, 7, 11, 15)), b"x"),
        frame(0, b"nothing to go on with"),
        frame(PING, b"p", final=False),
        frame(PING, b"p" * 126),
        frame(TEXT, b"begun", final=False) + frame(TEXT, b"whole"),
        b"\x81\x7e\x00\x05short",
        b"\x81\x7f" + (5).to_bytes(8, "big") + b"short",
        b"\x81\xff" + b"\xff" * 12,
        frame(CLOSE, struct.pack("!H", draw.choice((1000, 1001, 1005, 4000))) + b"bye"),
        frame(CLOSE, b""),
        frame(CLOSE, b"\x03"),
    ]
    return draw.choice(wrong)


def cut(draw: random.Random, data: bytes) -> Iterator[bytes]:
    """Cut data into pieces as a socket may: a few bytes, or much."""
    at = 0
    while at < len(data):
        size = draw.choice((1, 2, 3, 9, 50, 500, 65_536))
        yield data[at : at + size]
        at += size


def compare(seed: int) -> None:
    draw = random.Random(seed)
    theirs, told_of_theirs = WSConnection(ConnectionType.CLIENT), Told()
    told_of_ours = Told()
    ours = FrameLists(told_of_ours.frames, MAX_BYTES)
    data = b"".join(drawn(draw) for _ in range(draw.randrange(1, 8)))
    ends_early = draw.random() < 0.5
    if ends_early:
        data = data[: draw.randrange(len(data) + 1)]
    streams = [accepted(connection) + data for connection in (theirs, ours)]
    cutting, closes_after = draw.randrange(1 << 30), draw.choice((-1, -1, -1, 0, 2))
    for connection, told, stream in zip((theirs, ours), (told_of_theirs, told_of_ours), streams, strict=True):
        read(connection, told, list(cut(random.Random(cutting), stream)), closes_after=closes_after)
    expected = told_of_theirs.all
    # The library refuses a frame at its first wrong character, we do when it is whole.
    if ends_early and expected[-1:] == [("close", 1007)] and len(told_of_ours.all) < len(expected):
        expected = expected[:-1]
    assert told_of_ours.all == expected, seed


@pytest.mark.parametrize("part", range(4))
def test_the_same_is_told_as_by_the_library_s_own_reader(part: int) -> None:
    for seed in range(part * FEW // 4, (part + 1) * FEW // 4):
        compare(seed)


@pytest.mark.slow
def test_the_same_is_told_of_a_great_many_draws() -> None:
    for seed in range(FEW, FEW + MANY):
        compare(seed)


def opened(lists: list[list[bytes]], max_bytes: int = 1 << 20) -> FrameLists:
    connection = FrameLists(lambda frames: lists.append(list(frames)), max_bytes)
    connection.receive_data(accepted(connection))
    assert [type(event) for event in connection.events()] == [AcceptConnection]
    return connection


def test_whole_frames_of_one_piece_are_one_list() -> None:
    lists: list[list[bytes]] = []
    connection = opened(lists)
    connection.receive_data(frame(TEXT, b"a") + frame(TEXT, b"b") + frame(PING, b"") + frame(TEXT, b"c"))
    assert [type(event) for event in connection.events()] == [Ping]
    assert lists == [[b"a", b"b"], [b"c"]]


def test_frames_that_come_with_the_acceptance_are_taken() -> None:
    lists: list[list[bytes]] = []
    connection = FrameLists(lambda frames: lists.append(list(frames)), 100)
    connection.receive_data(accepted(connection) + frame(TEXT, b"at once") + b"\x81\x05be")
    assert [type(event) for event in connection.events()] == [AcceptConnection]
    connection.receive_data(b"gun")
    assert list(connection.events()) == []
    assert lists == [[b"at once"], [b"begun"]]


def test_a_large_frame_in_many_pieces_is_joined_once() -> None:
    lists: list[list[bytes]] = []
    connection = opened(lists)
    data = frame(TEXT, b"x" * 900_000)
    joined = 0
    for at in range(0, len(data), 1000):
        connection.receive_data(data[at : at + 1000])
        before = len(connection._waiting)
        assert list(connection.events()) == []
        joined += before > 1 and len(connection._waiting) == 1
    assert [len(each) for (each,) in lists] == [900_000]
    assert joined <= 1
