"""A client of the managed cloud's management API, which lists gateways and gives certificates (protocol 12).

1. The key goes into a header, or into the query if that is the method; never into an error, log line or repr. The API
   takes no client certificate.
2. `/v1/accounts` is never requested: it echoes the exchanges' secrets.
3. A response is bounded in bytes and seconds, and redirects are not followed. Failures that may pass (408, 425, 429,
   5xx, lost or slow connections) are repeated within bounds; Retry-After counts.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
import stamina
import trio

from recon.ems.cloud.certificates import ClientCertificate, read_certificate
from recon.ems.cloud.endpoint_list import ListedEndpoint, Location
from recon.ems.credentials import KEY_HEADER, KEY_PARAMETER, Credentials, silence_libraries
from recon.ems.protocol.fields import UNREADABLE
from recon.ems.rest.tls import close_cancelled_handshakes
from recon.errors import ConfigError, GatewayError, Unauthorised
from recon.http_answers import ignore_redirects_and_cookies
from recon.network_errors import MAX_DESCRIPTION_CHARS, describe, failure_kind, system_text
from recon.retry_after import http_date, retry_after_seconds

#: Attempts at one request, and seconds for one of them and for all together.
ATTEMPTS: Final = 4
ATTEMPT_SECONDS: Final = 10.0
REQUEST_SECONDS: Final = 45.0
#: Seconds between attempts: the first pause, the longest (also for a Retry-After), and the most jitter.
FIRST_PAUSE: Final = 0.5
LAST_PAUSE: Final = 15.0
JITTER: Final = 0.5
#: Bytes of the largest body taken.
MAX_BODY_BYTES: Final = 4 * 1024 * 1024

#: Statuses that pass by themselves, beside all 5xx.
_TRANSIENT: Final = frozenset({408, 425, 429})
_STATUS_ADVICE: Final = {
    401: "check auth.api_key",
    403: "the key is not allowed to use the EMS managed cloud; check auth.api_key and the subscription",
    404: "check managed.url",
    429: "too many requests with this key; recon tries again later",
}
_FAILURE_ADVICE: Final = {
    "tls": "if its authority is private, name its certificate as ca_file",
    "dns": "check managed.url and the DNS",
    "refused": "check managed.url and the network",
}

_Listed = TypeVar("_Listed")
_LOCATIONS: Final = msgspec.json.Decoder(list[Location])
_ENDPOINTS: Final = msgspec.json.Decoder(list[ListedEndpoint])


@dataclass(frozen=True, slots=True)
class ManagementBounds:
    """The bounds of a request, in seconds unless the name says otherwise."""

    attempts: int = ATTEMPTS
    attempt: float = ATTEMPT_SECONDS
    whole: float = REQUEST_SECONDS
    first_pause: float = FIRST_PAUSE
    jitter: float = JITTER


class _TransientError(GatewayError):
    """A failure that may pass by itself; `after` is the pause that the API asked for, in seconds."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


