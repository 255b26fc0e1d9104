"""The kinds of fault that a plan may inject, and the record of each in the truth file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal

from recon.exact import ZERO, plain
from recon.simulator.instruments import Side

UnitKind = Literal["asset", "contract"]

#: Without a published schedule, a fee is at most this share of a fill's leg.
FEE_SHARE: Final = Decimal("0.006")


class FaultKind(StrEnum):
    """The kinds of fault.

    lost_fill              the report of a fill is never sent, nor is any later report of the order
    late_fill              the report arrives `lasting` seconds after the fill
    duplicate_report       a report is sent three times
    reordered_reports      the reports of one order arrive newest first
    disconnect_with_fills  the socket drops; an order fills while clients are refused for `lasting` seconds
    silent_stall           the socket stays open; nothing is sent for `lasting` seconds, not even heartbeats
    restart                the process stops and restarts after `lasting` seconds, with a new instance_guid
    wrong_balance          one asset is reported with an error of `amount` from then on
    deposit, withdrawal    `amount` is credited or debited
    fee                    `amount` is charged once, with one fill
    unreadable_frame       a message that is not JSON
    missed_while_away      never planted: fills reported while a client was disconnected by itself
    lost_twin              two orders fill identically at the same moment; the report of one is never sent
    twin_fills             one report lists two equal fills at the same moment; nothing is wrong
    external_order         a fill without any report: traded outside the EMS
    overfill               an order fills, and reports, one lot more than ordered
    amount_regression      a report removes the last fill; the order's next one, `lasting` later, has it again
    inconsistent_report    a report with correct fills whose average price is wrong by a two-hundredth
    funding                paid or received on a contract, at the next time of the account's grid
    interest, reward       `amount` is credited (interest may be charged)
    conversion             `amount` of `asset` is converted to `into`, at the USD rates less a spread
    transfer               `amount` leaves for the account `to` and arrives `lasting` later less a network fee;
                           with a symbol, an order of the first account fills at that moment
    liquidation            the market reaches a position's liquidation price, and the position is closed there
    adl                    half of a position is closed at the market price to cover others' losses
    expiry                 a contract ends and its position is settled at the market price
    unit_or_side           a balance is reported times `amount`, a power of ten; with a symbol, its contract's
                           position on the other side; its trading stops from then on

    Deposits and withdrawals that last are two-phase: the amount is locked for that time.
    """

    LOST_FILL = "lost_fill"
    LATE_FILL = "late_fill"
    DUPLICATE_REPORT = "duplicate_report"
    REORDERED_REPORTS = "reordered_reports"
    DISCONNECT_WITH_FILLS = "disconnect_with_fills"
    SILENT_STALL = "silent_stall"
    RESTART = "restart"
    WRONG_BALANCE = "wrong_balance"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    FEE = "fee"
    UNREADABLE_FRAME = "unreadable_frame"
    MISSED_WHILE_AWAY = "missed_while_away"
    LOST_TWIN = "lost_twin"
    TWIN_FILLS = "twin_fills"
    EXTERNAL_ORDER = "external_order"
    OVERFILL = "overfill"
    AMOUNT_REGRESSION = "amount_regression"
    INCONSISTENT_REPORT = "inconsistent_report"
    FUNDING = "funding"
    INTEREST = "interest"
    REWARD = "reward"
    CONVERSION = "conversion"
    TRANSFER = "transfer"
    LIQUIDATION = "liquidation"
    ADL = "adl"
    EXPIRY = "expiry"
    UNIT_OR_SIDE = "unit_or_side"


#: They interrupt the gateway. With a symbol, an order of that account fills during the outage.
OUTAGES: Final = frozenset({FaultKind.DISCONNECT_WITH_FILLS, FaultKind.SILENT_STALL, FaultKind.RESTART})
#: They need a symbol, because they act through a fill of their own order.
TRADED: Final = frozenset(
    {
        FaultKind.LOST_FILL,
        FaultKind.LATE_FILL,
        FaultKind.REORDERED_REPORTS,
        FaultKind.FEE,
        FaultKind.LOST_TWIN,
        FaultKind.TWIN_FILLS,
        FaultKind.EXTERNAL_ORDER,
        FaultKind.OVERFILL,
        FaultKind.AMOUNT_REGRESSION,
        FaultKind.INCONSISTENT_REPORT,
    }
)
#: They change a position in one contract.
CONTRACT_FAULTS: Final = frozenset({FaultKind.FUNDING, FaultKind.LIQUIDATION, FaultKind.ADL, FaultKind.EXPIRY})
#: They change one balance row.
BALANCE_FAULTS: Final = frozenset(
    {
        FaultKind.WRONG_BALANCE,
        FaultKind.DEPOSIT,
        FaultKind.WITHDRAWAL,
        FaultKind.INTEREST,
        FaultKind.REWARD,
        FaultKind.CONVERSION,
        FaultKind.TRANSFER,
    }
)
#: They look unusual but cause no difference.
HARMLESS: Final = frozenset(
    {
        FaultKind.DUPLICATE_REPORT,
        FaultKind.REORDERED_REPORTS,
        FaultKind.UNREADABLE_FRAME,
        FaultKind.TWIN_FILLS,
    }
)
DEFAULT_LASTING_SECONDS: Final = {
    FaultKind.LATE_FILL: 8.0,
    FaultKind.DISCONNECT_WITH_FILLS: 2.0,
    FaultKind.SILENT_STALL: 3.0,
    FaultKind.RESTART: 1.0,
    FaultKind.AMOUNT_REGRESSION: 8.0,
    FaultKind.TRANSFER: 1.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault to inject `after` seconds of the day.

    `symbol` is the exchange symbol of faults that trade, `asset` the balance row of the others; a fee without
    an asset is charged in quote. `amount` is the size of the fill, step, deposit or fee. Its default is two lots; a
    thousandth of the cash for a fee; half a thousandth of the position for funding. `side` None buys spot and grows
    a position. `to` is the target account of a transfer, `network_fee` its cost; `into` the asset of a conversion.
    """

    kind: FaultKind
    after: float
    account: str = ""
    symbol: str | None = None
    asset: str | None = None
    amount: Decimal | None = None
    side: Side | None = None
    lasting: float | None = None
    to: str = ""
    network_fee: Decimal = ZERO
    into: str | None = None

    @property
    def lasts(self) -> float:
        """Return how long the fault lasts, in seconds."""
        return DEFAULT_LASTING_SECONDS.get(self.kind, 0.0) if self.lasting is None else self.lasting


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFault:
    """The truth about a fault: per unit, the reported amount minus the explained amount.

    `units` are balance-row codes or exchange symbols; `ends_at` is when later reports explain the step. A
    fault that moves assets and contracts has one record of each kind. A benign fault (`must_flag` false) moves
    nothing unless it is `recovered`: then the gateway received the report, and REST returns it after the gap.
    """

    kind: FaultKind
    gateway: str
    account: str
    unit_kind: UnitKind | None
    units: tuple[str, ...]
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    planted_at: datetime
    ends_at: datetime | None = None
    must_flag: bool
    cause: str = ""
    causes: tuple[str, ...] = ()
    uncertainty: Mapping[str, Decimal] = field(default_factory=dict)
    recovered: bool = False

    @property
    def detectable(self) -> bool:
        """True if the step of at least one unit exceeds its uncertainty."""
        return any(abs(amount) > self.uncertainty.get(unit, ZERO) for unit, amount in self.amounts.items())

    def as_json(self) -> dict[str, object]:
        """Return the record for the truth file: decimals and times as text."""
        return {
            "kind": self.kind.value,
            "gateway": self.gateway,
            "account": self.account,
            "unit_kind": self.unit_kind,
            "units": list(self.units),
            "amounts": {unit: plain(amount) for unit, amount in self.amounts.items()},
            "planted_at": self.planted_at.isoformat(),
            "ends_at": None if self.ends_at is None else self.ends_at.isoformat(),
            "must_flag": self.must_flag,
            "cause": self.cause,
            "causes": list(self.causes),
            "uncertainty": {unit: plain(amount) for unit, amount in self.uncertainty.items()},
            "detectable": self.detectable,
            "recovered": self.recovered,
        }
