"""Which causes fit the visible evidence of a step: the simulator's published list of hypotheses. Pure.

The truth file calls a fault identifiable if its own cause is the only one that fits. This list shares nothing with the
engine's rules. It is published here so that anyone can dispute it:

1. Classes are tried from the most certain to the vaguest. The first class with any match ends the search.
2. The report itself is wrong: `overfill`, `amount_regression`, `inconsistent_report`.
3. Arithmetic and calendar. `unit_or_side`: the report is a power of ten times the balance, or the opposite position.
   `expiry`: the position ends on the day in its symbol. `liquidation`: it ends at its liquidation price.
4. An order of ours admits the fill and is never reported again: `missed_fill`, or `missed_fill_gap` near a gap. A
   silence counts as a gap from STALL_SECONDS on, because shorter ones are normal.
5. Other evidence points to it. `funding`: on the grid, in the settlement asset of an open contract. `transfer`: the
   same coin moves the other way in another account of the gateway. `deposit` and `withdrawal`: visible in `locked`.
6. Two assets of one account move in opposite directions and match in value within MATCH_SHARE: `conversion`. If they
   form a traded pair, `external_order` fits too. A contract's position alone: `external_order`, and also `adl` if it
   shrinks, because no evidence separates these two.
7. One asset alone: `deposit` (up), `withdrawal` (down), `interest` (at most SMALL_SHARE of the balance), `reward` (the
   same, up), `fee_variance` (down, at most FEE_SHARE of nearby fills), `rebate` (the same, up).
8. Two faults that form one step on a unit fit no class, and count for recall only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from recon.exact import ONE, ZERO, exact
from recon.simulator.fault import FEE_SHARE, Fault, FaultKind

#: Two amounts match in value if they differ by at most this share of the larger: spread, fee and price moves.
MATCH_SHARE: Final = Decimal("0.01")
#: Interest and rewards are at most this share of the balance.
SMALL_SHARE: Final = Decimal("0.001")
#: Heartbeats come every second, so a silence of this many seconds is visible to every client as a gap.
STALL_SECONDS: Final = 10.0


class Clue(StrEnum):
    """The visible evidence of a step besides its amounts."""

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
#: The sign selects the cause: (up, down). A wrong balance looks like a deposit or a withdrawal.
_BY_SIGN: Final[Mapping[FaultKind, tuple[str, str]]] = {
    FaultKind.WRONG_BALANCE: ("deposit", "withdrawal"),
    FaultKind.FEE: ("rebate", "fee_variance"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """The visible evidence of one step of an account.

    `assets` and `contracts` are the steps, and `held` the balances and positions after the step. `legs` are the amounts
    of nearby fills per balance row. `usd` are the rates, and `pairs` the traded pairs of balance rows.
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
        """Return the step of the only asset that moves; None otherwise."""
        return next(iter(self.assets.values())) if len(self.assets) == 1 and not self.contracts else None

    @property
    def converts(self) -> bool:
        """True if two assets move in opposite directions by the same value."""
        if len(self.assets) != 2 or self.contracts:
            return False
        one, other = (amount * self.usd.get(code, ONE) for code, amount in self.assets.items())
        return one * other < 0 and abs(one + other) <= MATCH_SHARE * max(abs(one), abs(other))

    @property
    def position(self) -> tuple[Decimal, Decimal] | None:
        """Return the step of the only contract that moves and its position before; None otherwise."""
        if len(self.contracts) != 1:
            return None
        ((symbol, step),) = self.contracts.items()
        return step, self.held.get(symbol, ZERO) - step

    def is_small(self, share: Decimal, base: Mapping[str, Decimal]) -> bool:
        """True if the single asset's step is at most a share of its entry in `base`."""
        ((code, step),) = self.assets.items()
        return abs(step) <= share * abs(base.get(code, ZERO))


Hypothesis = Callable[[StepView], bool]


def _clue(clue: Clue) -> Hypothesis:
    return lambda view: clue in view.clues


def _ends(clue: Clue) -> Hypothesis:
    """Match the end of a position if its clue is present."""

    def fits(view: StepView) -> bool:
        position = view.position
        return clue in view.clues and position is not None and position[0] == -position[1]

    return fits


def _moves(sign: int, clue: Clue | None = None) -> Hypothesis:
    """Match a single asset that moves up or down."""

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
        for equally_certain in _CLASSES:
            causes = tuple(code for code, fits in equally_certain if fits(view))
            if causes:
                return causes
    return ()


def clues_of(fault: Fault) -> frozenset[Clue]:
    """Return the visible evidence of a fault besides its amounts."""
    if fault.kind is FaultKind.SILENT_STALL and fault.lasts < STALL_SECONDS:
        return frozenset({Clue.ORDER})
    two_phase = fault.kind in {FaultKind.DEPOSIT, FaultKind.WITHDRAWAL} and fault.lasts > 0
    return frozenset({Clue.LOCKED}) if two_phase else _CLUES.get(fault.kind, frozenset())


def cause_of(fault: Fault, first: Decimal) -> str:
    """Return the true cause of a fault; `first` is the step of its first unit."""
    if fault.kind is FaultKind.SILENT_STALL and fault.lasts < STALL_SECONDS:
        return "missed_fill"
    up, down = _BY_SIGN.get(fault.kind, ("", ""))
    return (up if first > 0 else down) or _CAUSES.get(fault.kind, fault.kind.value)
