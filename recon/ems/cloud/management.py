"""A client of the managed cloud's management API: where our gateways are, and our certificate (protocol 12).

1. The key goes into a header, or into the query where that is the method; never into an error, log line or repr. The
   API takes no client certificate.
2. `/v1/accounts` is not asked for: it echoes the exchanges' secrets.
3. An answer is bounded in bytes and seconds, redirects are not followed, and what passes by itself (408, 425, 429, 5xx,
   lost or slow connections) is tried again within bounds; Retry-After is heard.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
import stamina
import trio

from recon.ems.close_reasons import MAX_DETAIL_CHARS
from recon.ems.cloud.certificates import ClientCertificate, read_certificate
from recon.ems.credentials import KEY_HEADER, KEY_PARAMETER, Credentials, silence_libraries
from recon.ems.rest.tls import close_cancelled_handshakes
from recon.errors import ConfigError, GatewayError, Unauthorised

#: Attempts at one question, and seconds for one of them and for all together.
ATTEMPTS: Final = 4
ATTEMPT_SECONDS: Final = 10.0
ASK_SECONDS: Final = 45.0
#: Seconds between attempts: the first, the longest (a Retry-After is cut to it), and the most that chance adds.
FIRST_PAUSE: Final = 0.5
LAST_PAUSE: Final = 15.0
JITTER: Final = 0.5
#: Bytes of the largest answer taken.
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024

#: Answers that pass by themselves, beside all 5xx.
_PASSING: Final = frozenset({408, 425, 429})
_ADVICE: Final = {
    401: "check auth.api_key",
    403: "the key is not allowed to use the EMS managed cloud; check auth.api_key and the subscription",
    404: "check managed.url",
    429: "too much is asked with this key at once; it is asked again later",
}


class Location(msgspec.Struct, frozen=True):
    """A site of the vendor."""

    location_id: str | None = None
    region_name: str | None = None
    provider_name: str | None = None


class ListedEndpoint(msgspec.Struct, frozen=True):
    """Where one account's gateway is; the same `endpoint_url` may serve many accounts."""

    exchange_id: str | None = None
    location_id: str | None = None
    endpoint_schema: str | None = None
    endpoint_host: str | None = None
    endpoint_url: str | None = None

    def address(self) -> str | None:
        """Return the URL, put together from its parts where it is not given whole."""
        if self.endpoint_url:
            return self.endpoint_url
        return f"{self.endpoint_schema or 'https'}://{self.endpoint_host}/" if self.endpoint_host else None


_Listed = TypeVar("_Listed")
_LOCATIONS: Final = msgspec.json.Decoder(list[Location])
_ENDPOINTS: Final = msgspec.json.Decoder(list[ListedEndpoint])


@dataclass(frozen=True, slots=True)
class ManagementBounds:
    """How patiently the API is asked; seconds."""

    attempts: int = ATTEMPTS
    attempt: float = ATTEMPT_SECONDS
    whole: float = ASK_SECONDS
    first_pause: float = FIRST_PAUSE
    jitter: float = JITTER


class _Passing(GatewayError):
    """A failure that may pass by itself; `after` is how long the API asked to be left alone."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


@dataclass(frozen=True, repr=False, slots=True)
class ManagementAccess:
    """Which management API, and the key for it: by header, unless the method is query."""

    url: str
    api_key: str
    by_query: bool = False
    ca_file: Path | None = None
    _credentials: Credentials = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Check the key. Errors: ConfigError."""
        object.__setattr__(self, "_credentials", Credentials("query" if self.by_query else "header", self.api_key))

    def __repr__(self) -> str:
        return f"ManagementAccess({self.host!r})"

    @property
    def host(self) -> str:
        """Return the host, for messages."""
        return urlsplit(self.url).hostname or "the management API"

    def redact(self, text: str) -> str:
        """Take the key out of a text that is going to be shown."""
        return self._credentials.redact_text(text)

    def ssl_context(self) -> ssl.SSLContext:
        """Return a context that trusts the system's authorities and the private one, where one is named.

        The vendor's API and a private gateway need not be certified by the same. Errors: ConfigError.
        """
        context = ssl.create_default_context()
        if self.ca_file is not None:
            try:
                context.load_verify_locations(cafile=str(self.ca_file))
            except OSError as error:  # an ssl.SSLError is one
                raise ConfigError(f"ca_file {self.ca_file} cannot be used: {error.strerror or 'no PEM'}") from None
        return context


@asynccontextmanager
async def open_management(
    access: ManagementAccess,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    pace: ManagementBounds = ManagementBounds(),
) -> AsyncIterator[Management]:
    """Open a client for the time of the block. Errors: ConfigError where the ca_file cannot be used."""
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
        timeout=pace.attempt,
        follow_redirects=False,
    ) as client:
        close_cancelled_handshakes(client)
        yield Management(client, access, pace)


