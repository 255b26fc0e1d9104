"""What is known of an account beside its units, in parts that each have one writer. Pure.

1. Only this module assigns the fields of a part; everybody else calls the part's methods.
2. A part says what it is about: `liveness`, `snapshots`, `mappings`, `coverage`, `evidence`, `approvals`.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Final, Literal

import msgspec

from recon.exact import ZERO
from recon.ledger.backfills import Backfill, MissingOrder
from recon.ledger.evidence import (
    Disagreement,
    Gap,
    OpenOrder,
    with_disagreement,
    with_gap,
    with_order,
    without_gap,
)
from recon.ledger.orders import Order

#: A heartbeat that is this far off is so by clocks that differ, in microseconds; less may be its way.
SKEW_FROM_US: Final = 2_000_000
#: The largest skew, in microseconds: a stamp that is further off stands still, or is none.
SKEW_TO_US: Final = 86_400_000_000

State = Literal["gap", "catching_up", "unresolved", "covered"]
OBSERVED: Final = frozenset({"covered", "unresolved"})


class Liveness(msgspec.Struct, gc=False):
    """Signs of life of an account, and how far the EMS's clock is from ours."""

    session: str | None = None
    instance_guid: str | None = None
    #: The session in which `instance_guid` was last reported: across sessions the gap between them covers a change.
    instance_session: str | None = None
    is_running: bool | None = None
    last_heartbeat_us: int | None = None
    last_alive_us: int = 0
    #: How far the last heartbeat was behind by both clocks, in microseconds: its way, and how far the clocks differ.
    lag_us: int | None = None
    #: The skew as first measured: stamps of that time are by the clock of that time.
    first_skew_us: int | None = None

    @property
    def skew_us(self) -> int:
        """Return what to add to the EMS's times to have them by our clock, in microseconds; 0 while unknown."""
        return skew_of(self.lag_us)

    def note_lag(self, lag_us: int) -> None:
        """Note the lag of a heartbeat, in microseconds."""
        self.lag_us = lag_us
        if self.first_skew_us is None:
            self.first_skew_us = self.skew_us

    def note_alive(self, us: int) -> None:
        """Note a sign of life at a log time, in microseconds."""
        self.last_alive_us = us

    def note_heartbeat(self, us: int) -> None:
        """Note a heartbeat at a log time, in microseconds."""
        self.last_heartbeat_us = us

    def enter_session(self, session: str | None) -> None:
        """Belong to a session from here on."""
        self.session = session

    def note_instance(self, guid: str | None, session: str | None, *, running: bool | None) -> bool:
        """Note which process speaks for the account; return whether another one took over within a session."""
        restarted = (
            self.instance_guid is not None
            and self.instance_session == session
            and guid is not None
            and self.instance_guid != guid
        )
        self.instance_guid = guid or self.instance_guid
        self.instance_session, self.is_running = session, running
        return restarted


class Snapshots(msgspec.Struct, gc=False):
    """Which snapshots came, and the balance rows seen in them."""

    #: Sessions in which each kind of snapshot came, so that a missing one is known to be missing.
    orders_session: str | None = None
    balances_session: str | None = None
    #: Whether a complete snapshot was ever seen: only then does absence mean zero (semantics 4.3).
    balances_complete: bool = False
    positions_complete: bool = False
    #: Balance rows seen: code to CoinAPI code, and the last amount of each.
    balance_rows: dict[str, str | None] = {}
    balance_row_amounts: dict[str, str] = {}

    def note_orders(self, session: str | None) -> None:
        """Note that the orders of a session came."""
        self.orders_session = session

    def note_balances(self, session: str | None, *, complete: bool) -> None:
        """Note that the balances of a session came; `complete`: absence from them means zero."""
        self.balances_session = session
        self.balances_complete = self.balances_complete or complete

    def note_positions(self) -> None:
        """Note that a complete snapshot of positions came."""
        self.positions_complete = True

    def forget_session(self) -> None:
        """Await all snapshots again: another process speaks for the account."""
        self.orders_session = self.balances_session = None

    def add_row(self, asset: str, coinapi: str | None) -> bool:
        """Add a balance row, or what it newly tells; return whether there was anything new."""
        if asset in self.balance_rows and (not coinapi or self.balance_rows[asset] == coinapi):
            return False
        self.balance_rows = {**self.balance_rows, asset: coinapi or self.balance_rows.get(asset)}
        return True

    def set_row_amount(self, asset: str, amount: Decimal) -> None:
        """Keep the last amount of a row."""
        self.balance_row_amounts = {**self.balance_row_amounts, asset: str(amount)}

    def clear_row_amounts(self, assets: Collection[str]) -> None:
        """Forget the amounts of rows that a complete snapshot lacks."""
        self.balance_row_amounts = {
            code: amount for code, amount in self.balance_row_amounts.items() if code not in assets
        }


