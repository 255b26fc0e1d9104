"""How far a gateway's log is folded, and what of its projector the rest of the service needs.

Two classes follow a log: `recon.projection.projector.Projector`, a task of this process, and the one of
`recon.service.projecting`, which has that task run in a process of its own. The service knows neither: it knows a
`Projection`.
"""

from __future__ import annotations

from typing import Final, Never, Protocol

import msgspec

from recon.meters import Pulse


class Position(msgspec.Struct, frozen=True):
    """The last log position that is folded, and its log time in microseconds (0: not known).

    `pending`: time alone may decide something, so log time should pass each second.
    """

    seq: int
    last_us: int
    pending: bool

    def figures(self) -> dict[str, int]:
        """Return the position as the figures of a part's status."""
        return {"seq": self.seq, "last_us": self.last_us, "pending": int(self.pending)}


#: Before the first step.
START: Final = Position(0, 0, pending=False)


class Projection(Protocol):
    """Whoever folds the log of one gateway, in this process or another."""

    @property
    def seq(self) -> int:
        """Return the last log position that is known to be folded."""
        ...

    @property
    def last_us(self) -> int:
        """Return the log time of that event, in microseconds; 0 before the first step."""
        ...

    @property
    def pending(self) -> bool:
        """True if time alone may decide something: then log time should pass each second."""
        ...

    @property
    def pulse(self) -> Pulse:
        """Return what beats as long as the projection moves."""
        ...

    def hint(self, seq: int | None = None) -> None:
        """Read the log soon, unless it is folded up to `seq`; call this in the Trio thread.

        The recorder names the last log position that it has appended; others name none.
        """
        ...

    async def run(self) -> Never:
        """Follow the log until cancelled; then call `finish`. Errors: ProjectionError, DatabaseError."""
        ...

    async def finish(self, *, fold: bool = True) -> None:
        """Fold the last events after the recorder has ended, and end.

        Without `fold`, end at once. What cannot be folded now is left to whoever comes next.
        """
        ...
