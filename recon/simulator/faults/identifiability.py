"""Which causes fit what can be seen of a step: the simulator's own published list of hypotheses. Pure.

It decides what the truth file calls identifiable: a fault whose own cause is the only one that fits. It shares
nothing with the engine's rules, and is stated here so that anybody can disagree with it:

1. Classes are tried from the surest to the vaguest; the first class of which anything fits ends the search.
2. The report itself is wrong: `overfill`, `amount_regression`, `inconsistent_report`.
3. Arithmetic and calendar: `unit_or_side` (a power of ten of what is held, or the other side of it), `expiry` (the
   position ends on the day that its symbol names), `liquidation` (it ends at its liquidation price).
4. An order of ours that admits the fill is never heard of again: `missed_fill`; around a gap `missed_fill_gap`. A
   silence is a gap from STALL_SECONDS on: shorter ones happen.
5. Something else points at it: `funding` (on the grid, in what a held contract settles in), `transfer` (the same coin
   moves the other way in another account of the gateway), `deposit` and `withdrawal` that show in `locked`.
6. Two assets of one account move against each other and are worth the same within MATCH_SHARE: `conversion`; where a
   pair of them is traded, also `external_order`. A contract's position alone: `external_order`, and where it shrinks
   also `adl` — nothing tells these two apart.
7. One asset alone: `deposit` (up), `withdrawal` (down), `interest` (at most SMALL_SHARE of what is held), `reward`
   (the same, up), `fee_variance` (down, at most FEE_SHARE of the fills around it), `rebate` (the same, up).
8. Two faults that come as one step on a unit fit nothing on this list, and are judged for recall alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from recon.exact import ONE, ZERO, exact
from recon.simulator.fault import FEE_SHARE, Fault, FaultKind

#: Two amounts are worth the same where they differ by no more than this share of the larger: spread, fee and prices.
MATCH_SHARE: Final = Decimal("0.01")
#: Interest and rewards are at most this share of what is held.
SMALL_SHARE: Final = Decimal("0.001")
#: Heartbeats come each second; without any for so long, anybody can tell that something is missing.
STALL_SECONDS: Final = 10.0


class Clue(StrEnum):
    """What can be seen around a step beside the amounts."""

    OVERFILL = "overfill"
    REGRESSION = "regression"
    CONTRADICTION = "contradiction"
    RATIO = "ratio"
    EXPIRY_DAY = "expiry_day"
    LIQUIDATION_PRICE = "liquidation_price"
    ORDER = "order"
    GAP = "gap"
    GRID = "grid"
    ELSEWHERE = "elsewhere"
    LOCKED = "locked"


_OUTAGE: Final = frozenset({Clue.GAP, Clue.ORDER})
_CLUES: Final[Mapping[FaultKind, frozenset[Clue]]] = {
    FaultKind.LOST_FILL: frozenset({Clue.ORDER}),
    FaultKind.LOST_TWIN: frozenset({Clue.ORDER}),
    FaultKind.LATE_FILL: frozenset({Clue.ORDER}),
    FaultKind.DISCONNECT_WITH_FILLS: _OUTAGE,
    FaultKind.SILENT_STALL: _OUTAGE,
    FaultKind.RESTART: _OUTAGE,
    FaultKind.MISSED_WHILE_AWAY: _OUTAGE,
    FaultKind.OVERFILL: frozenset({Clue.OVERFILL}),
    FaultKind.AMOUNT_REGRESSION: frozenset({Clue.REGRESSION}),
    FaultKind.INCONSISTENT_REPORT: frozenset({Clue.CONTRADICTION}),
    FaultKind.FUNDING: frozenset({Clue.GRID}),
    FaultKind.TRANSFER: frozenset({Clue.ELSEWHERE}),
    FaultKind.LIQUIDATION: frozenset({Clue.LIQUIDATION_PRICE}),
    FaultKind.EXPIRY: frozenset({Clue.EXPIRY_DAY}),
    FaultKind.UNIT_OR_SIDE: frozenset({Clue.RATIO}),
}
_CAUSES: Final[Mapping[FaultKind, str]] = {
    FaultKind.LOST_FILL: "missed_fill",
    FaultKind.LOST_TWIN: "missed_fill",
    FaultKind.LATE_FILL: "missed_fill",
    FaultKind.DISCONNECT_WITH_FILLS: "missed_fill_gap",
    FaultKind.SILENT_STALL: "missed_fill_gap",
    FaultKind.RESTART: "missed_fill_gap",
    FaultKind.MISSED_WHILE_AWAY: "missed_fill_gap",
}
#: Their causes go by the sign: up, down. A wrong balance looks like money that came or went.
_BY_SIGN: Final[Mapping[FaultKind, tuple[str, str]]] = {
    FaultKind.WRONG_BALANCE: ("deposit", "withdrawal"),
    FaultKind.FEE: ("rebate", "fee_variance"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """All that can be seen of one step of an account.

    `assets` and `contracts` are the steps, `held` what the units hold after it, `legs` what fills around it moved
    per balance row, `usd` the rates, `pairs` the traded pairs of balance rows.
    """

    assets: Mapping[str, Decimal]
    contracts: Mapping[str, Decimal] = field(default_factory=dict)
    clues: frozenset[Clue] = frozenset()
    held: Mapping[str, Decimal] = field(default_factory=dict)
    legs: Mapping[str, Decimal] = field(default_factory=dict)
    usd: Mapping[str, Decimal] = field(default_factory=dict)
    pairs: frozenset[frozenset[str]] = frozenset()

    @property
    def single(self) -> Decimal | None:
        """Return the step where it is of one asset alone."""
        return next(iter(self.assets.values())) if len(self.assets) == 1 and not self.contracts else None

    @property
    def converts(self) -> bool:
        """Tell whether two assets move against each other by the same worth."""
        if len(self.assets) != 2 or self.contracts:
            return False
        one, other = (amount * self.usd.get(code, ONE) for code, amount in self.assets.items())
        return one * other < 0 and abs(one + other) <= MATCH_SHARE * max(abs(one), abs(other))

    @property
    def position(self) -> tuple[Decimal, Decimal] | None:
        """Return the step of the one contract that moves, and what it held before; None where there is no such."""
        if len(self.contracts) != 1:
            return None
        ((symbol, step),) = self.contracts.items()
        return step, self.held.get(symbol, ZERO) - step

    def is_small(self, share: Decimal, of: Mapping[str, Decimal]) -> bool:
        """Tell whether the one asset's step is at most a share of something of the same asset."""
        ((code, step),) = self.assets.items()
        return abs(step) <= share * abs(of.get(code, ZERO))


