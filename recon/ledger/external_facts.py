"""Facts from outside: what people and statements tell, with an id and a valid time of its own. Pure (semantics 10.3).

1. A fact is known by (account, external id): the same again changes nothing, another content under it is a finding.
2. Its content is what moves books: not who recorded it, from which file, nor the words beside it.
3. What a fact is matched with is found by ids, amounts and valid times alone, within the bounds named here, so it does
   not depend on what a working set happens to hold.
4. What a person told without an id of a statement is one happening with what a statement tells of it later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from recon.exact import ZERO, bounded, divide, plain
from recon.ledger.actor import Actor
from recon.ledger.units import FEE, Entry, UnitKey, UnitKind
from recon.times import microseconds

MovementKind = Literal[
    "deposit",
    "withdrawal",
    "transfer",
    "fee",
    "rebate",
    "funding",
    "interest",
    "reward",
    "conversion",
    "adjustment",
]
#: An execution as the venue's own export tells it; matched to known fills first.
TRADE: Final = "trade"
FactKind = Literal[MovementKind, "trade"]
#: Cause of what an execution moves that no report told.
MISSED_FILL: Final = "missed_fill"
REBATE: Final = "rebate"

#: How the ids begin that facts have which a person told without an id of a statement.
MANUAL: Final = "told:"
#: How far the time that a person tells may be from a statement's: people know the day.
MANUAL_WITHIN_US: Final = 86_400_000_000
#: Longest external id, in characters: it is part of a key.
MAX_ID: Final = 200
#: How far an inferred entry's time may be from a fact's to be the same happening; a fee has its fill's own time.
REPLACED_WITHIN_US: Final = 3_600_000_000
FEE_WITHIN_US: Final = 5_000_000
#: How much of a fact's amount an inferred entry may differ by, whatever the unit's tolerance.
REPLACED_SHARE: Final = Decimal("0.01")
#: How far the times of one execution may be apart in two sources, where no order id tells.
TRADED_WITHIN_US: Final = 5_000_000

#: Kinds of facts that different sources may use for the same movement: a fact of one may replace an entry of another.
_FAMILIES: Final[tuple[frozenset[str], ...]] = (
    frozenset({"deposit", "withdrawal", "transfer"}),
    frozenset({FEE, REBATE}),
    frozenset({"funding"}),
    frozenset({"interest", "reward"}),
    frozenset({"conversion"}),
    frozenset({"adjustment"}),
    frozenset({MISSED_FILL}),
)

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
Side = Literal["BUY", "SELL"]


class ExternalFact(msgspec.Struct, frozen=True):
    """The payload of a `fact` event. Amounts are signed as they change what is held; a trade has its own fields."""

    fact: FactKind
    account: Annotated[str, msgspec.Meta(min_length=1)]
    external_id: Id
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]
    by: Actor = Actor("", authenticated=False)
    source: str = ""
    text: str = ""
    unit_kind: UnitKind = "asset"
    unit: str | None = None
    amount: Decimal | None = None
    #: Transfers: the account on the other side, where it belongs to the same gateway.
    counter_account: str | None = None
    #: Trades: what was executed, positive, and its cash; `fee` is what it cost, negative for a rebate.
    symbol: str | None = None
    side: Side | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    cash: Decimal | None = None
    fee: Decimal | None = None
    fee_asset: str | None = None
    order_id: str | None = None
    trade_id: str | None = None

    @property
    def occurred_us(self) -> int:
        """Return the valid time in microseconds."""
        return microseconds(self.occurred_at)


class Movement(msgspec.Struct, frozen=True):
    """What a fact changes: one unit of one account, from one cause. `unit` is written as the source writes it."""

    account: str
    kind: UnitKind
    unit: str
    amount: Decimal
    cause: str


class RecordedFact(msgspec.Struct, frozen=True):
    """A fact of one account as it was taken; `effect` says what became of it."""

    account: str
    external_id: str
    digest: str
    seq: int
    fact: str
    kind: UnitKind | None
    unit: str
    amount: Decimal
    occurred_us: int
    effect: str
    order: str | None = None


class MatchableFill(msgspec.Struct, frozen=True, gc=False):
    """A fill that is booked, as far as a trade is matched with it."""

    account: str
    order: str
    ordinal: int
    symbol: str | None
    side: str | None
    amount: Decimal
    occurred_us: int


class FactIndex:
    """What is at hand of the past for the facts of a batch: facts taken, entries they may make surer, fills."""

    __slots__ = ("entries", "facts", "fills")

    def __init__(self) -> None:
        """Begin with nothing; the store adds what a batch's facts may be matched with."""
        #: (account, external id) to the digest of the content.
        self.facts: dict[tuple[str, str], str] = {}
        self.entries: dict[UnitKey, dict[int, Entry]] = {}
        self.fills: list[MatchableFill] = []

    def add(self, entry: Entry) -> None:
        """Keep an entry that a fact may make surer, and forget one that it takes back.

        One that is taken back is at hand until then; what stands in for it comes after that.
        """
        entries = self.entries.setdefault((entry.account, entry.kind, entry.unit), {})
        taken_back = entries.pop(entry.replaces, None) if entry.replaces else None
        if is_replaceable(entry) or (entry.replaces and taken_back is None and is_manual(entry.fact)):
            entries[entry.number] = entry


