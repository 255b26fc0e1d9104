"""Units and their entries: the expected balance, and every change with its cause. Pure.

1. A unit's value is opening + fills + explained, each an exact sum of entries (architecture 2.7).
2. Entries are numbered 1, 2, 3 … in the order of posting; `running` sums in that order.
3. The opening is set once (semantics 4); until then the unit has a flow but no value.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from recon.ems.protocol.messages import BalanceRow, PositionRow
from recon.exact import ZERO, meant_scale, noise, scale
from recon.ledger.cost_basis import CostBasis
from recon.ledger.evidence import LockChange, RateStep, rate_step, with_lock
from recon.ledger.legs import LegOrigin
from recon.ledger.rounding_budget import RoundingBudget
from recon.ledger.timeline import Timeline
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
#: Other spellings that are kept of a contract's symbol; of more, the oldest is forgotten.
MAX_SPELLINGS: Final = 8
#: Average entry prices that are kept of a contract.
MAX_AVERAGES: Final = 3
#: Causes of entries that follow from our own orders; all other causes explain drift.
OF_FILLS: Final = frozenset({FILL, REALISED, REHOMED})


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A recorded change of a unit."""

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
    #: What a fee of it is a share of, signed, where that is not the amount.
    turnover: Decimal = ZERO
    order: str | None = None
    ordinal: int | None = None
    break_id: str | None = None
    #: Number of the unit's entry that this entry reverses or replaces.
    replaces: int | None = None
    #: External id of the fact behind the entry (semantics 10.3).
    fact: str | None = None


class FillRef(msgspec.Struct, frozen=True, gc=False):
    """The fill behind a posting: the order's key, the ordinal in the order, and the time by our clock.

    `ordinal` is None where the posting covers several fills.
    """

    order: str
    ordinal: int | None
    occurred_us: int


class Posting(msgspec.Struct, frozen=True, gc=False):
    """An intended change of a unit; `post` records the posting as an entry.

    `break_id` names the explained break; `replaces` is the number of the entry reversed or replaced. `cut_shift` is the
    shift of all cuts where it differs from the amount: an entry that replaces another shifts by the difference only.
    `turnover` is what a fee of it is a share of, signed, where that is not the amount.
    `fact` is the external id of the fact behind the posting. `told` is true if the amount is what a person or a
    statement told, and not what recon inferred.
    """

    amount: Decimal
    cause: str
    occurred_us: int
    certainty: str = "exact"
    turnover: Decimal = ZERO
    fill: FillRef | None = None
    break_id: str | None = None
    replaces: int | None = None
    fact: str | None = None
    cut_shift: Decimal | None = None
    told: bool = False

    @property
    def in_every_cut(self) -> bool:
        """True if all later reports contain the amount: the posting explains a break or replaces an entry."""
        return self.break_id is not None or self.replaces is not None


def fill_of(entry: Entry) -> FillRef | None:
    """Return the fill behind an entry, if any."""
    return None if entry.order is None else FillRef(entry.order, entry.ordinal, entry.occurred_us)


class PendingTrade(msgspec.Struct, frozen=True):
    """A derivative fill whose cash waits until the opening of its contract is known.

    `clock` is the log time at which the fill counts as booked, `seq` the log position that told it. `price` is the
    fill's, or else the last known one.
    """

    quantity: Decimal
    cash: Decimal | None
    clock: int
    fill: FillRef
    origin: LegOrigin
    certainty: str = "exact"
    price: Decimal | None = None
    seq: int = 0


class UnitBalance(msgspec.Struct, gc=False, array_like=True):
    """The sums of a unit's entries; only `post` changes them."""

    opening: Decimal | None = None
    #: Time from which on a fact is not part of the opening; 0 without an opening.
    opening_us: int = 0
    #: What the first reports differ by, as long as nobody has decided which of them held the opening.
    uncertain: Decimal = ZERO
    fills: Decimal = ZERO
    explained: Decimal = ZERO
    entry_count: int = 0
    #: The number of entries that explain a break or replace an entry, and so are in every cut.
    explanation_count: int = 0
    last_seq: int = 0
    last_clock: int = 0

    @property
    def flow(self) -> Decimal:
        """Return the sum of all entries after the opening."""
        return self.fills + self.explained

    def open_since(self, us: int) -> None:
        """Count facts from a time on, because the unit was zero since."""
        self.opening_us = us

    def leave_uncertain(self, amount: Decimal) -> None:
        """Note what the first reports differ by; zero once that is decided."""
        self.uncertain = amount

    def _add(self, posting: Posting, seq: int, clock: int) -> None:
        self.entry_count += 1
        self.last_seq = seq
        if posting.cause == OPENING:
            self.opening, self.opening_us = posting.amount, posting.occurred_us
            return
        if posting.cause in OF_FILLS:
            self.fills += posting.amount
        else:
            self.explained += posting.amount
        if posting.in_every_cut:
            self.explanation_count += 1
        else:
            self.last_clock = clock


