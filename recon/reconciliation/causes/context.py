"""The facts that a test of a cause may use, as plain values. Pure.

1. A test is a function of one BreakContext, so a context can be made by hand, and a rebuild makes the same one.
2. Amounts are signed and in the unit's own measure; `*_us` are microseconds of log time; shares are fractions of one.
3. `recon.reconciliation.breaks.gather` builds the context; every list in it is bounded.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO
from recon.ledger.evidence import Disagreement, Gap, LockChange, RateStep, Regression
from recon.ledger.rules import DEFAULT_LEARNED_FEE, DEFAULT_WINDOW_US, Funding, OffExchangeSettlement
from recon.ledger.units import UnitKind

#: The largest distance of a trade's price from the last known price, as a share of it: fees, and markets move.
MAX_PRICE_DISTANCE: Final = Decimal("0.05")


class BreakSummary(msgspec.Struct, frozen=True):
    """One break, or one that is pending: its amount is what the EMS last reported less what the ledger expects."""

    account: str
    kind: UnitKind
    code: str
    #: The amount that is shown, then the other amounts that fit as well.
    amounts: tuple[Decimal, ...]
    after_seq: int = 0
    until_seq: int = 0
    #: Log times of the first report that shows the break, and of the last that does not (0: not known).
    seen_us: int = 0
    after_us: int = 0
    break_id: str = ""
    coinapi: str | None = None
    rate_usd: Decimal | None = None
    expected: Decimal | None = None
    reported: Decimal | None = None
    reported_seq: int | None = None
    #: True while observations may still make it disappear.
    pending: bool = False

    @property
    def amount(self) -> Decimal:
        """Return the amount that is shown."""
        return self.amounts[0]

    @property
    def usd(self) -> Decimal | None:
        """Return the amount in USD, None if no rate is known."""
        return None if self.rate_usd is None else self.amount * self.rate_usd


class OwnOrder(msgspec.Struct, frozen=True):
    """An own order that was open when it was last reported; `open` is None if its open amount is not known."""

    key: str
    symbol: str
    side: str | None
    price: Decimal | None
    open: Decimal | None
    updated_us: int = 0
    seq: int = 0
    #: True if a complete snapshot did not contain it: its outcome is not known.
    vanished: bool = False

    @property
    def signed_open(self) -> Decimal:
        """Return the open amount, negative for a sale, 0 if it is not known."""
        amount = self.open or ZERO
        return -amount if self.side == "SELL" else amount


class FillFlow(msgspec.Struct, frozen=True):
    """The change of one unit by fills of one event."""

    code: str
    seq: int
    amount: Decimal
    #: The value that fees are a share of, in this unit; larger than the amount for cash of contracts.
    turnover: Decimal
    rate_usd: Decimal | None = None
    #: True if the fill is booked with its fee.
    fee_booked: bool = False


class SpotPair(msgspec.Struct, frozen=True):
    """A spot symbol: the units of its legs, and the last known price."""

    symbol: str
    base: str
    quote: str
    price: Decimal | None = None


class AccountContract(msgspec.Struct, frozen=True):
    """A contract of the account: the position, the settlement asset, and the known prices."""

    code: str
    position: Decimal = ZERO
    settles_in: str | None = None
    inverse: bool = False
    multiplier: Decimal | None = None
    average: Decimal | None = None
    price: Decimal | None = None
    liquidation_price: Decimal | None = None
    expires_us: int | None = None


class BreakContext(msgspec.Struct, frozen=True):
    """One break, and everything that may tell its cause."""

    break_: BreakSummary
    #: Breaks of other units of the account whose origins overlap.
    related_breaks: tuple[BreakSummary, ...] = ()
    same_asset_other_accounts: tuple[BreakSummary, ...] = ()
    tolerance: Decimal = ZERO
    quantum: Decimal = ZERO
    orders: tuple[OwnOrder, ...] = ()
    #: True if `orders` contains every open order that was reported.
    orders_complete: bool = True
    #: Fills near the origin, of the unit itself and of the account's quote assets, newest last.
    flows: tuple[FillFlow, ...] = ()
    quote_flows: tuple[FillFlow, ...] = ()
    pairs: tuple[SpotPair, ...] = ()
    contracts: tuple[AccountContract, ...] = ()
    #: Assets of the pairs that are not compared, and those whose comparison waits for more reports.
    uncompared: frozenset[str] = frozenset()
    undecided: frozenset[str] = frozenset()
    gaps: tuple[Gap, ...] = ()
    locks: tuple[LockChange, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    regressions: tuple[Regression, ...] = ()
    #: The last step of the unit's rate.
    rate_step: RateStep | None = None
    #: Fee rates of the schedule that apply to the unit's fills.
    scheduled_rates: tuple[Decimal, ...] = ()
    #: True if the unit's fills are booked with their fee.
    fees_booked: bool = False
    #: True if it was a fee candidate that expired because no similar fee followed.
    was_fee_candidate: bool = False
    #: True if the schedule takes fees in this asset, whatever is traded.
    is_fee_asset: bool = False
    max_fee_rate: Decimal = DEFAULT_LEARNED_FEE
    funding: Funding = Funding()
    settlement: OffExchangeSettlement | None = None
    window_us: int = DEFAULT_WINDOW_US
    #: Why the ledger may lack legs of this asset.
    unmapped_reason: str | None = None
    #: Symbols whose fills wait for their instrument.
    awaiting_instrument: tuple[str, ...] = ()

    @property
    def gap(self) -> Gap | None:
        """Return the latest gap that overlaps the origin."""
        gaps = [gap for gap in self.gaps if overlaps(gap.from_seq, gap.until_seq, self.break_)]
        return gaps[-1] if gaps else None


def overlaps(from_seq: int, until_seq: int | None, break_: BreakSummary) -> bool:
    """True if an interval of the log overlaps the origin of a break."""
    return from_seq <= break_.until_seq and (until_seq is None or until_seq > break_.after_seq)
