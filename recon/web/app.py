"""The requests that recon answers: one POST by which programs act on breaks, and the page. A GET changes nothing.

1. The body is JSON by its header, which no form of another site can send without asking first.
2. Who fails to log in too often waits. The bound is for each address and for each login.
3. An answer is JSON with the key `error` where it is none, and is never kept by anybody on the way.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec
import structlog
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from recon.config.web import Token
from recon.db.transactions import Database
from recon.errors import (
    AppendRefused,
    ConfigError,
    DatabaseError,
    DecisionRefused,
    DocumentRefused,
    LoginRefused,
    ReconError,
)
from recon.exact import plain
from recon.library_words import in_our_words
from recon.redaction import LAST_NET
from recon.web.acting import act
from recon.web.api.openapi import OPENAPI
from recon.web.failed_logins import FailedLogins
from recon.web.guard import plain as plain_text
from recon.web.identity import counted_name, identity_of
from recon.web.messages import action_of
from recon.web.page import Page
from recon.web.reading_bodies import BODY_SECONDS, body_of

#: Where a person acts.
ACT: Final = "/v1/act"
#: Largest body, in bytes.
MAX_BODY: Final = 128 * 1024
#: Requests that are worked on at once; each has a connection to the database.
AT_ONCE: Final = 4
#: Most requests that wait for their turn.
MAX_WAITING: Final = 32
#: How long to wait before asking a database again that is away, in seconds.
AGAIN_SECONDS: Final = 5

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_MORE_HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    401: {"WWW-Authenticate": 'Basic realm="recon", charset="UTF-8"'},
    405: {"Allow": "POST"},
    503: {"Retry-After": str(AGAIN_SECONDS)},
}
#: The status of each error; the first that fits counts.
_STATUSES: Final[tuple[tuple[type[ReconError], int], ...]] = (
    (DocumentRefused, 400),
    (LoginRefused, 401),
    (DecisionRefused, 409),
    (ConfigError, 422),
    (AppendRefused, 422),
    (DatabaseError, 503),
)

_log = structlog.get_logger(__name__)


class Acting:
    """The endpoint by which people act; its state is who failed to log in lately."""

    def __init__(
        self,
        service: Database,
        service_url: str,
        tokens: Mapping[str, Token],
        now: Callable[[], datetime],
        failed: FailedLogins | None = None,
    ) -> None:
        """Prepare. `service` is the service's own database, and `service_url` the address that people log in at.

        `failed` counts failed logins; the page shares it, so that the bound holds over both.
        """
        self._service = service
        self._service_url = service_url
        self._tokens = tokens
        self._now = now
        self._failed = FailedLogins() if failed is None else failed
        self._turns = trio.CapacityLimiter(AT_ONCE)

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return await self._answer(request)
        except ReconError as error:
            return _refused(error)
        except ClientDisconnect:
            return _error(400, "the request ended early")

    async def _answer(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _error(415, "the body must be JSON, with the header `Content-Type: application/json`")
        header = request.headers.get("authorization")
        address = request.client.host if request.client is not None else ""
        keys = [f"address {address}", f"login {counted_name(header)}"]
        wait = self._failed.wait(keys, trio.current_time())
        if wait > 0:
            return _error(429, "too many logins failed; wait", **{"Retry-After": str(int(wait) + 1)})
        if self._turns.statistics().tasks_waiting >= MAX_WAITING:
            return _error(503, "too many requests wait; ask again later", **_MORE_HEADERS[503])
        body = await body_of(request, MAX_BODY, BODY_SECONDS)
        if body is None:
            return _error(413, f"the body is larger than {MAX_BODY} bytes")
        self._failed.begin(keys, trio.current_time())
        try:
            return await self._act(header, body)
        except LoginRefused:
            _log.warning("a login over http is refused", address=address)
            keys = []  # it stays counted
            raise
        finally:
            self._failed.succeed(keys)

    async def _act(self, header: str | None, body: bytes) -> Response:
        identity = identity_of(header, self._service_url, self._tokens)
        action = action_of(body)
        async with self._turns:
            return _json(200, await act(identity, action, self._service, self._now))


def app(acting: Acting, page: Page | None = None) -> Starlette:
    """Return the application: the endpoint for programs, and the page for people if there is one."""
    routes = [Route(ACT, acting.__call__, methods=["POST"])]
    return Starlette(
        routes=routes if page is None else [*routes, *page.routes()],
        exception_handlers={HTTPException: partial(_http_error, page), Exception: _defect},
    )


def _refused(error: ReconError) -> Response:
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    return _error(status, in_our_words(LAST_NET.clean(str(error))), **_MORE_HEADERS.get(status, {}))


async def _http_error(page: Page | None, request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if page is not None and status == 404 and "text/html" in request.headers.get("accept", ""):
        return page.nothing_there(request)
    text = {
        404: f"there is nothing here; {OPENAPI} names what can be read, and decisions are POSTed to {ACT}",
        405: "only POST is answered here",
    }
    return _error(status, text.get(status, "the request cannot be answered"), **_MORE_HEADERS.get(status, {}))


async def _defect(request: Request, error: Exception) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        _log.error("a request met a defect", exc_info=error)
        return _error(500, "a defect of recon; the service's log shows it")
    reference = secrets.token_hex(4)
    _log.error("a screen met a defect", path=request.url.path, reference=reference, exc_info=error)
    return plain_text(500, f"This screen cannot be shown: a defect of recon. The service's log has it as {reference}.")


def _error(status: int, text: str, **headers: str) -> Response:
    return _json(status, {"error": text}, **headers)


def _json(status: int, document: object, **headers: str) -> Response:
    body = msgspec.json.encode(_plain(document))
    return Response(body, status, headers={**_HEADERS, **headers}, media_type="application/json")


def _plain(value: object) -> object:
    """Return a document with its decimals as plain text."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
