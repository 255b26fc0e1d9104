"""What the naming of a cause may look at, as plain values. Pure.

1. A hypothesis is a function of one CaseContext: tests can make one by hand, and a rebuild makes the same one.
2. Amounts are signed and in the unit's own measure, `*_us` are microseconds of log time, shares are of one.
3. Every list in it is bounded by who builds it (`recon.reconciliation.breaks.gather`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ONE, ZERO, divide, plain
from recon.ledger.evidence import Disagreement, Gap, LockChange
from recon.ledger.rules import DEFAULT_LEARNED_FEE, DEFAULT_WINDOW_US, Funding
from recon.ledger.units import UnitKind

#: A trade's price may be off by so much from the last one known: fees are in it, and markets move.
MARKET_SHARE: Final = Decimal("0.05")
#: Digits after the point of a price, and of a share in percent, that are worked out for words.
_PRICE_DIGITS: Final = 8
_PERCENT_DIGITS: Final = 4


class Residual(msgspec.Struct, frozen=True):
    """One break as a residual: the first of `amounts` is the one shown, the others are what it may also be.

    `expected` is what the books say is held, `reported` what the EMS said last; the amount is their difference.
    """

    account: str
    kind: UnitKind
    code: str
    amounts: tuple[Decimal, ...]
    after_seq: int = 0
    until_seq: int = 0
    #: Log times of the first report that shows it, and of the last that surely does not (0: not known).
    seen_us: int = 0
    after_us: int = 0
    break_id: str = ""
    coinapi: str | None = None
    rate_usd: Decimal | None = None
    expected: Decimal | None = None
    reported: Decimal | None = None
    #: Not a break yet: a chain is under way.
    pending: bool = False

    @property
    def amount(self) -> Decimal:
        """Return the amount that is shown."""
        return self.amounts[0]

    @property
    def usd(self) -> Decimal | None:
        """Value the amount in USD, None where no rate is known."""
        return None if self.rate_usd is None else self.amount * self.rate_usd


class OrderSeen(msgspec.Struct, frozen=True):
    """An order of ours that was open when it was last heard of; `open` is None where nothing tells."""

    key: str
    symbol: str
    side: str | None
    price: Decimal | None
    open: Decimal | None
    updated_us: int = 0
    seq: int = 0
    #: Absent from a complete snapshot: what became of it is not known.
    vanished: bool = False


class Flow(msgspec.Struct, frozen=True):
    """What a fill moved in one unit, and its worth there, of which fees are a share (for cash of contracts: more)."""

    code: str
    seq: int
    amount: Decimal
    leg: Decimal
    rate_usd: Decimal | None = None
    #: Whether it is booked with its fee.
    charged: bool = False


class Pair(msgspec.Struct, frozen=True):
    """A spot symbol: the units of its legs, and the last price known."""

    symbol: str
    base: str
    quote: str
    price: Decimal | None = None


class ContractSeen(msgspec.Struct, frozen=True):
    """A contract of the account: what is held, what it settles in, and what is known of its price."""

    code: str
    position: Decimal = ZERO
    settles_in: str | None = None
    inverse: bool = False
    multiplier: Decimal | None = None
    average: Decimal | None = None
    price: Decimal | None = None
    liquidation_price: Decimal | None = None
    expires_us: int | None = None


class CaseContext(msgspec.Struct, frozen=True):
    """One break, `own`, and all that may tell why it is there."""

    own: Residual
    #: Other breaks of the account whose origins overlap, and of the same asset in other accounts of the gateway.
    legs: tuple[Residual, ...] = ()
    elsewhere: tuple[Residual, ...] = ()
    tolerance: Decimal = ZERO
    quantum: Decimal = ZERO
    orders: tuple[OrderSeen, ...] = ()
    #: Whether `orders` are all that are open, as far as we heard.
    orders_complete: bool = True
    #: Fills around the origin: of the unit itself, and of the account's cash, newest last.
    flows: tuple[Flow, ...] = ()
    traded: tuple[Flow, ...] = ()
    pairs: tuple[Pair, ...] = ()
    contracts: tuple[ContractSeen, ...] = ()
    #: Assets of the pairs that are not judged, and that are just being judged.
    unjudged: frozenset[str] = frozenset()
    undecided: frozenset[str] = frozenset()
    gaps: tuple[Gap, ...] = ()
    locks: tuple[LockChange, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    #: Rates of the schedule for the unit's legs; whether fills are booked with their fee; whether fees are taken here.
    schedule: tuple[Decimal, ...] = ()
    fee_booked: bool = False
    #: Whether it waited for another fee like it, and none came.
    waited: bool = False
    fee_asset: bool = False
    learn_up_to: Decimal = DEFAULT_LEARNED_FEE
    funding: Funding = Funding()
    window_us: int = DEFAULT_WINDOW_US
    #: Why legs of this asset may be missing, and symbols whose fills wait for their instrument.
    unmapped: str | None = None
    waiting: tuple[str, ...] = ()

    @property
    def gap(self) -> Gap | None:
        """Return the latest stretch without observation that overlaps the origin."""
        found = [gap for gap in self.gaps if overlaps(gap.from_seq, gap.until_seq, self.own)]
        return found[-1] if found else None


def overlaps(from_seq: int, until_seq: int | None, residual: Residual) -> bool:
    """Tell whether a stretch of the log overlaps the stretch in which a residual arose."""
    return from_seq <= residual.until_seq and (until_seq is None or until_seq > residual.after_seq)


def shown(value: Decimal, digits: int = _PRICE_DIGITS) -> str:
    """Write a number that was worked out, without trailing zeros."""
    return plain(divide(value, ONE, digits).normalize())


def percent(share: Decimal) -> str:
    """Write a share in percent."""
    return f"{shown(share * 100, _PERCENT_DIGITS)} %"


def significant(value: Decimal) -> int:
    """Count the significant digits of a number: how much a coincidence with it tells."""
    return len(value.normalize().as_tuple().digits)
