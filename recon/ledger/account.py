"""An account without its units, in parts with a single writer. Pure.

1. Only the module that declares a part assigns its fields; other modules call the part's methods.
2. The parts are `liveness`, `snapshots`, `mappings`, `coverage`, `evidence`, `approvals`, `told`, `rates`, `stamps` and
   `told_ahead`.
3. A method that takes one row changes its map in place: a copy of the map for each row would be quadratic.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal

import msgspec

from recon.ledger.account_mappings import AssumedRow, Mappings
from recon.ledger.approvals import ApprovalTotal
from recon.ledger.backfills import Backfill, Lost, MissingOrder
from recon.ledger.carried_fills import PartlyFilledOrders
from recon.ledger.evidence import (
    Disagreement,
    Gap,
    OpenOrder,
    Regression,
    note_open_order,
    with_disagreement,
    with_gap,
    with_regression,
    without_gap,
)
from recon.ledger.fees.rate_table import RateTable
from recon.ledger.lookups import AssetsByRow, CodesBySpelling, RowsByCoinapi
from recon.ledger.orders import Order
from recon.ledger.stamps import Stamps
from recon.ledger.told_ahead import ToldAhead

#: A heartbeat lag from this on is clock skew, in microseconds; a smaller lag may be transmission time.
SKEW_FROM_US: Final = 2_000_000
#: The largest skew, in microseconds: a time further off is no running clock.
SKEW_TO_US: Final = 86_400_000_000

#: The reason for withholding `agreed` from the units of an account while a refused event is not made up for.
REFUSED_EVENT: Final = "an event was refused"
#: Refused events kept by account; of more, the oldest are dropped.
MAX_REFUSED_EVENTS: Final = 100

State = Literal["gap", "catching_up", "unresolved", "covered"]
OBSERVED: Final = frozenset({"covered", "unresolved"})


class Liveness(msgspec.Struct, gc=False, array_like=True):
    """Signs of life of an account, and the skew of the EMS's clock."""

    session: str | None = None
    instance_guid: str | None = None
    #: The session of the last `instance_guid`: a change across sessions lies in the gap between them.
    instance_session: str | None = None
    is_running: bool | None = None
    last_heartbeat_us: int | None = None
    last_alive_us: int = 0
    #: Lag of the last heartbeat, in microseconds: transmission time plus clock skew.
    lag_us: int | None = None
    #: The skew at the first heartbeat, for times from that period.
    first_skew_us: int | None = None
    #: When the account was first named, or the end of its last gap, in microseconds.
    heard_us: int = 0

    @property
    def skew_us(self) -> int:
        """Return the microseconds to add to the EMS's times for our clock; 0 while unknown."""
        return skew_of(self.lag_us)

    @property
    def last_sign_us(self) -> int:
        """Return the log time of the last sign of life, in microseconds; 0: none came yet."""
        return max(self.last_alive_us, self.last_heartbeat_us or 0)

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

    def note_heard(self, us: int) -> None:
        """Note that a gap ends at a log time, in microseconds."""
        self.heard_us = us

    def enter_session(self, session: str | None) -> None:
        """Set the session of the account."""
        self.session = session

    def note_instance(self, guid: str | None, session: str | None, *, running: bool | None) -> bool:
        """Note the EMS process of the account; return True if another process took over within the session."""
        restarted = (
            self.instance_guid is not None
            and self.instance_session == session
            and guid is not None
            and self.instance_guid != guid
        )
        self.instance_guid = guid or self.instance_guid
        self.instance_session, self.is_running = session, running
        return restarted


#: The kind of units that a list is of.
ListKind = Literal["asset", "contract"]


class EmptyList(msgspec.Struct, frozen=True):
    """A list that is empty though several of its kind are held; `since_us` in microseconds."""

    since_us: int
    believed: bool = False


