"""Orders and their lives, by the table of protocol 6."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from recon.errors import SimulationError
from recon.exact import ZERO
from recon.simulator.instruments import Instrument, Side
from recon.simulator.venue.ledger import Effect, Entry


class Status(StrEnum):
    """The status of an order."""

    RECEIVED = "RECEIVED"
    ROUTING = "ROUTING"
    ROUTED = "ROUTED"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"


TERMINAL: Final = frozenset({Status.FILLED, Status.CANCELED, Status.REJECTED})
#: States before the venue accepts the order, without an exchange id.
EARLY: Final = frozenset({Status.RECEIVED, Status.ROUTING, Status.ROUTED})
#: `exec_inst` of an order that only makes.
POST_ONLY: Final = "MAKER_OR_CANCEL"
_FILLING: Final = frozenset({Status.PARTIALLY_FILLED, Status.FILLED})

#: The documented table, plus ROUTING -> REJECTED and repeated partial fills, which happen live.
LEGAL: Final = {
    None: frozenset({Status.RECEIVED, Status.NEW, Status.PARTIALLY_FILLED}),
    Status.RECEIVED: frozenset({Status.REJECTED, Status.ROUTING}),
    Status.ROUTING: frozenset({Status.ROUTED, Status.REJECTED}),
    Status.ROUTED: frozenset({Status.REJECTED, Status.NEW, Status.CANCELED}) | _FILLING,
    Status.NEW: frozenset({Status.PENDING_CANCEL, Status.CANCELED}) | _FILLING,
    Status.PARTIALLY_FILLED: frozenset({Status.PENDING_CANCEL, Status.CANCELED}) | _FILLING,
    Status.PENDING_CANCEL: frozenset({Status.NEW, Status.CANCELED}) | _FILLING,
    Status.FILLED: frozenset[Status](),
    Status.CANCELED: frozenset[Status](),
    Status.REJECTED: frozenset[Status](),
}


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution; `at` in ticks."""

    at: int
    price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Report:
    """The state of an order at one moment, as an execution report carries it."""

    order: Order
    exchange_order_id: str | None
    status: Status
    history: tuple[tuple[Status, int], ...]
    fills: tuple[Fill, ...]
    filled: Decimal
    cash: Decimal
    error: str | None

    @property
    def is_final(self) -> bool:
        """True if the order has ended."""
        return self.status in TERMINAL


@dataclass(slots=True, eq=False, kw_only=True)
class Order:
    """An order at the venue, and the part of it that the gateway has learnt and reported.

    `states_learnt` counts the states that the gateway has learnt. `disclosed` is the largest filled amount sent to a
    client, and `reported` is true after any report. `entries` holds, per fill, the filled amount after it and its
    changes of the books.
    """

    account: str
    client_id: str
    client_id_exchange: str
    exchange_id: str
    instrument: Instrument
    side: Side
    price: Decimal
    amount: Decimal
    time_in_force: str = "GOOD_TILL_CANCEL"
    exec_inst: tuple[str, ...] = ()
    effect: Effect = Effect.NET
    status: Status | None = None
    error: str | None = None
    history: list[tuple[Status, int]] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    filled: Decimal = ZERO
    cash: Decimal = ZERO
    entries: list[tuple[Decimal, tuple[Entry, ...]]] = field(default_factory=list)
    states_learnt: int = 0
    disclosed: Decimal = ZERO
    reported: bool = False

    @property
    def open_amount(self) -> Decimal:
        """Return the unfilled amount."""
        return max(self.amount - self.filled, ZERO)

    @property
    def is_final(self) -> bool:
        """True if the order has ended at the venue."""
        return self.status in TERMINAL

    def move(self, status: Status, at: int) -> None:
        """Change to the next status. Raises SimulationError when the protocol's table forbids it."""
        if status not in LEGAL[self.status]:
            raise SimulationError(f"The plan moves order {self.client_id} from {self.status} to {status}.")
        if self.history and at <= self.history[-1][1]:
            raise SimulationError(f"The plan moves order {self.client_id} to {status} before its last change.")
        self.status = status
        self.history.append((status, at))

    def fill(self, fill: Fill, entries: tuple[Entry, ...], *, beyond: bool = False) -> None:
        """Add an execution. Raises SimulationError beyond the ordered amount, unless the overfill is intended."""
        if fill.amount > self.open_amount and not beyond:
            raise SimulationError(
                f"The plan fills {fill.amount} of order {self.client_id}, {self.open_amount} is open."
            )
        self.fills.append(fill)
        self.filled += fill.amount
        self.cash += fill.amount * fill.price
        self.entries.append((self.filled, entries))

    def report(self) -> Report:
        """Return a snapshot of the present state."""
        if self.status is None:
            raise SimulationError(f"Order {self.client_id} has no status to report.")
        placed = any(status not in EARLY and status is not Status.REJECTED for status, _ in self.history)
        return Report(
            order=self,
            exchange_order_id=self.exchange_id if placed else None,
            status=self.status,
            history=tuple(self.history),
            fills=tuple(self.fills),
            filled=self.filled,
            cash=self.cash,
            error=self.error,
        )

    def undisclosed(self) -> tuple[tuple[Fill, tuple[Entry, ...]], ...]:
        """Return the fills, with their entries, that no report to a client included."""
        pairs = zip(self.fills, self.entries, strict=True)
        return tuple((fill, entries) for fill, (after, entries) in pairs if after > self.disclosed)
