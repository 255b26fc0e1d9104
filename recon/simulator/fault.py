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
    """What can go wrong.

    lost_fill              the report of a fill is never sent, and the order is never mentioned again
    late_fill              the report comes `lasting` seconds after the fill
    duplicate_report       a report is sent three times
    reordered_reports      the reports of one order arrive newest first
    disconnect_with_fills  the socket drops; an order fills while clients are refused for `lasting` seconds
    silent_stall           the socket stays open; nothing is sent for `lasting` seconds, heartbeats neither
    restart                the process goes down and is back after `lasting` seconds, with a new instance_guid
    wrong_balance          one asset is reported off by `amount` from then on
    deposit, withdrawal    `amount` comes or goes
    fee                    `amount` is taken once, with one fill
    unreadable_frame       a message that is no JSON
    missed_while_away      never planted: fills whose reports went out while a client was away by itself
    lost_twin              two orders fill alike in the same moment; the report of one is never sent
    twin_fills             one report tells of two equal fills at the same moment; nothing is wrong
    external_order         a fill that no report ever tells of: traded outside the EMS
    overfill               an order fills, and its report says so, for a lot more than was ordered
    amount_regression      a report takes back the last fill, which the order's next one, `lasting` later, has again
    inconsistent_report    a report whose average price, but not whose fills, is off by a two-hundredth
    funding                paid or received on a contract, at the next time of the account's grid
    interest, reward       `amount` is credited (interest may be charged)
    conversion             `amount` of `asset` becomes `into`, at the USD rates less a spread
    transfer               `amount` leaves for the account `to` and arrives `lasting` later less a network fee;
                           with a symbol, an order of the first account fills in that moment
    liquidation            the market reaches a position's liquidation price, and it is closed there
    adl                    half of a position is closed at the market's price to make up for others' losses
    expiry                 a contract ends and its position is settled at the market's price
    unit_or_side           a balance is reported times `amount`, a power of ten; with a symbol, its contract's
                           position on the other side; its trading rests from then on

    Deposits and withdrawals that last are two-phase: a deposit is locked for so long, a withdrawal before it leaves.
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
    an asset is taken in quote. `amount` is the size of the fill, step, deposit or fee (None: two lots; a
    thousandth of the cash for a fee; half a thousandth of the position for funding); `side` None buys spot and grows
    a position. `to` is the account of a transfer, `network_fee` what is lost on its way; `into` the asset of a
    conversion.
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
    """The truth about a fault: what the EMS reports minus what its reports explain, per unit, signed.

    `units` are balance-row codes or exchange symbols; `ends_at` is when the reports explain it after all. A
    fault that touches assets and contracts has one record of each kind. Benign ones (`must_flag` false) touch
    nothing, but for those that are `recovered`: the gateway received the report, and REST
    returns it after the gap.
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
