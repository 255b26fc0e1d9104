"""What a venue itself answered when recon asked it: the payload of a `venue.answer` event. Pure (semantics 5.12).

1. An answer to the question for balances or positions has amounts; what was held, by the venue's codes, at one time.
2. An answer to the question for trades counts them: each is an event of its own (`venue.trade`), with a fact in it.
3. A question without an answer has the problem instead, in words.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from recon.errors import DocumentRefused
from recon.ledger.documents import Identifier, reader
from recon.ledger.facts.external_fact import BALANCE, TRADE, ExternalFact, Id, parse_fact
from recon.ledger.units import UnitKind
from recon.source_class import VENUE
from recon.times import to_datetime

Question = Literal["balances", "positions", "trades"]

#: Most amounts of one answer.
MAX_AMOUNTS: Final = 5_000
#: The end of 2198, in microseconds: no time is later.
MAX_US: Final = 7_226_582_399_999_999

_IN_ANSWER: Final = "answer:"

Microseconds = Annotated[int, msgspec.Meta(gt=0, le=MAX_US)]


class HeldAmount(msgspec.Struct, frozen=True):
    """An amount of one asset or contract, signed; `unit` as the EMS writes it, as far as the settings tell."""

    unit: Annotated[Identifier, msgspec.Meta(min_length=1)]
    amount: Decimal


class VenueAnswer(msgspec.Struct, frozen=True):
    """An answer of a venue about one account; times are microseconds by the clock of this machine."""

    account: Id
    #: The venue's id in the library that asks.
    venue: Identifier
    what: Question
    #: When the question was sent, when the answer had come, and the time between that its amounts are of.
    asked_us: Microseconds
    answered_us: Microseconds
    at_us: Microseconds
    amounts: Annotated[list[HeldAmount], msgspec.Meta(max_length=MAX_AMOUNTS)] = []
    #: True if the venue lists all that it holds: what is not listed is zero.
    complete: bool = False
    #: How many trades follow as events of their own.
    trades: int = 0
    problem: str | None = None

    @property
    def unit_kind(self) -> UnitKind:
        """Return what the amounts are of."""
        return "contract" if self.what == "positions" else "asset"

    @property
    def holds(self) -> bool:
        """True if it says what is held."""
        return self.problem is None and self.what != "trades"

    def held(self, unit: str, amount: Decimal, external_id: str, *, absent: bool = False) -> ExternalFact:
        """Return one amount as a fact; `absent`: a zero that the answer does not list."""
        return ExternalFact(
            BALANCE,
            self.account,
            external_id,
            to_datetime(self.at_us),
            source=self.venue,
            unit_kind=self.unit_kind,
            unit=unit,
            amount=amount,
            source_class=VENUE,
            absent=absent,
        )


parse_answer: Final = reader(VenueAnswer)


def id_in_answer(seq: int, number: int) -> str:
    """Return the id of an amount of an answer: its log position, and its place among the amounts."""
    return f"{_IN_ANSWER}{seq}:{number}"


def is_of_answer(fact: ExternalFact) -> bool:
    """True if a venue that was asked told an amount, and nobody imported it from a file."""
    return fact.file is None and fact.external_id.startswith(_IN_ANSWER)


def parse_trade(payload: bytes) -> ExternalFact:
    """Return the fact of a `venue.trade` event. Raise DocumentRefused, naming what is wrong."""
    fact = parse_fact(payload)
    if fact.fact != TRADE or fact.source_class != VENUE:
        raise DocumentRefused("it is no trade that a venue told")
    return fact
