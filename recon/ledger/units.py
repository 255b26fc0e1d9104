"""Units and their entries: what is held, and every change to it with its cause. Pure.

1. A unit's books are opening + fills + explained, each an exact sum of its entries (architecture 2.7).
2. Entries are numbered 1, 2, 3 … in the order of knowledge; `running` adds up in that order.
3. The opening is set once (semantics 4); until then the unit has a flow but no value.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from recon.ems.protocol.messages import BalanceRow, PositionRow
from recon.exact import ZERO
from recon.ledger.cost_basis import CostBasis
from recon.ledger.evidence import LockChange, with_lock
from recon.ledger.fees.model import FeeModel
from recon.ledger.timeline import CERTAIN, Timeline, Uncertainty
from recon.times import LogTime

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


class FillRef(msgspec.Struct, frozen=True, gc=False):
    """The fill that a posting follows from: its order's key, its number in the order, and when it happened.

    `ordinal` is None where no single fill is meant; `occurred_us` is microseconds since the epoch, by our clock.
    """

    order: str
    ordinal: int | None
    occurred_us: int


class Posting(msgspec.Struct, frozen=True, gc=False):
    """An intended change of a unit; `post` records it as an entry.

    `break_id` names the break that it explains; `replaces` numbers the entry of the unit that it reverses or replaces.
    `cut_shift` is how far the cuts move then, where that is not the amount: of two entries of which one replaces the
    other, only the difference. `fact` is the external id of the fact that it follows from.
    """

    amount: Decimal
    cause: str
    occurred_us: int
    certainty: str = "exact"
    uncertainty: Uncertainty = CERTAIN
    fill: FillRef | None = None
    break_id: str | None = None
    replaces: int | None = None
    fact: str | None = None
    cut_shift: Decimal | None = None

    @property
    def in_every_cut(self) -> bool:
        """True if every report since has shown it already: it explains a break, or makes an earlier entry surer."""
        return self.break_id is not None or self.replaces is not None


def fill_of(entry: Entry) -> FillRef | None:
    """Return the fill that an entry follows from, if any."""
    return None if entry.order is None else FillRef(entry.order, entry.ordinal, entry.occurred_us)


class PendingTrade(msgspec.Struct, frozen=True):
    """A derivative fill whose cash waits until the opening of its contract is known.

    `number` is its entry in the contract, `clock` when it counts as booked. `liquidity` is maker or taker, as far as
    the order tells.
    """

    quantity: Decimal
    cash: Decimal | None
    number: int
    clock: int
    fill: FillRef
    liquidity: str | None = None


class UnitBalance(msgspec.Struct, gc=False):
    """The sums of a unit's entries; only `post` changes them."""

    opening: Decimal | None = None
    opening_certainty: str | None = None
    opening_number: int = 0
    #: Log time from which on a fact is not part of the opening; 0 while there is none.
    opening_us: int = 0
    fills: Decimal = ZERO
    explained: Decimal = ZERO
    entry_count: int = 0
    #: How many entries explain a break, or make an earlier one surer, and so are in every cut.
    explanation_count: int = 0
    last_seq: int = 0
    last_clock: int = 0
    uncertainty: Uncertainty = Uncertainty()

    @property
    def flow(self) -> Decimal:
        """Return everything booked beside the opening."""
        return self.fills + self.explained

    def open_since(self, us: int) -> None:
        """Let facts count from a log time on: nothing was there since."""
        self.opening_us = us

    def _add(self, posting: Posting, seq: int, clock: int) -> None:
        self.entry_count += 1
        self.last_seq = seq
        if posting.cause == OPENING:
            self.opening, self.opening_certainty = posting.amount, posting.certainty
            self.opening_number, self.opening_us = self.entry_count, posting.occurred_us
            return
        if posting.cause in OF_FILLS:
            self.fills += posting.amount
        else:
            self.explained += posting.amount
        if posting.uncertainty is not CERTAIN:
            self.uncertainty = self.uncertainty.plus(posting.uncertainty)
        if posting.in_every_cut:
            self.explanation_count += 1
        else:
            self.last_clock = clock


