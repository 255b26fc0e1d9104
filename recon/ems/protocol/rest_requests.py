"""Requests to a gateway's REST API, their responses, and what a response says (protocol 11, 15 and 16). Pure.

1. The log stores each body as it came, so better rules can read it again later. `encode_response` writes the log event
   and `decode_response` reads it. The event is always one readable document: a body that is not JSON is stored as text.
2. The request decides how a body is read: as one report, rows of the order log (`rest_history`), or rows by account
   (`rest_snapshots`).
3. No body raises: a part that cannot be read is a finding, and the response is then not complete.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from recon.ems.protocol.decode import decode
from recon.ems.protocol.fields import UNREADABLE, Field, Findings, object_members, string
from recon.ems.protocol.json_body import is_json, is_storable, text_prefix, without_nul
from recon.ems.protocol.messages import ORDER_EXEC_REPORT_UPDATE, Finding, Message, OrderReports
from recon.ems.protocol.rest_history import read_history
from recon.ems.protocol.rest_snapshots import read_snapshots

RequestKind: TypeAlias = Literal["status", "history", "orders", "balances", "positions"]
#: `unknown`: the gateway does not know the order, or knows another of that id. `not configured`: it keeps no order log.
Outcome: TypeAlias = Literal["answered", "unknown", "not configured", "failed"]

#: Most characters of the other side's text that a problem quotes.
MAX_QUOTED_CHARS: Final = 200
#: The beginning of the problem of a body that was cut off for its size.
TOO_LARGE: Final = "larger than"

_STATUS_TEXTS: Final = {
    400: "refused as invalid",
    401: "not authorised; check auth",
    403: "forbidden; check auth",
    404: "not found; check rest_url",
    429: "too many requests",
    490: "exchange unreachable",
    504: "the exchange did not answer in time",
}


class RestRequest(Struct, frozen=True, omit_defaults=True, rename={"kind": "what"}):
    """One request. `order` is recon's own key of an order; the window of a history is in microseconds since the epoch.

    `account` filters orders, balances and positions. A status takes no filter: there it is the account of the order.
    """

    kind: RequestKind
    account: str | None = None
    order: str | None = None
    client_order_id: str | None = None
    from_us: int | None = None
    until_us: int | None = None


class RestResponse(Struct, frozen=True):
    """The response to one request; built by `build_response`, which makes the following true.

    `status` is that of the last attempt, None if no response came. `problem` says why the request failed, None if it
    did not. `body` is the JSON as it came; `text` is the beginning of a body that is not JSON. `redacted` is true if a
    credential was removed. `took_us` is how long the last attempt took, in microseconds: the body describes some moment
    in it.
    """

    request: RestRequest
    run: str
    attempts: int
    status: int | None = None
    problem: str | None = None
    body: Raw | None = None
    text: str | None = None
    redacted: bool = False
    took_us: int = 0

    @property
    def too_large(self) -> bool:
        """True if the body was cut off for its size: a shorter window may bring a smaller one."""
        return self.problem is not None and self.problem.startswith(TOO_LARGE)


class DecodedResponse(Struct, frozen=True):
    """The content of a response.

    `complete`: the whole body was understood, and of orders, balances and positions it lists everything of the
    requested account. `why` says what is wrong, empty if nothing is.
    """

    request: RestRequest
    run: str
    attempts: int
    outcome: Outcome
    why: str = ""
    messages: tuple[Message, ...] = ()
    findings: tuple[Finding, ...] = ()
    complete: bool = False
    took_us: int = 0


class _ResponseEvent(Struct, frozen=True, omit_defaults=True, rename={"request": "ask"}):
    """The payload of the log's event."""

    request: RestRequest
    run: str
    attempts: int
    status: int | None = None
    problem: str | None = None
    took_us: int = 0
    body: Raw | UnsetType = UNSET
    text: str | None = None


class _DecodedBody(Struct, frozen=True):
    """The content of a body."""

    outcome: Outcome
    why: str = ""
    messages: tuple[Message, ...] = ()
    findings: tuple[Finding, ...] = ()
    complete: bool = False


def build_response(  # noqa: PLR0913 - one for each field of a response
    request: RestRequest,
    *,
    run: str,
    attempts: int,
    status: int | None = None,
    problem: str | None = None,
    content: bytes = b"",
    redacted: bool = False,
    took_us: int = 0,
) -> RestResponse:
    """Return a response with its body as JSON if the log can store it, else as text."""
    body = Raw(content) if is_storable(content) else None
    if body is None and problem is None and status == HTTPStatus.OK:
        problem = "JSON that the log cannot hold" if is_json(content) else "not JSON"
    text = text_prefix(content) if body is None and content else None
    return RestResponse(request, run, attempts, status, problem, body, text, redacted, took_us)


