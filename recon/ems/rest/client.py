"""A client of a gateway's REST API (protocol 11): one response to each request, within bounds.

1. A request is repeated while its failure may pass: 408, 425, 429 (Retry-After counts), 490, 5xx, no response, one that
   breaks off, and a 200 that is not JSON. Every other response stands.
2. A body is read as a stream and cut off at a bound, also as decompressed. Content types are not believed, redirects
   not followed.
3. The other side cannot cause an exception; `RestResponse.problem` says what went wrong. The key is removed from every
   body before anything else reads it, and is in no log line, error or repr.
"""

from __future__ import annotations

import codecs
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final, TypeVar

import httpx
import stamina
import trio

from recon.clock import utc_now
from recon.ems.credentials import Credentials, silence_libraries
from recon.ems.protocol.json_body import is_json
from recon.ems.protocol.rest_body import BodyReader, BodyRefused
from recon.ems.protocol.rest_paths import request_path
from recon.ems.protocol.rest_requests import (
    TOO_LARGE,
    RestRequest,
    RestResponse,
    build_response,
    status_problem,
)
from recon.ems.rest.tls import close_cancelled_handshakes
from recon.ems.urls import authority, safe_url
from recon.http_answers import ignore_redirects_and_cookies
from recon.network_errors import describe
from recon.retry_after import retry_after_seconds

#: Most attempts at one request.
ATTEMPTS: Final = 5
#: Seconds for name, TCP and TLS; for one attempt; and for all attempts at a request with their pauses.
CONNECT_SECONDS: Final = 10.0
ATTEMPT_SECONDS: Final = 20.0
REQUEST_SECONDS: Final = 60.0
#: Seconds before the second attempt, doubled with each further one; the longest pause; the most jitter.
FIRST_PAUSE_SECONDS: Final = 0.5
LAST_PAUSE_SECONDS: Final = 8.0
JITTER_SECONDS: Final = 0.5
#: Longest pause, in seconds, that a gateway may ask for.
RETRY_AFTER_SECONDS: Final = 30.0
#: Bytes of the largest body taken.
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
#: A body of at least this many bytes is examined in a thread, so that the sessions of all gateways go on meanwhile.
THREAD_BYTES: Final = 1024 * 1024
#: Connections to one gateway.
MAX_CONNECTIONS: Final = 4

_T = TypeVar("_T")

#: Statuses that pass by themselves, beside all 5xx.
_TRANSIENT: Final = frozenset({408, 425, 429, 490})
#: The ends of words. The unfinished last word of a body that broke off may be the first half of a credential.
_ENDS_OF_WORDS: Final = b" \t\r\n\"'=:,;&?<>{}[]"
_IN_WORDS: Final = bytes(sorted(set(range(256)) - set(_ENDS_OF_WORDS)))


@dataclass(frozen=True, kw_only=True)
class RestBounds:
    """The bounds of one client, in seconds unless the name says otherwise."""

    attempts: int = ATTEMPTS
    attempt_seconds: float = ATTEMPT_SECONDS
    request_seconds: float = REQUEST_SECONDS
    first_pause: float = FIRST_PAUSE_SECONDS
    last_pause: float = LAST_PAUSE_SECONDS
    jitter: float = JITTER_SECONDS
    retry_after: float = RETRY_AFTER_SECONDS
    max_bytes: int = MAX_BODY_BYTES
    thread_bytes: int = THREAD_BYTES


class _TransientError(Exception):
    """A failure that may pass; its text is fit for a log."""

    def __init__(self, text: str, pause: float | None) -> None:
        super().__init__(text)
        self.pause = pause


@dataclass(frozen=True, slots=True)
class _AttemptResult:
    """The outcome of one attempt in the terms of `RestResponse`, without credentials."""

    status: int | None = None
    problem: str | None = "timeout"
    content: bytes = b""
    redacted: bool = False
    may_pass: bool = False
    pause: float | None = None


class _Target:
    """Where requests go; it may hold the key, so only `base` may be printed."""

    def __init__(self, base: str, credentials: Credentials) -> None:
        self.base = safe_url(base)
        host, port, path, self.tls = credentials.resource(base)
        path, _, self._query = path.partition("?")
        self._root = f"{'https' if self.tls else 'http'}://{authority(host, port)}{path.rstrip('/')}"

    def url(self, request: RestRequest) -> httpx.URL:
        """Return the URL of a request. Raise ValueError or httpx.InvalidURL if there is none."""
        path, _, query = request_path(request).partition("?")
        queries = "&".join(filter(None, (query, self._query)))
        return httpx.URL(f"{self._root}{path}{'?' if queries else ''}{queries}")


