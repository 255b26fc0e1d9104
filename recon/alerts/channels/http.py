"""One POST to a receiver over HTTP: where it may go, and what its answer means.

1. 2xx means delivered. Redirects are not followed. 408, 425, 429, 5xx and a lost or slow connection are retried soon
   (Retry-After is respected), any other answer slowly; 410 Gone says that the receiver is gone for good.
2. Only status and headers of an answer are read, never its body; then its connection is closed. Each request has a
   connection of its own, whose address was checked before anything was sent.
3. A private address is refused unless the settings allow it, whatever the host name said when it was looked up before.
   A proxy of the environment looks up and connects itself, so what lies behind it is its own to judge.
4. Messages, reprs and log lines contain only the host of an address: paths and queries often are secrets themselves.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

import httpx

from recon.alerts.channels.addresses import is_loopback, is_public
from recon.ems.credentials import silence_libraries
from recon.errors import DeliveryError
from recon.http_answers import ignore_redirects_and_cookies
from recon.network_errors import describe, failure_kind
from recon.retry_after import retry_after_seconds

#: Longest time to connect, and longest silence of the receiver, in seconds.
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
#: Connections to all receivers of a kind together; each has one at a time.
MAX_CONNECTIONS: Final = 64

#: Answers that may change without a person, beside all 5xx.
_TRANSIENT: Final = frozenset({408, 425, 429})
#: Answers whose Retry-After is respected.
_WITH_RETRY_AFTER: Final = frozenset({429, 503})


@dataclass(frozen=True, repr=False, slots=True)
class Address:
    """Where a receiver is: its kind and name in the settings, and its URL."""

    label: str
    url: str
    allow_private: bool = False

    def __repr__(self) -> str:
        """Return the label alone, without the URL."""
        return f"Address({self.label})"

    @property
    def host(self) -> str:
        """Return the host, which is no secret."""
        return urlsplit(self.url).hostname or ""


def open_client() -> httpx.AsyncClient:
    """Return an HTTP client, an async context manager.

    The client trusts the system's certificate authorities (or `SSL_CERT_FILE`), uses the proxy of the environment,
    follows no redirect, and keeps no connection. The libraries' own logging is silenced.
    """
    silence_libraries()
    client = httpx.AsyncClient(
        verify=ssl.create_default_context(),
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=0),
        follow_redirects=False,
        headers={"user-agent": "recon"},
    )
    ignore_redirects_and_cookies(client)
    return client


async def post(
    client: httpx.AsyncClient, address: Address, content: bytes, headers: Mapping[str, str], now: datetime
) -> None:
    """Return when the receiver has taken the content. The caller bounds the whole time.

    Raise DeliveryError, with the reason, whether only a person can repair it, and the delay that the receiver requests.
    """
    try:
        async with _answer(client, address, content, headers) as response:
            failed = None if response.is_success else _refusal(address, response, now)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        # From None: the library's errors contain the request, and so the address and the signature.
        raise DeliveryError(f"{address.label} {_failure(address, error)}") from None
    if failed is not None:
        raise failed


@asynccontextmanager
async def _answer(
    client: httpx.AsyncClient, address: Address, content: bytes, headers: Mapping[str, str]
) -> AsyncIterator[httpx.Response]:
    request = client.build_request("POST", address.url, content=content, headers=dict(headers))
    request.extensions["trace"] = _AddressCheck(address, request.url.raw_host.decode("ascii"))
    response = await client.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


class _Stream(Protocol):
    """What the HTTP library tells of a connection."""

    def get_extra_info(self, info: str) -> tuple[str, int]: ...

    async def aclose(self) -> None: ...


class _AddressCheck:
    """Called by the HTTP library at each step of a request: closes a connection to an address that is not allowed."""

    def __init__(self, address: Address, host: str) -> None:
        self._address = address
        self._host = host.strip("[]")
        self._direct = False

    async def __call__(self, event: str, info: Mapping[str, object]) -> None:
        """Raise DeliveryError before anything is sent to an address that is not allowed."""
        if event == "connection.connect_tcp.started":
            # With a proxy it is the proxy that is connected to.
            self._direct = str(info["host"]).strip("[]") == self._host
        elif event == "connection.connect_tcp.complete" and self._direct:
            stream = cast("_Stream", info["return_value"])
            there = stream.get_extra_info("server_addr")[0]
            if not self._allowed(there):
                await stream.aclose()
                failed = DeliveryError(
                    f"{self._address.label}: {self._address.host} has the private address {there}; if that is meant, "
                    f"set allow_private = true"
                )
                failed.slow = True
                raise failed

    def _allowed(self, there: str) -> bool:
        if self._address.allow_private or is_public(there):
            return True
        return is_loopback(there) and (self._host == "localhost" or is_loopback(self._host))


def _refusal(address: Address, response: httpx.Response, now: datetime) -> DeliveryError:
    status = response.status_code
    try:
        answer = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        answer = str(status)
    hint = ""
    if response.is_redirect:
        hint = "; redirects are not followed, set url to the final address"
    elif status in {401, 403}:
        hint = "; the secret may not be the receiver's"
    elif status in {404, 405, 410}:
        hint = "; check its url"
    failed = DeliveryError(f"{address.label} answered {answer}{hint}")
    failed.slow = status < 500 and status not in _TRANSIENT
    failed.gone = status == HTTPStatus.GONE
    if status in _WITH_RETRY_AFTER:
        failed.retry_after = retry_after_seconds(response.headers.get("retry-after"), now)
    return failed


def _failure(address: Address, error: Exception) -> str:
    host = address.host
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return f"at {host} could not be reached within {CONNECT_SECONDS:g} s"
    if isinstance(error, httpx.TimeoutException):
        return f"at {host} gave no answer within {ANSWER_SECONDS:g} s"
    advice = "; check its url and the network" if failure_kind(error) in {"refused", "dns"} else ""
    return f"at {host} could not be reached or broke off: {describe(error)}{advice}"
