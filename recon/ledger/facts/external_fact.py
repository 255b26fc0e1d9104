"""External facts: what people and statements report, with an id and a valid time of their own. Pure (semantics 10.3).

1. A fact is identified by (account, external id). A repeated fact changes nothing; other content under that id is a
   finding.
2. The digest covers the content that moves the ledger. The recorder, the file and the text are left out.
3. A fact of kind `balance` moves nothing: it is what an independent source says was held at a time (semantics 5.12).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from recon.ems.protocol.bounds import MAX_ID_CHARS
from recon.errors import DocumentRefused
from recon.exact import ZERO, divide, plain
from recon.ledger.actor import Actor
from recon.ledger.documents import Identifier, reader
from recon.ledger.units import FEE, UnitKind
from recon.source_class import PERSON, VENUE, IndependentSource
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
    "opening",
]
#: What was held when the unit's reports began; it decides an opening that they leave uncertain.
OPENING_HELD: Final = "opening"
#: An execution in the venue's own export; matched with booked fills first.
TRADE: Final = "trade"
#: What was held at a time, by a source that is not the EMS.
BALANCE: Final = "balance"
FactKind = Literal[MovementKind, "trade", "balance"]
#: The cause of entries for an execution that no execution report has shown.
MISSED_FILL: Final = "missed_fill"
REBATE: Final = "rebate"
#: The sign of a kind whose amounts people and statements write as sizes; other kinds keep their own sign.
SIGNS: Final = {"deposit": 1, "withdrawal": -1, "fee": -1, "rebate": 1, "reward": 1}
#: Prefix of the external id of a manual fact: recorded by a person, without a statement's id.
MANUAL: Final = "told:"
#: Longest external id, in characters: the id is part of a key.
MAX_ID: Final = MAX_ID_CHARS
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
Side = Literal["BUY", "SELL"]
#: The coarsest step of a statement's times, in microseconds: an hour.
MAX_STEP_US: Final = 3_600_000_000
#: A fact's certainty: what one person tells is inferred; only a statement's row that two people vouch for is exact.
TOLD: Final = "inferred"
CONFIRMED: Final = "exact"


class StatementFile(msgspec.Struct, frozen=True):
    """The imported file that a fact is a row of, and the USD value of all its rows; None: it has none.

    The importer states the value. It can only make the fact wait for a second person.
    """

    digest: Id
    usd: Decimal | None = None


class ExternalFact(msgspec.Struct, frozen=True):
    """The payload of a `fact` event; `amount` is signed as the balance changes, a trade has its own fields."""

    fact: FactKind
    account: Id
    external_id: Id
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]
    by: Actor = Actor("", authenticated=False)
    source: str = ""
    text: str = ""
    unit_kind: UnitKind = "asset"
    unit: Identifier | None = None
    amount: Decimal | None = None
    #: Transfers: the account on the other side, if the same gateway has that account.
    counter_account: Identifier | None = None
    #: Trades: the executed quantity and the cash, both positive; `fee` is negative for a rebate.
    symbol: Identifier | None = None
    side: Side | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    cash: Decimal | None = None
    fee: Decimal | None = None
    fee_asset: Identifier | None = None
    #: The fee's asset by its place in the pair, where the statement tells no code.
    fee_in: Literal["base", "quote"] | None = None
    #: The two assets, where the statement names them; the symbol may then be one that the account does not have.
    base: Identifier | None = None
    quote: Identifier | None = None
    #: The format or mapping that it was read by: one statement tells each trade once, several tell the same ones.
    statement: Identifier = ""
    #: How much later than told it may have happened, in microseconds: a minute where a file tells no seconds.
    step_us: Annotated[int, msgspec.Meta(ge=0, le=MAX_STEP_US)] = 0
    order_id: Identifier | None = None
    trade_id: Identifier | None = None
    #: Fees: the fee of a trade that the statement tells elsewhere, or not at all.
    of_trade: bool = False
    file: StatementFile | None = None
    #: Who told it; None in logs from before it was kept.
    source_class: IndependentSource | None = None
    #: Balances: a zero that no row tells, in a file that lists all that is held.
    absent: bool = False

    @property
    def source_of(self) -> IndependentSource:
        """Return the class of the source; where nothing tells it, a person's word or a venue's file."""
        return self.source_class or (PERSON if self.file is None else VENUE)

    @property
    def certainty(self) -> str:
        """Return the certainty of what follows from the fact (semantics 10.7)."""
        return TOLD

    @property
    def occurred_us(self) -> int:
        """Return the valid time in microseconds."""
        return microseconds(self.occurred_at)


class ApprovedFact(ExternalFact, frozen=True):
    """A fact that a second person approved. No payload becomes one: only an approval in the log does."""

    told_seq: int = 0
    approved_seq: int = 0

    @property
    def certainty(self) -> str:
        """Return the certainty: exact if the fact is a statement's row."""
        return TOLD if self.file is None else CONFIRMED


