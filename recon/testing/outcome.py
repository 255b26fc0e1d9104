"""The outcome of a replayed case as values: orders, fills, units, breaks and findings."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from recon.exact import exact
from recon.ledger.orders import Order
from recon.ledger.units import UnitState
from recon.projection.fold import Fold
from recon.reconciliation.model.lifecycle import ACTIVE
from recon.reconciliation.model.path_evidence import PathItem, path_item
from recon.reconciliation.model.shown_verdict import shown_verdict
from recon.reconciliation.model.snapshot import Transition
from recon.times import to_datetime


class OrderOutcome(msgspec.Struct, frozen=True):
    """An order as its furthest report leaves it; `key` is the account and the order's key in the books."""

    key: str
    symbol: str | None
    side: str | None
    status: str
    amount_order: Decimal | None
    amount_filled: Decimal
    avg_px: Decimal | None
    #: True if it was open before a gap, and nothing was told of it since.
    unaccounted: bool


class FillOutcome(msgspec.Struct, frozen=True):
    """A fill as it was booked; the cash is signed, None where it is not known."""

    order: str
    ordinal: int
    symbol: str | None
    side: str | None
    amount: Decimal
    price: Decimal | None
    cash: Decimal | None


class UnitOutcome(msgspec.Struct, frozen=True):
    """A unit: its opening, what is booked now, what was reported last, and the verdict with its reason."""

    unit: str
    opening: Decimal | None
    booked: Decimal | None
    reported: Decimal | None
    verdict: str
    reason: str | None


class BreakOutcome(msgspec.Struct, frozen=True):
    """A break as its last step leaves it; `case` names the breaks of one common cause.

    What broke lies between `after`, None for the opening, and `until`. `path` is why it opened, where reports say it.
    """

    unit: str
    amount: Decimal
    cause: str
    certainty: str
    state: str
    case: str
    id: str
    opened_at: datetime
    after: datetime | None
    until: datetime
    path: PathItem | None

    @property
    def is_open(self) -> bool:
        """True if it claims a part of the drift."""
        return self.state in ACTIVE


class FindingOutcome(msgspec.Struct, frozen=True):
    """A finding at a log position."""

    seq: int
    account: str | None
    kind: str
    about: str
    message: str


class Outcome(msgspec.Struct, frozen=True):
    """All that a fold says. Units are named `ACCOUNT|asset|CODE` or `ACCOUNT|contract|SYMBOL`."""

    orders: list[OrderOutcome]
    fills: list[FillOutcome]
    units: list[UnitOutcome]
    #: All breaks, in the order in which they first opened.
    breaks: list[BreakOutcome]
    findings: list[FindingOutcome]
    #: How often a break opened on the way.
    alerts: int

    @property
    def open_breaks(self) -> list[BreakOutcome]:
        """Return the breaks that are open at the end."""
        return [each for each in self.breaks if each.is_open]


def outcome_of(fold: Fold) -> Outcome:
    """Return what a fold says after its last event; it must have been folded from its first one on."""
    ledger, reconciler = fold.ledger, fold.reconciler
    with exact():
        reconciler.store()
        latest = {step.break_.id: step for step in reconciler.transitions}
        return Outcome(
            orders=[_order(fold, order) for _, order in sorted(ledger.orders.items())],
            fills=_fills(fold),
            units=[_unit(fold, state) for _, state in sorted(ledger.units.items())],
            breaks=[_break(step) for step in latest.values()],
            findings=[
                FindingOutcome(each.seq, each.account, each.kind, each.about, each.message)
                for each in ledger.changes.findings
            ],
            alerts=sum(step.event == "opened" for step in reconciler.transitions),
        )


def _order(fold: Fold, order: Order) -> OrderOutcome:
    account = fold.ledger.accounts[order.account]
    return OrderOutcome(
        key=f"{order.account}|{order.key}",
        symbol=order.identity.symbol,
        side=order.identity.side,
        status=order.reported.status,
        amount_order=order.reported.amount_order,
        amount_filled=order.reported.amount_filled,
        avg_px=order.reported.avg_px,
        unaccounted=order.key in account.coverage.missing_orders,
    )


def _fills(fold: Fold) -> list[FillOutcome]:
    rows: list[FillOutcome] = []
    for booked in fold.ledger.changes.fills:
        cash = booked.fill.cash
        if booked.cash_asset is None:
            cash = None
        elif cash is not None and booked.side != "SELL":
            cash = -cash
        key = f"{booked.order.account}|{booked.order.key}"
        fill = booked.fill
        rows.append(FillOutcome(key, fill.ordinal, booked.symbol, booked.side, fill.amount, fill.price, cash))
    return rows


def _unit(fold: Fold, state: UnitState) -> UnitOutcome:
    unit, comparison = state.unit, fold.reconciler.comparison_of(state)
    account = fold.ledger.accounts.get(unit.account)
    shown = shown_verdict(unit, comparison, account, fold.ledger.clock.last_us, fold.ledger.rules_of(unit.account))
    return UnitOutcome(
        unit="|".join(unit.key),
        opening=unit.balance.opening,
        booked=unit.value,
        reported=comparison.reported,
        verdict=shown.verdict,
        reason=shown.reason,
    )


def _break(step: Transition) -> BreakOutcome:
    return BreakOutcome(
        unit=f"{step.account}|{step.kind}|{step.unit}",
        amount=step.break_.amount,
        cause=step.break_.cause,
        certainty=step.break_.certainty,
        state=step.break_.state,
        case=step.break_.case_id,
        id=step.break_.id,
        opened_at=to_datetime(step.break_.opened_us),
        after=to_datetime(step.break_.after_us) if step.break_.after_us else None,
        until=to_datetime(step.break_.seen_us),
        path=None if step.break_.path is None else path_item(step.break_.path),
    )