class ReportedUnit(msgspec.Struct, gc=False):
    """What the EMS reports of a unit beside the amount itself."""

    #: Finest scale seen in its reports (semantics 6).
    scale: int | None = None
    available: Decimal | None = None
    locked: Decimal | None = None
    rate_usd: Decimal | None = None
    #: Contracts: the average entry price, and the last price at which the venue would close the position.
    avg_entry_price: Decimal | None = None
    liquidation_price: Decimal | None = None
    #: Assets: how `locked` changed of late.
    lock_changes: list[LockChange] = []

    def note_balance(self, row: BalanceRow, *, seq: int, us: int) -> None:
        """Note a balance row at a log position."""
        self.lock_changes = with_lock(self.lock_changes, self.locked, row.locked, seq, us)
        self.available, self.locked = row.available, row.locked
        self.rate_usd = row.rate_usd if row.rate_usd is not None else self.rate_usd

    def note_scale(self, digits: int) -> bool:
        """Note the scale of a reported amount; return whether it is the finest so far."""
        if self.scale is not None and digits <= self.scale:
            return False
        self.scale = digits
        return True

    def note_position(self, row: PositionRow) -> None:
        """Note the prices of a position row."""
        self.avg_entry_price = row.avg_entry_price
        self.liquidation_price = row.liquidation_price or self.liquidation_price


class ContractState(msgspec.Struct, gc=False):
    """A contract's position by side, and what its fills cost."""

    #: Rows by side, and how the venue keeps them (semantics 3.4).
    sides: dict[str, Decimal] = {}
    position_mode: Literal["hedge", "one_way"] | None = None
    #: Log time of the first row that fitted only if both sides are kept, while that is undecided.
    hedge_since: int | None = None
    cost_basis: CostBasis | None = None
    pending_trades: list[PendingTrade] = []

    def set_sides(self, sides: dict[str, Decimal]) -> None:
        """Replace the position's rows by side."""
        self.sides = sides

    def set_position_mode(self, mode: Literal["hedge", "one_way"]) -> None:
        """Decide how the venue keeps positions."""
        self.position_mode = mode

    def suspect_hedge(self, clock: int) -> None:
        """Note the first row that fits only if both sides are kept."""
        self.hedge_since = clock

    def set_cost_basis(self, basis: CostBasis, trades: list[PendingTrade]) -> None:
        """Begin with a cost basis; `trades` are the fills that are not in it yet."""
        self.cost_basis, self.pending_trades = basis, trades

    def add_trade(self, trade: PendingTrade) -> None:
        """Add a fill whose cash is to be worked out."""
        self.pending_trades = [*self.pending_trades, trade]

    def take_trades(self) -> list[PendingTrade]:
        """Return the fills whose cash is to be worked out, the oldest first, and forget them."""
        trades, self.pending_trades = sorted(self.pending_trades, key=lambda trade: trade.fill.occurred_us), []
        return trades


class UnitFees(msgspec.Struct, gc=False):
    """What a unit's fills cost beside their price (semantics 8.5)."""

    #: As far as it is learned.
    model: FeeModel = FeeModel()
    #: True if a schedule tells it; that holds until something else is learned.
    scheduled: bool = False
    #: Inferred fees that no single fill is known to have cost, signed.
    unattributed: Decimal = ZERO
    #: True if any were booked in sum: then single ones are estimates, and others make up for them.
    estimated: bool = False

    def set_model(self, model: FeeModel) -> None:
        """Replace what is learned."""
        self.model = model

    def note_schedule(self, *, scheduled: bool) -> None:
        """Note whether a schedule tells what a fill costs."""
        self.scheduled = self.scheduled or scheduled

    def _add(self, posting: Posting) -> None:
        if posting.cause == FEE and posting.fill is None and posting.certainty == "inferred":
            self.unattributed += posting.amount
            self.estimated = self.estimated or posting.fact is None


class RoundingBudget(msgspec.Struct, gc=False):
    """What was booked as rounding on the latest day (days since the epoch), and whether its limit was reported."""

    day: int = 0
    used: Decimal = ZERO
    reported: bool = False

    def used_on(self, day: int) -> Decimal:
        """Return what was booked on a day."""
        return self.used if self.day == day else ZERO

    def use(self, day: int, amount: Decimal) -> None:
        """Book rounding on a day."""
        self.day, self.used, self.reported = day, self.used_on(day) + amount, False

    def report(self, day: int) -> bool:
        """Return whether the limit of a day is reached for the first time."""
        first = not (self.day == day and self.reported)
        self.day, self.used, self.reported = day, self.used_on(day), True
        return first


