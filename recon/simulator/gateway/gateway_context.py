"""The gateway operations that an account may use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from recon.simulator.event_queue import EventQueue
from recon.simulator.fault import Fault
from recon.simulator.gateway.wire import Process
from recon.simulator.venue.ledger import Entry


class GatewayContext(Protocol):
    """The gateway of an account."""

    queue: EventQueue
    process: Process
    #: Start of the day, in ticks.
    starts_at: int

    def send(self, payload: bytes) -> bool:
        """Send to all clients. True if there are any."""

    def trading_paused(self) -> bool:
        """True while ordinary trading is held back."""

    def planted(
        self,
        fault: Fault,
        account: str,
        entries: Iterable[Entry],
        *,
        at: int | None = None,
        ends_at: int | None = None,
    ) -> None:
        """Record the effect of a fault, now or at another time."""
