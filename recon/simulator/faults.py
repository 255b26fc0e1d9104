"""Faults on demand, and the truth about those that were planted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal

from recon.exact import ZERO, exact, plain
from recon.simulator.instruments import Side
from recon.simulator.ledger import Entry

UnitKind = Literal["asset", "contract"]


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


#: They concern the gateway; with a symbol, an order of that account fills meanwhile.
OUTAGES: Final = frozenset({FaultKind.DISCONNECT_WITH_FILLS, FaultKind.SILENT_STALL, FaultKind.RESTART})
#: They work through an order of their own.
TRADED: Final = frozenset({FaultKind.LOST_FILL, FaultKind.LATE_FILL, FaultKind.REORDERED_REPORTS, FaultKind.FEE})
#: They work on one balance row.
BALANCE_FAULTS: Final = frozenset({FaultKind.WRONG_BALANCE, FaultKind.DEPOSIT, FaultKind.WITHDRAWAL})
DEFAULT_LASTING_SECONDS: Final = {
    FaultKind.LATE_FILL: 8.0,
    FaultKind.DISCONNECT_WITH_FILLS: 2.0,
    FaultKind.SILENT_STALL: 3.0,
    FaultKind.RESTART: 1.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault to plant `after` seconds of the day.

    `symbol` is the exchange symbol of faults that trade, `asset` the balance row of the others; a fee without
    an asset is taken in quote. `amount` is the size of the fill, step, deposit or fee (None: two lots; a
    thousandth of the cash for a fee); `side` None buys spot and grows a position.
    """

    kind: FaultKind
    after: float
    account: str = ""
    symbol: str | None = None
    asset: str | None = None
    amount: Decimal | None = None
    side: Side | None = None
    lasting: float | None = None

    @property
    def lasts(self) -> float:
        """Return how long the fault lasts, in seconds."""
        return DEFAULT_LASTING_SECONDS.get(self.kind, 0.0) if self.lasting is None else self.lasting


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedFault:
    """The truth about a fault: what the EMS reports minus what its reports explain, per unit, signed.

    `units` are balance-row codes or exchange symbols; `ends_at` is when the reports explain it after all. A
    fault that touches assets and contracts has one record of each kind. Benign ones (`must_flag` false) touch
    nothing.
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
        }


def drifts(entries: Iterable[Entry]) -> dict[UnitKind, dict[str, Decimal]]:
    """Sum entries per unit, by kind; units that come to nothing are left out."""
    sums: dict[UnitKind, dict[str, Decimal]] = {}
    with exact():
        for unit, amount in entries:
            of_kind = sums.setdefault(unit.kind, {})
            of_kind[unit.code] = of_kind.get(unit.code, ZERO) + amount
    cleaned = {kind: {code: amount for code, amount in each.items() if amount} for kind, each in sums.items()}
    return {kind: each for kind, each in cleaned.items() if each}
