"""Entries that follow from a fill, and the legs that the comparison is told of. Pure (semantics 2)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from recon.exact import ZERO
from recon.ledger.fees.fee_key import market_of
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.legs import FillShare, Leg, LegOrigin
from recon.ledger.orders import Order
from recon.ledger.timeline import CERTAIN, Uncertainty
from recon.ledger.units import FEE, FILL, FillRef, Posting, UnitState, post
from recon.times import LogTime


class FillToPost(NamedTuple):
    """A fill with all that its postings need.

    `price_error` bounds the error of its cash, because the average price is rounded. `earlier` are fills of the order
    whose cash its cash contains.
    """

    order: Order
    instrument: Instrument
    fill: Fill
    origin: LegOrigin
    price_error: Decimal = ZERO
    earlier: Sequence[FillShare] = ()

    @property
    def sign(self) -> int:
        """Return 1 for a purchase, -1 for a sale."""
        return -1 if self.order.identity.side == "SELL" else 1

    @property
    def ref(self) -> FillRef:
        """Return the reference that its entries bear."""
        return FillRef(self.order.key, self.fill.ordinal, self.fill.occurred_us)


def market_of_fill(ledger: Ledger, account: str, instrument: Instrument) -> str:
    """Return the market that a fee of the instrument's fills is priced by (semantics 8.5)."""
    kind = None if instrument.type is None else instrument.type.value
    return market_of(ledger.rules_of(account).fees, instrument.symbol, kind)


def fill_posting(
    amount: Decimal, fill: FillRef, uncertainty: Uncertainty = CERTAIN, *, cause: str = FILL, certainty: str = "exact"
) -> Posting:
    """Return the posting of an amount of a fill, at the time of the fill."""
    return Posting(amount, cause, fill.occurred_us, certainty, uncertainty, fill)


def post_legs(
    ledger: Ledger,
    state: UnitState,
    legs: Sequence[Leg],
    postings: Sequence[Posting],
    at: LogTime,
    *,
    clock: int | None = None,
) -> None:
    """Post the legs of an amount with its fee: their entries, and the legs for the comparison.

    The last leg bears the fee that is booked. `clock` is the log time as of which an amount that waited is booked, as
    far as the order of entries allows.
    """
    cost = ZERO
    for posting in postings:
        is_fee = posting.cause == FEE
        cost -= posting.amount if is_fee else ZERO
        _post(ledger, state, posting, at if clock is None or is_fee else LogTime(at.seq, at.us, clock))
    last = msgspec.structs.replace(legs[-1], booked_fee=cost) if cost else legs[-1]
    ledger.effects.legs += [(state, leg) for leg in (*legs[:-1], last)]


def _post(ledger: Ledger, state: UnitState, posting: Posting, at: LogTime) -> None:
    """Post an entry of a fill; a fill hidden by a gap counts as booked before all reports after the gap."""
    booked = ledger.clock_of_fill(state.unit.account, posting.occurred_us, at)
    then = LogTime(at.seq, at.us, max(booked, state.timeline.clocks[-1]))
    ledger.record_entry(post(state, posting, then), state)
