"""Whether a gateway's REST API answers what catching up asks of it, for a person who sets it up.

1. A bad answer is asked for again, as catching up does, at most ATTEMPTS times.
2. Any HTTP status but 404 proves that REST is there: only without one, and for 404, it may be elsewhere (`rest_url`).
3. What passes by itself (429, 490: the exchange is not reached) is worth a look and no failure (protocol 11).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

import httpx
import msgspec

from recon.ems.credentials import Credentials
from recon.ems.diagnostics.report import STEP_SECONDS, StepResult, counted
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

#: Most times that a question is asked, and seconds for all of them together.
ATTEMPTS: Final = 3
ASK_SECONDS: Final = 2 * STEP_SECONDS
#: How far back the order history is asked for.
HISTORY: Final = timedelta(minutes=1)

#: What is asked where REST is used for catching up; `history` only where the settings want it.
DEFAULT_REQUESTS: Final[tuple[RequestKind, ...]] = ("balances", "orders", "history")
NO_HISTORY: Final = (
    "no order history is configured: orders born and finished inside a gap cannot be recovered (the gateway needs its"
    " order log for that)"
)
NO_METHOD: Final = "auth.method is none: no key and no certificate was shown; set auth"

_PATHS: Final = {"balances": "/v1/balances", "orders": "/v1/orders", "history": "/v1/orders/history"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PASSING: Final = frozenset({429, 490})
#: Further questions would be answered the same.
_IN_VAIN: Final = frozenset({None, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_TIMEOUT: Final = "timeout"


async def check_rest(
    base: str, credentials: Credentials, asks: Sequence[RequestKind], now: datetime
) -> list[StepResult]:
    """Ask REST at `base` what catching up asks; nothing where it is not used."""
    if not asks:
        return [("rest", "ok", "not used: recovery.enabled is false in the settings")]
    found: list[StepResult] = []
    bounds = RestBounds(attempts=ATTEMPTS, attempt_seconds=STEP_SECONDS, ask_seconds=ASK_SECONDS)
    try:
        async with open_rest_client(base, credentials, bounds=bounds) as rest:
            for ask in _asks(asks, now):
                answer = await rest.send(ask, run="check")
                found.append(_judge(base, credentials, answer))
                if answer.status in _IN_VAIN:
                    break
    except ConfigError as error:
        found.append(("rest", "failed", str(error)))
    return found


def _asks(asks: Sequence[RequestKind], now: datetime) -> Iterator[RestRequest]:
    until_us = (now - _EPOCH) // _MICROSECOND
    for what in asks:
        span = {"from_us": until_us - HISTORY // _MICROSECOND, "until_us": until_us} if what == "history" else {}
        yield msgspec.structs.replace(RestRequest(what), **span)


def _judge(base: str, credentials: Credentials, answer: RestResponse) -> StepResult:
    said, status = decode_response(encode_response(answer)), answer.status
    where = f"GET {safe_url(base).rstrip('/')}{_PATHS[answer.request.kind]}"
    if said.outcome == "answered":
        return "rest", "ok", f"{where}: {_content(said)}"
    if said.outcome == "not configured":
        return "rest", "hint", f"{where}: {NO_HISTORY}"
    if status in _PASSING:
        return "rest", "hint", f"{where}: {said.why}; REST is there, and this may pass"
    return "rest", "failed", f"{where}: {said.why}{_advice(credentials, answer)}"


def _advice(credentials: Credentials, answer: RestResponse) -> str:
    status, asked = answer.status, f" (asked {counted(answer.attempts, 'time')})" if answer.attempts > 1 else ""
    if status == HTTPStatus.UNAUTHORIZED and credentials.method == "none":
        return f"; {NO_METHOD}"
    if status is None and answer.problem == _TIMEOUT:
        return f"{asked}; check that no firewall is between"
    if status is None or (status == HTTPStatus.NOT_FOUND and answer.request.kind == "balances"):
        return f"{asked}; set rest_url where REST is elsewhere"
    return asked


def _content(said: DecodedResponse) -> str:
    """Say how much an answer tells."""
    rows = sum(len(getattr(message, "rows", ())) for message in said.messages)
    if said.request.kind == "orders":
        return counted(rows, "open order")
    if said.request.kind == "history":
        return f"{counted(rows, 'change')} of orders in the last minute"
    return counted(len({str(getattr(message, "account", None)) for message in said.messages}), "account")


async def check_health(base: str, credentials: Credentials) -> list[StepResult]:
    """Ask a gateway of one's own how it is; whether it has these paths depends on how it is deployed."""
    found: list[StepResult] = []
    verify = credentials.ssl_context() if base.startswith("https://") else True
    async with httpx.AsyncClient(verify=verify, timeout=STEP_SECONDS, base_url=base) as client:
        close_cancelled_handshakes(client)
        for name in ("live", "ready"):
            try:
                async with client.stream("GET", f"health/{name}") as response:
                    status, well = f"HTTP {response.status_code}", response.is_success
            except httpx.HTTPError as error:
                status, well = _why(error), False
            found.append(("health", "ok" if well else "hint", f"/health/{name}: {status}"))
    return found


def _why(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {STEP_SECONDS:g} s"
    if isinstance(error, httpx.ConnectError):
        return "nobody could be connected to"
    if isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError):
        return "what answers speaks no HTTP"
    return "the connection was lost"
