"""External facts: what people and statements report, with an id and a valid time of their own. Pure (semantics 10.3).

1. A fact is identified by (account, external id). A repeated fact changes nothing; other content under that id is a
   finding.
2. The digest covers the content that moves the ledger. The recorder, the file and the text are left out.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from recon.exact import ZERO, bounded, divide, plain
from recon.ledger.actor import Actor
from recon.ledger.units import FEE, UnitKind
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
#: Longest external id, in characters: it is part of a key.
MAX_ID: Final = 200
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


def is_manual(external_id: str | None) -> bool:
    """Tell whether an external id is of a fact that a person told without an id of a statement."""
    return external_id is not None and external_id.startswith(MANUAL)


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


def signed_quantity(fact: ExternalFact) -> Decimal:
    """Return what a trade adds to what is traded: negative for a sale."""
    quantity = fact.quantity or ZERO
    return -quantity if fact.side == "SELL" else quantity


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
