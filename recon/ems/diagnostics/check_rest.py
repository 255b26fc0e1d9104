"""The check of a gateway's REST API: whether it answers the requests that backfill sends.

1. A failed request is repeated, as in backfill, at most ATTEMPTS times.
2. Any HTTP status but 404 proves that REST is there. Without a status, and for 404, it may be elsewhere (`rest_url`).
3. A failure that passes by itself (429, 490: the exchange is unreachable) is a hint, not a failure (protocol 11).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

import httpx
import msgspec

from recon.display.words import counted
from recon.ems.credentials import Credentials
from recon.ems.diagnostics.report import STEP_SECONDS, StepResult
from recon.ems.protocol.rest_paths import PATHS
from recon.ems.protocol.rest_requests import (
    DecodedResponse,
    RequestKind,
    RestRequest,
    RestResponse,
    decode_response,
    encode_response,
)
from recon.ems.rest.client import RestBounds, open_rest_client
from recon.ems.rest.tls import close_cancelled_handshakes
from recon.ems.urls import safe_url
from recon.errors import ConfigError
from recon.network_errors import describe

#: Most attempts at a request, and seconds for all of them together.
ATTEMPTS: Final = 3
REQUEST_SECONDS: Final = 2 * STEP_SECONDS
#: Length of the order history that is requested.
HISTORY: Final = timedelta(minutes=1)

#: The requests of backfill; `history` only if the settings want it.
DEFAULT_REQUESTS: Final[tuple[RequestKind, ...]] = ("balances", "orders", "history")
NO_HISTORY: Final = (
    "no order history is configured: orders born and finished inside a gap cannot be recovered (the gateway needs its"
    " order log for that)"
)
NO_METHOD: Final = "auth.method is none: no key and no certificate was shown; set auth"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TRANSIENT: Final = frozenset({429, 490})
#: Further requests would fail in the same way.
_FINAL: Final = frozenset({None, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_TIMEOUT: Final = "timeout"


async def check_rest(
    base: str, credentials: Credentials, requests: Sequence[RequestKind], now: datetime
) -> list[StepResult]:
    """Send the requests of backfill to REST at `base`; `requests` is empty if backfill is not used."""
    if not requests:
        return [("rest", "ok", "not used: recovery.enabled is false in the settings")]
    results: list[StepResult] = []
    bounds = RestBounds(attempts=ATTEMPTS, attempt_seconds=STEP_SECONDS, request_seconds=REQUEST_SECONDS)
    try:
        async with open_rest_client(base, credentials, bounds=bounds) as client:
            for request in _requests(requests, now):
                response = await client.send(request, run="check")
                results.append(_step(base, credentials, response))
                if response.status in _FINAL:
                    break
    except ConfigError as error:
        results.append(("rest", "failed", str(error)))
    return results


def _requests(kinds: Sequence[RequestKind], now: datetime) -> Iterator[RestRequest]:
    until_us = (now - _EPOCH) // _MICROSECOND
    for kind in kinds:
        span = {"from_us": until_us - HISTORY // _MICROSECOND, "until_us": until_us} if kind == "history" else {}
        yield msgspec.structs.replace(RestRequest(kind), **span)


def _step(base: str, credentials: Credentials, response: RestResponse) -> StepResult:
    decoded, status = decode_response(encode_response(response)), response.status
    prefix = f"GET {safe_url(base).rstrip('/')}{PATHS[response.request.kind]}"
    if decoded.outcome == "answered":
        return "rest", "ok", f"{prefix}: {_content(decoded)}"
    if decoded.outcome == "not configured":
        return "rest", "hint", f"{prefix}: {NO_HISTORY}"
    if status in _TRANSIENT:
        return "rest", "hint", f"{prefix}: {decoded.why}; REST is there, and this may pass"
    return "rest", "failed", f"{prefix}: {decoded.why}{_advice(credentials, response)}"


def _advice(credentials: Credentials, response: RestResponse) -> str:
    status = response.status
    attempts = f" ({counted(response.attempts, 'attempt')})" if response.attempts > 1 else ""
    if status == HTTPStatus.UNAUTHORIZED and credentials.method == "none":
        return f"; {NO_METHOD}"
    if status is None and response.problem == _TIMEOUT:
        return f"{attempts}; check that no firewall blocks it"
    if status is None or (status == HTTPStatus.NOT_FOUND and response.request.kind == "balances"):
        return f"{attempts}; set rest_url if REST is elsewhere"
    return attempts


def _content(decoded: DecodedResponse) -> str:
    """Return how much a response contains."""
    rows = sum(len(getattr(message, "rows", ())) for message in decoded.messages)
    if decoded.request.kind == "orders":
        return counted(rows, "open order")
    if decoded.request.kind == "history":
        return f"{counted(rows, 'change')} of orders in the last minute"
    return counted(len({str(getattr(message, "account", None)) for message in decoded.messages}), "account")


async def check_health(base: str, credentials: Credentials) -> list[StepResult]:
    """Ask a self-hosted gateway for its health; whether it has these paths depends on its deployment."""
    results: list[StepResult] = []
    verify = credentials.ssl_context() if base.startswith("https://") else True
    async with httpx.AsyncClient(verify=verify, timeout=STEP_SECONDS, base_url=base) as client:
        close_cancelled_handshakes(client)
        for name in ("live", "ready"):
            try:
                async with client.stream("GET", f"health/{name}") as response:
                    status, ok = f"HTTP {response.status_code}", response.is_success
            except httpx.HTTPError as error:
                status, ok = describe(error, seconds=STEP_SECONDS), False
            results.append(("health", "ok" if ok else "hint", f"/health/{name}: {status}"))
    return results