Hypothesis = Callable[[StepView], bool]


def _clue(clue: Clue) -> Hypothesis:
    return lambda view: clue in view.clues


def _ends(clue: Clue) -> Hypothesis:
    """Fit a position that ends, with a clue why."""

    def fits(view: StepView) -> bool:
        position = view.position
        return clue in view.clues and position is not None and position[0] == -position[1]

    return fits


def _moves(sign: int, clue: Clue | None = None) -> Hypothesis:
    """Fit one asset alone that goes up or down."""

    def fits(view: StepView) -> bool:
        step = view.single
        return step is not None and step * sign > 0 and (clue is None or clue in view.clues)

    return fits


def _external(view: StepView) -> bool:
    return len(view.contracts) == 1 or (view.converts and frozenset(view.assets) in view.pairs)


def _shrinks(view: StepView) -> bool:
    position = view.position
    return position is not None and position[0] * position[1] < 0 and abs(position[0]) <= abs(position[1])


def _interest(view: StepView) -> bool:
    return view.single is not None and view.is_small(SMALL_SHARE, view.held)


def _of_fills(sign: int) -> Hypothesis:
    def fits(view: StepView) -> bool:
        return _moves(sign)(view) and view.is_small(FEE_SHARE, view.legs)

    return fits


_CLASSES: Final[tuple[tuple[tuple[str, Hypothesis], ...], ...]] = (
    (
        ("overfill", _clue(Clue.OVERFILL)),
        ("amount_regression", _clue(Clue.REGRESSION)),
        ("inconsistent_report", _clue(Clue.CONTRADICTION)),
    ),
    (
        ("unit_or_side", _clue(Clue.RATIO)),
        ("expiry", _ends(Clue.EXPIRY_DAY)),
        ("liquidation", _ends(Clue.LIQUIDATION_PRICE)),
    ),
    (
        ("missed_fill_gap", lambda view: {Clue.ORDER, Clue.GAP} <= view.clues),
        ("missed_fill", lambda view: Clue.ORDER in view.clues and Clue.GAP not in view.clues),
    ),
    (
        ("funding", _clue(Clue.GRID)),
        ("transfer", _clue(Clue.ELSEWHERE)),
        ("deposit", _moves(1, Clue.LOCKED)),
        ("withdrawal", _moves(-1, Clue.LOCKED)),
    ),
    (
        ("conversion", lambda view: view.converts),
        ("external_order", _external),
        ("adl", _shrinks),
    ),
    (
        ("deposit", _moves(1)),
        ("withdrawal", _moves(-1)),
        ("interest", _interest),
        ("reward", lambda view: _moves(1)(view) and _interest(view)),
        ("fee_variance", _of_fills(-1)),
        ("rebate", _of_fills(1)),
    ),
)


def fitting(view: StepView) -> tuple[str, ...]:
    """Return the causes that fit, by the rules above."""
    with exact():
        for equally_sure in _CLASSES:
            found = tuple(code for code, fits in equally_sure if fits(view))
            if found:
                return found
    return ()


def clues_of(fault: Fault) -> frozenset[Clue]:
    """Return what a fault leaves to be seen beside the amounts."""
    if fault.kind is FaultKind.SILENT_STALL and fault.lasts < STALL_SECONDS:
        return frozenset({Clue.ORDER})
    two_phase = fault.kind in {FaultKind.DEPOSIT, FaultKind.WITHDRAWAL} and fault.lasts > 0
    return frozenset({Clue.LOCKED}) if two_phase else _CLUES.get(fault.kind, frozenset())


def cause_of(fault: Fault, first: Decimal) -> str:
    """Return what an engine that knew everything would say; `first` is the step of the fault's first unit."""
    if fault.kind is FaultKind.SILENT_STALL and fault.lasts < STALL_SECONDS:
        return "missed_fill"
    up, down = _BY_SIGN.get(fault.kind, ("", ""))
    return (up if first > 0 else down) or _CAUSES.get(fault.kind, fault.kind.value)
