"""A plan: all inputs of a simulated day."""

from __future__ import annotations

from dataclasses import dataclass

from recon.errors import SimulationError
from recon.simulator.fault import BALANCE_FAULTS, CONTRACT_FAULTS, OUTAGES, TRADED, Fault, FaultKind
from recon.simulator.rest_habits import RestHabits
from recon.simulator.venue.account_plan import AccountPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPlan:
    """One gateway's day, in seconds: trading begins `warm_up` before it and ends after `duration`.

    Contracts are not traded from one second before the day until `contracts_rest` after its start (0: no pause). So the
    average price is stable when the engine opens. `rest` None: there is no REST.
    """

    name: str
    seed: int
    accounts: tuple[AccountPlan, ...]
    faults: tuple[Fault, ...] = ()
    duration: float
    warm_up: float = 3.0
    contracts_rest: float = 0.0
    rest: RestHabits | None = None

    def __post_init__(self) -> None:
        """Raise SimulationError for faults with unknown names, and for accounts that are never present."""
        known = {plan.account: plan for plan in self.accounts}
        if len(known) != len(self.accounts):
            raise SimulationError(f"The plan of {self.name} lists an account twice.")
        for plan in self.accounts:
            if plan.disappears_after is not None and plan.disappears_after <= plan.appears_after:
                raise SimulationError(f"The plan of {self.name} lets {plan.account} disappear before it appears.")
        for fault in self.faults:
            self._check(fault, known.get(fault.account))

    def _check(self, fault: Fault, account: AccountPlan | None) -> None:
        if account is None:
            if fault.kind in OUTAGES and not fault.account and fault.symbol is None:
                return
            raise SimulationError(f"The fault {fault.kind} names account {fault.account!r}, which {self.name} lacks.")
        self._check_symbol(fault, account)
        self._check_assets(fault, account)
        if fault.kind is FaultKind.TRANSFER:
            self._check_target(fault, account)

    def _check_target(self, fault: Fault, account: AccountPlan) -> None:
        other = next((plan for plan in self.accounts if plan.account == fault.to and plan is not account), None)
        if other is None:
            raise SimulationError(f"The fault {fault.kind} goes to account {fault.to!r}, which {self.name} lacks.")
        coin = next(asset.coin for asset in account.assets if asset.code == fault.asset)
        if coin not in {asset.coin for asset in other.assets}:
            raise SimulationError(f"The fault {fault.kind} moves {coin}, which {fault.to} cannot hold.")

    def _check_symbol(self, fault: Fault, account: AccountPlan) -> None:
        known = {instrument.symbol: instrument for instrument in account.instruments}
        if (fault.kind in TRADED | CONTRACT_FAULTS or fault.symbol is not None) and fault.symbol not in known:
            raise SimulationError(
                f"The fault {fault.kind} names symbol {fault.symbol!r}, which {account.account} lacks."
            )
        if fault.symbol is None:
            return
        is_contract = known[fault.symbol].is_contract
        flips = fault.kind is FaultKind.UNIT_OR_SIDE
        if (fault.kind in CONTRACT_FAULTS or flips) and not is_contract:
            raise SimulationError(f"The fault {fault.kind} needs a contract, and {fault.symbol} is none.")
        if fault.kind is FaultKind.INCONSISTENT_REPORT and is_contract:
            raise SimulationError(f"The fault {fault.kind} needs a spot pair, and {fault.symbol} is none.")

    def _check_assets(self, fault: Fault, account: AccountPlan) -> None:
        codes = {asset.code for asset in account.assets}
        scaled = fault.kind is FaultKind.UNIT_OR_SIDE and fault.symbol is None
        moved = fault.kind in BALANCE_FAULTS or scaled
        if (moved or fault.asset is not None) and fault.asset not in codes:
            raise SimulationError(f"The fault {fault.kind} names asset {fault.asset!r}, which {account.account} lacks.")
        if moved and not fault.amount:
            raise SimulationError(f"The fault {fault.kind} on {account.account} needs an amount.")
        if fault.kind is FaultKind.CONVERSION and fault.into not in codes - {fault.asset}:
            raise SimulationError(f"The fault {fault.kind} goes into {fault.into!r}, which {account.account} lacks.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The day of several gateways; `settlement_window` (seconds) is a setting of the engine."""

    name: str
    seed: int
    gateways: tuple[GatewayPlan, ...]
    duration: float
    settlement_window: float = 1.0
