"""When the next step begins, and whether the log may go on beyond the last one. Pure.

1. A step costs some milliseconds, however few events it folds. So a small one is followed by a rest that is as long as
   the step was, in which events gather: half of the time is left to whoever else needs the machine.
2. Many events that wait are folded without a rest, and so is the first one after a quiet time.
3. The recorder of this process says how far the log goes. Where it alone has told of events, no step is spent on
   finding out that there are no more. Any other hint says no position, so then steps go on until one reads nothing.
"""

from __future__ import annotations

from typing import Final

#: Longest rest between two steps, in seconds.
REST_SECONDS: Final = 0.025
#: So many events that wait are worth a step of their own.
MANY_EVENTS: Final = 100


class Pace:
    """The pace of one projector."""

    def __init__(self) -> None:
        """Begin with a log that nothing is known of."""
        self._head = 0
        self._unsure = True
        self._rest_until = 0.0

    def note_head(self, seq: int) -> None:
        """Note how far the recorder has appended."""
        self._head = max(self._head, seq)

    def note_unsure(self) -> None:
        """Note that the log may go on further than the recorder has told, or that it is not known how far."""
        self._unsure = True

    def take_unsure(self) -> bool:
        """Return whether steps have to go on until one reads nothing; from now on that is known until the next note."""
        unsure, self._unsure = self._unsure, False
        return unsure

    def is_at_end(self, seq: int) -> bool:
        """True if a log position is the last one that the recorder has told of."""
        return seq >= self._head

    def note_step(self, began: float, ended: float) -> None:
        """Note how long a step took, by a steady clock in seconds."""
        self._rest_until = ended + min(ended - began, REST_SECONDS)

    def rest_until(self, seq: int) -> float:
        """Return when the next step begins, by the same clock: at once where many events wait after a position."""
        return 0.0 if self._head - seq >= MANY_EVENTS else self._rest_until
