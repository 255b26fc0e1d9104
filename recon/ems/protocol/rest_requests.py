"""What is asked over REST, what came back, and what it says (protocol 11, 15 and 16). Pure.

1. The log holds each answer as it came, so what it says can be read again by better rules: `payload` writes the event
   and `read` reads it. The event is always a document that can be stored and read: a body that is none is kept as text.
2. What is said depends on the question: one report, rows of the order log (`history`), or rows by account (`listings`).
3. Nothing in an answer raises: what cannot be taken is a finding, and the answer is then not complete.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from recon.ems.protocol.decode import decode
from recon.ems.protocol.fields import UNREADABLE, Field, Findings, object_members, string
from recon.ems.protocol.messages import ORDER_EXEC_REPORT_UPDATE, Finding, Message, OrderReports
from recon.ems.protocol.rest_history import read_history
from recon.ems.protocol.rest_snapshots import read_snapshots

RequestKind: TypeAlias = Literal["status", "history", "orders", "balances", "positions"]
#: `unknown`: the gateway does not know the order, or knows another of that id. `not configured`: it keeps no order log.
Outcome: TypeAlias = Literal["answered", "unknown", "not configured", "failed"]

#: Most characters kept of an answer that is no JSON.
MAX_TEXT_CHARS: Final = 2000
#: Most characters of the other side's words that a problem quotes.
MAX_QUOTED_CHARS: Final = 200
#: Deepest nesting of a body that is kept as JSON; the documented ones need eight levels.
MAX_DEPTH: Final = 64
#: How the problem of an answer that was cut off for its size begins.
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
_JSON: Final = msgspec.json.Decoder(Raw)
_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
#: Numbers beyond what a database can look at; they are nobody's quantities.
_HUGE_NUMBER: Final = re.compile(rb"[eE][+-]?0*[1-9][0-9]{3}|[0-9]{1000}")
#: Leaves the brackets alone, all of one kind, so that each removal of empty pairs takes one level away.
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(sorted(set(range(256)) - set(b"[]{}")))


class RestRequest(Struct, frozen=True, omit_defaults=True, rename={"kind": "what"}):
    """One question. `order` is recon's own key of an order; the window of a history is in microseconds since the epoch.

    `account` filters orders, balances and positions; of a status, which takes none, it is the account meant.
    """

    kind: RequestKind
    account: str | None = None
    order: str | None = None
    client_order_id: str | None = None
    from_us: int | None = None
    until_us: int | None = None


class RestResponse(Struct, frozen=True):
    """What came back; made by `answer_of`, which keeps its promises.

    `status` is that of the last attempt, None where no answer came. `problem` says in words why this is none, and is
    None where it is one. `body` is the JSON as it came; `text` is the beginning of what is no JSON. `redacted` tells
    whether a credential was cut out. `took_us` is how long the last attempt took, in microseconds: what it tells is as
    of some moment in it.
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
        """Tell whether the answer was cut off for its size: a shorter window may bring a smaller one."""
        return self.problem is not None and self.problem.startswith(TOO_LARGE)


