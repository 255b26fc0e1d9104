"""A plan: everything that decides a simulated day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from recon.errors import SimulationError
from recon.simulator.faults import BALANCE_FAULTS, OUTAGES, TRADED, Fault
from recon.simulator.flow import Script, Stream
from recon.simulator.habits import Habits
from recon.simulator.instruments import Asset, Instrument, OpeningPosition


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPlan:
    """One account: what it may trade, what it holds, who trades, and how its messages look.

    `scripted` are orders written by hand, each at its seconds of the day.
    """

    account: str
    assets: tuple[Asset, ...]
    instruments: tuple[Instrument, ...]
    balances: Mapping[str, Decimal]
    positions: tuple[OpeningPosition, ...] = ()
    streams: tuple[Stream, ...] = ()
    scripted: tuple[tuple[float, Script], ...] = ()
    habits: Habits = field(default_factory=Habits)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPlan:
    """One gateway's day, in seconds: trading begins `warm_up` before it and ends after `duration`.

    Contracts are not traded from one second before the day until `contracts_rest` after its beginning (0:
    they are): the average price that an engine opens with is then not in motion.
    """

    name: str
    seed: int
    accounts: tuple[AccountPlan, ...]
    faults: tuple[Fault, ...] = ()
    duration: float
    warm_up: float = 3.0
    contracts_rest: float = 0.0

    def __post_init__(self) -> None:
        """Refuse, with SimulationError, faults that name what the plan does not have."""
        known = {plan.account: plan for plan in self.accounts}
        if len(known) != len(self.accounts):
            raise SimulationError(f"The plan of {self.name} lists an account twice.")
        for fault in self.faults:
            self._check(fault, known.get(fault.account))

    def _check(self, fault: Fault, account: AccountPlan | None) -> None:
        if account is None:
            if fault.kind in OUTAGES and not fault.account and fault.symbol is None:
                return
            raise SimulationError(f"The fault {fault.kind} names account {fault.account!r}, which {self.name} lacks.")
        symbols = {each.symbol for each in account.instruments}
        if (fault.kind in TRADED or fault.symbol is not None) and fault.symbol not in symbols:
            raise SimulationError(
                f"The fault {fault.kind} names symbol {fault.symbol!r}, which {account.account} lacks."
            )
        codes = {each.code for each in account.assets}
        if (fault.kind in BALANCE_FAULTS or fault.asset is not None) and fault.asset not in codes:
            raise SimulationError(f"The fault {fault.kind} names asset {fault.asset!r}, which {account.account} lacks.")
        if fault.kind in BALANCE_FAULTS and not fault.amount:
            raise SimulationError(f"The fault {fault.kind} on {account.account} needs an amount.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Several gateways' day; `settlement_window` (seconds) is what the engine is told to use."""

    name: str
    seed: int
    gateways: tuple[GatewayPlan, ...]
    duration: float
    settlement_window: float = 1.0
