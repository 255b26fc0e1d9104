"""Answers of the read API: who asks, one read in a transaction that cannot write, and a page of JSON with its ETag."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlencode

import msgspec
import structlog
import trio
from sqlalchemy import Connection, text
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from recon.config.web import Token
from recon.db.source import Row
from recon.db.transactions import Database
from recon.errors import ConfigError, DatabaseError, DocumentRefused, LoginRefused
from recon.reads.as_of import KNOWN, VALID, AsOf
from recon.reads.log_page import heads, position_at
from recon.redaction import LAST_NET
from recon.times import parse_time
from recon.web.api.openapi import BASE, OPENAPI, openapi
from recon.web.api.paging import Page, document_of, page_of, query_of
from recon.web.api.past_resources import resource_of
from recon.web.api.resources import RESOURCES, Resource
from recon.web.api.values import written
from recon.web.failed_logins import FailedLogins
from recon.web.guard import Guard, address_of
from recon.web.headers import ALWAYS
from recon.web.identity import counted_name, identity_of
from recon.web.person_connection import open_connection
from recon.web.viewers import Viewers

#: Longest read, in seconds.
READ_SECONDS: Final = 10.0
#: Connections that are opened for tokens and logins at once; sessions have their own.
LOGINS_AT_ONCE: Final = 4

_WHO: Final = {"WWW-Authenticate": 'Basic realm="recon", charset="UTF-8"'}
#: The resource whose pages go by log position, and the least step of log time.
EVENTS: Final = "events"
_TICK: Final = timedelta(microseconds=1)
#: Headers of a refusal that the caller needs.
_KEPT: Final = frozenset({"retry-after", "www-authenticate"})
_log = structlog.get_logger(__name__)


class Access(msgspec.Struct, frozen=True):
    """How callers are let in: the service's database, where people log in, and the tokens of the settings."""

    service: Database
    service_url: str
    tokens: Mapping[str, Token]
    failed: FailedLogins
    now: Callable[[], datetime]


class ReadApi:
    """The read API."""

    def __init__(self, access: Access, viewers: Viewers, guard: Guard) -> None:
        """Prepare; a session of the page reads too, and so does a reader whom the settings let in."""
        self._access = access
        self._viewers = viewers
        self._guard = guard
        self._logins = trio.CapacityLimiter(LOGINS_AT_ONCE)
        self._description = msgspec.json.encode(openapi())

    def routes(self) -> list[Route]:
        """Return every address of the API."""
        return [
            Route(OPENAPI, self._describe, methods=["GET"]),
            *(
                Route(f"{BASE}/{each.name}", partial(self._answer, each), methods=["GET"], name=f"api {each.name}")
                for each in RESOURCES
            ),
        ]

    async def _describe(self, request: Request) -> Response:
        """Return the description: it says nothing of the data, so anybody may have it."""
        return self._guard.refusal(request) or _tagged(request, self._description, {})

    async def _answer(self, resource: Resource, request: Request) -> Response:
        refusal = self._guard.refusal(request)
        if refusal is not None:
            return _error(refusal.status_code, bytes(refusal.body).decode().strip(), dict(refusal.headers))
        try:
            asked = request.query_params.multi_items()
            of_then, as_of, others = resource_of(resource, asked, self._access.now())
            page = page_of(of_then, others, as_of)
            query_of(of_then, page, self._access.now())
            async with self._guard.turn():
                now, rows = await self._read(of_then, page, request)
        except (ConfigError, DocumentRefused) as error:
            return _error(422, str(error))
        except LoginRefused as error:
            return _error(401, str(error), _WHO)
        except _TooMany as error:
            return _error(429, "too many logins failed; wait", {"Retry-After": str(error.seconds)})
        except DatabaseError as error:
            _log.warning("the read api could not read", path=request.url.path, reason=str(error))
            return _error(503, "the database does not answer; ask again later", {"Retry-After": "5"})
        body = msgspec.json.encode(document_of(of_then, rows, page.limit, _following(request, as_of)))
        return _tagged(request, body, {"Recon-As-Of": str(written(now, "time"))})

    async def _read(self, resource: Resource, page: Page, request: Request) -> tuple[datetime, Sequence[Row]]:
        """Read a page as whoever asks. Errors: LoginRefused, DatabaseError, ConfigError."""
        work = partial(_look, resource=resource, page=page, now=self._access.now())
        header = request.headers.get("authorization")
        if header is None:
            viewer = self._viewers.find(request, trio.current_time(), used=False)
            if viewer is None:
                raise LoginRefused("log in by HTTP Basic, by a token as `Authorization: Bearer TOKEN`, or on the page")
            return await viewer.database.run(work, deadline=READ_SECONDS)
        failed = self._access.failed
        keys = [f"address {address_of(request)}", f"login {counted_name(header)}"]
        wait = failed.wait(keys, trio.current_time())
        if wait > 0:
            raise _TooMany(int(wait) + 1)
        failed.begin(keys, trio.current_time())
        try:
            async with self._logins:
                identity = identity_of(header, self._access.service_url, self._access.tokens)
                person = await open_connection(identity, self._access.service)
                try:
                    return await person.database.run(work, deadline=READ_SECONDS)
                finally:
                    person.close()
        except LoginRefused:
            _log.warning("a login over http is refused", address=address_of(request))
            keys = []  # it stays counted
            raise
        finally:
            failed.succeed(keys)


class _TooMany(Exception):
    """Too many logins failed; wait so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def _look(connection: Connection, *, resource: Resource, page: Page, now: datetime) -> tuple[datetime, Sequence[Row]]:
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    return now, query_of(resource, _begun(connection, resource, page, now), now).rows(connection)


def _begun(connection: Connection, resource: Resource, page: Page, now: datetime) -> Page:
    """Return a page of the log of one gateway that begins at its time: the log is found by position, not by time."""
    asked = page.filter
    if resource.name != EVENTS or page.after is not None or len(asked.gateway) != 1 or not asked.since:
        return page
    at, (gateway,) = parse_time(asked.since[0], now), asked.gateway
    head = heads(connection).get(gateway)
    if at is None or head is None:
        return page
    return msgspec.structs.replace(page, after=(gateway, position_at(connection, gateway, head, at - _TICK)))


def _following(request: Request, as_of: AsOf) -> str:
    """Return the address of the next page, but for its cursor; a past time stays the same, also if it was an age."""
    not_kept = {"after", VALID, KNOWN}
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in not_kept]
    kept += as_of.pairs()
    return f"{request.url.path}?{urlencode([*kept, ('after', '')])}"


def _tagged(request: Request, body: bytes, headers: Mapping[str, str]) -> Response:
    """Return a body with its tag; nothing of it where the caller has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    more = {**ALWAYS, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie", "ETag": tag, **headers}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers=more)
    return Response(body, headers=more, media_type="application/json")


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    kept = {name: value for name, value in (headers or {}).items() if name.lower() in _KEPT}
    body = msgspec.json.encode({"error": LAST_NET.clean(message)})
    return Response(
        body, status, headers={**ALWAYS, "Cache-Control": "no-store", **kept}, media_type="application/json"
    )