class Management:
    """Asks the management API; every method raises GatewayError, for refused keys Unauthorised."""

    def __init__(self, client: httpx.AsyncClient, access: ManagementAccess, pace: ManagementBounds) -> None:
        self._client = client
        self._access = access
        self._pace = pace

    async def locations(self) -> list[Location]:
        """Return the vendor's sites, as listed."""
        return self._listed(await self._ask("v1/locations"), _LOCATIONS, "locations")

    async def endpoints(self, exchanges: tuple[str, ...] = ()) -> list[ListedEndpoint]:
        """Return where our gateways are, of these accounts or of all, as listed; none before there is an account."""
        answer = await self._ask("v1/endpoints", {"filter_exchange_id": list(exchanges)} if exchanges else {})
        return self._listed(answer, _ENDPOINTS, "endpoints")

    async def certificate(self) -> ClientCertificate:
        """Return the client certificate for our gateways, with its key."""
        answer = await self._ask("v1/certificate/pem")
        return read_certificate(answer.decode("utf-8", "replace"), f"the management API at {self._access.host}")

    def _listed(self, answer: bytes, decoder: msgspec.json.Decoder[list[_Listed]], what: str) -> list[_Listed]:
        try:
            return decoder.decode(answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise GatewayError(
                f"the management API at {self._access.host} answered something that is no list of {what}; "
                "check managed.url"
            ) from None

    async def _ask(self, path: str, filters: dict[str, list[str]] | None = None) -> bytes:
        """Ask until there is an answer, within the bounds."""
        failed = f"the management API at {self._access.host} gave no answer within {self._pace.whole:g} s"
        try:
            with trio.fail_after(self._pace.whole):
                async for attempt in stamina.retry_context(
                    on=_pause,
                    attempts=self._pace.attempts,
                    timeout=self._pace.whole,
                    wait_initial=self._pace.first_pause,
                    wait_max=LAST_PAUSE,
                    wait_jitter=self._pace.jitter,
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
            with trio.fail_after(self._pace.attempt):
                response = await self._client.send(request, stream=True)
                try:
                    return await self._body(response)
                finally:
                    await response.aclose()
        except trio.TooSlowError:
            raise _Passing(f"the management API at {host} gave no answer within {self._pace.attempt:g} s") from None
        except httpx.InvalidURL:
            raise GatewayError("managed.url cannot be used; check it") from None
        except (httpx.HTTPError, OSError, UnicodeError) as error:
            # From None: the library's errors carry the request, and so the key.
            raise _Passing(f"the management API at {host} {_trouble(error)}") from None

    async def _body(self, response: httpx.Response) -> bytes:
        status, host = response.status_code, self._access.host
        if response.headers.get("content-encoding", "identity") != "identity":
            raise GatewayError(f"the management API at {host} answered in an encoding that was not asked for")
        body = bytearray()
        # What is too large is left by cancelling what reads on: the library's generators are not closed otherwise.
        with trio.CancelScope() as reading:
            async for chunk in response.aiter_raw():
                body += chunk[: MAX_ANSWER_BYTES + 1 - len(body)]
                if len(body) > MAX_ANSWER_BYTES:
                    reading.cancel()
        if len(body) > MAX_ANSWER_BYTES:
            raise GatewayError(f"the management API at {host} answered more than {MAX_ANSWER_BYTES} bytes")
        if status == HTTPStatus.OK:
            return bytes(body)
        raise self._refusal(response, bytes(body))

    def _refusal(self, response: httpx.Response, body: bytes) -> GatewayError:
        status = response.status_code
        advice = _ADVICE.get(status, "")
        if response.is_redirect:
            advice = "redirects are not followed, set managed.url to the final address"
        said = "" if status in _ADVICE or response.is_redirect else self._words(body)
        what = "; ".join(part for part in (f"HTTP {status}", said, advice) if part)
        message = f"the management API at {self._access.host} answered {what}"
        if status in {401, 403}:
            return Unauthorised(message)
        if status in _PASSING or status >= 500:
            return _Passing(message, _retry_after(response.headers))
        return GatewayError(message)

    def _words(self, body: bytes) -> str:
        """Return the beginning of what the API says of a failure, on one line and without the key."""
        text = self._access.redact(body[: 4 * MAX_DETAIL_CHARS].decode("utf-8", "replace"))
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_DETAIL_CHARS]


def _pause(error: Exception) -> bool | float:
    """Tell stamina whether to try again, and when the API asked for it."""
    if not isinstance(error, _Passing):
        return False
    return True if error.after is None else min(error.after, LAST_PAUSE)


def _retry_after(headers: httpx.Headers) -> float | None:
    """Read Retry-After (RFC 9110, 10.2.3) as seconds, a date by the API's own clock; None where it says nothing."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(int(text[:9]))
    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):  # no date, none that can be read, one of them without a zone
        return None


def _trouble(error: Exception) -> str:
    """Say what went wrong on the way, without what an address may hold."""
    text = str(error)
    if isinstance(error, httpx.TimeoutException):
        return "did not answer in time"
    if isinstance(error, httpx.ConnectError):
        if "CERTIFICATE" in text.upper():
            return "is not trusted: its certificate is not of a known authority (ca_file names a private one)"
        if "name" in text.lower() or "resolve" in text.lower():
            return "cannot be found: its name does not resolve; check managed.url and the DNS"
        return "cannot be reached; check managed.url and the network"
    return f"broke off ({type(error).__name__})"
