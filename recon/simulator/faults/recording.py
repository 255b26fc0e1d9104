"""The record of planted faults, and of fills that clients missed during a gap. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from recon.exact import ZERO, exact
from recon.simulator.event_queue import EventQueue
from recon.simulator.fault import Fault, FaultKind, PlantedFault, UnitKind
from recon.simulator.faults.identifiability import STALL_SECONDS, cause_of, clues_of, fitting
from recon.simulator.faults.inject_trading import TOGETHER_SECONDS, touched
from recon.simulator.faults.observer import view_of_step
from recon.simulator.gateway.account import Account
from recon.simulator.gateway.order_log import find
from recon.simulator.plan import GatewayPlan
from recon.simulator.rest_habits import HISTORY, STATUS
from recon.simulator.ticks import to_datetime
from recon.simulator.venue.ledger import Entry, Unit
from recon.simulator.venue.orders import Order


class TruthRecorder:
    """Records the faults of one gateway's day in `truth`, and passes each to `on_planted`."""

    def __init__(
        self,
        plan: GatewayPlan,
        queue: EventQueue,
        accounts: Mapping[str, Account],
        on_planted: Callable[[PlantedFault], None] | None,
    ) -> None:
        self.truth: list[PlantedFault] = []
        self._plan = plan
        self._queue = queue
        self._accounts = accounts
        self._on_planted = on_planted

    def planted(
        self,
        fault: Fault,
        account: str,
        entries: Iterable[Entry],
        *,
        at: int | None = None,
        ends_at: int | None = None,
        recovered: bool = False,
    ) -> None:
        """Record the entries that a fault hides or changes, now or earlier, and report its units again."""
        moment = self._queue.now if at is None else at
        affected, steps = self._accounts[account], _sums_by_unit(entries)
        causes = self._causes(fault, affected, steps, moment)
        for kind, amounts in steps.items():
            units = tuple(sorted(amounts))
            self._add(
                PlantedFault(
                    kind=fault.kind,
                    gateway=self._plan.name,
                    account=account,
                    unit_kind=kind,
                    units=units,
                    amounts=amounts,
                    planted_at=to_datetime(moment),
                    ends_at=None if ends_at is None else to_datetime(ends_at),
                    must_flag=not recovered,
                    cause=cause_of(fault, amounts[units[0]]),
                    causes=causes,
                    uncertainty={
                        code: affected.uncertainty.of_step(moment, Unit(kind, code), amounts[code]) for code in units
                    },
                    recovered=recovered,
                )
            )
        moved = {Unit(kind, code) for kind, amounts in steps.items() for code in amounts}
        affected.repoll(moved)
        if ends_at is not None:
            affected.repoll(moved, since=ends_at)

    def benign(self, fault: Fault) -> None:
        """Record a fault that must not be flagged."""
        self._add(
            PlantedFault(
                kind=fault.kind,
                gateway=self._plan.name,
                account=fault.account,
                unit_kind=None,
                units=(),
                planted_at=to_datetime(self._queue.now),
                must_flag=False,
            )
        )

    def missed(self, fault: Fault) -> None:
        """Record the fills of orders that ended during a gap, now that a client is connected again.

        Fills that REST can return after the gap are recovered, but only if the gap was noticeable. A silence is
        noticeable from STALL_SECONDS on.
        """
        noticed = fault.kind is not FaultKind.SILENT_STALL or fault.lasts >= STALL_SECONDS
        for account in self._accounts.values():
            orders, account.missed = account.missed, []
            if not account.is_present:
                continue
            available = [order for order in orders if noticed and self._is_available_over_rest(account, order)]
            self._hidden(fault, account, [order for order in orders if order not in available], recovered=False)
            self._hidden(fault, account, available, recovered=True)

    def _hidden(self, fault: Fault, account: Account, orders: Iterable[Order], *, recovered: bool) -> None:
        hidden = [fill for order in orders for fill in order.undisclosed()]
        if hidden:
            entries = [entry for _, of_fill in hidden for entry in of_fill]
            at = min(fill.at for fill, _ in hidden)
            self.planted(fault, account.name, entries, at=at, recovered=recovered)

    def _is_available_over_rest(self, account: Account, order: Order) -> bool:
        """True if REST returns the order, in its order log or by status to clients that know its id."""
        rest = self._plan.rest
        if rest is None or account.order_log is None:
            return False
        if rest.history and not rest.always_bad(HISTORY):
            return True
        if not order.reported or rest.always_bad(f"{STATUS}{order.client_id}"):
            return False
        logs = [each.order_log for each in self._accounts.values() if each.order_log is not None and each.is_present]
        latest = find(
            logs,
            order.client_id,
            now=self._queue.now,
            remembers=rest.remembers,
            first_used=rest.foreign_status,
        )
        return latest is not None and latest.order is order

    def _causes(
        self, fault: Fault, affected: Account, steps: Mapping[UnitKind, Mapping[str, Decimal]], at: int
    ) -> tuple[str, ...]:
        """Return the hypotheses that fit the steps; none if another fault forms one step with them."""
        rows = touched(fault, affected.plan)
        for other in self._plan.faults:
            together = other is not fault and abs(other.after - fault.after) <= TOGETHER_SECONDS
            if together and affected.name in {other.account, other.to} and touched(other, affected.plan) & rows:
                return ()
        return fitting(view_of_step(affected, steps, clues_of(fault), at))

    def _add(self, planted: PlantedFault) -> None:
        self.truth.append(planted)
        if self._on_planted is not None:
            self._on_planted(planted)


def _sums_by_unit(entries: Iterable[Entry]) -> dict[UnitKind, dict[str, Decimal]]:
    """Return the sums of entries per unit, by kind, without zeros."""
    sums: dict[UnitKind, dict[str, Decimal]] = {}
    with exact():
        for unit, amount in entries:
            of_kind = sums.setdefault(unit.kind, {})
            of_kind[unit.code] = of_kind.get(unit.code, ZERO) + amount
    cleaned = {kind: {code: amount for code, amount in each.items() if amount} for kind, each in sums.items()}
    return {kind: each for kind, each in cleaned.items() if each}
