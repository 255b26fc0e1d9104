"""Asking a gateway over REST (protocol 11): one question, one answer, within bounds.

1. A question is asked again while its failure may pass: 408, 425, 429 (Retry-After is heard), 490, 5xx, no answer, one
   that breaks off, and a 200 that is not JSON. Other answers stand as they are.
2. An answer is read as a stream and cut off at a bound, also as decompressed. Content types are not believed, redirects
   not followed.
3. What the other side does never raises; `Answer.problem` says it in words. The key is cut out of what came before it
   goes any further, and is in no log line, error or repr.
"""

from __future__ import annotations

import codecs
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import stamina
import trio

from recon.clock import utc_now
from recon.ems.credentials import Credentials, silence_libraries
from recon.ems.protocol.rest_body import BodyReader, BodyRefused
from recon.ems.protocol.rest_requests import (
    MAX_QUOTED_CHARS,
    TOO_LARGE,
    RestRequest,
    RestResponse,
    build_response,
    is_json,
    status_problem,
)
from recon.ems.rest.tls import close_cancelled_handshakes
from recon.ems.urls import safe_url
from recon.errors import ConfigError

#: Most times that a question is asked.
ATTEMPTS: Final = 5
#: Seconds for name, TCP and TLS; for one attempt as a whole; and for all attempts at a question with their pauses.
CONNECT_SECONDS: Final = 10.0
ATTEMPT_SECONDS: Final = 20.0
ASK_SECONDS: Final = 60.0
#: Seconds before the second attempt, doubled with each further one; the longest pause; the most that chance adds.
FIRST_PAUSE_SECONDS: Final = 0.5
LAST_PAUSE_SECONDS: Final = 8.0
JITTER_SECONDS: Final = 0.5
#: Longest time, in seconds, that a gateway may ask to be left alone for.
RETRY_AFTER_SECONDS: Final = 30.0
#: Bytes of the largest answer taken.
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
#: Bytes from which an answer is looked through in a thread, so that the sessions of all gateways go on meanwhile.
THREAD_BYTES: Final = 1024 * 1024
#: Connections to one gateway.
MAX_CONNECTIONS: Final = 4
#: How deep the reason of a failed connection is looked for.
MAX_CAUSES: Final = 8

_T = TypeVar("_T")

_SCHEMES: Final = {"ws": "http", "wss": "https", "http": "http", "https": "https"}
#: Answers that pass by themselves, beside all 5xx.
_PASSING: Final = frozenset({408, 425, 429, 490})
_LISTS: Final = {"orders": "/v1/orders", "balances": "/v1/balances", "positions": "/v1/positions"}
#: What ends a word. The unfinished last word of an answer that broke off may be the first half of a credential.
_ENDS_OF_WORDS: Final = b" \t\r\n\"'=:,;&?<>{}[]"
_IN_WORDS: Final = bytes(sorted(set(range(256)) - set(_ENDS_OF_WORDS)))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class RestBounds:
    """How long and how often is asked, in seconds unless named otherwise, and how much is taken."""

    attempts: int = ATTEMPTS
    attempt_seconds: float = ATTEMPT_SECONDS
    ask_seconds: float = ASK_SECONDS
    first_pause: float = FIRST_PAUSE_SECONDS
    last_pause: float = LAST_PAUSE_SECONDS
    jitter: float = JITTER_SECONDS
    retry_after: float = RETRY_AFTER_SECONDS
    max_bytes: int = MAX_ANSWER_BYTES
    thread_bytes: int = THREAD_BYTES


class _Transient(Exception):
    """A failure that may pass; its text is fit for a log."""

    def __init__(self, text: str, pause: float | None) -> None:
        super().__init__(text)
        self.pause = pause


@dataclass(frozen=True, slots=True)
class _AttemptResult:
    """What an attempt brought, in the terms of `Answer`, without credentials; `again`: its failure may pass."""

    status: int | None = None
    problem: str | None = "timeout"
    content: bytes = b""
    redacted: bool = False
    again: bool = False
    pause: float | None = None


