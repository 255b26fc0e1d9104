"""Frames of a WebSocket as bytes, proper and broken, and a server's acceptance of an upgrade."""

from __future__ import annotations

import struct

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request


def frame(opcode: int, payload: bytes, *, final: bool = True, reserved: int = 0, mask: bool = False) -> bytes:
    """Return one frame; a masked one has a mask of zeros."""
    size = len(payload)
    short = size if size < 126 else 126 if size < 1 << 16 else 127
    extended = b"" if short < 126 else struct.pack("!H" if short == 126 else "!Q", size)
    first = (0x80 if final else 0) | reserved << 4 | opcode
    return bytes((first, short | (0x80 if mask else 0))) + extended + (b"\0\0\0\0" if mask else b"") + payload


def accepted(connection: WSConnection) -> bytes:
    """Ask for the upgrade; return the response that accepts it."""
    request = connection.send(Request(host="h", target="/"))
    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(request)
    list(server.events())
    return server.send(AcceptConnection())
