"""HTTP/1.1 and WebSocket on one port: the head of a request decides between the two."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import h11
import trio

from recon.simulator.rest.server import RestAnswer, plain_answer

#: Largest head and largest body of a request, in bytes.
MAX_HEAD_BYTES: Final = 16 * 1024
MAX_BODY_BYTES: Final = 64 * 1024
#: A connection is closed after this many seconds without a request, or if it does not read an answer.
IDLE_SECONDS: Final = 30.0
SENDING_SECONDS: Final = 30.0
#: A client that waits for a hanging answer is disconnected after this long, in seconds.
HANGING_SECONDS: Final = 300.0
#: A connection is closed after this many requests.
MAX_REQUESTS: Final = 10_000

_CHUNK_BYTES: Final = 16 * 1024
_HEAD_ENDS: Final = b"\r\n\r\n"
Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Request:
    """A client's request; header names are in lower case."""

    method: str
    target: str
    headers: Headers


class Rewound(trio.abc.Stream):
    """A stream that first returns the bytes that were already read from it."""

    def __init__(self, stream: trio.abc.Stream, read: bytes) -> None:
        self._stream = stream
        self._read = bytearray(read)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return the bytes already read, then those of the stream."""
        if not self._read:
            return await self._stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        size = len(self._read) if max_bytes is None else max_bytes
        first, self._read = self._read[:size], self._read[size:]
        return first

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send on the underlying stream."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait on the underlying stream."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the underlying stream."""
        await self._stream.aclose()


async def read_head(stream: trio.abc.Stream) -> bytes:
    """Read until the head of a request is complete, too large, or the client stops; return all bytes read."""
    read = bytearray()
    while _HEAD_ENDS not in read and len(read) <= MAX_HEAD_BYTES:
        chunk = await stream.receive_some(_CHUNK_BYTES)
        if not chunk:
            break
        read += chunk
    return bytes(read)


def wants_websocket(head: bytes) -> bool:
    """True if the head of a request asks for an upgrade to a WebSocket."""
    lines = head.partition(_HEAD_ENDS)[0].split(b"\r\n")[1:]
    fields = [line.partition(b":") for line in lines]
    return any(name.strip().lower() == b"upgrade" and b"websocket" in value.lower() for name, _, value in fields)


async def serve_http(stream: trio.abc.Stream, answer: Callable[[Request], Awaitable[RestAnswer]]) -> None:
    """Answer the requests of one connection in turn, until it ends or reaches a limit."""
    connection = _Connection(stream)
    for _ in range(MAX_REQUESTS):
        try:
            with trio.move_on_after(IDLE_SECONDS) as patience:
                request = await connection.receive()
        except h11.RemoteProtocolError as error:
            await connection.send(plain_answer(error.error_status_hint, "Bad Request"))
            return
        if patience.cancelled_caught or request is None:
            return
        if not await connection.send(await answer(request), head_only=request.method == "HEAD"):
            return


class _Connection:
    """The server's side of one HTTP/1.1 connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def receive(self) -> Request | None:
        """Return the next request, with its body read and dropped; None at the end.

        Raises h11.RemoteProtocolError for a request that is not HTTP or is too large.
        """
        request, size = None, 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._need_data()
            elif isinstance(event, h11.Request):
                request = Request(event.method.decode(), event.target.decode(), list(event.headers))
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > MAX_BODY_BYTES:
                    raise h11.RemoteProtocolError("the body is too large", error_status_hint=413)
            elif isinstance(event, h11.EndOfMessage):
                return request
            else:  # the client has disconnected, or the connection must close
                return None

    async def _need_data(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            going_on = h11.InformationalResponse(status_code=100, headers=[])
            await self._stream.send_all(self._http.send(going_on) or b"")
        self._http.receive_data(bytes(await self._stream.receive_some(_CHUNK_BYTES)))

    async def send(self, answer: RestAnswer, *, head_only: bool = False) -> bool:
        """Send an answer with its planned trouble. True if the connection may continue."""
        if answer.hangs:
            await trio.sleep(HANGING_SECONDS)
            return False
        await trio.sleep(answer.delay)
        headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
        phrase = HTTPStatus(answer.status).phrase if answer.status in _KNOWN else "Exchange Unreachable"
        data = self._http.send(h11.Response(status_code=answer.status, headers=headers, reason=phrase)) or b""
        body = b"" if head_only else answer.body[: answer.cut]
        data += self._http.send(h11.Data(data=body)) or b""
        whole = head_only or answer.cut is None
        if whole:
            data += self._http.send(h11.EndOfMessage()) or b""
        with trio.move_on_after(SENDING_SECONDS) as patience:
            await self._stream.send_all(data)
        if not whole or patience.cancelled_caught or self._http.our_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True


_KNOWN: Final = frozenset(status.value for status in HTTPStatus)