class DecodedResponse(Struct, frozen=True):
    """What an answer says.

    `complete`: the whole body was understood, and of orders, balances and positions it says all there is of the account
    that was asked for. `why` says in words what is wrong, and is empty where it was answered.
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
    """What a body says."""

    outcome: Outcome
    why: str = ""
    messages: tuple[Message, ...] = ()
    findings: tuple[Finding, ...] = ()
    complete: bool = False


def build_response(
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
    """Keep what came as JSON where it is JSON that a document can embed and a database can hold, else as text."""
    body = Raw(content) if _is_storable(content) else None
    if body is None and problem is None and status == HTTPStatus.OK:
        problem = "JSON that the log cannot hold" if is_json(content) else "not JSON"
    text = _text_prefix(content) if body is None and content else None
    return RestResponse(request, run, attempts, status, problem, body, text, redacted, took_us)


def is_json(content: bytes) -> bool:
    """Tell whether bytes are one JSON document in UTF-8."""
    try:
        _JSON.decode(content)
        content.decode()
    except UNREADABLE:
        return False
    return True


def _is_storable(content: bytes) -> bool:
    """Tell whether bytes can be embedded in a document that Postgres can read (no U+0000, no number without end)."""
    if not is_json(content) or _has_nul(content):
        return False
    # Escapes are in strings alone; without them, every second piece between quotes is outside of strings.
    bare = b" ".join(content.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2])
    if _HUGE_NUMBER.search(bare):
        return False
    nesting = bare.translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not nesting:
            return True
        nesting = nesting.replace(b"[]", b"")
    return not nesting


def _has_nul(document: bytes) -> bool:
    return b"\\u0000" in document and _NUL.search(document) is not None


def _text_prefix(content: bytes) -> str:
    return content[: 4 * MAX_TEXT_CHARS].decode("utf-8", "replace").replace("\x00", "\ufffd")[:MAX_TEXT_CHARS]


def encode_response(response: RestResponse) -> bytes:
    """Write the event: one JSON document, with the body in it as it came."""
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
    written = msgspec.json.encode(event)
    # A body holds none; an id or words of ours might, and no database could show the event.
    return _NUL.sub(rb"\1\\ufffd", written) if _has_nul(written) else written


def status_problem(request: RestRequest, status: int, content: bytes) -> str | None:
    """Say in words why an HTTP status is no answer to this question; None where it is one (protocol 11)."""
    if status == HTTPStatus.OK or (status == HTTPStatus.NOT_FOUND and request.kind == "status"):
        return None
    # The order log that is not configured says so with a message; a refused request lists its errors.
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
    """Read the event of an answer.

    Raises msgspec.DecodeError (ValidationError is one) where the event is not of its shape; whatever the body inside it
    holds is a value.
    """
    try:
        event = msgspec.json.decode(payload, type=_ResponseEvent)
    except msgspec.DecodeError:
        raise
    except UNREADABLE as error:
        raise msgspec.DecodeError(str(error)) from error
    said = _decode_body(event)
    return DecodedResponse(
        event.request,
        event.run,
        event.attempts,
        said.outcome,
        said.why,
        said.messages,
        said.findings,
        said.complete,
        event.took_us,
    )


def _decode_body(event: _ResponseEvent) -> _DecodedBody:
    ask, status = event.request, event.status
    body = b"" if isinstance(event.body, UnsetType) else bytes(event.body)
    problem = event.problem
    if problem is None:
        problem = "no answer" if status is None else status_problem(ask, status, body)
    if problem is not None:
        return _DecodedBody("failed", problem)
    if status == HTTPStatus.NOT_FOUND:
        return _DecodedBody("unknown", _status_text(status, body, "the gateway does not know the order"))
    if status == HTTPStatus.BAD_REQUEST:
        return _DecodedBody("not configured", _status_text(status, body, "the gateway keeps no order log"))
    if ask.kind == "status":
        return _decode_status(ask, body)
    if ask.kind == "history":
        return _decode_history(body)
    return _decode_snapshot(ask, body)


def _decode_status(request: RestRequest, body: bytes) -> _DecodedBody:
    """Read one report, whatever its `type`; the endpoint takes no account, so it may be of another one."""
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
        found = Finding("account", f"order {request.client_order_id}", f"{why}; it is not taken")
        return _DecodedBody("unknown", why, (), (*decoded.findings, found))
    return _DecodedBody("answered", "", (message,), decoded.findings, complete=True)


def _decode_history(body: bytes) -> _DecodedBody:
    findings = Findings()
    found = read_history(body, findings)
    if found is None:
        return _DecodedBody("failed", "the answer is not a list")
    messages, complete = found
    return _DecodedBody("answered", "", messages, findings.collected(), complete)


def _decode_snapshot(request: RestRequest, body: bytes) -> _DecodedBody:
    findings = Findings()
    found = read_snapshots(request.kind, request.account, body, findings)
    if found is None:
        return _DecodedBody("failed", "the answer is not a list")
    messages, complete = found
    return _DecodedBody("answered", "", messages, findings.collected(), complete)