class Mappings(msgspec.Struct, gc=False):
    """What the account's assets and symbols turned out to be, and what waits until that is known."""

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

    def add_unmapped(self, asset: str, coinapi: str | None) -> None:
        """Keep an asset under its own code until a balance row is known to be its."""
        self.unmapped = {**self.unmapped, asset: coinapi}

    def remove_unmapped(self, asset: str) -> None:
        """Note that an asset's balance row is known."""
        self.unmapped = {code: coinapi for code, coinapi in self.unmapped.items() if code != asset}

    def await_instrument(self, symbol: str, order: str) -> None:
        """Let the fills of an order wait until the symbol's instrument is known."""
        waiting = [*self.fills_awaiting_instrument.get(symbol, []), order]
        self.fills_awaiting_instrument = {**self.fills_awaiting_instrument, symbol: waiting}

    def end_waiting(self, symbol: str) -> None:
        """Note that a symbol's instrument is known."""
        waiting = self.fills_awaiting_instrument
        self.fills_awaiting_instrument = {name: orders for name, orders in waiting.items() if name != symbol}

    def add_pair(self, symbol: str, base: str, quote: str) -> None:
        """Note the units that a spot symbol moves."""
        self.traded_pairs = {**self.traded_pairs, symbol: (base, quote)}

    def set_fee_asset(self, asset: str | None) -> None:
        """Note the asset that fees seem to be taken in."""
        self.fee_asset = asset

    def set_unmodelled(self, contracts: dict[str, tuple[list[str], list[str], str]]) -> None:
        """Replace what makes assets unmodelled."""
        self.unmodelled = contracts

    def await_cash(self, contract: str, asset: str) -> None:
        """Let the cash of a contract's fills wait for its opening."""
        self.cash_pending_contracts = {**self.cash_pending_contracts, contract: asset}

    def end_cash_waiting(self, contract: str) -> None:
        """Note that a contract's opening is known."""
        waiting = self.cash_pending_contracts
        self.cash_pending_contracts = {code: asset for code, asset in waiting.items() if code != contract}

    def set_price_scale(self, symbol: str, digits: int) -> None:
        """Keep the finest scale of a symbol's average prices."""
        self.price_scales = {**self.price_scales, symbol: digits}


