"""HTTP without sockets: a simulated REST API behind an httpx client, on any Trio clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import cast

import httpx
import trio

from recon.simulator.rest.server import RestAnswer


class _Body(httpx.AsyncByteStream):
    """A body that may end early."""

    def __init__(self, answer: RestAnswer) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._answer.body[: self._answer.cut]
        if self._answer.cut is not None:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


class RestApiTransport(httpx.AsyncBaseTransport):
    """Calls `answer(method, target)` at the time of the request, and delivers the answer with its delay and trouble.

    An answer later than the client's read timeout raises `httpx.ReadTimeout`. Without a timeout a hanging answer waits
    until the caller is cancelled.
    """

    def __init__(self, answer: Callable[[str, str], RestAnswer]) -> None:
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        timeouts = cast("Mapping[str, float | None]", request.extensions.get("timeout", {}))
        patience = timeouts.get("read")
        with trio.move_on_after(float("inf") if patience is None else patience):
            answer = self._answer(request.method, request.url.raw_path.decode("ascii"))
            await trio.sleep(float("inf") if answer.hangs else answer.delay)
            headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
            return httpx.Response(answer.status, headers=headers, stream=_Body(answer), request=request)
        raise httpx.ReadTimeout("the read operation timed out", request=request)
