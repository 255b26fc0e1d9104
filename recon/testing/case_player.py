"""Plays a case on virtual time: its lines become events of the log, which are folded without a database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from recon.ems.protocol.decode import envelope
from recon.ems.protocol.messages import SERVER_INFO
from recon.log import events
from recon.log.events import Event, NewEvent
from recon.projection.fold import Fold, decode_event
from recon.testing.case import Case, CaseLine
from recon.testing.log import as_stored, new_fold
from recon.testing.messages import stamp
from recon.testing.outcome import Outcome, outcome_of
from recon.testing.virtual_recorder import VirtualRecorder

#: The gateway of a case that is replayed.
GATEWAY: Final = "replay"
#: Microseconds between two heartbeats of an account, and between two ticks.
_SECOND_US: Final = 1_000_000

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode: Final = msgspec.json.Encoder().encode


class ReplayedCase(NamedTuple):
    """A case that was played: the fold after its last event, the log that was folded, and what it came to."""

    case: Case
    fold: Fold
    log: list[Event]
    outcome: Outcome


def replay(case: Case, *, gateway: str = GATEWAY) -> ReplayedCase:
    """Fold a case from its beginning to the end of its quiet."""
    log = list(as_stored(case_events(case), start=case.begins_at))
    fold = new_fold(gateway)
    fold.fold([decode_event(event) for event in log])
    return ReplayedCase(case, fold, log, outcome_of(fold))


def case_events(case: Case) -> Iterator[NewEvent]:
    """Yield what the recorder would append, in order: rules, the session, frames, and a tick each second."""
    yield NewEvent(events.RULES, case.rules, case.begins_at)
    player = _Player(case)
    yield from player.open(0)
    for line in case.lines:
        yield from player.seconds_until(line.at_us)
        yield from player.line(line)
    yield from player.seconds_until(case.until_us)


class _Player:
    """The session of a case, with the heartbeats of its accounts."""

    def __init__(self, case: Case) -> None:
        self._begins_at = case.begins_at
        self._recorder = VirtualRecorder(case.begins_at)
        #: What the SERVER_INFO of each account says: the case's own words where it has them.
        self._infos: dict[str, dict[str, msgspec.Raw]] = _infos_of(case)
        self._is_open = False
        self._is_silent = False
        self._next_us = _SECOND_US

    def line(self, line: CaseLine) -> Iterator[NewEvent]:
        """Play one line."""
        if line.silence is not None:
            self._is_silent = line.silence
        elif line.control is not None:
            yield from self._control(line.control, line.at_us)
        elif line.event is not None:
            own = line.event
            yield NewEvent(own.kind, bytes(own.payload), self._time(line.at_us), own.account)
        else:
            yield from self._frame(line.payload, line.at_us)

    def _time(self, at_us: int) -> datetime:
        return self._begins_at + timedelta(microseconds=at_us)

    def open(self, at_us: int) -> Iterator[NewEvent]:
        """Open a session; every account says at once that it is there."""
        self._is_open = True
        yield self._recorder.opened(self._time(at_us))
        yield from self._heartbeats(at_us)

    def seconds_until(self, at_us: int) -> Iterator[NewEvent]:
        """Let time pass up to a moment: each whole second brings the heartbeats and a tick."""
        while self._next_us <= at_us:
            yield from self._heartbeats(self._next_us)
            yield self._recorder.tick(self._time(self._next_us))
            self._next_us += _SECOND_US

    def _control(self, control: str, at_us: int) -> Iterator[NewEvent]:
        """Open or close the session; what is so already changes nothing."""
        if control == "open" and not self._is_open:
            yield from self.open(at_us)
        elif control == "close" and self._is_open:
            self._is_open = False
            yield self._recorder.closed(self._time(at_us))

    def _frame(self, payload: bytes, at_us: int) -> Iterator[NewEvent]:
        head = envelope(payload)
        if head.type == SERVER_INFO and head.account is not None:
            self._infos[head.account] = _fields(payload)
        event = self._recorder.frame(payload, self._time(at_us))
        if event is not None:
            yield event

    def _heartbeats(self, at_us: int) -> Iterator[NewEvent]:
        if not self._is_open or self._is_silent:
            return
        at = self._time(at_us)
        for info in self._infos.values():
            event = self._recorder.frame(_encode({**info, "time": stamp(at)}), at)
            if event is not None:
                yield event


def _infos_of(case: Case) -> dict[str, dict[str, msgspec.Raw]]:
    """Return the SERVER_INFO of every account that the case names: its own first one, or else a plain one."""
    infos: dict[str, dict[str, msgspec.Raw]] = {}
    own: set[str] = set()
    for line in case.lines:
        head = envelope(line.payload) if line.payload else None
        if head is None or head.account is None:
            continue
        if head.type == SERVER_INFO and head.account not in own:
            own.add(head.account)
            infos[head.account] = _fields(line.payload)
        else:
            infos.setdefault(head.account, _plain_info(head.account))
    return infos


def _plain_info(account: str) -> dict[str, msgspec.Raw]:
    info = {
        "type": SERVER_INFO,
        "exchange_id": account,
        "instance_guid": f"instance of {account}",
        "is_running": True,
        "server_version": "1",
    }
    return {name: msgspec.Raw(_encode(value)) for name, value in info.items()}
