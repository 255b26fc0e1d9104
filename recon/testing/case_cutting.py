"""Cuts a stretch of a gateway's log into the lines of a case."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from recon.display.words import counted
from recon.ems.protocol.messages import (
    BALANCE_SNAPSHOT,
    ORDER_EXEC_REPORT_SNAPSHOT,
    POSITION_SNAPSHOT,
    SERVER_INFO,
    SYMBOLS_SNAPSHOT,
)
from recon.errors import DocumentRefused
from recon.ledger.apply.sessions import Tick
from recon.ledger.rules import HOLE_US
from recon.log import events
from recon.log.events import Event
from recon.testing.case import CaseLine, OwnEvent, OwnKind
from recon.times import microseconds

#: A heartbeat comes each second; a pause longer than this is a silence, in microseconds.
SILENCE_US: Final = 3_000_000
#: What an account needs to open, each once.
SNAPSHOTS: Final = (SYMBOLS_SNAPSHOT, ORDER_EXEC_REPORT_SNAPSHOT, BALANCE_SNAPSHOT, POSITION_SNAPSHOT)

#: Events that a case does not have: they name log positions, or breaks by what they follow from.
_LEFT_OUT: Final = frozenset(
    {
        *(events.RULES_PROPOSED, events.DECISION, events.VENUE_ANSWER, events.VENUE_TRADE),
        *(events.CATCH_UP_BEGUN, events.REST_ANSWER, events.CATCH_UP_ENDED, events.EVENT_REFUSED, events.CLOCK_JUMPED),
    }
)
_SESSIONS: Final = frozenset({events.SESSION_FAILED})
_tick: Final = events.payload_reader(Tick)
_LINE_END: Final = re.compile(rb"[\r\n]")
_SECOND_US: Final = 1_000_000


class Shown(NamedTuple):
    """What a case shows: the account's name, and each kind of payload as it is written there."""

    account: str
    frame: Callable[[bytes], bytes]
    fact: Callable[[bytes], bytes]
    rules: Callable[[bytes], bytes]


class Cut(NamedTuple):
    """What was cut: the lines, the beginning, the seconds of quiet at the end, and what the case lacks, in words."""

    lines: list[CaseLine]
    begins_at: datetime
    quiet_s: int
    lacks: list[str]


