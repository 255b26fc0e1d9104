"""`python -m tests.bench.blaster FRAMES`: a process that blasts pre-rendered frames over a WebSocket.

It listens on a free port of 127.0.0.1, prints the port, and serves one connection. Each line that it reads from
standard input says how many frames it may have sent in all; `--rate` offers them evenly, otherwise they go as fast as
the peer takes them. When all are sent it prints `sent`, and stays until the peer closes. A peer that goes away earlier
is an error (exit status 1). It does nothing but copy bytes, so as to leave the machine to what is measured.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import mmap
import socket
import sys
import threading
import time
from array import array
from pathlib import Path
from typing import Final

from tests.bench.load import ends_of

_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#: Most bytes in one call to the socket.
_CHUNK: Final = 256 * 1024
#: The beat of an offered rate, in seconds.
_BEAT: Final = 0.001
_CLOSE: Final = b"\x88\x02\x03\xe8"


class _Allowance:
    """How many frames may have been sent in all."""

    def __init__(self) -> None:
        self._frames = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            with self._changed:
                self._frames = int(line)
                self._changed.notify()

    def wait(self, sent: int) -> int:
        """Return the allowance once it is more than what was sent."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames > sent)
            return self._frames


def upgrade(peer: socket.socket) -> None:
    """Answer the peer's handshake."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += peer.recv(4096)
    headers = dict(line.split(b": ", 1) for line in request.split(b"\r\n") if b": " in line)
    key = {name.lower(): value for name, value in headers.items()}[b"sec-websocket-key"]
    accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())  # noqa: S324  # what RFC 6455 asks for
    peer.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )


def _send(peer: socket.socket, frames: mmap.mmap, ends: array[int], rate: float) -> None:
    allowance = _Allowance()
    sent = position = 0
    began: float | None = None
    with memoryview(frames) as view:
        while sent < len(ends):
            until = min(allowance.wait(sent), len(ends))
            if began is None:
                began = time.perf_counter()
            if rate:
                until = min(until, int((time.perf_counter() - began) * rate))
                if until <= sent:
                    time.sleep(_BEAT)
                    continue
            end = ends[until - 1]
            for start in range(position, end, _CHUNK):
                peer.sendall(view[start : min(start + _CHUNK, end)])
            sent, position = until, end


def until_closed(peer: socket.socket) -> None:
    """Wait for the peer's close, and answer it; whatever else it says is passed over."""
    while data := peer.recv(4096):
        if data[0] & 0x0F == 8:
            peer.sendall(_CLOSE)
            return


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("frames", type=Path)
    parser.add_argument("--rate", type=float, default=0.0, help="frames a second; 0: as fast as they are taken")
    given = parser.parse_args()
    ends = array("Q", ends_of(given.frames).read_bytes())
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        given.frames.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as frames,
    ):
        print(server.getsockname()[1], flush=True)  # noqa: T201  # how the parent learns the port
        peer, _ = server.accept()
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            upgrade(peer)
            try:
                _send(peer, frames, ends, given.rate)
            except OSError as error:
                sys.stderr.write(f"the peer went away before all was sent: {error}\n")
                return 1
            print("sent", flush=True)  # noqa: T201  # how the parent learns of the end
            until_closed(peer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
