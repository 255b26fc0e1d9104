"""The habits of real venues and gateways, set per account.

Codes that differ between symbols and balance rows (`XBT`, `XXBT`) are facts of the instruments, not habits.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

#: Longest delay of either channel in seconds, and so the most by which messages cross, both ways.
MAX_CROSSING_SECONDS: Final = 0.3
#: Shortest delay between venue and client, in seconds.
MIN_DELAY_SECONDS: Final = 0.002
#: How much later than others a report comes that the last one overtakes, in seconds.
OVERTAKEN_SECONDS: Final = 1.2
#: Digits after the point of a time stamp: its resolution is 100 ns (protocol 15).
STAMP_DIGITS: Final = 7


class Numbers(StrEnum):
    """How numbers are printed: with their scale, or as doubles (protocol 15)."""

    DECIMAL = "decimal"
    DOUBLE = "double"


class AveragePrice(StrEnum):
    """The `avg_px` of a fill's first report; if it is missing, a complete report follows."""

    PRESENT = "present"
    ZERO_FIRST = "zero_first"
    NULL_FIRST = "null_first"
    ABSENT_FIRST = "absent_first"


class Empty(StrEnum):
    """The form of an empty snapshot (protocol 17.2)."""

    LIST = "list"
    NULL = "null"
    ABSENT = "absent"
    UNSENT = "unsent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """The format and timing of one account's messages. Times are in seconds.

    zero_rows             send balance and position rows that are zero
    numbers               see `Numbers`
    cash_quantum          the venue rounds the cash of each spot fill to this; None: exact
    cash_truncated        ... and towards zero, not half-even
    average_price         see `AveragePrice`; the complete report follows after average_price_after
    average_price_digits  digits after the point of an `avg_px` that is not exact
    fills_listed          send the list of fills
    early_reports         send RECEIVED, ROUTING and ROUTED one by one; else the first report is the next one
    report_delay          longest delay of a report; those of different spot orders are reordered within it
    balance_delay         longest delay of a balance or position message
    stale_first           the first balance snapshot is this much older than the orders beside it
    stale_every           a balance snapshot as stale as that is sent again at this interval; None: never
    stamp_digits          digits after the point of a time stamp, cut, not rounded; None: the venue tells no times
    coarse_last           the last report of a spot order overtakes the earlier ones, lists no fills, and has its
                          average price in whole price steps
    merged_last           the last report of a spot order overtakes those of its other fills, which come
                          OVERTAKEN_SECONDS late, and lists its last two fills as one, at their average price
    digit_order_ids       exchange order ids are all digits
    reused_client_ids     client ids repeat from 1 to n; None: each is new
    hedge                 two position rows for one symbol
    row_without_balance   code of an extra row that lacks `balance`
    polled_every          balances and positions are polled at this interval; None: sent after each fill
    manager_share         share of new orders whose lock BALANCE_MANAGER reports at once
    heartbeats            SERVER_INFO messages per second
    empty                 see `Empty`
    pnl_spelling          `unrealised_pnl` or `unrealized_pnl`
    row_ids               rows carry the undocumented `id`
    liquidation_prices    position rows have their liquidation price; else 0
    """

    zero_rows: bool = True
    numbers: Numbers = Numbers.DECIMAL
    cash_quantum: Decimal | None = None
    cash_truncated: bool = False
    average_price: AveragePrice = AveragePrice.PRESENT
    average_price_after: float = 0.4
    average_price_digits: int = 10
    fills_listed: bool = True
    early_reports: bool = False
    report_delay: float = 0.05
    balance_delay: float = 0.05
    stale_first: float = 0.0
    stale_every: float | None = None
    stamp_digits: int | None = STAMP_DIGITS
    coarse_last: bool = False
    merged_last: bool = False
    digit_order_ids: bool = False
    reused_client_ids: int | None = None
    hedge: bool = False
    row_without_balance: str | None = None
    polled_every: float | None = None
    manager_share: float = 0.05
    heartbeats: int = 1
    empty: Empty = Empty.LIST
    pnl_spelling: str = "unrealised_pnl"
    row_ids: bool = True
    liquidation_prices: bool = False

    @property
    def last_overtakes(self) -> bool:
        """True if the last report of a spot order overtakes the earlier ones."""
        return self.coarse_last or self.merged_last


#: Messages cross each other by the longest delays that users of the protocol have reported.
CROSSING: Final = Habits(report_delay=MAX_CROSSING_SECONDS, balance_delay=MAX_CROSSING_SECONDS)
