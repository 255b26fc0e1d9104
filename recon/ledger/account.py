"""What is known of an account beside its units. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from recon.exact import ZERO
from recon.ledger.backfills import Backfill, MissingOrder
from recon.ledger.evidence import Disagreement, Gap, OpenOrder

#: A heartbeat that is this far off is so by the clocks that differ; less may be its way.
SKEW_FROM_US: Final = 2_000_000
#: The largest: a stamp that is further off stands still, or is none.
SKEW_TO_US: Final = 86_400_000_000
State = Literal["gap", "catching_up", "unresolved", "covered"]
OBSERVED: Final = frozenset({"covered", "unresolved"})


class Account(msgspec.Struct, gc=False):
    """What is known of an account beside its units."""

    name: str
    started_us: int
    session: str | None = None
    instance_guid: str | None = None
    #: The session in which it was last told: across sessions a change is covered by the gap between them.
    instance_session: str | None = None
    is_running: bool | None = None
    last_heartbeat_us: int | None = None
    last_alive_us: int = 0
    #: How far the last heartbeat was behind by both clocks, in microseconds: its way, and how far they differ.
    lag_us: int | None = None
    #: The skew as it was first measured: stamps of that time are by the clock of that time.
    first_skew_us: int | None = None
    #: Sessions in which each kind of snapshot came, so that a missing one is known to be missing.
    orders_session: str | None = None
    balances_session: str | None = None
    #: Whether a complete snapshot was ever seen: only then does absence mean zero (semantics 4.3).
    balances_complete: bool = False
    positions_complete: bool = False
    #: Balance rows seen: code to CoinAPI code, and the last amount of each.
    balance_rows: dict[str, str | None] = {}
    balance_row_amounts: dict[str, str] = {}
    #: Assets kept under their own code because no row is known to be theirs: code to CoinAPI code.
    unmapped: dict[str, str | None] = {}
    #: Symbols whose fills wait for their instrument, with the orders that wait.
    fills_awaiting_instrument: dict[str, list[str]] = {}
    #: Spot symbols traded: symbol to (base unit, quote unit).
    traded_pairs: dict[str, tuple[str, str]] = {}
    #: The asset that fees seem to be taken in, which fills do not move, where no schedule tells (semantics 8.5).
    fee_asset: str | None = None
    #: Assets whose cash does not follow from fills: contract to (asset codes, CoinAPI codes, why).
    unmodelled: dict[str, tuple[list[str], list[str], str]] = {}
    #: Contracts whose opening is not known yet, and the asset that the cash of their fills will be in: not judged.
    cash_pending_contracts: dict[str, str] = {}
    #: Finest scale of avg_px seen per symbol.
    price_scales: dict[str, int] = {}
    #: Orders that were open and are told of no more, by their keys.
    missing_orders: dict[str, MissingOrder] = {}
    #: The stretch without observation that is not caught up with, and up to when the order log was read for it.
    backfill: Backfill | None = None
    #: Stretches that ended with questions that nobody can be asked any more; a person may settle them.
    open_backfills: list[Backfill] = []
    #: What could not be read over REST for that stretch: orders, balances or positions, and why.
    unread_lists: dict[str, str] = {}
    #: Log position of the last answer that brought fills.
    last_fetched_fill_seq: int = 0
    history_read_until_us: int = 0
    #: The end of the last stretch, while the order log around it is to be read once more: it may lag.
    second_history_read_us: int | None = None
    gap_seq: int | None = None
    state: State = "catching_up"
    reason: str | None = None
    since_seq: int = 0
    since_us: int = 0
    #: The business day that people last approved entries in, and their sum in USD (semantics 10.2).
    approved_day: int = 0
    approved_usd: Decimal = ZERO
    #: What may tell why a break is there: orders open by their last report, the last price of each symbol, stretches
    #: without observation, and reports that contradicted themselves.
    open_orders: dict[str, OpenOrder] = {}
    prices: dict[str, Decimal] = {}
    gaps: list[Gap] = []
    disagreements: list[Disagreement] = []

    @property
    def skew_us(self) -> int:
        """Return what is added to the EMS's times to have them by our clock, in microseconds; 0 while unknown."""
        return skew_of(self.lag_us)

    def note_lag(self, lag_us: int) -> None:
        """Take the lag of a heartbeat."""
        self.lag_us = lag_us
        if self.first_skew_us is None:
            self.first_skew_us = self.skew_us

    @property
    def observed(self) -> bool:
        """Tell whether what the account reports can be relied on now."""
        return self.state in OBSERVED

    @property
    def backfilling(self) -> bool:
        """Tell whether nothing of it is to be judged, because what a gap hid is still being fetched."""
        return self.backfill is not None and self.backfill.in_progress


def skew_of(lag_us: int | None) -> int:
    """Return how far the EMS's clock is behind ours, by a heartbeat's lag.

    What may be its way is none, and so is what no clock differs by, even one that tells another zone's time.
    """
    return 0 if lag_us is None or not SKEW_FROM_US <= abs(lag_us) <= SKEW_TO_US else lag_us
