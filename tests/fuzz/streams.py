"""Streams: hostile events of all kinds among those of the calm account, on virtual log time.

An event that is left out is replaced by one that says nothing, at the same position and time. So the log without the
hostile events has the same positions, and the calm account's rows must be the same, to the last one.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from recon.ems.protocol.decode import envelope
from recon.ems.protocol.messages import INBOUND_TYPES
from recon.log import events
from recon.log.events import Event
from recon.testing import is_readable
from recon.times import to_datetime
from tests.fuzz import calm
from tests.fuzz.grammar import ACCOUNTS, CALM, LONG
from tests.fuzz.mutations import Mutator
from tests.fuzz.own_events import Hints, OwnEvents

#: `shared`: it touches every account, the calm one too, so that it stays in the log that is compared.
Origin = Literal["calm", "shared", "hostile"]
#: What stands in the place of an event that is left out: a frame of no account.
NOTHING: Final = b'{"type":"NOTHING"}'

#: Mean log time between two hostile events, in microseconds.
MEAN_STEP_US: Final = 30_000
#: How often a hostile event is one of our own kinds, an earlier one again, or one of a time of its own.
OWN_SHARE: Final = 0.2
REPEAT_SHARE: Final = 0.1
ODD_TIME_SHARE: Final = 0.02
#: How often an event touches every account, in a stream where some may.
SHARED_SHARE: Final = 0.03
#: Earlier events that may be repeated.
MEMORY: Final = 200
#: Jumps of log time in such a stream: up to a day, in microseconds.
JUMP_SHARE: Final = 0.002
MAX_JUMP_US: Final = 86_400_000_000
#: Times of receipt that no clock shows: the first and the last that can be stored.
_ODD_TIMES_US: Final = (-62_135_596_800_000_000, 0, 253_402_300_799_000_000)
_SESSIONS: Final = ("s", "s", "s", "s", None, "", "s2", msgspec.json.decode(LONG[0]))


class Planned(msgspec.Struct, frozen=True):
    """An event of a stream, and whom it touches."""

    event: Event
    origin: Origin

    def without(self) -> Planned:
        """Return what stands in its place if it is left out."""
        kept = msgspec.structs.replace(self.event, kind=events.FRAME, account=None, readable=True, payload=NOTHING)
        return Planned(kept, "calm")


class Stream:
    """Plans one event after another; what it draws follows from the seed and from the hints that it is given."""

    def __init__(self, mutator: Mutator, draw: random.Random, *, shared: bool) -> None:
        self.hints = Hints()
        self._mutator = mutator
        self._own = OwnEvents(mutator)
        self._draw = draw
        self._shared = shared
        self._calm = calm.calm_events()
        self._due = next(self._calm)
        self._seq = 0
        self._us = calm.START_US
        self._ahead_us = 0
        self._earlier: deque[tuple[str, str | None, bytes]] = deque(maxlen=MEMORY)

    def next(self) -> Planned:
        """Return the next event."""
        draw = self._draw
        if calm.START_US + int(self._due.at * 1_000_000) <= self._us - self._ahead_us:
            sent, self._due = self._due, next(self._calm)
            return self._planned("calm", sent.kind, sent.account, sent.payload, session="s")
        self._us += int(draw.expovariate(1 / MEAN_STEP_US))
        if self._shared and draw.random() < JUMP_SHARE:
            jump_us = int(MAX_JUMP_US ** draw.random())
            self._us, self._ahead_us = self._us + jump_us, self._ahead_us + jump_us
        if self._shared and draw.random() < SHARED_SHARE:
            kind = draw.choice(list(self._own.of_all))
            return self._planned("shared", kind, None, self._own.payload(draw, kind, self.hints, of_all=True))
        kind, account, payload = self._hostile()
        self._earlier.append((kind, account, payload))
        return self._planned("hostile", kind, account, payload)

    def _hostile(self) -> tuple[str, str | None, bytes]:
        draw = self._draw
        if self._earlier and draw.random() < REPEAT_SHARE:
            return draw.choice(self._earlier)
        if draw.random() < OWN_SHARE:
            kind = draw.choice(list(self._own.of_accounts))
            return kind, draw.choice((*ACCOUNTS, None)), self._own.payload(draw, kind, self.hints, of_all=False)
        frame = self._mutator.frame(draw)
        head = envelope(frame)
        return head.type if head.type in INBOUND_TYPES and head.type else events.FRAME, head.account, frame

    def _planned(
        self, origin: Origin, kind: str, account: str | None, payload: bytes, session: str | None = None
    ) -> Planned:
        draw = self._draw
        received_us = self._us
        if origin == "hostile":
            session = draw.choice(_SESSIONS) if draw.random() < ODD_TIME_SHARE else "s"
            received_us = draw.choice(_ODD_TIMES_US) if draw.random() < ODD_TIME_SHARE else received_us
        elif origin == "shared":
            session = draw.choice(_SESSIONS)
        self._seq += 1
        # The append stores no account with a NUL in its name.
        named = None if account is None or "\0" in account else account
        at, received = to_datetime(self._us), to_datetime(received_us)
        return Planned(Event(self._seq, at, received, kind, named, session, is_readable(payload), payload), origin)


def plain(stream: Iterable[Planned]) -> list[Planned]:
    """Return the log without the hostile events."""
    return [each.without() if each.origin == "hostile" else each for each in stream]


def is_calm(account: object) -> bool:
    """True if a row is of the calm account."""
    return account == CALM