class Snapshots(msgspec.Struct, dict=True):
    """Snapshots received in a session, and the balance rows seen in snapshots."""

    #: The sessions in which the latest snapshots came, so that a missing snapshot is noticed.
    orders_session: str | None = None
    balances_session: str | None = None
    #: True once a complete snapshot came: only then absence means zero (semantics 4.3).
    balances_complete: bool = False
    positions_complete: bool = False
    #: Balance rows seen, as two maps: code to CoinAPI code, and code to the last amount.
    balance_rows: dict[str, str | None] = {}
    balance_row_amounts: dict[str, str] = {}
    #: CoinAPI code to the row that its legs go to, once a second row came or a fill was booked there (semantics 3.3).
    home_rows: dict[str, str] = {}
    #: Assets whose row is assumed: by how it is spelled, or by how it moved (semantics 3.3).
    assumed: dict[str, AssumedRow] = {}
    #: Other spellings of the codes of rows, with the code that each row is kept under.
    spellings: dict[str, str] = {}
    #: Lists that are empty though several are held, by the kind of the units that they list.
    emptied: dict[ListKind, EmptyList] = {}

    def note_orders(self, session: str | None) -> None:
        """Note that the order snapshot of a session came."""
        self.orders_session = session

    def note_balances(self, session: str | None, *, complete: bool) -> None:
        """Note that the balance snapshot of a session came; `complete`: absence means zero."""
        self.balances_session = session
        self.balances_complete = self.balances_complete or complete

    def note_positions(self) -> None:
        """Note that a complete snapshot of positions came."""
        self.positions_complete = True

    def note_emptied(self, kind: ListKind, us: int) -> None:
        """Note since when a list is empty though several of its kind are held."""
        self.emptied[kind] = EmptyList(us)

    def end_emptied(self, kind: ListKind) -> None:
        """Note that a list is empty no more."""
        self.emptied.pop(kind, None)

    def believe_emptied(self, kind: ListKind) -> None:
        """Note that an empty list is taken at its word."""
        self.emptied[kind] = EmptyList(self.emptied[kind].since_us, believed=True)

    def forget_session(self) -> None:
        """Await all snapshots again, because another process reports the account."""
        self.orders_session = self.balances_session = None

    def add_row(self, asset: str, coinapi: str | None) -> bool:
        """Add a balance row; return True if the row or its CoinAPI code is new."""
        before = self.balance_rows.get(asset)
        if asset in self.balance_rows and (not coinapi or before == coinapi):
            return False
        self._keep_home(asset, coinapi)
        self.rows_by_coinapi.note(asset, before, coinapi or before)
        self.row_spellings.note(asset, coinapi or before)
        self.balance_rows[asset] = coinapi or before
        return True

    def _keep_home(self, asset: str, coinapi: str | None) -> None:
        """Let the one row of an asset stay its home where a complete snapshot had no other one."""
        alone = list(self.rows_by_coinapi.of(coinapi))
        if coinapi and self.balances_complete and len(alone) == 1 and alone != [asset]:
            self.home_rows.setdefault(coinapi, alone[0])

    def spelled_like(self, asset: str, coinapi: str | None) -> str | None:
        """Return the only row of an asset whose code differs by capitals alone; None where there is none."""
        rows = self.rows_by_coinapi.of(coinapi) if coinapi else ()
        like = [row for row in rows if row.casefold() == asset.casefold() and row != asset]
        return like[0] if len(like) == 1 else None

    def note_spelling(self, asset: str, row: str) -> None:
        """Note that a code is another spelling of a row's."""
        self.spellings[asset] = row

    def note_home(self, coinapi: str | None, asset: str) -> bool:
        """Note the only row of an asset, because a fill is booked there; return True if that is new."""
        if not coinapi or coinapi in self.home_rows:
            return False
        self.home_rows[coinapi] = asset
        return True

    @cached_property
    def rows_by_coinapi(self) -> RowsByCoinapi:
        """Return the rows by CoinAPI code."""
        return RowsByCoinapi(self.balance_rows)

    @cached_property
    def row_spellings(self) -> CodesBySpelling:
        """Return the rows by how they may be spelled."""
        return CodesBySpelling(self.balance_rows)

    @cached_property
    def taken_for(self) -> AssetsByRow:
        """Return the assets that each row is taken for."""
        return AssetsByRow((asset, assumed.row) for asset, assumed in self.assumed.items())

    def assume(self, asset: str, row: AssumedRow) -> None:
        """Take a row for an asset's."""
        self.taken_for.note(asset, row.row)
        self.assumed[asset] = row

    def end_assumption(self, asset: str) -> None:
        """Note that an asset's row is known, or is another one."""
        self.taken_for.forget(asset, self.assumed.pop(asset).row)

    def set_row_amount(self, asset: str, amount: Decimal) -> None:
        """Keep the last amount of a row."""
        self.balance_row_amounts[asset] = str(amount)

    def clear_row_amounts(self, assets: Collection[str]) -> None:
        """Forget the amounts of rows that a complete snapshot lacks."""
        for code in assets:
            self.balance_row_amounts.pop(code, None)