@dataclass(frozen=True, repr=False, slots=True)
class ManagementAccess:
    """The management API to use, and the key for it, sent in a header unless the method is query."""

    url: str
    api_key: str
    by_query: bool = False
    ca_file: Path | None = None
    _credentials: Credentials = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Check the key. Raise ConfigError."""
        object.__setattr__(self, "_credentials", Credentials("query" if self.by_query else "header", self.api_key))

    def __repr__(self) -> str:
        return f"ManagementAccess({self.host!r})"

    @property
    def host(self) -> str:
        """Return the host, for messages."""
        return urlsplit(self.url).hostname or "the management API"

    def redact(self, text: str) -> str:
        """Return a text without the key, fit for showing."""
        return self._credentials.redact_text(text)

    def ssl_context(self) -> ssl.SSLContext:
        """Return a context that trusts the system's authorities and the private one, if one is named.

        The vendor's API and a private gateway may have different authorities. Raise ConfigError.
        """
        context = ssl.create_default_context()
        if self.ca_file is not None:
            try:
                context.load_verify_locations(cafile=str(self.ca_file))
            except OSError as error:  # an ssl.SSLError is one
                raise ConfigError(f"ca_file {self.ca_file} cannot be used: {system_text(error)}") from None
        return context


@asynccontextmanager
async def open_management(
    access: ManagementAccess,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    bounds: ManagementBounds = ManagementBounds(),
) -> AsyncIterator[Management]:
    """Open a client for the time of the block. Raise ConfigError if the ca_file cannot be used."""
    silence_libraries()
    headers = {"user-agent": "recon", "accept-encoding": "identity"}
    if not access.by_query:
        headers[KEY_HEADER.decode()] = access.api_key
    async with httpx.AsyncClient(
        verify=access.ssl_context(),
        transport=transport,
        base_url=access.url,
        headers=headers,
        params={KEY_PARAMETER: access.api_key} if access.by_query else None,
        timeout=bounds.attempt,
        follow_redirects=False,
    ) as client:
        close_cancelled_handshakes(client)
        ignore_redirects_and_cookies(client)
        yield Management(client, access, bounds)


class Management:
    """The management API; every method raises GatewayError, or Unauthorised if the key is refused."""

    def __init__(self, client: httpx.AsyncClient, access: ManagementAccess, bounds: ManagementBounds) -> None:
        self._client = client
        self._access = access
        self._bounds = bounds

    async def locations(self) -> list[Location]:
        """Return the vendor's locations, as listed."""
        return self._listed(await self._get("v1/locations"), _LOCATIONS, "locations")

    async def endpoints(self, exchanges: tuple[str, ...] = ()) -> list[ListedEndpoint]:
        """Return the endpoints of these accounts, or of all, as listed; empty until an account exists."""
        answer = await self._get("v1/endpoints", {"filter_exchange_id": list(exchanges)} if exchanges else {})
        return self._listed(answer, _ENDPOINTS, "endpoints")

    async def certificate(self) -> ClientCertificate:
        """Return the client certificate for our gateways, with its key."""
        answer = await self._get("v1/certificate/pem")
        return read_certificate(answer.decode("utf-8", "replace"), f"the management API at {self._access.host}")

    def _listed(self, answer: bytes, decoder: msgspec.json.Decoder[list[_Listed]], noun: str) -> list[_Listed]:
        try:
            return decoder.decode(answer)
        except UNREADABLE:
            raise GatewayError(
                f"the management API at {self._access.host} answered something that is not a list of {noun}; "
                "check managed.url"
            ) from None

    async def _get(self, path: str, filters: dict[str, list[str]] | None = None) -> bytes:
        """Repeat a request until it succeeds, within the bounds."""
        failed = f"the management API at {self._access.host} gave no answer within {self._bounds.whole:g} s"
        try:
            with trio.fail_after(self._bounds.whole):
                async for attempt in stamina.retry_context(
                    on=_pause,
                    attempts=self._bounds.attempts,
                    timeout=self._bounds.whole,
                    wait_initial=self._bounds.first_pause,
                    wait_max=LAST_PAUSE,
                    wait_jitter=self._bounds.jitter,
                ):
                    with attempt:
                        return await self._once(path, filters or {})
        except trio.TooSlowError:
            raise GatewayError(failed) from None
        raise GatewayError(failed)

    async def _once(self, path: str, filters: dict[str, list[str]]) -> bytes:
        host = self._access.host
        # The client's own parameters (the key, with method query) are merged with these by httpx.
        request = self._client.build_request("GET", path, params=filters or None)
        try:
            with trio.fail_after(self._bounds.attempt):
                response = await self._client.send(request, stream=True)
                try:
                    return await self._body(response)
                finally:
                    await response.aclose()
        except httpx.InvalidURL:
            raise GatewayError("managed.url cannot be used; check it") from None
        except (trio.TooSlowError, httpx.HTTPError, OSError, UnicodeError) as error:
            # From None: the library's errors carry the request, and so the key.
            raise _TransientError(f"the management API at {host} {self._failure(error)}") from None

    async def _body(self, response: httpx.Response) -> bytes:
        status, host = response.status_code, self._access.host
        if response.headers.get("content-encoding", "identity") != "identity":
            raise GatewayError(f"the management API at {host} answered in an encoding that was not asked for")
        body = bytearray()
        # A body that is too large is left by cancelling the loop: the library's generators are not closed otherwise.
        with trio.CancelScope() as reading:
            async for chunk in response.aiter_raw():
                body += chunk[: MAX_BODY_BYTES + 1 - len(body)]
                if len(body) > MAX_BODY_BYTES:
                    reading.cancel()
        if len(body) > MAX_BODY_BYTES:
            raise GatewayError(f"the management API at {host} answered more than {MAX_BODY_BYTES} bytes")
        if status == HTTPStatus.OK:
            return bytes(body)
        raise self._refusal(response, bytes(body))

    def _refusal(self, response: httpx.Response, body: bytes) -> GatewayError:
        status = response.status_code
        advice = _STATUS_ADVICE.get(status, "")
        if response.is_redirect:
            advice = "redirects are not followed, set managed.url to the final address"
        quoted = "" if status in _STATUS_ADVICE or response.is_redirect else self._first_line(body)
        answer = "; ".join(part for part in (f"HTTP {status}", quoted, advice) if part)
        message = f"the management API at {self._access.host} answered {answer}"
        if status in {401, 403}:
            return Unauthorised(message)
        if status in _TRANSIENT or status >= 500:
            return _TransientError(message, _requested_pause(response.headers))
        return GatewayError(message)

    def _failure(self, error: Exception) -> str:
        kind = failure_kind(error)
        if kind == "timeout":
            return f"gave no answer within {self._bounds.attempt:g} s"
        advice = f"; {_FAILURE_ADVICE[kind]}" if kind in _FAILURE_ADVICE else ""
        return f"{'broke off' if kind == 'lost' else 'cannot be reached'}: {describe(error)}{advice}"

    def _first_line(self, body: bytes) -> str:
        """Return the beginning of the API's message, on one line and without the key."""
        # Redacted before it is cut: half a key is no longer recognised as one.
        text = self._access.redact(body.decode("utf-8", "replace"))[: 4 * MAX_DESCRIPTION_CHARS]
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_DESCRIPTION_CHARS]


def _pause(error: Exception) -> bool | float:
    """Return whether to repeat, as the retry loop wants it: a number is the pause that the API asked for."""
    if not isinstance(error, _TransientError):
        return False
    return True if error.after is None else min(error.after, LAST_PAUSE)


def _requested_pause(headers: httpx.Headers) -> float | None:
    """Return the pause in seconds, by the API's own clock if it is a date."""
    return retry_after_seconds(headers.get("retry-after"), http_date(headers.get("date", "")))
