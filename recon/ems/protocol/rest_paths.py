"""The paths and queries of requests to a gateway's REST API (protocol 11). Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from recon.ems.protocol.rest_requests import RequestKind, RestRequest

#: The path of each kind of request; a status request appends the client order id.
PATHS: Final[dict[RequestKind, str]] = {
    "status": "/v1/orders/status",
    "history": "/v1/orders/history",
    "orders": "/v1/orders",
    "balances": "/v1/balances",
    "positions": "/v1/positions",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def request_path(request: RestRequest) -> str:
    """Return path and query of a request. Raise ValueError, with the reason, if it lacks a part."""
    path = PATHS[request.kind]
    if request.kind == "status":
        if not request.client_order_id:
            raise ValueError("a status is asked for by client_order_id, and there is none")
        name = quote(request.client_order_id, safe="")
        # A name of dots alone would be taken as a step of the path.
        return f"{path}/{name if name.strip('.') else name.replace('.', '%2E')}"
    if request.kind == "history":
        if request.from_us is None or request.until_us is None:
            raise ValueError("a history is asked for by its window, and an end of it is missing")
        start, end = request.from_us // 1_000_000, -(-request.until_us // 1_000_000)
        return f"{path}?time_start={_seconds(start)}&time_end={_seconds(end)}"
    return path if request.account is None else f"{path}?exchange_id={quote(request.account, safe='')}"


def _seconds(since_epoch: int) -> str:
    return (_EPOCH + timedelta(seconds=since_epoch)).strftime("%Y-%m-%dT%H:%M:%S")
