"""An event as it is stored, with all that its digest covers. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from recon.log.events import Event, Marks, canonical, former_leaf, leaf
from recon.times import to_datetime


class StoredEvent(NamedTuple):
    """An event at its log position; times are microseconds since 1970, UTC.

    `appended_us` is None where it is from before revision 0002. `digest` is over the digest before and this event.
    """

    seq: int
    recorded_us: int
    received_us: int
    appended_us: int | None
    kind: str
    account: str | None
    session: str | None
    payload: bytes
    redacted: bool
    readable: bool
    digest: bytes


#: The names of the columns, in their order.
FIELDS: Final = StoredEvent._fields


def leaf_of(stored: StoredEvent, marks: Marks | None = None) -> bytes:
    """Return the digest of an event by itself; with other marks than its own, as it would be with these."""
    content = canonical(stored.kind, stored.account, stored.session, stored.received_us, stored.payload)
    if stored.appended_us is None:
        return former_leaf(content)
    return leaf(content, marks or marks_of(stored), stored.appended_us)


def marks_of(stored: StoredEvent) -> Marks:
    """Return what the log says about the payload of an event."""
    return Marks(stored.redacted, stored.readable)


def event_of(stored: StoredEvent) -> Event:
    """Return an event as the fold takes it."""
    return Event(
        seq=stored.seq,
        recorded_at=to_datetime(stored.recorded_us),
        received_at=to_datetime(stored.received_us),
        kind=stored.kind,
        account=stored.account,
        session=stored.session,
        readable=stored.readable,
        payload=stored.payload,
    )
