"""What a fold changes: the rows to be written, and the effects of one event for the comparison. Pure."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.ledger.account import Account
from recon.ledger.backfills import Backfill
from recon.ledger.coverage import CoverageInterval
from recon.ledger.facts.external_fact import RecordedFact
from recon.ledger.facts.waiting import WaitingFact
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument
from recon.ledger.legs import FillPart, Leg
from recon.ledger.observations import Observation
from recon.ledger.orders import Order
from recon.ledger.units import Entry, UnitKey, UnitState
from recon.times import LogTime


class Finding(msgspec.Struct, frozen=True, gc=False):
    """A discrepancy in the data: a value, never an exception."""

    account: str | None
    seq: int
    kind: str
    about: str
    message: str


class BookedFill(msgspec.Struct, frozen=True, gc=False):
    """A fill with its order, as the fills view shows the fill.

    Symbol and side are those at the booking: later reports of a batch may add what is not known yet.
    """

    order: Order
    fill: Fill
    symbol: str | None
    side: str | None
    cash_asset: str | None
    seq: int


def booked_fill(order: Order, fill: Fill, cash_asset: str | None, seq: int) -> BookedFill:
    """Return a fill with its order as that is known now."""
    return BookedFill(order, fill, order.identity.symbol, order.identity.side, cash_asset, seq)


class Contradiction(msgspec.Struct, frozen=True):
    """A report with a fallen or an excessive filled amount; `resolved` when a later report agrees again."""

    order: Order
    kind: str
    amount: Decimal
    resolved: bool


class LedgerChanges(msgspec.Struct):
    """The rows changed by a batch, to be written."""

    orders: dict[tuple[str, str], Order] = {}
    units: dict[UnitKey, UnitState] = {}
    accounts: dict[str, Account] = {}
    #: Accounts whose fee rates changed.
    rates: dict[str, Account] = {}
    instruments: dict[tuple[str, str], Instrument] = {}
    fills: list[BookedFill] = []
    entries: list[Entry] = []
    findings: list[Finding] = []
    intervals: list[CoverageInterval] = []
    backfills: list[Backfill] = []
    facts: list[RecordedFact] = []
    waiting_facts: dict[int, WaitingFact] = {}


class CurrentEvent(msgspec.Struct, frozen=True, gc=False):
    """The event being folded: the log time (None before the first event), and whether REST brought the event.

    `answer_age_us` is how old an answer over REST may be beyond the way of a message, in microseconds.
    """

    at: LogTime | None = None
    from_rest: bool = False
    answer_age_us: int = 0


class Effects(msgspec.Struct):
    """The effects of an event on the ledger, for the comparison to act on and then to empty."""

    #: Units that got entries.
    posted: dict[UnitKey, UnitState] = {}
    #: What was moved in which unit, in the order of posting.
    legs: list[tuple[UnitState, Leg]] = []
    #: Orders of spot fills whose cash is not known, by the unit that they are paid in.
    cash_to_come: list[tuple[UnitState, str]] = []
    #: Parts of booked fills that an overtaken report told of.
    parts: list[FillPart] = []
    observed: list[tuple[UnitState, Observation]] = []
    #: Reports that contradict themselves or an earlier report, for a break of their own kind (semantics 2.6).
    contradictions: list[Contradiction] = []
    #: Accounts whose backfill ended: they are compared again.
    resumed: list[str] = []

    @property
    def to_compare(self) -> bool:
        """True if the event has effects to compare."""
        return bool(self.posted or self.legs or self.parts or self.observed or self.contradictions)

    def take_legs(self) -> list[tuple[UnitState, Leg]]:
        """Return what was moved, and forget it."""
        legs, self.legs = self.legs, []
        return legs