def parse_fact(payload: bytes) -> ExternalFact:
    """Read a fact. Raises msgspec.ValidationError or DecodeError, saying what is missing or out of bounds."""
    fact = msgspec.json.decode(payload, type=ExternalFact)
    for name in ("amount", "quantity", "price", "cash", "fee"):
        value = getattr(fact, name)
        if value is not None and not bounded(value):
            raise msgspec.ValidationError(f"{name} is not a number within bounds")
    if fact.fact == TRADE:
        _check_trade(fact)
    elif not fact.unit or fact.amount is None:
        raise msgspec.ValidationError(f"a {fact.fact} needs unit and amount")
    return fact


def _check_trade(fact: ExternalFact) -> None:
    if not fact.symbol or fact.side is None or fact.quantity is None:
        raise msgspec.ValidationError("a trade needs symbol, side and quantity")
    if fact.quantity <= 0 or any(value is not None and value < 0 for value in (fact.price, fact.cash)):
        raise msgspec.ValidationError("a trade's quantity is positive, its price and cash are not negative")
    if fact.fee and not fact.fee_asset:
        raise msgspec.ValidationError("a trade's fee needs its fee_asset")


def movements_of(fact: ExternalFact) -> list[Movement]:
    """Return what a fact other than a trade changes, the account's own side first."""
    if fact.unit is None or fact.amount is None:
        return []
    own = Movement(account=fact.account, kind=fact.unit_kind, unit=fact.unit, amount=fact.amount, cause=fact.fact)
    if fact.fact != "transfer" or fact.counter_account is None or fact.counter_account == fact.account:
        return [own]
    return [own, msgspec.structs.replace(own, account=fact.counter_account, amount=-fact.amount)]


def fee_of(fact: ExternalFact) -> Movement | None:
    """Return what a trade's fee changes, None where it tells none."""
    if not fact.fee or fact.fee_asset is None:
        return None
    cause = FEE if fact.fee > 0 else REBATE
    return Movement(account=fact.account, kind="asset", unit=fact.fee_asset, amount=-fact.fee, cause=cause)


def digest_of(fact: ExternalFact, move: Movement | None = None) -> str:
    """Return what identifies the content of a fact, of a trade as a whole: hex, 32 digits."""
    parts = [fact.fact, str(fact.occurred_us)]
    if move is not None:
        parts += [move.account, move.kind, move.unit, _value(move.amount)]
    else:
        parts += [fact.account, fact.symbol or "", fact.side or "", fact.fee_asset or "", fact.order_id or ""]
        parts += ["" if each is None else _value(each) for each in (fact.quantity, fact.price, fact.cash, fact.fee)]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _value(number: Decimal) -> str:
    """Write a number so that 1.50 and 1.5 are the same."""
    text = plain(number)
    return text.rstrip("0").rstrip(".") if "." in text else text


def family_of(cause: str) -> frozenset[str]:
    """Return the causes under which other facts of the same movement post."""
    return next((family for family in _FAMILIES if cause in family), frozenset({cause}))


def time_bound_of(cause: str) -> int:
    """Return how far from a fact of this cause an inferred entry may lie, in microseconds."""
    return FEE_WITHIN_US if cause in family_of(FEE) else REPLACED_WITHIN_US


def is_manual(external_id: str | None) -> bool:
    """Tell whether an external id is of a fact that a person told without an id of a statement."""
    return external_id is not None and external_id.startswith(MANUAL)


