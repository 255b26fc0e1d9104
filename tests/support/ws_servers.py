"""WebSocket servers for tests: one on the `websockets` library, and a raw socket for invalid frames."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

Script = Callable[[ServerConnection], None]

#: Deadline of a server's thread in seconds; a test that reaches it has failed.
PATIENCE = 60.0


class Gateway:
    """A running server; `requests` are the received upgrades, and `hold` keeps a session open."""

    def __init__(self, scheme: str, port: int) -> None:
        self.url = f"{scheme}://localhost:{port}/"
        self.requests: list[Request] = []
        self.certificates: list[object] = []
        self.over = threading.Event()

    def hold(self, session: ServerConnection) -> None:
        """Answer pings and a close, until the session or the test ends."""
        while not self.over.is_set():
            try:
                session.recv(timeout=0.05)
            except TimeoutError:
                continue
            except ConnectionClosed:
                return


@contextlib.contextmanager
def gateway(
    script: Callable[[Gateway, ServerConnection], None],
    *,
    context: ssl.SSLContext | None = None,
    refuse: Callable[[Request], HTTPStatus | None] = lambda _request: None,
    port: int = 0,
) -> Iterator[Gateway]:
    """Serve `script` to each session, on a port of its own unless one is named."""
    made: list[Gateway] = []

    def process(connection: ServerConnection, request: Request) -> Response | None:
        made[0].requests.append(request)
        status = refuse(request)
        if status is None:
            return None
        return Response(status.value, status.phrase, Headers({"Content-Length": "2"}), b"no")

    def handle(connection: ServerConnection) -> None:
        if context is not None:
            made[0].certificates.append(connection.socket.getpeercert())  # type: ignore[attr-defined]
        with contextlib.suppress(ConnectionClosed, OSError):
            script(made[0], connection)

    quiet = logging.getLogger("test gateway")
    quiet.setLevel(logging.CRITICAL)
    server = serve(
        handle,
        "localhost",
        port,
        ssl=context,
        process_request=process,
        logger=quiet,
        close_timeout=1,
        max_size=None,
    )
    made.append(Gateway("ws" if context is None else "wss", server.socket.getsockname()[1]))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made[0]
    finally:
        made[0].over.set()
        server.shutdown()
        thread.join(PATIENCE)


class RawPeer:
    """The server's end of a WebSocket, byte by byte."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self._unread = b""

    def upgrade(self, status: bytes = b"101 Switching Protocols", extra: bytes = b"") -> None:
        request = self._until(b"\r\n\r\n")
        key = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
        token = key.split(b":", 1)[1].strip() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(token).digest())  # noqa: S324  # RFC 6455 requires it
        self.stream.sendall(
            b"HTTP/1.1 " + status + b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + extra
        )

    def wait_for_close(self) -> None:
        """Read the client's frames until its close."""
        while True:
            head = self._take(2)
            length = head[1] & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", self._take(2))
            self._take(4 + length)
            if head[0] & 0x0F == 8:
                return

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._unread:
            self._more()
        taken, self._unread = self._unread.split(mark, 1)
        return taken

    def _take(self, count: int) -> bytes:
        while len(self._unread) < count:
            self._more()
        taken, self._unread = self._unread[:count], self._unread[count:]
        return taken

    def _more(self) -> None:
        got = self.stream.recv(65536)
        if not got:
            raise ConnectionResetError
        self._unread += got


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """Return a server's frame (unmasked)."""
    first = (0x80 if final else 0) | opcode
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    if size < 65536:
        return bytes([first, 126]) + struct.pack("!H", size) + payload
    return bytes([first, 127]) + struct.pack("!Q", size) + payload


TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


@contextlib.contextmanager
def raw_gateway(script: Callable[[RawPeer], None]) -> Iterator[str]:
    """Serve `script` to each connection in turn; yield the URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE)
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            with stream, contextlib.suppress(OSError):
                stream.settimeout(PATIENCE)
                script(RawPeer(stream))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)
