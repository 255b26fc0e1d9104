"""What comes out of a gateway: messages, and what happens to its connections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ControlKind(StrEnum):
    """What happens to the connections.

    DROP and CLOSE end all of them, without and with a closing handshake; nobody is let in until OPEN. STALL
    and RESUME enclose silence. CONNECTED says, in `play` alone, that a client has connected and its snapshots
    follow.
    """

    CONNECTED = "connected"
    DROP = "drop"
    CLOSE = "close"
    OPEN = "open"
    STALL = "stall"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Control:
    """Something that happens to the connections, and why."""

    kind: ControlKind
    reason: str = ""

    @property
    def ends_connections(self) -> bool:
        """Tell whether every client is gone after this."""
        return self.kind in {ControlKind.DROP, ControlKind.CLOSE}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to every client, or a control action, at a simulated time."""

    at: datetime
    payload: bytes | Control
