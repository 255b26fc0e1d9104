"""One chain of digests computed again, event by event, wherever the events are read from (architecture 2.3). Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from recon.log.events import Head, Marks, chain, genesis
from recon.log.readable import is_readable
from recon.log.stored_event import StoredEvent, leaf_of, marks_of

#: Differences after which the search ends: they all have one reason, or the log is not worth more of them.
MAX_DIFFERENCES: Final = 20


class Start(NamedTuple):
    """Where a chain begins: after an event, with its digest and its log time in microseconds."""

    seq: int
    digest: bytes
    recorded_us: int = 0


class TooManyDifferences(Exception):
    """The search has ended before the end of the log."""


class ChainCheck:
    """Checks one event after another. After one that differs, the chain goes on from the digest that is stored."""

    def __init__(self, gateway: str, *, against: Head | None = None, start: Start | None = None) -> None:
        """Begin before the first event of a gateway's log, or after the one that `start` names.

        `against` is a head exported earlier, which the chain must hold.
        """
        start = start or Start(0, genesis(gateway))
        self.seq = start.seq
        self.differences: list[str] = []
        self._gateway = gateway
        self._against = against
        self._digest = start.digest
        self._recorded_us = start.recorded_us
        #: False while the events are from before revision 0002, whose digests do not cover the marks.
        self._marked = False
        if against is not None and 0 < against.seq <= start.seq:
            self._check_start(against, start)

    @property
    def head(self) -> Head:
        """Return the head after the events so far."""
        return Head(self._gateway, self.seq, self._digest.hex())

    def differs(self, difference: str, *, ends: bool = False) -> None:
        """Note a difference. Raise TooManyDifferences if the search ends with it."""
        self.differences.append(difference)
        if ends or len(self.differences) >= MAX_DIFFERENCES:
            raise TooManyDifferences

    def check(self, event: StoredEvent) -> None:
        """Check one more event."""
        seq = event.seq
        if seq != self.seq + 1:
            self.differs(f"after event {self.seq} comes {seq}; events are missing", ends=True)
        if self._fits(event) and is_readable(event.payload) is (not event.readable):
            marked, is_ = ("readable", "is not") if event.readable else ("unreadable", "is")
            self.differs(f"event {seq} is marked as {marked}, and its payload {is_} JSON that can be read")
        if event.recorded_us < self._recorded_us:
            self.differs(f"the log time of event {seq} is before that of event {seq - 1}")
        self.seq, self._digest, self._recorded_us = seq, event.digest, event.recorded_us
        against = self._against
        if against is not None and seq == against.seq and event.digest.hex() != against.digest:
            self.differs(f"event {seq} has another digest than the exported head; history differs")

    def end(self) -> None:
        """Compare the end of the log with the exported head."""
        if self._against is not None and self.seq < self._against.seq:
            ended = f"the log ends at {self.seq}, the exported head was at {self._against.seq}"
            self.differs(f"{ended}; events are missing")

    def _check_start(self, against: Head, start: Start) -> None:
        if against.seq < start.seq:
            self.differs(
                f"the exported head is at event {against.seq}, which is archived and was not read;"
                " check it with --archive DIR"
            )
        elif start.digest.hex() != against.digest:
            self.differs(f"event {start.seq} has another digest than the exported head; history differs")

    def _fits(self, event: StoredEvent) -> bool:
        """Check an event's digest; return False if it does not fit."""
        seq = event.seq
        if self._chained(event) == event.digest:
            if event.appended_us is None and self._marked:
                self.differs(f"event {seq} has the digest of a former version, which does not cover its marks")
            self._marked = self._marked or event.appended_us is not None
            return True
        if event.appended_us is not None:
            marks = marks_of(event)
            for name in Marks._fields:
                flipped = marks._replace(**{name: not getattr(marks, name)})
                if self._chained(event, flipped) == event.digest:
                    self.differs(f"event {seq} does not fit its digest; its mark {name!r} was changed")
                    return False
        self.differs(f"event {seq} does not fit its digest; it was changed")
        return False

    def _chained(self, event: StoredEvent, marks: Marks | None = None) -> bytes:
        return chain(self._digest, event.seq, event.recorded_us, leaf_of(event, marks))
