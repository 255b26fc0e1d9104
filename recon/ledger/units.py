"""Units and their entries: what is held, and every change to it with its cause. Pure.

1. A unit's books are opening + fills + explained, each an exact sum of its entries (architecture 2.7).
2. Entries are numbered 1, 2, 3 … in the order of knowledge; `running` adds up in that order.
3. The opening is set once (semantics 4); until then the unit has a flow but no value.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from recon.exact import ZERO
from recon.ledger.cost_basis import CostBasis
from recon.ledger.evidence import LockChange
from recon.ledger.fees.model import FeeModel
from recon.ledger.timeline import CERTAIN, Timeline, Uncertainty

UnitKind = Literal["asset", "contract"]
UnitKey = tuple[str, str, str]

OPENING: Final = "opening"
FILL: Final = "fill"
REALISED: Final = "realised"
REHOMED: Final = "rehomed"
ROUNDING: Final = "rounding"
UNMODELLED: Final = "unmodelled"
FEE: Final = "fee"
#: Causes that are what our own orders did; all other causes explain drift.
OF_FILLS: Final = frozenset({FILL, REALISED, REHOMED})


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One change to a unit."""

    account: str
    kind: str
    unit: str
    number: int
    seq: int
    clock: int
    occurred_us: int
    recorded_us: int
    cause: str
    certainty: str
    amount: Decimal
    running: Decimal
    uncertainty: Uncertainty
    order: str | None = None
    ordinal: int | None = None
    break_id: str | None = None
    #: The entry of the same unit that this one takes back, or stands in for.
    replaces: int | None = None
    #: External id of the fact that it follows from (semantics 10.3).
    fact: str | None = None


class PendingTrade(msgspec.Struct, frozen=True):
    """A derivative fill whose cash waits until the opening of its contract is known."""

    quantity: Decimal
    cash: Decimal | None
    number: int
    clock: int
    order: str
    ordinal: int
    occurred_us: int
    #: Whether the order makes or takes liquidity, as far as that is known.
    liquidity: str | None = None


class Unit(msgspec.Struct, gc=False):
    """The books of one unit. The timeline is not part of its stored state: the entries are."""

    account: str
    kind: UnitKind
    code: str
    coinapi: str | None = None
    opening: Decimal | None = None
    opening_certainty: str | None = None
    opening_number: int = 0
    #: Log time from which on a fact is not part of the opening; 0 while there is none.
    opening_us: int = 0
    fills: Decimal = ZERO
    explained: Decimal = ZERO
    entry_count: int = 0
    last_seq: int = 0
    last_clock: int = 0
    uncertainty: Uncertainty = Uncertainty()
    #: Why its balance does not follow from the reports we see; shown, not judged (semantics 3.5).
    unmodelled: str | None = None
    #: Orders not accounted for after a gap, or whose cash is not known: `agreed` is withheld (semantics 7).
    withheld: list[str] = []
    #: Finest scale seen in its reports (semantics 6).
    scale: int | None = None
    #: Contracts: rows by side, and how the venue keeps them (semantics 3.4).
    sides: dict[str, Decimal] = {}
    position_mode: Literal["hedge", "one_way"] | None = None
    #: Log time of the first row that fitted only if both sides are kept, while that is undecided.
    hedge_since: int | None = None
    cost_basis: CostBasis | None = None
    pending_trades: list[PendingTrade] = []
    #: What was reported beside the amount itself.
    available: Decimal | None = None
    locked: Decimal | None = None
    rate_usd: Decimal | None = None
    reported_avg_entry_price: Decimal | None = None
    #: Contracts: the last price told at which the venue would close it. Assets: how `locked` changed of late.
    liquidation_price: Decimal | None = None
    lock_changes: list[LockChange] = []
    #: What its fills cost beside their price, as far as it is learned (semantics 8.5).
    fee: FeeModel = FeeModel()
    #: Whether a schedule tells what its fills cost; it holds until something else is learned.
    fees_scheduled: bool = False
    #: Inferred fees that no single fill is known to have cost, signed.
    fees_unattributed: Decimal = ZERO
    #: Whether any were booked in sum: then single ones are estimates that others make up for.
    fees_estimated: bool = False
    rounding_day: int = 0
    rounding_today: Decimal = ZERO
    #: How many of its entries explain a break, or make an earlier one surer, and so are in every cut.
    explanation_count: int = 0

    @property
    def key(self) -> UnitKey:
        """Name the unit within its gateway."""
        return (self.account, self.kind, self.code)

    @property
    def value(self) -> Decimal | None:
        """Return what the books say is held now, None while no opening is known."""
        return None if self.opening is None else self.opening + self.fills + self.explained