class Coverage(msgspec.Struct, gc=False, array_like=True):
    """The coverage state, the backfill of the latest gap, and the missing orders (semantics 7)."""

    state: State = "catching_up"
    reason: str | None = None
    since_seq: int = 0
    since_us: int = 0
    gap_seq: int | None = None
    #: Orders that were open and are reported no more, by their keys.
    missing_orders: dict[str, MissingOrder] = {}
    #: The latest gap whose backfill has not finished, if any.
    backfill: Backfill | None = None
    #: Backfills ended with open questions that no request can answer; a person may settle them.
    open_backfills: list[Backfill] = []
    #: Lists (orders, balances, positions) that could not be read over REST for the gap, and why.
    unread_lists: dict[str, str] = {}
    #: Log position of the last answer over REST that brought fills.
    last_fetched_fill_seq: int = 0
    #: Up to when the order log was read for the gap, in microseconds.
    history_read_until_us: int = 0
    #: The end of the last gap, while the order log must be read there once more: the order log may lag.
    second_history_read_us: int | None = None
    #: Refused events that nothing has made up for yet, and the log position that a whole backfill must cover.
    refused_events: dict[int, int] = {}
    #: What was lost where the present interval begins.
    lost: Lost | None = None

    @property
    def observed(self) -> bool:
        """True if the account's reports can be relied on now."""
        return self.state in OBSERVED

    @property
    def backfilling(self) -> bool:
        """True while a backfill is in progress: no unit of the account is compared."""
        return self.backfill is not None and self.backfill.in_progress

    def enter(self, state: State, reason: str | None, *, seq: int, us: int, lost: Lost | None) -> None:
        """Enter a state at a log position, with what was lost there."""
        self.state, self.reason, self.since_seq, self.since_us, self.lost = state, reason, seq, us, lost

    def note_gap(self, seq: int) -> None:
        """Note the log position at which the latest gap began."""
        self.gap_seq = seq

    def set_missing(self, key: str, order: MissingOrder) -> None:
        """Set a missing order, with the EMS's answer if any."""
        self.missing_orders[key] = order

    def remove_missing(self, key: str) -> None:
        """Note that an order is accounted for."""
        self.missing_orders.pop(key, None)

    def note_refused(self, seq: int, covered_seq: int) -> None:
        """Note a refused event, and the log position that a whole backfill must cover to make up for it."""
        kept = list(self.refused_events.items())[-(MAX_REFUSED_EVENTS - 1) :]
        self.refused_events = {**dict(kept), seq: covered_seq}

    def set_refused(self, refused: dict[int, int]) -> None:
        """Replace the refused events that nothing has made up for."""
        self.refused_events = refused

    def set_backfill(self, backfill: Backfill | None) -> None:
        """Replace the backfill that has not finished."""
        self.backfill = backfill

    def set_open_backfills(self, backfills: list[Backfill]) -> None:
        """Replace the backfills that a person may settle."""
        self.open_backfills = backfills

    def set_unread(self, lists: dict[str, str]) -> None:
        """Replace the lists that could not be read, with the reasons."""
        self.unread_lists = lists

    def note_fetched_fill(self, seq: int) -> None:
        """Note the log position of an answer that brought fills."""
        self.last_fetched_fill_seq = seq

    def note_history_read(self, until_us: int) -> None:
        """Note up to when the order log was read, in microseconds."""
        self.history_read_until_us = until_us

    def set_second_read(self, us: int | None) -> None:
        """Set the time around which the order log must be read once more; None: read already."""
        self.second_history_read_us = us


