"""One message as its receiver reads it. Pure (architecture 2.10).

1. The body is composed once, when the policy sends the message, so id and body are the same at every attempt.
2. It has the shape that the Standard Webhooks specification recommends: `type`, `timestamp`, `data`.
3. It stays below MAX_MESSAGE_BYTES: long alerts are shortened, later ones left out, and `more` names the command that
   shows the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.alerts.policy.model import Outgoing

#: Most bytes of one message: the Standard Webhooks specification asks for 20 kB, and an envelope needs some of it.
MAX_MESSAGE_BYTES: Final = 16_000
#: Most bytes of the list of its cases.
CASES_BYTES: Final = 5_000
#: Most alerts in one message, and most cases that it lists.
MAX_MESSAGE_ENTRIES: Final = 100
MAX_LISTED_CASES: Final = 40
#: Longest name of a case, and longest reason, in characters.
MAX_NAME: Final = 100
MAX_REASON: Final = 300
#: Most causes whose precision is told.
MAX_PRECISIONS: Final = 20
#: The type of a message that tells of no signal: the policy itself has something to say.
POLICY_NOTICE: Final = "policy.notice"
#: What a shortened alert keeps, in three steps: without what was tried; short texts and lists; the names alone.
_LONG: Final = frozenset({"tried"})
_SHORT_TEXT: Final = 160
_SHORT_LIST: Final = 3
_NAMES: Final = (
    "type", "id", "version", "gateway", "account", "unit_kind", "unit", "amount", "amount_usd", "cause", "certainty",
    "severity", "state", "break_id", "case_id", "kind", "about", "over", "detail", "reason",
)  # fmt: skip
_NAME_TEXT: Final = 60

_encode: Final = msgspec.json.Encoder().encode


class Message(msgspec.Struct, frozen=True):
    """One message on one channel, at its `attempt` (1, 2, 3 …).

    `entries` are the ids of the signals that it tells. `case_id` is "" if it tells of several cases, and so is
    `gateway` then. `timestamp` is the time of the last signal, or of the decision.
    """

    id: str
    gateway: str
    channel: str
    event: str
    case_id: str
    entries: tuple[str, ...]
    timestamp: datetime
    attempt: int
    body: str
    kind: str = "notice"


class Told(msgspec.Struct, frozen=True):
    """One signal of a message: its event, when it happened, and its document (null: removed since)."""

    id: str
    event: str
    at: datetime
    document: str | None


class CaseNumber(msgspec.Struct, frozen=True):
    """A case of a message, and which of the messages of that case on the channel it is, from 1 on."""

    gateway: str
    case_id: str
    case_seq: int


class Data(msgspec.Struct, frozen=True):
    """What a message tells, and why it was sent; each of `alerts` is the document of a signal."""

    kind: str
    gateway: str | None
    case_id: str | None
    case_seq: int | None
    cases: list[CaseNumber]
    case_count: int
    reason: str
    held: int
    precision: Mapping[str, str]
    count: int
    alerts: list[msgspec.Raw]
    more: str | None


class Body(msgspec.Struct, frozen=True):
    """A message as its receivers read it."""

    type: str
    timestamp: datetime
    data: Data


def id_of(entries: Iterable[str]) -> str:
    """Return the id of the message of these entries; their order does not matter."""
    return "msg_" + hashlib.sha256("\x1f".join(sorted(entries)).encode()).hexdigest()[:32]


def event_of(told: Sequence[Told]) -> str:
    """Return the type of a message: what happened last of what it tells."""
    return max(told, key=lambda each: each.at).event if told else POLICY_NOTICE


def compose(
    outgoing: Outgoing, told: Sequence[Told], cases: Sequence[CaseNumber], precision: Mapping[str, str]
) -> tuple[str, str]:
    """Return the type and the body of a message; `cases` are the first MAX_LISTED_CASES of its cases.

    `precision` is the measured precision of each cause that is told.
    """
    listed = _listed(cases)
    one = listed[0] if len(outgoing.cases) == 1 and listed else None
    event = event_of(told)
    frame = Body(
        event[:MAX_NAME],
        max((each.at for each in told), default=outgoing.at),
        Data(
            kind=outgoing.kind,
            gateway=None if one is None else one.gateway,
            case_id=None if one is None else one.case_id,
            case_seq=None if one is None else one.case_seq,
            cases=[] if one is not None else listed,
            case_count=len(outgoing.cases),
            reason=outgoing.reason[:MAX_REASON],
            held=outgoing.held,
            precision=dict(list(precision.items())[:MAX_PRECISIONS]),
            count=len(told),
            alerts=[],
            more=f"recon alerts show {outgoing.id}",
        ),
    )
    documents = [each.document for each in told if each.document is not None]
    alerts, whole = _fitting(documents, MAX_MESSAGE_BYTES - 1 - len(_encode(frame)))
    complete = whole and len(alerts) == len(told) and len(listed) == len(outgoing.cases)
    data = msgspec.structs.replace(frame.data, alerts=alerts, more=None if complete else frame.data.more)
    return event, _encode(msgspec.structs.replace(frame, data=data)).decode()


def _listed(cases: Sequence[CaseNumber]) -> list[CaseNumber]:
    """Return as many of the first cases as fit, with their names cut."""
    listed: list[CaseNumber] = []
    used = 0
    for each in cases:
        short = CaseNumber(each.gateway[:MAX_NAME], each.case_id[:MAX_NAME], each.case_seq)
        used += len(_encode(short)) + 1
        if used > CASES_BYTES:
            break
        listed.append(short)
    return listed


def _fitting(documents: Sequence[str], budget: int) -> tuple[list[msgspec.Raw], bool]:
    """Return as many alerts as fit into so many bytes, and whether they are whole.

    Long ones are shortened before any is left out: that something happened matters more than all that is known of it.
    """
    first = documents[:MAX_MESSAGE_ENTRIES]
    chosen = [document.encode() for document in first]
    for step in range(4):
        if step:
            chosen = [_shortened(document, step) for document in first]
        if sum(len(document) + 1 for document in chosen) <= budget:
            return [msgspec.Raw(document) for document in chosen], not step
    used, fitting = 0, []
    for document in chosen:
        used += len(document) + 1
        if used > budget:
            break
        fitting.append(msgspec.Raw(document))
    return fitting, False


def _shortened(document: str, step: int) -> bytes:
    """Return an alert without what is long: from step 1 to step 3 less is left, and `shortened` says so."""
    whole: dict[str, object] = msgspec.json.decode(document)
    kept = {key: value for key, value in whole.items() if key not in _LONG}
    if step > 1:
        kept = {key: _clipped(value, _SHORT_TEXT) for key, value in kept.items()}
    if step > 2:
        kept = {key: _clipped(kept[key], _NAME_TEXT) for key in _NAMES if key in kept}
    return _encode(kept | {"shortened": True})


def _clipped(value: object, longest: int) -> object:
    if isinstance(value, str):
        return value if len(value) <= longest else value[: longest - 1] + "…"
    if isinstance(value, list):
        return [_clipped(each, longest) for each in value[:_SHORT_LIST]]
    if isinstance(value, dict):
        return {key: _clipped(each, longest) for key, each in value.items()}
    return value
