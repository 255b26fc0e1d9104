"""One outgoing message: the entries of one case and one event. Pure (architecture 2.10).

1. A message's entries are fixed at its first attempt, so its id (a hash of theirs) and its body never change.
2. The body has the shape that the Standard Webhooks specification recommends: `type`, `timestamp`, `data`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

#: Most entries in one message.
MAX_MESSAGE_ENTRIES: Final = 100
#: Most bytes of documents in one message; a single larger document goes alone.
MAX_MESSAGE_BYTES: Final = 256 * 1024


class Entry(msgspec.Struct, frozen=True):
    """One alert waiting in the outbox; `document` is its JSON as it was written."""

    id: str
    occurred_at: datetime
    document: str


class Message(msgspec.Struct, frozen=True):
    """One message on one channel, at its `attempt` (1, 2, 3 …); `timestamp` is the log time of its latest entry."""

    id: str
    gateway: str
    channel: str
    event: str
    case_id: str
    entries: tuple[str, ...]
    timestamp: datetime
    attempt: int
    body: str


class _Data(msgspec.Struct, frozen=True):
    gateway: str
    case_id: str
    count: int
    alerts: list[msgspec.Raw]


class _Body(msgspec.Struct, frozen=True):
    type: str
    timestamp: datetime
    data: _Data


def message_id(entries: Iterable[str]) -> str:
    """Return the id of the message of these entries; their order does not matter."""
    return "msg_" + hashlib.sha256("\x1f".join(sorted(entries)).encode()).hexdigest()[:32]


def fitting(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return as many of the first entries as fit into one message: at least one."""
    used = 0
    for index, entry in enumerate(entries[:MAX_MESSAGE_ENTRIES]):
        used += len(entry.document.encode())
        if used > MAX_MESSAGE_BYTES and index:
            return entries[:index]
    return entries[:MAX_MESSAGE_ENTRIES]


def compose(entries: Sequence[Entry], *, gateway: str, channel: str, event: str, case_id: str, attempt: int) -> Message:
    """Return the message of these entries; the same entries give the same id and the same body."""
    timestamp = max(entry.occurred_at for entry in entries)
    alerts = [msgspec.Raw(entry.document.encode()) for entry in entries]
    body = _Body(event, timestamp, _Data(gateway, case_id, len(alerts), alerts))
    return Message(
        id=message_id(entry.id for entry in entries),
        gateway=gateway,
        channel=channel,
        event=event,
        case_id=case_id,
        entries=tuple(entry.id for entry in entries),
        timestamp=timestamp,
        attempt=attempt,
        body=msgspec.json.encode(body).decode(),
    )