class Unit(msgspec.Struct, gc=False):
    """The books of one unit, in parts that each have one writer.

    Only this module assigns the fields of a part. The timeline is not part of the stored state: the entries are.
    """

    account: str
    kind: UnitKind
    code: str
    coinapi: str | None = None
    #: Why its balance does not follow from the reports we see; shown, not judged (semantics 3.5).
    unmodelled: str | None = None
    #: Orders that are missing after a gap, or whose cash is not known: `agreed` is withheld (semantics 7).
    withheld: list[str] = []
    balance: UnitBalance = msgspec.field(default_factory=UnitBalance)
    reported: ReportedUnit = msgspec.field(default_factory=ReportedUnit)
    contract: ContractState = msgspec.field(default_factory=ContractState)
    fees: UnitFees = msgspec.field(default_factory=UnitFees)
    rounding: RoundingBudget = msgspec.field(default_factory=RoundingBudget)

    @property
    def key(self) -> UnitKey:
        """Name the unit within its gateway."""
        return (self.account, self.kind, self.code)

    @property
    def value(self) -> Decimal | None:
        """Return the amount that the books expect now; None while no opening is known."""
        opening = self.balance.opening
        return None if opening is None else opening + self.balance.flow


class UnitState:
    """A unit with its recent timeline, as the fold works on it."""

    __slots__ = ("_latest_fill", "key", "timeline", "unit")

    def __init__(self, unit: Unit, timeline: Timeline) -> None:
        """Bring the two together under the unit's key."""
        self.key: UnitKey = unit.key
        self.unit = unit
        self.timeline = timeline
        #: The fill that the newest step is of: its number in the unit, its order and ordinal.
        self._latest_fill: tuple[int, str, int | None] | None = None

    def append(self, number: int, posting: Posting, *, seq: int, clock: int) -> None:
        """Add an entry to the timeline; a fee that follows its fill joins the fill's step."""
        explains, fill = posting.cause not in OF_FILLS, posting.fill
        if posting.cause == FEE and fill is not None and self._latest_fill == (number - 1, fill.order, fill.ordinal):
            self.timeline.merge_into_last(number, posting.amount, posting.uncertainty)
            self._latest_fill = None
            return
        self.timeline.append(
            number, seq, clock, posting.occurred_us, posting.amount, posting.uncertainty, explains=explains
        )
        self._latest_fill = None if fill is None or explains else (number, fill.order, fill.ordinal)


def post(state: UnitState, posting: Posting, at: LogTime) -> Entry:
    """Record a posting as the next entry of a unit, and return that.

    An opening is no part of the flow that cuts are taken from. A posting that explains a break, or replaces an entry,
    shifts every cut: all later reports contain it already (semantics 7).
    """
    unit = state.unit
    balance = unit.balance
    balance._add(posting, at.seq, at.clock)  # noqa: SLF001 - posting is this module's one way to change a balance
    unit.fees._add(posting)  # noqa: SLF001 - likewise
    if posting.cause != OPENING:
        if posting.in_every_cut:
            shift = posting.amount if posting.cut_shift is None else posting.cut_shift
            if shift:
                state.timeline.shift(shift)
        else:
            state.append(balance.entry_count, posting, seq=at.seq, clock=at.clock)
    fill = posting.fill
    return Entry(
        account=unit.account,
        kind=unit.kind,
        unit=unit.code,
        number=balance.entry_count,
        seq=at.seq,
        clock=at.clock,
        occurred_us=posting.occurred_us,
        recorded_us=at.us,
        cause=posting.cause,
        certainty=posting.certainty,
        amount=posting.amount,
        running=(balance.opening or ZERO) + balance.flow,
        uncertainty=posting.uncertainty,
        order=None if fill is None else fill.order,
        ordinal=None if fill is None else fill.ordinal,
        break_id=posting.break_id,
        replaces=posting.replaces,
        fact=posting.fact,
    )