class AccountEvidence(msgspec.Struct, gc=False, array_like=True):
    """Evidence for the cause of a break: open orders, prices, gaps, contradictory reports."""

    #: Orders open by their last report.
    open_orders: dict[str, OpenOrder] = {}
    #: Symbol to the last price.
    prices: dict[str, Decimal] = {}
    gaps: list[Gap] = []
    disagreements: list[Disagreement] = []
    regressions: list[Regression] = []

    def note_order(self, order: Order) -> None:
        """Note the latest report of an order."""
        note_open_order(self.open_orders, order)

    def note_price(self, symbol: str, price: Decimal) -> None:
        """Note the price of a symbol's last fill."""
        self.prices[symbol] = price

    def note_disagreement(self, latest: Disagreement) -> None:
        """Note a report that contradicts itself."""
        self.disagreements = with_disagreement(self.disagreements, latest)

    def note_regression(self, latest: Regression) -> None:
        """Note a report that takes back a filled amount."""
        self.regressions = with_regression(self.regressions, latest)

    def open_gap(self, seq: int, reason: str) -> None:
        """Note that the account is not observed from a log position on."""
        self.gaps = with_gap(self.gaps, seq, reason)

    def close_gap(self, seq: int) -> None:
        """Note that the account is observed again."""
        self.gaps = without_gap(self.gaps, seq)


class Account(msgspec.Struct, gc=False):
    """An account without its units; `started_us` is the log time of the first event, in microseconds."""

    name: str
    started_us: int
    liveness: Liveness = msgspec.field(default_factory=Liveness)
    snapshots: Snapshots = msgspec.field(default_factory=Snapshots)
    mappings: Mappings = msgspec.field(default_factory=Mappings)
    coverage: Coverage = msgspec.field(default_factory=Coverage)
    evidence: AccountEvidence = msgspec.field(default_factory=AccountEvidence)
    approvals: ApprovalTotal = msgspec.field(default_factory=ApprovalTotal)
    #: Facts that took effect by one person's word (semantics 10.7).
    told: ApprovalTotal = msgspec.field(default_factory=ApprovalTotal)
    #: The fee rates of the account, told and learnt (semantics 8.5).
    rates: RateTable = msgspec.field(default_factory=RateTable)
    #: Orders that another one may continue (semantics 2.9).
    partly_filled: PartlyFilledOrders = msgspec.field(default_factory=PartlyFilledOrders)
    #: What is known of the venue's times.
    stamps: Stamps = msgspec.field(default_factory=Stamps)
    #: Trades that statements told before any report (semantics 10.3).
    told_ahead: ToldAhead = msgspec.field(default_factory=ToldAhead)


def skew_of(lag_us: int | None) -> int:
    """Return the skew of the EMS's clock behind ours, in microseconds, by the lag of a heartbeat.

    A small lag may be transmission time, so the skew is 0. A lag of more than a day is no skew either: even a clock in
    another time zone differs by less.
    """
    return 0 if lag_us is None or not SKEW_FROM_US <= abs(lag_us) <= SKEW_TO_US else lag_us