def rest_url_of(url: str) -> str:
    """Return where REST is, given a gateway's WebSocket URL: the same host and port, at the root (protocol 11).

    Raises ConfigError.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not host:
        raise ConfigError(f"no REST address follows from {safe_url(url)}; set rest_url to https://host/")
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}{'' if port is None else f':{port}'}/"


def request_path(ask: RestRequest) -> str:
    """Return path and query of a question. Raises ValueError, in words, where it cannot be asked."""
    if ask.kind == "status":
        if not ask.client_order_id:
            raise ValueError("a status is asked for by client_order_id, and there is none")
        name = quote(ask.client_order_id, safe="")
        # A name of dots alone would be taken as a step of the path.
        return f"/v1/orders/status/{name if name.strip('.') else name.replace('.', '%2E')}"
    if ask.kind == "history":
        if ask.from_us is None or ask.until_us is None:
            raise ValueError("a history is asked for by its window, and an end of it is missing")
        start, end = ask.from_us // 1_000_000, -(-ask.until_us // 1_000_000)
        return f"/v1/orders/history?time_start={_seconds(start)}&time_end={_seconds(end)}"
    filtered = "" if ask.account is None else f"?exchange_id={quote(ask.account, safe='')}"
    return _LISTS[ask.kind] + filtered


def _seconds(since_epoch: int) -> str:
    return (_EPOCH + timedelta(seconds=since_epoch)).strftime("%Y-%m-%dT%H:%M:%S")


class _Target:
    """Where questions go; it may hold the key, so nothing of it is printed but `base`."""

    def __init__(self, base: str, credentials: Credentials) -> None:
        self.base = safe_url(base)
        host, port, path, self.tls = credentials.resource(base)
        path, _, self._query = path.partition("?")
        shown = f"[{host}]" if ":" in host else host
        self._root = f"{'https' if self.tls else 'http'}://{shown}:{port}{path.rstrip('/')}"

    def url(self, ask: RestRequest) -> httpx.URL:
        """Return a question's address. Raises ValueError or httpx.InvalidURL."""
        path, _, query = request_path(ask).partition("?")
        queries = "&".join(filter(None, (query, self._query)))
        return httpx.URL(f"{self._root}{path}{'?' if queries else ''}{queries}")


