"""REST servers for tests: one in memory with scripted answers, and one of raw bytes over a socket."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeAlias

import httpx
import trio
import trio.abc

#: The answer to one request: immediate, or a function that may wait or fail.
Step: TypeAlias = httpx.Response | Exception | Callable[[], Awaitable[httpx.Response]]

Script: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]


class Scripted(httpx.AsyncBaseTransport):
    """Answers each request by its script; the last step repeats."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.requests: list[httpx.Request] = []
        #: Arrival time of each request, by Trio's clock.
        self.times: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times.append(trio.current_time())
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, httpx.Response) else await step()

    @property
    def targets(self) -> list[str]:
        return [request.url.raw_path.decode() for request in self.requests]

    @property
    def pauses(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False)]


class Body(httpx.AsyncByteStream):
    """A body that arrives in pieces, and then fails or hangs."""

    def __init__(self, *pieces: bytes, error: Exception | None = None, hangs: bool = False) -> None:
        self._pieces = pieces
        self._error = error
        self._hangs = hangs

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._hangs:
            await trio.sleep_forever()
        if self._error is not None:
            raise self._error


def answer(status: int, content: bytes = b"", **headers: str) -> Callable[[], Awaitable[httpx.Response]]:
    """Return an answer that can be used any number of times."""

    async def give() -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, headers=named, stream=Body(content))

    return give


def broken(status: int, body: Callable[[], Body], **headers: str) -> Callable[[], Awaitable[httpx.Response]]:
    """Return an answer with the given `body`."""

    async def give() -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, headers=named, stream=body())

    return give


async def hang() -> httpx.Response:
    await trio.sleep_forever()
    raise AssertionError


@asynccontextmanager
async def serving(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve each connection by its script, in turn; yield the base URL and the heads of the requests."""
    heads: list[bytes] = []
    waiting: Iterator[Script] = iter(scripts)

    async def handle(socket: trio.SocketStream) -> None:
        stream: trio.abc.Stream = socket if tls is None else trio.SSLStream(socket, tls, server_side=True)
        # A client may disconnect at any time.
        with suppress(trio.BrokenResourceError):
            head = b""
            while b"\r\n\r\n" not in head:
                more = await stream.receive_some()
                if not more:
                    return
                head += more
            heads.append(head)
            script = next(waiting, None)
            if script is not None:
                await script(stream)
        await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="localhost"))
        port = listeners[0].socket.getsockname()[1]
        yield f"{'http' if tls is None else 'https'}://localhost:{port}/", heads
        nursery.cancel_scope.cancel()


def script_of_bytes(*pieces: bytes, then_hang: bool = False) -> Script:
    """Return a script that sends these bytes and closes, or keeps the connection open."""

    async def script(stream: trio.abc.Stream) -> None:
        for piece in pieces:
            await stream.send_all(piece)
        if then_hang:
            await trio.sleep_forever()

    return script
