"""The output of a gateway: messages and control actions on its connections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ControlKind(StrEnum):
    """A control action on the connections.

    DROP and CLOSE end all of them, without and with a closing handshake; clients are refused until OPEN. STALL and
    RESUME enclose silence. CONNECTED occurs in `play` only: a client has connected and its snapshots follow.
    """

    CONNECTED = "connected"
    DROP = "drop"
    CLOSE = "close"
    OPEN = "open"
    STALL = "stall"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Control:
    """A control action and its reason."""

    kind: ControlKind
    reason: str = ""

    @property
    def ends_connections(self) -> bool:
        """True if this action disconnects every client."""
        return self.kind in {ControlKind.DROP, ControlKind.CLOSE}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to every client, or a control action, at a simulated time."""

    at: datetime
    payload: bytes | Control