class Coverage(msgspec.Struct, gc=False):
    """Whether the account is observed now, its open gap, and what the gap hid (semantics 7)."""

    state: State = "catching_up"
    reason: str | None = None
    since_seq: int = 0
    since_us: int = 0
    gap_seq: int | None = None
    #: Orders that were open and are reported no more, by their keys.
    missing_orders: dict[str, MissingOrder] = {}
    #: The latest gap whose backfill has not finished, if any.
    backfill: Backfill | None = None
    #: Backfills that ended with open questions which nobody can be asked any more; a person may settle them.
    open_backfills: list[Backfill] = []
    #: Which lists could not be read over REST for the gap (orders, balances, positions), and why.
    unread_lists: dict[str, str] = {}
    #: Log position of the last answer over REST that brought fills.
    last_fetched_fill_seq: int = 0
    #: Up to when the order log was read for the gap, in microseconds.
    history_read_until_us: int = 0
    #: The end of the last gap, while the order log around it is to be read once more: that log may lag.
    second_history_read_us: int | None = None

    @property
    def observed(self) -> bool:
        """True if the account's reports can be relied on now."""
        return self.state in OBSERVED

    @property
    def backfilling(self) -> bool:
        """True while what a gap hid is being fetched: nothing of the account is judged."""
        return self.backfill is not None and self.backfill.in_progress

    def enter(self, state: State, reason: str | None, *, seq: int, us: int) -> None:
        """Be in a state from a log position on."""
        self.state, self.reason, self.since_seq, self.since_us = state, reason, seq, us

    def note_gap(self, seq: int) -> None:
        """Note where the latest gap began."""
        self.gap_seq = seq

    def set_missing(self, key: str, order: MissingOrder) -> None:
        """Note an order that is missing, or what the EMS said of it."""
        self.missing_orders = {**self.missing_orders, key: order}

    def remove_missing(self, key: str) -> None:
        """Note that an order is accounted for."""
        self.missing_orders = {other: order for other, order in self.missing_orders.items() if other != key}

    def set_backfill(self, backfill: Backfill | None) -> None:
        """Replace the backfill that has not finished."""
        self.backfill = backfill

    def set_open_backfills(self, backfills: list[Backfill]) -> None:
        """Replace the backfills that a person may settle."""
        self.open_backfills = backfills

    def set_unread(self, lists: dict[str, str]) -> None:
        """Replace which lists could not be read, and why."""
        self.unread_lists = lists

    def note_fetched_fill(self, seq: int) -> None:
        """Note the log position of an answer that brought fills."""
        self.last_fetched_fill_seq = seq

    def note_history_read(self, until_us: int) -> None:
        """Note up to when the order log was read, in microseconds."""
        self.history_read_until_us = until_us

    def set_second_read(self, us: int | None) -> None:
        """Ask for the order log around a time once more; None: it was read."""
        self.second_history_read_us = us


class AccountEvidence(msgspec.Struct, gc=False):
    """What may tell why a break is there: recent orders, prices, gaps, and reports that contradicted themselves."""

    #: Orders open by their last report.
    open_orders: dict[str, OpenOrder] = {}
    #: The last price of each symbol.
    prices: dict[str, Decimal] = {}
    gaps: list[Gap] = []
    disagreements: list[Disagreement] = []

    def note_order(self, order: Order) -> None:
        """Note the latest report of an order."""
        self.open_orders = with_order(self.open_orders, order)

    def note_price(self, symbol: str, price: Decimal) -> None:
        """Note the price of a symbol's last fill."""
        self.prices = {**self.prices, symbol: price}

    def note_disagreement(self, latest: Disagreement) -> None:
        """Note a report that contradicts itself."""
        self.disagreements = with_disagreement(self.disagreements, latest)

    def open_gap(self, seq: int, reason: str) -> None:
        """Note that the account is not observed from a log position on."""
        self.gaps = with_gap(self.gaps, seq, reason)

    def close_gap(self, seq: int) -> None:
        """Note that the account is observed again."""
        self.gaps = without_gap(self.gaps, seq)


class ApprovalTotal(msgspec.Struct, gc=False):
    """What people approved on the account's latest business day, in USD (semantics 10.2)."""

    day: int = 0
    usd: Decimal = ZERO

    def of_day(self, day: int) -> Decimal:
        """Return what was approved on a business day, in USD."""
        return self.usd if self.day == day else ZERO

    def add(self, day: int, usd: Decimal) -> None:
        """Add what was approved on a business day, in USD."""
        self.day, self.usd = day, self.of_day(day) + usd


class Account(msgspec.Struct, gc=False):
    """What is known of an account beside its units; `started_us` is when its first event came, in microseconds."""

    name: str
    started_us: int
    liveness: Liveness = msgspec.field(default_factory=Liveness)
    snapshots: Snapshots = msgspec.field(default_factory=Snapshots)
    mappings: Mappings = msgspec.field(default_factory=Mappings)
    coverage: Coverage = msgspec.field(default_factory=Coverage)
    evidence: AccountEvidence = msgspec.field(default_factory=AccountEvidence)
    approvals: ApprovalTotal = msgspec.field(default_factory=ApprovalTotal)


def skew_of(lag_us: int | None) -> int:
    """Return how far the EMS's clock is behind ours, in microseconds, by the lag of a heartbeat.

    A lag that may be the heartbeat's way is no skew. Neither is one that no clock differs by, not even a clock that
    shows another zone's time.
    """
    return 0 if lag_us is None or not SKEW_FROM_US <= abs(lag_us) <= SKEW_TO_US else lag_us
