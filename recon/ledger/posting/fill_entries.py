"""Entries that follow from a fill, and the legs that the comparison is told of. Pure (semantics 2)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from recon.exact import ZERO
from recon.ledger.fees.fee_key import market_of
from recon.ledger.fills import Fill
from recon.ledger.instruments import Instrument
from recon.ledger.ledger import Ledger
from recon.ledger.legs import FillShare, Leg, LegOrigin
from recon.ledger.orders import Order
from recon.ledger.posting.fees import fee_of
from recon.ledger.units import FEE, FILL, FillRef, Posting, UnitState, post
from recon.times import LogTime


class FillToPost(msgspec.Struct, frozen=True, gc=False):
    """A fill with all that its postings need.

    `price_error` bounds the error of its cash, because the average price is rounded. `earlier` are fills of the order
    whose cash its cash contains. `told` is the part of its amount that a statement told before its report. `waited`:
    it was told of before its instrument was known.
    """

    order: Order
    instrument: Instrument
    fill: Fill
    origin: LegOrigin
    price_error: Decimal = ZERO
    earlier: Sequence[FillShare] = ()
    told: Decimal = ZERO
    waited: bool = False

    @property
    def sign(self) -> int:
        """Return 1 for a purchase, -1 for a sale."""
        return -1 if self.order.identity.side == "SELL" else 1

    @property
    def fee_told(self) -> bool:
        """True if a statement told the fill and its fee before its report: no fee is expected beside that."""
        told = self.order.booked.told.values()
        return self.told == self.fill.amount and any(fee for each in told for fee in each.fees.values())

    @property
    def ref(self) -> FillRef:
        """Return the reference that its entries bear."""
        return FillRef(self.order.key, self.fill.ordinal, self.fill.occurred_us)


def market_of_fill(ledger: Ledger, account: str, instrument: Instrument) -> str:
    """Return the market that a fee of the instrument's fills is priced by (semantics 8.5)."""
    kind = None if instrument.type is None else instrument.type.value
    return market_of(ledger.rules_of(account).fees, instrument.symbol, kind)


def fill_posting(
    amount: Decimal, fill: FillRef, turnover: Decimal = ZERO, *, cause: str = FILL, certainty: str = "exact"
) -> Posting:
    """Return the posting of an amount of a fill, at the time of the fill; `turnover` as in `Posting`."""
    return Posting(amount, cause, fill.occurred_us, certainty, turnover, fill)


def post_legs(
    ledger: Ledger,
    state: UnitState,
    legs: Sequence[Leg],
    posting: Posting | FillRef,
    at: LogTime,
    *,
    clock: int | None = None,
) -> None:
    """Post an amount and the fees of its legs, and tell the comparison of the legs.

    With a fill in the place of a posting, only its fee is taken in the unit. `clock` is the log time as of which an
    amount that waited is booked, as far as the order of entries allows.
    """
    fill: FillRef | None
    if isinstance(posting, Posting):
        fill = posting.fill
        _post(ledger, state, posting, at if clock is None else LogTime(at.seq, at.us, clock))
    else:
        fill = posting
    rates = ledger.accounts[state.unit.account].rates
    for leg in legs:
        cost = fee_of(leg, rates)
        if cost:
            fee = Posting(-cost, FEE, leg.stamp.us if fill is None else fill.occurred_us, "inferred", fill=fill)
            _post(ledger, state, fee, at)
        ledger.effects.legs.append((state, msgspec.structs.replace(leg, booked_fee=cost) if cost else leg))


def _post(ledger: Ledger, state: UnitState, posting: Posting, at: LogTime) -> None:
    """Post an entry of a fill; a fill hidden by a gap counts as booked before all reports after the gap."""
    booked, last = at.clock, state.unit.balance.last_clock
    if ledger.event.from_rest:  # what comes live is hidden by no gap
        booked = ledger.clock_of_fill(state.unit.account, posting.occurred_us, at)
    clock = max(booked, last)
    then = at if clock == at.clock else LogTime(at.seq, at.us, clock)
    ledger.record_entry(post(state, posting, then), state)
