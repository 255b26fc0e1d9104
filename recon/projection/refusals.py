"""Refused events: which events the fold leaves out, by the log itself. Pure (architecture 2.12).

1. A refusal is an event of its own (`event.refused`). It names the refused event, the version of the fold that could
   not take it, and the reason.
2. A refusal holds for its version of the fold only: a later version folds the event.
3. Of several refusals of one event by one version, the first counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Final

import msgspec

from recon.log.events import payload_reader

#: Longest reason of a refusal, in characters.
MAX_REASON: Final = 300
#: The share of a failed step that the next one takes. Whole pages come down to one event after three failures, so that
#: dear events in front of the one at fault are folded four times at most, where halves fold them up to ten times.
PARTS: Final = 32


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """The payload of event.refused: the refused event's log position, the version of the fold, and the reason."""

    seq: int
    fold_version: int
    reason: str


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = payload_reader(Refusal)


def encode_refusal(refusal: Refusal) -> bytes:
    """Return the payload of a refusal, its reason as text that can be stored; a long reason is cut."""
    return _encode(_storable(refusal))


def _storable(refusal: Refusal) -> Refusal:
    """Return a refusal without U+0000 and lone surrogates in its reason, which may quote the refused event."""
    reason = refusal.reason[:MAX_REASON].replace("\0", "").encode("utf-8", "replace").decode()
    return msgspec.structs.replace(refusal, reason=reason)


class Refusals:
    """The refusals of one version of the fold, as far as the log was read."""

    def __init__(self, fold_version: int, seen_seq: int = 0) -> None:
        """Begin with none; `seen_seq` is the log position from which on refusals matter."""
        self._fold_version = fold_version
        self._by_seq: dict[int, Refusal] = {}
        #: The log positions of refused events, as a heap.
        self._in_order: list[int] = []
        #: The log position up to which refusals were learned.
        self.seen_seq = seen_seq

    def learn(self, logged: Iterable[tuple[int, bytes]]) -> None:
        """Learn refusals, each with its own log position, in log order; one that cannot be read is left out."""
        for seq, payload in logged:
            self.seen_seq = seq
            try:
                refusal = _storable(_decode(payload))
            except msgspec.DecodeError:
                continue
            if refusal.seq < seq:
                self.add(refusal)

    def add(self, refusal: Refusal) -> None:
        """Add a refusal, unless it is of another version or not the first of its event."""
        if refusal.fold_version == self._fold_version and refusal.seq not in self._by_seq:
            self._by_seq[refusal.seq] = refusal
            heappush(self._in_order, refusal.seq)

    def of(self, seq: int) -> Refusal | None:
        """Return the refusal of the event at a log position, None if the event is not refused."""
        return self._by_seq.get(seq)

    def forget_until(self, seq: int) -> None:
        """Drop the refusals of events up to a log position: they are folded."""
        while self._in_order and self._in_order[0] <= seq:
            self._by_seq.pop(heappop(self._in_order), None)


class Narrowing:
    """How many events the next step takes, so that one event alone is found on which steps fail."""

    def __init__(self, most: int) -> None:
        """Begin with `most` events in a step."""
        self._most = most
        #: The last log position of a step that failed, and the event that it failed in, if that is known.
        self._suspect_seq = 0
        self._failed_seq: int | None = None
        self.limit = most

    def note_failure(self, after_seq: int, count: int, at_seq: int | None = None, *, late: bool = False) -> bool:
        """Note that a step of `count` events after a log position failed; return True if its one event is at fault.

        `at_seq` is the event that the step failed in, if that is known: the next step ends before it. `late`: the step
        missed its deadline, so perhaps none of its events is at fault. A single event that was alone by chance, and
        not because the step was to take one, had the time of an event among others: it is tried again.
        """
        is_alone = count == 1 and (self.limit == 1 or not late)
        if not late:
            self._suspect_seq = max(self._suspect_seq, after_seq + count)
        self._failed_seq = at_seq
        parts = 2 if late else PARTS  # a database that is late for a while may not bring a step down to one event
        before = count // parts if at_seq is None else at_seq - after_seq - 1
        self.limit = max(before, 1)
        return is_alone

    def note_refusal(self, seq: int) -> None:
        """Note that the event at a log position is refused: it was what the steps failed on."""
        self._suspect_seq, self._failed_seq, self.limit = seq, None, 1

    def note_success(self, seq: int) -> None:
        """Note that everything up to a log position is folded: steps grow again, doubling, beyond what failed."""
        if self._failed_seq is not None and seq >= self._failed_seq:
            self._suspect_seq, self._failed_seq = seq, None
        if self._failed_seq == seq + 1:
            self.limit = 1
        elif seq >= self._suspect_seq:
            self.limit = min(self.limit * 2, self._most)
