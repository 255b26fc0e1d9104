"""The body of a request, within a size and a time."""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

import trio
from starlette.requests import Request

from recon.errors import DocumentRefused

#: Longest time to send a body, in seconds.
BODY_SECONDS: Final = 10.0


async def body_of(request: Request, most: int, seconds: float = BODY_SECONDS) -> bytes | None:
    """Return the body; None if it is larger than `most` bytes. Errors: DocumentRefused where it is late."""
    body = bytearray()
    with trio.move_on_after(seconds) as waiting:
        async with aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > most:
                    return None
    if waiting.cancelled_caught:
        raise DocumentRefused(f"the body did not come within {seconds:g} s")
    return bytes(body)