def encode_response(response: RestResponse) -> bytes:
    """Return the log event of a response: one JSON document, with the body in it as it came."""
    body = UNSET if response.body is None else response.body
    event = _ResponseEvent(
        response.request,
        response.run,
        response.attempts,
        response.status,
        response.problem,
        response.took_us,
        body,
        response.text,
    )
    # A storable body holds no U+0000, but an id or a text might.
    return without_nul(msgspec.json.encode(event))


def status_problem(request: RestRequest, status: int, content: bytes) -> str | None:
    """Return why an HTTP status does not answer this request, None if it does (protocol 11)."""
    if status == HTTPStatus.OK or (status == HTTPStatus.NOT_FOUND and request.kind == "status"):
        return None
    # An order log that is not configured has a message; a refused request has a list of errors.
    if (
        status == HTTPStatus.BAD_REQUEST
        and request.kind == "history"
        and "errors" not in (object_members(content) or {})
    ):
        return None
    return _status_text(status, content, _STATUS_TEXTS.get(status) or _standard_phrase(status))


def _standard_phrase(status: int) -> str:
    if 300 <= status < 400:
        return "redirected, which is not followed; check rest_url"
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "no answer that is known"


def _status_text(status: int, content: bytes, saying: str) -> str:
    members = object_members(content) or {}
    ignored = Field("", "", Findings())
    said = (string(bytes(members[name]), ignored) for name in ("message", "title") if name in members)
    quoted = next((text for text in said if text), "")[:MAX_QUOTED_CHARS]
    return f"{status} {saying}: {quoted}" if quoted else f"{status} {saying}"


def decode_response(payload: bytes) -> DecodedResponse:
    """Return the content of a response from its log event.

    Raise msgspec.DecodeError (ValidationError is one) if the event does not have its shape. The body inside never
    raises.
    """
    try:
        event = msgspec.json.decode(payload, type=_ResponseEvent)
    except msgspec.DecodeError:
        raise
    except UNREADABLE as error:
        raise msgspec.DecodeError(str(error)) from error
    body = _decode_body(event)
    return DecodedResponse(
        event.request,
        event.run,
        event.attempts,
        body.outcome,
        body.why,
        body.messages,
        body.findings,
        body.complete,
        event.took_us,
    )


def _decode_body(event: _ResponseEvent) -> _DecodedBody:
    request, status = event.request, event.status
    body = b"" if isinstance(event.body, UnsetType) else bytes(event.body)
    problem = event.problem
    if problem is None:
        problem = "no answer" if status is None else status_problem(request, status, body)
    if problem is not None:
        return _DecodedBody("failed", problem)
    if status == HTTPStatus.NOT_FOUND:
        return _DecodedBody("unknown", _status_text(status, body, "the gateway does not know the order"))
    if status == HTTPStatus.BAD_REQUEST:
        return _DecodedBody("not configured", _status_text(status, body, "the gateway keeps no order log"))
    if request.kind == "status":
        return _decode_status(request, body)
    if request.kind == "history":
        return _decode_history(body)
    return _decode_snapshot(request, body)


def _decode_status(request: RestRequest, body: bytes) -> _DecodedBody:
    """Read one report of any `type`; the endpoint takes no account, so the report may be of another one."""
    members = object_members(body)
    if members is None:
        return _DecodedBody("failed", "the answer is not an object")
    decoded = decode(msgspec.json.encode({**members, "type": ORDER_EXEC_REPORT_UPDATE}))
    message = decoded.message
    if not isinstance(message, OrderReports) or len(message.rows) != 1:
        return _DecodedBody("failed", "the answer is not an execution report", (), decoded.findings)
    row = message.rows[0]
    if request.client_order_id is not None and row.client_order_id not in {None, request.client_order_id}:
        return _DecodedBody("failed", f"the answer is of another order, {row.client_order_id}", (), decoded.findings)
    if row.account is None or request.account not in {None, row.account}:
        of = "of an account that it does not name" if row.account is None else f"of {row.account}"
        why = f"the report is {of}, not of {request.account}, which may use the same id"
        finding = Finding("account", f"order {request.client_order_id}", f"{why}; it is not taken")
        return _DecodedBody("unknown", why, (), (*decoded.findings, finding))
    return _DecodedBody("answered", "", (message,), decoded.findings, complete=True)


def _decode_history(body: bytes) -> _DecodedBody:
    findings = Findings()
    result = read_history(body, findings)
    if result is None:
        return _DecodedBody("failed", "the answer is not a list")
    messages, complete = result
    return _DecodedBody("answered", "", messages, findings.collected(), complete)


def _decode_snapshot(request: RestRequest, body: bytes) -> _DecodedBody:
    findings = Findings()
    result = read_snapshots(request.kind, request.account, body, findings)
    if result is None:
        return _DecodedBody("failed", "the answer is not a list")
    messages, complete = result
    return _DecodedBody("answered", "", messages, findings.collected(), complete)