class ReportedUnit(msgspec.Struct, gc=False, array_like=True):
    """The EMS's reports of a unit, other than the amount."""

    #: Finest scale seen in the unit's reports (semantics 6).
    scale: int | None = None
    #: The largest amount reported, by its size: what is left of it has its noise (semantics 1.2).
    largest: Decimal = ZERO
    available: Decimal | None = None
    locked: Decimal | None = None
    rate_usd: Decimal | None = None
    #: The last step of the rate, which may go with a step of the amount.
    rate_step: RateStep | None = None
    #: Contracts: the average entry price, and the last liquidation price.
    avg_entry_price: Decimal | None = None
    liquidation_price: Decimal | None = None
    #: Contracts: the last different average entry prices, at most MAX_AVERAGES.
    average_prices: list[Decimal] = []
    #: Assets: the latest changes of `locked`.
    lock_changes: list[LockChange] = []

    def note_balance(self, row: BalanceRow, *, seq: int, us: int) -> None:
        """Note a balance row at a log position."""
        self.lock_changes = with_lock(self.lock_changes, self.locked, row.locked, seq, us)
        self.available, self.locked = row.available, row.locked
        self.rate_step = rate_step(self.rate_usd, row.rate_usd, us) or self.rate_step
        self.rate_usd = row.rate_usd if row.rate_usd is not None else self.rate_usd

    def note_amount(self, amount: Decimal) -> None:
        """Note the scale of a reported amount, unless it is the noise that larger ones left."""
        # The scale that was meant is never finer than the written one, which is known from nearly all reports.
        finer = self.scale is None or scale(amount) > self.scale
        if finer and (not amount or abs(amount) > noise(self.largest)):
            digits = meant_scale(amount)
            self.scale = digits if self.scale is None else max(self.scale, digits)
        self.note_size(amount)

    def note_size(self, amount: Decimal) -> None:
        """Note the size of a reported amount."""
        self.largest = max(self.largest, abs(amount))

    def note_position(self, row: PositionRow) -> None:
        """Note the prices of a position row."""
        self.avg_entry_price = row.avg_entry_price
        if row.avg_entry_price and row.avg_entry_price not in self.average_prices[-1:]:
            self.average_prices = [*self.average_prices, row.avg_entry_price][-MAX_AVERAGES:]
        self.liquidation_price = row.liquidation_price or self.liquidation_price


class ContractState(msgspec.Struct, gc=False, array_like=True):
    """A contract's position by side, its cost basis, and its pending fills."""

    #: Quantities by side, and the venue's position mode (semantics 3.4).
    sides: dict[str, Decimal] = {}
    position_mode: Literal["hedge", "one_way"] | None = None
    #: True while a side is known to be flat and not which: a row told no side.
    flat_side_unknown: bool = False
    #: Log time of the first row that fits hedge mode only, while the mode is undecided.
    hedge_since: int | None = None
    cost_basis: CostBasis | None = None
    pending_trades: list[PendingTrade] = []
    #: How else the venue spells its symbol, in the order of their coming; at most MAX_SPELLINGS.
    spellings: list[str] = []
    #: The code of the contract that it turned out to be, which has its books; None: it is one of its own.
    same_as: str | None = None

    def become(self, code: str) -> None:
        """Note which contract it turned out to be; nothing is left of its own position."""
        self.same_as, self.sides, self.cost_basis, self.pending_trades = code, {}, None, []

    def note_spelling(self, symbol: str) -> None:
        """Note another spelling of the symbol."""
        self.spellings = [*self.spellings, symbol][-MAX_SPELLINGS:]

    def set_sides(self, sides: dict[str, Decimal], *, flat_side_unknown: bool = False) -> None:
        """Replace the quantities by side; one of them may be flat and not known to be."""
        self.sides, self.flat_side_unknown = sides, flat_side_unknown

    def set_position_mode(self, mode: Literal["hedge", "one_way"]) -> None:
        """Decide the position mode."""
        self.position_mode = mode

    def suspect_hedge(self, clock: int) -> None:
        """Note the first row that fits hedge mode only."""
        self.hedge_since = clock

    def set_cost_basis(self, basis: CostBasis, trades: list[PendingTrade]) -> None:
        """Set the cost basis; `trades` are the fills not yet in the basis."""
        self.cost_basis, self.pending_trades = basis, trades

    def add_trade(self, trade: PendingTrade) -> None:
        """Add a fill whose cash is pending."""
        self.pending_trades.append(trade)

    def take_trades(self) -> list[PendingTrade]:
        """Remove and return the pending fills, the oldest first."""
        trades, self.pending_trades = sorted(self.pending_trades, key=lambda trade: trade.fill.occurred_us), []
        return trades


