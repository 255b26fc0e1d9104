"""What faults need of the gateway in whose day they are planted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from recon.simulator.event_queue import Agenda
from recon.simulator.fault import Fault
from recon.simulator.gateway.account import Account
from recon.simulator.gateway.outgoing import ControlKind
from recon.simulator.plan import GatewayPlan
from recon.simulator.venue.ledger import Entry


class Scene(Protocol):
    """A gateway's day, as far as it can be tampered with."""

    plan: GatewayPlan
    agenda: Agenda
    accounts: Mapping[str, Account]

    def send(self, payload: bytes) -> bool:
        """Send to whoever is connected; tell whether anybody is."""

    def rest(self, begin: int) -> None:
        """Hold ordinary trading back from a time on, until everybody is back."""

    def farewell(self) -> None:
        """Say for every account that the process is going down."""

    def shut(self, fault: Fault, kind: ControlKind) -> None:
        """End every connection and let nobody in until the fault is over."""

    def mute(self, fault: Fault) -> None:
        """Send nothing until the fault is over."""

    def planted(self, fault: Fault, account: str, entries: Iterable[Entry]) -> None:
        """Record what a fault hides or changes, now, and have its units observed again."""

    def benign(self, fault: Fault) -> None:
        """Record a fault that must not be flagged."""
