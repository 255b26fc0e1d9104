"""The lifecycle of a break: its states, and the steps allowed from each. Pure (architecture 4, semantics 8, 10).

1. A break changes its state only along a row of TRANSITIONS. A step without a row is refused, with a reason.
2. Data steps are derived from the log. Person steps are decisions in the log, with actor and reason.
3. A decision may come to another step than asked for: a material acceptance is proposed first, and accepted once a
   second person approves it (`recon.reconciliation.breaks.approval`).
4. In every state, an active break claims its residual, and a closed one claims nothing.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from recon.reconciliation.model.break_ import BreakState

#: Steps that follow from data.
DataStep = Literal["opened", "cleared", "offset", "caused", "explained", "reduced", "expired"]
#: Steps that people decide.
PersonStep = Literal["assign", "comment", "investigate", "propose", "approve", "reject", "accept", "reopen"]
Step = DataStep | PersonStep
PERSON_STEPS: Final = frozenset(get_args(PersonStep))

#: States of a break that claims its residual.
ACTIVE: Final[frozenset[BreakState]] = frozenset({"open", "assigned", "investigating", "proposed", "accepted"})
OVER: Final[frozenset[BreakState]] = frozenset({"explained", "resolved", "cleared"})

#: (step, from, to); None: the state stays as it is.
TRANSITIONS: Final[tuple[tuple[Step, frozenset[BreakState], BreakState | None], ...]] = (
    # A break begins open. One that recurs opens again.
    ("opened", OVER, "open"),
    ("cleared", ACTIVE, "cleared"),
    ("explained", ACTIVE, "explained"),
    # A part is explained; the rest stays open.
    ("reduced", ACTIVE, "open"),
    ("offset", ACTIVE, None),
    ("caused", ACTIVE, None),
    ("expired", frozenset({"accepted"}), "open"),
    ("comment", ACTIVE | OVER, None),
    ("assign", frozenset({"open", "assigned"}), "assigned"),
    ("assign", frozenset({"investigating", "proposed", "accepted"}), None),
    ("investigate", frozenset({"open", "assigned", "accepted"}), "investigating"),
    ("propose", frozenset({"open", "assigned", "investigating", "proposed", "accepted"}), "proposed"),
    ("approve", frozenset({"proposed"}), "resolved"),
    ("reject", frozenset({"proposed"}), "investigating"),
    ("accept", frozenset({"open", "assigned", "investigating", "proposed"}), "accepted"),
    # What a person took up, and gives back, is open as before.
    ("reopen", frozenset({"assigned", "investigating", "accepted", "explained", "resolved"}), "open"),
)


def next_state(step: str, state: BreakState) -> BreakState | None:
    """Return the state that a step leads to; None if the step is not allowed from this state."""
    for name, sources, target in TRANSITIONS:
        if name == step and state in sources:
            return state if target is None else target
    return None


def allowed(state: BreakState) -> list[Step]:
    """Return the steps that are allowed from a state, in the table's order."""
    steps: list[Step] = []
    for name, sources, _ in TRANSITIONS:
        if state in sources and name not in steps:
            steps.append(name)
    return steps
