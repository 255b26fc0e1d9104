"""What an account needs of the gateway that it is at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from recon.simulator.event_queue import Agenda
from recon.simulator.fault import Fault
from recon.simulator.gateway.wire import Process
from recon.simulator.venue.ledger import Entry


class Stage(Protocol):
    """What an account needs of its gateway."""

    agenda: Agenda
    process: Process
    #: When the day begins, in ticks.
    starts_at: int

    def send(self, payload: bytes) -> bool:
        """Send to whoever is connected; tell whether anybody is."""

    def quiet(self) -> bool:
        """Tell whether all ordinary trading is held back."""

    def planted(
        self,
        fault: Fault,
        account: str,
        entries: Iterable[Entry],
        *,
        at: int | None = None,
        ends_at: int | None = None,
    ) -> None:
        """Record what a fault did, now or at another time."""