class UnitState:
    """A unit with its recent timeline, as the fold works on it."""

    __slots__ = ("_latest", "key", "timeline", "unit")

    def __init__(self, unit: Unit, timeline: Timeline) -> None:
        """Bring the two together under the unit's key."""
        self.key: UnitKey = unit.key
        self.unit = unit
        self.timeline = timeline
        #: The fill that the newest step is of: its number in the unit, its order and ordinal.
        self._latest: tuple[int, str, int | None] | None = None

    def append(
        self,
        number: int,
        seq: int,
        clock: int,
        occurred_us: int,
        cause: str,
        amount: Decimal,
        slack: Uncertainty,
        *,
        order: str | None,
        ordinal: int | None,
    ) -> None:
        """Add an entry to the timeline; a fee that follows its fill joins the fill's step."""
        explains = cause not in OF_FILLS
        if cause == FEE and order is not None and self._latest == (number - 1, order, ordinal):
            self.timeline.merge_into_last(number, amount, slack)
            self._latest = None
            return
        self.timeline.append(number, seq, clock, occurred_us, amount, slack, explains=explains)
        self._latest = None if order is None or explains else (number, order, ordinal)


def post(
    state: UnitState,
    amount: Decimal,
    *,
    cause: str,
    certainty: str,
    seq: int,
    clock: int,
    occurred_us: int,
    recorded_us: int,
    slack: Uncertainty = CERTAIN,
    order: str | None = None,
    ordinal: int | None = None,
    break_id: str | None = None,
    replaces: int | None = None,
    fact: str | None = None,
    moves: Decimal | None = None,
) -> Entry:
    """Add an entry to a unit and return it. An opening is no part of the flow that cuts are taken from.

    Neither is what explains a break (`break_id`), nor what makes an earlier entry surer (`replaces`): it was in every
    report since, so it is in every cut (semantics 7). `moves` is what cuts move by where that is not the amount: of two
    entries of which one takes the other's place, only the difference.
    """
    unit = state.unit
    unit.entry_count += 1
    unit.last_seq = seq
    if cause == OPENING:
        unit.opening, unit.opening_certainty, unit.opening_number = amount, certainty, unit.entry_count
        unit.opening_us = occurred_us
    else:
        explains = cause not in OF_FILLS
        if explains:
            unit.explained += amount
        else:
            unit.fills += amount
        if slack is not CERTAIN:
            unit.uncertainty = unit.uncertainty.plus(slack)
        if cause == FEE and order is None and certainty == "inferred":
            unit.fees_unattributed += amount
            unit.fees_estimated = unit.fees_estimated or fact is None
        if break_id is not None or replaces is not None:
            unit.explanation_count += 1
            moved = amount if moves is None else moves
            if moved:
                state.timeline.shift(moved)
        else:
            unit.last_clock = clock
            state.append(unit.entry_count, seq, clock, occurred_us, cause, amount, slack, order=order, ordinal=ordinal)
    return Entry(
        account=unit.account,
        kind=unit.kind,
        unit=unit.code,
        number=unit.entry_count,
        seq=seq,
        clock=clock,
        occurred_us=occurred_us,
        recorded_us=recorded_us,
        cause=cause,
        certainty=certainty,
        amount=amount,
        running=(unit.opening or ZERO) + unit.fills + unit.explained,
        uncertainty=slack,
        order=order,
        ordinal=ordinal,
        break_id=break_id,
        replaces=replaces,
        fact=fact,
    )
