"""The events of the log, their kinds, their payloads and their canonical form. Pure.

1. `leaf` covers the marks, the time of the append, kind, account, session, time of receipt and payload, each with its
   length, so no two events share one. Events from before revision 0002 have a leaf of the content alone
   (`former_leaf`). The two forms share no bytes: one begins with -2, the other with a length. So the digest itself
   tells which form an event has.
2. `chain` binds an event to its predecessor, its position and its log time (architecture 2.3).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

import msgspec

#: Kinds of events that recon itself records; frames carry the EMS message type in capitals, or `frame`.
SESSION_OPENED: Final = "session.opened"
SESSION_CLOSED: Final = "session.closed"
SESSION_FAILED: Final = "session.failed"
TICK: Final = "tick"
RULES: Final = "rules"
#: More permissive rules: in force only after another person has approved them (semantics 10.2).
RULES_PROPOSED: Final = "rules.proposed"
#: A decision of a person, and a fact from outside the EMS (semantics 10).
DECISION: Final = "decision"
FACT: Final = "fact"
#: A run of REST requests (after a gap, or to cross-check), each response, and the end of the run.
CATCH_UP_BEGUN: Final = "catch_up.begun"
REST_ANSWER: Final = "rest.answer"
CATCH_UP_ENDED: Final = "catch_up.ended"
#: What a venue itself said that an account holds, or that it has no answer; and each trade that it told.
VENUE_ANSWER: Final = "venue.answer"
VENUE_TRADE: Final = "venue.trade"
#: An event that the fold leaves out, because a step failed on it (architecture 2.12).
EVENT_REFUSED: Final = "event.refused"
FRAME: Final = "frame"
#: A clock went another way than steady time did (semantics 9.1).
CLOCK_JUMPED: Final = "clock.jumped"
#: Every kind that recon itself gives an event; the others are the EMS's message types.
OWN_KINDS: Final = frozenset(
    [
        *(SESSION_OPENED, SESSION_CLOSED, SESSION_FAILED, TICK, RULES, RULES_PROPOSED, DECISION, FACT, CATCH_UP_BEGUN),
        *(REST_ANSWER, CATCH_UP_ENDED, VENUE_ANSWER, VENUE_TRADE, EVENT_REFUSED, FRAME, CLOCK_JUMPED),
    ]
)

#: No length is -2, so nothing in the form from before revision 0002 begins like this.
_MARKED: Final = struct.pack(">i", -2)


Shape = TypeVar("Shape")


class Head(msgspec.Struct, frozen=True):
    """The end of a log at one time: its last position, and the digest that covers all events up to it."""

    gateway: str
    seq: int
    digest: str


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """An event before it is appended. `received_at` is when we received it; the append sets the log time."""

    kind: str
    payload: bytes
    received_at: datetime
    account: str | None = None
    session: str | None = None
    redacted: bool = False


class Event(msgspec.Struct, frozen=True, gc=False):
    """An event in the log, at position (gateway, seq)."""

    seq: int
    recorded_at: datetime
    received_at: datetime
    kind: str
    account: str | None
    session: str | None
    readable: bool
    payload: bytes


def is_frame(event: NewEvent) -> bool:
    """Return whether an event is a frame: the kinds of what recon itself records have small letters."""
    return event.kind == FRAME or event.kind.isupper()


def payload_reader(type_: type[Shape]) -> Callable[[bytes], Shape]:
    """Return a reader of the payloads of one shape: whatever is wrong with a payload, it raises msgspec.DecodeError."""
    decode = msgspec.json.Decoder(type_).decode

    def read(payload: bytes) -> Shape:
        try:
            return decode(payload)
        except msgspec.DecodeError:
            raise
        except RecursionError as error:
            raise msgspec.DecodeError("it is nested too deeply") from error
        except ValueError as error:
            raise msgspec.DecodeError("it is not UTF-8") from error

    return read


def genesis(gateway: str) -> bytes:
    """Return the digest before a gateway's first event: it binds the chain to the gateway's name."""
    return hashlib.sha256(b"recon:" + gateway.encode()).digest()


class Marks(NamedTuple):
    """What the log says about an event's payload: secrets were taken out of it, and it can be read as JSON."""

    redacted: bool
    readable: bool


def leaf(content: bytes, marks: Marks, appended_us: int) -> bytes:
    """Return the digest of one event, in the canonical form of the append function.

    `appended_us` is the database's clock when it was appended.
    """
    return hashlib.sha256(_MARKED + bytes(marks) + struct.pack(">q", appended_us) + content).digest()


def former_leaf(content: bytes) -> bytes:
    """Return the digest of one event from before revision 0002: nothing in it covers marks or append."""
    return hashlib.sha256(content).digest()


def canonical(kind: str, account: str | None, session: str | None, received_us: int, payload: bytes) -> bytes:
    """Return an event's content in one canonical form: no two contents share one."""
    parts = [_prefixed(kind), _prefixed(account), _prefixed(session), struct.pack(">q", received_us), payload]
    return b"".join(parts)


def chain(previous: bytes, seq: int, recorded_us: int, leaf_: bytes) -> bytes:
    """Return the digest of the event at `seq`, given the digest of the one before it."""
    return hashlib.sha256(previous + struct.pack(">qq", seq, recorded_us) + leaf_).digest()


def _prefixed(text: str | None) -> bytes:
    if text is None:
        return struct.pack(">i", -1)
    encoded = text.encode()
    return struct.pack(">i", len(encoded)) + encoded