class UnitFees(msgspec.Struct, gc=False, array_like=True):
    """The fees of a unit's fills (semantics 8.5)."""

    #: Inferred fees that belong to no single fill, signed.
    unattributed: Decimal = ZERO
    #: True if fees were posted in sum: then fees of single fills are estimates, corrected by later sums.
    estimated: bool = False

    def _add(self, posting: Posting) -> None:
        if posting.fill is None and posting.certainty == "inferred" and not posting.told:
            self.unattributed += posting.amount
            self.estimated = self.estimated or posting.fact is None


class Unit(msgspec.Struct, gc=False, array_like=True):
    """A unit of an account, in parts with a single writer.

    Only this module assigns the fields of a part. The timeline is not part of the stored state: the entries are.
    """

    account: str
    kind: UnitKind
    code: str
    coinapi: str | None = None
    #: Why the balance does not follow from execution reports; the unit is shown, not compared (semantics 3.5).
    unmodelled: str | None = None
    #: Why it is only assumed which fills move the balance: it is compared, and shown as not judged (semantics 3.6).
    assumed: str | None = None
    #: Keys of orders that are missing, or whose cash is unknown: `agreed` is withheld (semantics 7).
    withheld: dict[str, None] = {}
    balance: UnitBalance = msgspec.field(default_factory=UnitBalance)
    reported: ReportedUnit = msgspec.field(default_factory=ReportedUnit)
    contract: ContractState = msgspec.field(default_factory=ContractState)
    fees: UnitFees = msgspec.field(default_factory=UnitFees)
    rounding: RoundingBudget = msgspec.field(default_factory=RoundingBudget)

    @property
    def key(self) -> UnitKey:
        """Return the unit's key within its gateway."""
        return (self.account, self.kind, self.code)

    @property
    def names(self) -> tuple[str, ...]:
        """Return what the unit is called: its code first, then other spellings, then CoinAPI's id."""
        own = (self.code, *self.contract.spellings)
        return own if self.coinapi is None else (*own, self.coinapi)

    @property
    def value(self) -> Decimal | None:
        """Return the expected amount now; None while there is no opening."""
        opening = self.balance.opening
        return None if opening is None else opening + self.balance.flow

    def withhold(self, order: str, *, on: bool) -> None:
        """Start or end withholding `agreed` because of an order; the latest order is the last."""
        self.withheld.pop(order, None)
        if on:
            self.withheld[order] = None


class UnitState:
    """A unit with its recent timeline, as the fold works on it."""

    __slots__ = ("_latest_fill", "key", "timeline", "unit")

    def __init__(self, unit: Unit, timeline: Timeline) -> None:
        """Combine a unit and its timeline under the unit's key."""
        self.key: UnitKey = unit.key
        self.unit = unit
        self.timeline = timeline
        #: The fill at the newest position: entry number, order and ordinal.
        self._latest_fill: tuple[int, str, int | None] | None = None

    def append(self, number: int, posting: Posting, *, seq: int) -> None:
        """Add an entry to the timeline; a fee that follows its fill joins the fill's step."""
        explains, fill = posting.cause not in OF_FILLS, posting.fill
        if posting.cause == FEE and fill is not None and self._latest_fill == (number - 1, fill.order, fill.ordinal):
            self.timeline.merge_into_last(number, posting.amount)
            self._latest_fill = None
            return
        turnover = posting.turnover or (ZERO if explains else posting.amount)
        self.timeline.append(number, seq, posting.occurred_us, posting.amount, turnover, explains=explains)
        self._latest_fill = None if fill is None or explains else (number, fill.order, fill.ordinal)


def post(state: UnitState, posting: Posting, at: LogTime) -> Entry:
    """Record a posting as the next entry of a unit; return the entry.

    An opening is in no cut. A posting that explains a break, or replaces an entry, shifts every cut: all later reports
    contain the amount already (semantics 7).
    """
    unit = state.unit
    balance = unit.balance
    balance._add(posting, at.seq, at.clock)  # noqa: SLF001 - posting is this module's one way to change a balance
    if posting.cause == FEE:
        unit.fees._add(posting)  # noqa: SLF001 - likewise
    if posting.cause != OPENING:
        if posting.in_every_cut:
            shift = posting.amount if posting.cut_shift is None else posting.cut_shift
            if shift:
                state.timeline.shift(shift)
        else:
            state.append(balance.entry_count, posting, seq=at.seq)
    fill = posting.fill
    # By position: so many names take ten times as long, and each entry is made here.
    return Entry(
        unit.account,
        unit.kind,
        unit.code,
        balance.entry_count,
        at.seq,
        at.clock,
        posting.occurred_us,
        at.us,
        posting.cause,
        posting.certainty,
        posting.amount,
        (balance.opening or ZERO) + balance.fills + balance.explained,
        posting.turnover,
        None if fill is None else fill.order,
        None if fill is None else fill.ordinal,
        posting.break_id,
        posting.replaces,
        posting.fact,
    )