class RestClient:
    """A gateway's REST API."""

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
        return f"Rest({self._target.base!r})"

    async def send(self, ask: RestRequest, *, run: str) -> RestResponse:
        """Ask one question, as often as its bounds allow; the answer always comes, if only to say that there is none.

        `run` names the run of questions that this one belongs to, and is carried through.
        """
        attempts, heard, bounds, took = 0, _AttemptResult(), self._bounds, 0.0
        try:
            url = self._target.url(ask)
        except (ValueError, OverflowError, httpx.InvalidURL) as error:
            problem = self._credentials.redact_text(f"cannot be asked: {error}")
            return build_response(ask, run=run, attempts=0, problem=problem)
        with trio.move_on_after(bounds.ask_seconds) as scope, suppress(_Transient):
            async for attempt in stamina.retry_context(
                on=self._pause,
                attempts=bounds.attempts,
                timeout=None,
                wait_initial=bounds.first_pause,
                wait_max=bounds.last_pause,
                wait_jitter=bounds.jitter,
            ):
                attempts, heard, began = attempts + 1, _AttemptResult(), trio.current_time()
                heard = await self._attempt(ask, url)
                took = trio.current_time() - began
                # The loop swallows whatever is raised within an attempt, so nothing but this is raised there.
                with attempt:
                    if heard.again and trio.current_time() + (heard.pause or 0.0) < scope.deadline:
                        raise _Transient(heard.problem or "", heard.pause)

        def keep() -> RestResponse:
            return build_response(
                ask,
                run=run,
                attempts=attempts,
                status=heard.status,
                problem=heard.problem,
                content=heard.content,
                redacted=heard.redacted,
                took_us=round(took * 1_000_000),
            )

        return await self._aside(keep, len(heard.content))

    def _pause(self, error: Exception) -> bool | float:
        """Tell the retry loop whether to go on, and after how many seconds where we were asked to wait."""
        if not isinstance(error, _Transient) or error.pause is None:
            return isinstance(error, _Transient)
        return max(self._bounds.first_pause, error.pause)

    async def _attempt(self, ask: RestRequest, url: httpx.URL) -> _AttemptResult:
        """Ask once, within the bound for one attempt."""
        coming = BodyReader(self._bounds.max_bytes)
        problem: str | None = "timeout"
        with trio.move_on_after(self._bounds.attempt_seconds):
            problem = await self._receive(url, coming)
        return await self._aside(lambda: self._judge(ask, coming, problem), len(coming.content))

    async def _aside(self, work: Callable[[], _T], size: int) -> _T:
        """Do what takes long for a large answer in a thread."""
        return await trio.to_thread.run_sync(work) if size >= self._bounds.thread_bytes else work()

    async def _receive(self, url: httpx.URL, coming: BodyReader) -> str | None:
        """Send the question and read what comes; return what went wrong on the way."""
        headers = [(b"accept-encoding", b"identity"), (b"user-agent", b"recon"), *self._credentials.headers()]
        try:
            async with self._client.stream("GET", url, headers=headers) as response:
                coming.status = response.status_code
                coming.retry_after = self._asked_pause(response.headers.get("retry-after"))
                coming.set_encoding(response.headers.get("content-encoding", "").strip().lower())
                await _read(response, coming)
        except BodyRefused as refused:
            return str(refused)
        except httpx.TimeoutException:
            return "timeout"
        except httpx.ConnectError as error:
            return f"not reached: {_why(error)}"
        except (httpx.HTTPError, OSError, UnicodeError):
            return "connection lost" if coming.status is None else "truncated"
        return None

    def _judge(self, ask: RestRequest, coming: BodyReader, problem: str | None) -> _AttemptResult:
        """Cut the credentials out, and tell what the attempt brought and whether to ask again."""
        content, redacted = self._credentials.redact(bytes(coming.content).removeprefix(codecs.BOM_UTF8))
        status = coming.status
        if problem is not None:
            content = content.rstrip(_IN_WORDS)
            problem = self._credentials.redact_text(problem)
        if status is None or status == HTTPStatus.OK:
            if problem is None and not is_json(content):
                problem = "not JSON"
            again = problem is not None and not problem.startswith(TOO_LARGE)
        else:
            problem = status_problem(ask, status, content)
            again = status in _PASSING or status >= 500
        return _AttemptResult(status, problem, content, redacted, again, coming.retry_after)

    def _asked_pause(self, retry_after: str | None) -> float | None:
        """Read a Retry-After header, in seconds or as a date (RFC 9110, 10.2.3), as seconds within the bound."""
        text = (retry_after or "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text[:9]), self._bounds.retry_after)
        try:
            until = parsedate_to_datetime(text)
            until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
            seconds = (until - self._now()).total_seconds()
        except (ValueError, OverflowError):
            return None
        return min(max(seconds, 0.0), self._bounds.retry_after)


async def _read(response: httpx.Response, coming: BodyReader) -> None:
    """Read a body to its end. Raises Refused.

    One that is refused is left by cancelling what reads on: the library's generators are not closed otherwise.
    """
    refused: BodyRefused | None = None
    with trio.CancelScope() as scope:
        async for raw in response.aiter_raw():
            try:
                if refused is None:
                    coming.feed(raw)
            except BodyRefused as error:
                refused = error
                scope.cancel()
    if refused is not None:
        raise refused
    coming.finish()


def _why(error: BaseException) -> str:
    """Say why a connection could not be made: the innermost reason, which names no address with a key."""
    reason: BaseException | None = error
    said = ""
    for _ in range(MAX_CAUSES):
        if reason is None:
            break
        if isinstance(reason, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({reason.verify_message})"
        if isinstance(reason, OSError) and reason.strerror:
            said = reason.strerror
        reason = reason.__cause__ or reason.__context__
    return said or str(error)[:MAX_QUOTED_CHARS] or type(error).__name__


@asynccontextmanager
async def open_rest_client(
    base: str,
    credentials: Credentials,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    max_bytes: int = MAX_ANSWER_BYTES,
    bounds: RestBounds | None = None,
    now: Callable[[], datetime] = utc_now,
) -> AsyncIterator[RestClient]:
    """Open the way to a gateway's REST API at `base`; connections are made as they are needed, and closed at the end.

    `transport` replaces the network; `now` reads a Retry-After that is a date. Raises ConfigError where base or
    credentials cannot be used.
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
    async with client:
        yield RestClient(target, credentials, client, bounds, now)