def cut(log: Sequence[Event], account: str, shown: Shown) -> Cut:
    """Cut one account's events out of a log that begins with the opening of a session."""
    cutter = _Cutter(account, shown, microseconds(log[0].recorded_at))
    for event in log:
        cutter.add(event)
    end_us = microseconds(log[-1].recorded_at)
    cutter.end(end_us)
    cutter.lines.sort(key=lambda line: line.at_s)
    last_us = cutter.lines[-1].at_us if cutter.lines else 0
    quiet_s = -((cutter.begin_us + last_us - end_us) // _SECOND_US)  # rounded up: the last tick is part of it
    return Cut(cutter.lines, log[0].recorded_at, quiet_s, cutter.lacks())


class _Cutter:
    """Reads one event after another."""

    def __init__(self, account: str, shown: Shown, begin_us: int) -> None:
        self.begin_us = begin_us
        self.lines: list[CaseLine] = []
        self._account = account
        self._shown = shown
        self._is_open = False
        self._is_silent = False
        self._opened = 0
        #: The last heartbeat of the session; None before the first.
        self._beat_us: int | None = None
        self._last_us = begin_us
        self._kinds: set[str] = set()
        self._left_out: Counter[str] = Counter()
        self._holes: list[int] = []

    def add(self, event: Event) -> None:
        us = microseconds(event.recorded_at)
        if us - self._last_us > HOLE_US:
            self._holes.append(event.seq)
        if event.kind == events.SESSION_OPENED:
            self._open(us)
        elif event.kind == events.SESSION_CLOSED:
            self._close(us)
        elif event.kind == events.TICK:
            self._heartbeats(event)
        elif event.kind == events.RULES:
            self._own(event, us, "rules", self._shown.rules, None)
        elif event.account in {self._account, None}:
            self._of_account(event, us)
        self._last_us = us

    def end(self, us: int) -> None:
        """Note a silence that lasts to the end."""
        if self._is_open and self._beat_us is not None and us - self._beat_us > SILENCE_US + _SECOND_US:
            self._line(self._beat_us, CaseLine(Decimal(0), silence=True))
            self._is_silent = True

    def lacks(self) -> list[str]:
        """Return what the case lacks of the log, in sentences."""
        missing = [kind for kind in SNAPSHOTS if kind not in self._kinds]
        told = [f"it has no {kind} of the account in its first session: units may not open" for kind in missing]
        told += [
            f"{counted(count, 'event')} of the kind {kind} {'is' if count == 1 else 'are'} left out"
            for kind, count in sorted(self._left_out.items())
        ]
        told += [f"nothing was recorded before event {seq}; in the case time passes there" for seq in self._holes]
        return told

    def _of_account(self, event: Event, us: int) -> None:
        if event.kind == events.FACT:
            self._own(event, us, "fact", self._shown.fact, self._shown.account)
        elif event.kind in _LEFT_OUT:
            self._left_out[event.kind] += 1
        elif self._is_open and event.account is not None and event.kind not in _SESSIONS:
            if self._opened == 1:
                self._kinds.add(event.kind)
            if event.kind == SERVER_INFO:
                self._beat(us, us)
            self._line(us, _framed(self._shown.frame(event.payload)))

    def _own(self, event: Event, us: int, kind: OwnKind, shown: Callable[[bytes], bytes], account: str | None) -> None:
        """Write an event of recon's own; one that cannot be read changed nothing, and is left out."""
        try:
            payload = shown(event.payload)
        except DocumentRefused:
            payload = b""
        if _is_line_of_json(payload):
            self._line(us, CaseLine(Decimal(0), event=OwnEvent(kind, msgspec.Raw(payload), account)))
        else:
            self._left_out[event.kind] += 1

    def _open(self, us: int) -> None:
        if self._is_open:
            self._close(self._last_us)
        if self._is_silent:
            self._line(us, CaseLine(Decimal(0), silence=False))
        if self._opened:
            self._line(us, CaseLine(Decimal(0), control="open"))
        self._is_silent = False
        self._is_open, self._beat_us = True, None
        self._opened += 1

    def _close(self, us: int) -> None:
        if self._is_open:
            self.end(us)
            self._line(us, CaseLine(Decimal(0), control="close"))
            self._is_open = False

    def _heartbeats(self, tick: Event) -> None:
        """Read the heartbeats that a tick counted: the last one, and how many there were."""
        try:
            beat = _tick(tick.payload).heartbeats.get(self._account)
        except msgspec.DecodeError:
            return
        if beat is not None and self._is_open:
            self._beat(beat.last_us - max(beat.count - 1, 0) * _SECOND_US, beat.last_us)

    def _beat(self, first_us: int, last_us: int) -> None:
        if self._beat_us is not None and first_us - self._beat_us > SILENCE_US:
            self._line(self._beat_us, CaseLine(Decimal(0), silence=True))
            # The next whole second of the case is then the first heartbeat again.
            self._line(first_us - _SECOND_US // 2, CaseLine(Decimal(0), silence=False))
        self._beat_us = max(last_us, self._beat_us or last_us)

    def _line(self, us: int, line: CaseLine) -> None:
        at_s = Decimal(us - self.begin_us).scaleb(-6).normalize()
        self.lines.append(msgspec.structs.replace(line, at_s=max(Decimal(format(at_s, "f")), Decimal(0))))


def _framed(payload: bytes) -> CaseLine:
    """Return a frame byte for byte: as JSON where it is JSON on one line, else in base64."""
    if _is_line_of_json(payload):
        return CaseLine(Decimal(0), frame=msgspec.Raw(payload))
    return CaseLine(Decimal(0), base64=base64.b64encode(payload).decode())


def _is_line_of_json(payload: bytes) -> bool:
    """True if a line can hold the bytes as a value of JSON, and gives them back."""
    try:
        embedded = msgspec.json.decode(b'{"frame":' + payload + b"}", type=_Embedded)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return bytes(embedded.frame) == payload and _LINE_END.search(payload) is None


class _Embedded(msgspec.Struct):
    frame: msgspec.Raw


def written(line: CaseLine) -> bytes:
    """Return a line as `frames.jsonl` has it."""
    return _encode(line) + b"\n"


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
