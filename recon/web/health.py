"""`/livez` and `/readyz`: whether the service lives and is ready, for probes that log in nowhere.

1. A probe costs no database: what the parts say of themselves is asked, and whether they move.
2. The status is 200 or 503, and the body says why, as JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from recon.redaction import LAST_NET

LIVEZ: Final = "/livez"
READYZ: Final = "/readyz"

#: What is asked: whether all is well, and the document that says so.
Judge = Callable[[], tuple[bool, object]]

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def health_routes(live: Judge, ready: Judge) -> list[Route]:
    """Return the routes of both probes."""
    return [_route(LIVEZ, live), _route(READYZ, ready)]


def _route(path: str, judge: Judge) -> Route:
    async def answer(_: Request) -> Response:
        well, document = judge()
        body = LAST_NET.clean(msgspec.json.encode(document).decode())
        return Response(body, 200 if well else 503, headers=_HEADERS, media_type="application/json")

    return Route(path, answer, methods=["GET"])