class RestClient:
    """Sends requests to one gateway's REST API."""

    def __init__(
        self,
        target: _Target,
        credentials: Credentials,
        client: httpx.AsyncClient,
        bounds: RestBounds,
        now: Callable[[], datetime],
    ) -> None:
        self._target = target
        self._credentials = credentials
        self._client = client
        self._bounds = bounds
        self._now = now

    def __repr__(self) -> str:
        return f"RestClient({self._target.base!r})"

    async def send(self, request: RestRequest, *, run: str) -> RestResponse:
        """Send one request, repeated within its bounds; always return a response, if only one that says none came.

        `run` names the backfill run of the request and is copied into the response.
        """
        try:
            url = self._target.url(request)
        except (ValueError, OverflowError, httpx.InvalidURL) as error:
            problem = self._credentials.redact_text(f"cannot be asked: {error}")
            return build_response(request, run=run, attempts=0, problem=problem)
        attempts, result, seconds = await self._repeat(request, url)

        def build() -> RestResponse:
            return build_response(
                request,
                run=run,
                attempts=attempts,
                status=result.status,
                problem=result.problem,
                content=result.content,
                redacted=result.redacted,
                took_us=round(seconds * 1_000_000),
            )

        return await self._in_thread_if_large(build, len(result.content))

    async def _repeat(self, request: RestRequest, url: httpx.URL) -> tuple[int, _AttemptResult, float]:
        """Make attempts within the bounds; return their number, and the result and the seconds of the last."""
        attempts, result, seconds, bounds = 0, _AttemptResult(), 0.0, self._bounds
        with trio.move_on_after(bounds.request_seconds) as scope, suppress(_TransientError):
            async for attempt in stamina.retry_context(
                on=self._pause,
                attempts=bounds.attempts,
                timeout=None,
                wait_initial=bounds.first_pause,
                wait_max=bounds.last_pause,
                wait_jitter=bounds.jitter,
            ):
                attempts, result, began = attempts + 1, _AttemptResult(), trio.current_time()
                result = await self._attempt(request, url)
                seconds = trio.current_time() - began
                # The loop swallows every exception inside an attempt, so only this one is raised there.
                with attempt:
                    if result.may_pass and trio.current_time() + (result.pause or 0.0) < scope.deadline:
                        raise _TransientError(result.problem or "", result.pause)
        return attempts, result, seconds

    def _pause(self, error: Exception) -> bool | float:
        """Return whether to repeat, as the retry loop wants it: a number is the pause that the gateway asked for."""
        if not isinstance(error, _TransientError) or error.pause is None:
            return isinstance(error, _TransientError)
        return max(self._bounds.first_pause, error.pause)

    async def _attempt(self, request: RestRequest, url: httpx.URL) -> _AttemptResult:
        body = BodyReader(self._bounds.max_bytes)
        problem: str | None = "timeout"
        with trio.move_on_after(self._bounds.attempt_seconds):
            problem = await self._receive(url, body)
        return await self._in_thread_if_large(lambda: self._evaluate(request, body, problem), len(body.content))

    async def _in_thread_if_large(self, work: Callable[[], _T], size: int) -> _T:
        return await trio.to_thread.run_sync(work) if size >= self._bounds.thread_bytes else work()

    async def _receive(self, url: httpx.URL, body: BodyReader) -> str | None:
        """Send the request and read the body; return what went wrong on the way."""
        headers = [(b"accept-encoding", b"identity"), (b"user-agent", b"recon"), *self._credentials.headers()]
        try:
            async with self._client.stream("GET", url, headers=headers) as response:
                body.status = response.status_code
                body.retry_after = self._requested_pause(response)
                body.set_encoding(response.headers.get("content-encoding", "").strip().lower())
                await _read(response, body)
        except BodyRefused as refusal:
            return str(refusal)
        except httpx.TimeoutException:
            return "timeout"
        except httpx.ConnectError as error:
            return f"not reached: {describe(error)}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError):
            return "connection lost" if body.status is None else "truncated"
        return None

    def _evaluate(self, request: RestRequest, body: BodyReader, problem: str | None) -> _AttemptResult:
        """Remove the credentials from a body, and decide whether its failure may pass."""
        content, redacted = self._credentials.redact(bytes(body.content).removeprefix(codecs.BOM_UTF8))
        status = body.status
        if problem is not None:
            content = content.rstrip(_IN_WORDS)
            problem = self._credentials.redact_text(problem)
        if status is None or status == HTTPStatus.OK:
            if problem is None and not is_json(content):
                problem = "not JSON"
            may_pass = problem is not None and not problem.startswith(TOO_LARGE)
        else:
            problem = status_problem(request, status, content)
            may_pass = status in _TRANSIENT or status >= 500
        return _AttemptResult(status, problem, content, redacted, may_pass, body.retry_after)

    def _requested_pause(self, response: httpx.Response) -> float | None:
        seconds = retry_after_seconds(response.headers.get("retry-after"), self._now())
        return None if seconds is None else min(seconds, self._bounds.retry_after)


async def _read(response: httpx.Response, body: BodyReader) -> None:
    """Read a body to its end. Raise BodyRefused.

    A refused body is left by cancelling the loop: the library's generators are not closed otherwise.
    """
    refusal: BodyRefused | None = None
    with trio.CancelScope() as scope:
        async for raw in response.aiter_raw():
            try:
                if refusal is None:
                    body.feed(raw)
            except BodyRefused as error:
                refusal = error
                scope.cancel()
    if refusal is not None:
        raise refusal
    body.finish()


@asynccontextmanager
async def open_rest_client(
    base: str,
    credentials: Credentials,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    max_bytes: int = MAX_BODY_BYTES,
    bounds: RestBounds | None = None,
    now: Callable[[], datetime] = utc_now,
) -> AsyncIterator[RestClient]:
    """Open a client of the REST API at `base`; it connects when needed, and closes its connections at the end.

    `transport` replaces the network; `now` reads a Retry-After that is a date. Raise ConfigError if base or credentials
    cannot be used.
    """
    silence_libraries()
    target = _Target(base, credentials)
    over_network = transport is None and target.tls
    bounds = RestBounds(max_bytes=max_bytes) if bounds is None else bounds
    client = httpx.AsyncClient(
        transport=transport,
        verify=credentials.ssl_context() if over_network else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        timeout=httpx.Timeout(bounds.attempt_seconds, connect=min(CONNECT_SECONDS, bounds.attempt_seconds)),
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
        follow_redirects=False,
    )
    close_cancelled_handshakes(client)
    ignore_redirects_and_cookies(client)
    async with client:
        yield RestClient(target, credentials, client, bounds, now)