class Movement(msgspec.Struct, frozen=True):
    """A fact's change of a single unit; `unit` is spelled as in the fact's source."""

    account: str
    kind: UnitKind
    unit: str
    amount: Decimal
    cause: str


class RecordedFact(msgspec.Struct, frozen=True):
    """A fact of an account as recorded; `effect` says how the fact changed the ledger."""

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
    #: Log position of a second person's approval; None: the fact took effect by one person's word.
    approved_seq: int | None = None


_read: Final = reader(ExternalFact)


def parse_fact(payload: bytes) -> ExternalFact:
    """Return the fact of a payload. Raise DocumentRefused, naming the field at fault."""
    fact = _read(payload)
    if fact.fact == TRADE:
        _check_trade(fact)
    elif not fact.unit or fact.amount is None:
        raise DocumentRefused(f"a {fact.fact} needs unit and amount")
    return fact


def _check_trade(fact: ExternalFact) -> None:
    if not fact.symbol or fact.side is None or fact.quantity is None:
        raise DocumentRefused("a trade needs symbol, side and quantity")
    if fact.quantity <= 0 or any(value is not None and value < 0 for value in (fact.price, fact.cash)):
        raise DocumentRefused("a trade's quantity is positive, its price and cash are not negative")
    if fact.fee and not fact.fee_asset and fact.fee_in is None:
        raise DocumentRefused("a trade's fee needs its fee_asset")


def approved(fact: ExternalFact, *, told_seq: int, approved_seq: int) -> ApprovedFact:
    """Return a fact as a second person approved it."""
    told = {name: getattr(fact, name) for name in ExternalFact.__struct_fields__}
    return ApprovedFact(**told, told_seq=told_seq, approved_seq=approved_seq)


def is_manual(external_id: str | None) -> bool:
    """True if an external id is of a manual fact."""
    return external_id is not None and external_id.startswith(MANUAL)


def movements_of(fact: ExternalFact) -> list[Movement]:
    """Return the movements of a fact other than a trade, the account's own side first."""
    if fact.unit is None or fact.amount is None or fact.fact == BALANCE:
        return []
    movement = Movement(account=fact.account, kind=fact.unit_kind, unit=fact.unit, amount=fact.amount, cause=fact.fact)
    if fact.fact != "transfer" or fact.counter_account is None or fact.counter_account == fact.account:
        return [movement]
    return [movement, msgspec.structs.replace(movement, account=fact.counter_account, amount=-fact.amount)]


def held_of(fact: ExternalFact) -> Movement:
    """Return what a fact of kind `balance` says was held. It moves nothing."""
    return Movement(fact.account, fact.unit_kind, fact.unit or "", fact.amount or ZERO, BALANCE)


def fee_of(fact: ExternalFact) -> Movement | None:
    """Return the movement of a trade's fee; None where the trade has no fee."""
    if not fact.fee or fact.fee_asset is None:
        return None
    cause = FEE if fact.fee > 0 else REBATE
    return Movement(account=fact.account, kind="asset", unit=fact.fee_asset, amount=-fact.fee, cause=cause)


def signed_quantity(fact: ExternalFact) -> Decimal:
    """Return the quantity of a trade, negative for a sale."""
    quantity = fact.quantity or ZERO
    return -quantity if fact.side == "SELL" else quantity


def cash_of(fact: ExternalFact, quantity: Decimal) -> Decimal | None:
    """Return the cash of a part of a trade, not negative; None where the fact has neither price nor cash."""
    if quantity == fact.quantity and fact.cash is not None:
        return fact.cash
    if fact.price is not None:
        return fact.price * quantity
    if fact.cash is None or not fact.quantity:
        return None
    return divide(fact.cash * quantity, fact.quantity)


def amounts_of(fact: ExternalFact) -> list[tuple[str, str, Decimal]]:
    """Return (account, cause, amount) of every movement that an earlier entry of equal amount may stand for."""
    moved = [(move.account, move.cause, move.amount) for move in movements_of(fact)]
    if fact.fact == TRADE and fact.quantity is not None:
        signed = signed_quantity(fact)
        cash = cash_of(fact, fact.quantity)
        moved.append((fact.account, MISSED_FILL, signed))
        if cash is not None:
            moved.append((fact.account, MISSED_FILL, cash if signed < 0 else -cash))
    return moved


def digest_of(fact: ExternalFact, move: Movement | None = None) -> str:
    """Return the digest of a fact's content, or of a single movement: 32 hex digits."""
    parts = [fact.fact, str(fact.occurred_us)]
    if move is not None:
        parts += [move.account, move.kind, move.unit, _value(move.amount)]
    else:
        parts += [fact.account, fact.symbol or "", fact.side or "", fact.fee_asset or "", fact.order_id or ""]
        parts += ["" if value is None else _value(value) for value in (fact.quantity, fact.price, fact.cash, fact.fee)]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _value(number: Decimal) -> str:
    """Return a number as text, with 1.50 and 1.5 the same."""
    text = plain(number)
    return text.rstrip("0").rstrip(".") if "." in text else text
