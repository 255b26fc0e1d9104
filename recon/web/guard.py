"""What each request must pass before anything is done for it: its name, its rate, and its turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from recon.web.headers import PAGE
from recon.web.request_rate import RequestRate
from recon.web.viewers import Viewers

#: Requests of the page that are worked on at once, and most that wait for their turn.
AT_ONCE: Final = 8
MAX_WAITING: Final = 64


class Guard:
    """Lets requests in."""

    def __init__(self, viewers: Viewers) -> None:
        """Begin with nobody."""
        self._viewers = viewers
        self._rate = RequestRate()
        self._turns = trio.CapacityLimiter(AT_ONCE)

    def refusal(self, request: Request) -> Response | None:
        """Return why a request is refused; None: it is let in."""
        if not self._viewers.knows_host(request):
            return plain(421, "This page has another name: [web] hosts lists the names that it answers by")
        if self._viewers.is_forged(request):
            return plain(403, "This header is taken from the proxies of [web] proxies alone")
        wait = self._rate.wait(address_of(request), trio.current_time())
        if wait:
            return plain(429, "Too many requests; wait a moment", **{"Retry-After": str(int(wait) + 1)})
        if self._turns.statistics().tasks_waiting >= MAX_WAITING:
            return plain(503, "Too many requests wait; ask again later", **{"Retry-After": "5"})
        return None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it."""
        async with self._turns:
            yield


def address_of(request: Request) -> str:
    """Return the address that a request came from."""
    return request.client.host if request.client is not None else ""


def plain(status: int, text: str, **headers: str) -> Response:
    """Return an answer of one line."""
    return PlainTextResponse(f"{text}\n", status, headers={**PAGE, **headers})