def is_replaceable(entry: Entry) -> bool:
    """Tell whether a fact may take an entry's place: it was inferred, decided or told by hand, and stands by itself.

    Rounding is no happening of its own; what follows from a statement is as sure as it gets.
    """
    if entry.replaces is not None:
        return False
    return is_manual(entry.fact) if entry.fact else entry.certainty == "inferred" or entry.break_id is not None


def replaced_by(
    move: Movement,
    entries: Iterable[Entry],
    causes: Collection[str],
    *,
    occurred_us: int,
    tolerance: Decimal,
    order: str | None = None,
    ordinal: int | None = None,
) -> Entry | None:
    """Return the entry that a fact makes surer: of these causes, the nearest in time of an equal amount.

    The fee of a fill (`order`, and `ordinal` where it is known) is that fill's alone, whatever was inferred.
    """
    same = [entry for entry in entries if entry.cause in causes and not entry.fact]
    if order is not None:
        of_order = [entry for entry in same if entry.order == order]
        if ordinal is not None and any(entry.ordinal == ordinal for entry in of_order):
            of_order = [entry for entry in of_order if entry.ordinal == ordinal]
        return min(of_order, key=lambda entry: (abs(entry.amount - move.amount), entry.number), default=None)
    return _nearest(move, same, occurred_us, tolerance, time_bound_of(move.cause))


def manual_duplicate_of(
    move: Movement, entries: Iterable[Entry], external_id: str, *, occurred_us: int, tolerance: Decimal
) -> Entry | None:
    """Return the entry of what a person had told by hand of what a statement tells now: of the same kind.

    Fees are not looked for: equal ones are many, and each is told by its fill.
    """
    if is_manual(external_id) or move.cause in family_of(FEE):
        return None
    same = [entry for entry in entries if entry.cause == move.cause and is_manual(entry.fact)]
    return _nearest(move, same, occurred_us, tolerance, MANUAL_WITHIN_US)


def _nearest(move: Movement, same: list[Entry], us: int, tolerance: Decimal, within_us: int) -> Entry | None:
    """Return the entry of an equal amount that is the nearest in time, None where none is near."""
    bound = min(tolerance, abs(move.amount) * REPLACED_SHARE)
    equal = [
        entry for entry in same if abs(entry.amount - move.amount) <= bound and abs(entry.occurred_us - us) <= within_us
    ]
    return min(equal, key=lambda entry: (abs(entry.occurred_us - us), entry.number), default=None)


def matching_fills(fact: ExternalFact, fills: Iterable[MatchableFill]) -> list[MatchableFill]:
    """Return the fills that a trade without an order id may be, the nearest in time first."""
    us = fact.occurred_us
    like = [
        fill
        for fill in fills
        if (fill.account, fill.symbol, fill.side, fill.amount) == (fact.account, fact.symbol, fact.side, fact.quantity)
        and abs(fill.occurred_us - us) <= TRADED_WITHIN_US
    ]
    return sorted(like, key=lambda fill: (abs(fill.occurred_us - us), fill.order, fill.ordinal))


def cash_of(fact: ExternalFact, quantity: Decimal) -> Decimal | None:
    """Return the cash of a part of a trade, not negative; None where neither price nor cash is told."""
    if quantity == fact.quantity and fact.cash is not None:
        return fact.cash
    if fact.price is not None:
        return fact.price * quantity
    if fact.cash is None or not fact.quantity:
        return None
    return divide(fact.cash * quantity, fact.quantity)


def amounts_of(fact: ExternalFact) -> list[tuple[str, str, Decimal]]:
    """Return (account, cause, amount) of all that an equal entry of before may be made surer by."""
    moved = [(move.account, move.cause, move.amount) for move in movements_of(fact)]
    if fact.fact == TRADE and fact.quantity is not None:
        signed = signed_quantity(fact)
        cash = cash_of(fact, fact.quantity)
        moved.append((fact.account, MISSED_FILL, signed))
        if cash is not None:
            moved.append((fact.account, MISSED_FILL, cash if signed < 0 else -cash))
    return moved


def signed_quantity(fact: ExternalFact) -> Decimal:
    """Return what a trade adds to what is traded: negative for a sale."""
    quantity = fact.quantity or ZERO
    return -quantity if fact.side == "SELL" else quantity
