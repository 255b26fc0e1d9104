"""The gateway operations that fault injectors may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from recon.simulator.event_queue import EventQueue
from recon.simulator.fault import Fault
from recon.simulator.gateway.account import Account
from recon.simulator.gateway.outgoing import ControlKind
from recon.simulator.plan import GatewayPlan
from recon.simulator.venue.ledger import Entry


class FaultContext(Protocol):
    """A gateway, and the operations with which faults disturb it."""

    plan: GatewayPlan
    queue: EventQueue
    accounts: Mapping[str, Account]

    def send(self, payload: bytes) -> bool:
        """Send to all clients. True if there are any."""

    def pause_trading(self, begin: int) -> None:
        """Hold ordinary trading back from a time on, until all clients are back."""

    def announce_stop(self) -> None:
        """Announce for every account that the process stops."""

    def shut(self, fault: Fault, kind: ControlKind) -> None:
        """End every connection, and accept none until the fault is over."""

    def mute(self, fault: Fault) -> None:
        """Send nothing until the fault is over."""

    def planted(self, fault: Fault, account: str, entries: Iterable[Entry]) -> None:
        """Record the entries that a fault hides or changes now, and have its units reported again."""

    def benign(self, fault: Fault) -> None:
        """Record a fault that must not be flagged."""
