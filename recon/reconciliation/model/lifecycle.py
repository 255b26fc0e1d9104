"""The life of a break: every state, and the steps allowed from it. Pure (architecture 4, semantics 8, 10).

1. A break changes its state only along a row of TRANSITIONS; a step that has none is refused, and says so.
2. Steps of data are derived from the log; steps of people are decisions in it, with actor and reason.
3. What a decision comes to may be another step than the one asked for: an acceptance that is material is proposed, and
   accepted once it is approved (four_eyes).
4. Whatever the state, an active break owns its residual; one that is over owns none.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from recon.reconciliation.model.break_ import BreakState

#: Steps that follow from data.
DataStep = Literal["opened", "cleared", "dismissed", "offset", "caused", "explained", "reduced", "expired"]
#: Steps that people decide.
PersonStep = Literal["assign", "comment", "investigate", "propose", "approve", "reject", "accept", "reopen"]
Step = DataStep | PersonStep
PERSON_STEPS: Final = frozenset(get_args(PersonStep))

#: States of a break that still owns its residual; a pending one does not yet.
ACTIVE: Final[frozenset[BreakState]] = frozenset({"open", "assigned", "investigating", "proposed", "accepted"})
OVER: Final[frozenset[BreakState]] = frozenset({"explained", "resolved", "cleared", "dismissed"})
_PENDING: Final[frozenset[BreakState]] = frozenset({"pending"})
_ALL: Final = ACTIVE | OVER | _PENDING

#: (step, from, to); None: the state stays as it is.
TRANSITIONS: Final[tuple[tuple[Step, frozenset[BreakState], BreakState | None], ...]] = (
    ("opened", frozenset({"pending", "cleared", "dismissed", "explained", "resolved"}), "open"),
    ("dismissed", _PENDING, "dismissed"),
    ("cleared", ACTIVE, "cleared"),
    ("explained", ACTIVE | _PENDING, "explained"),
    # A part of it is explained; what is left stays open.
    ("reduced", ACTIVE, "open"),
    ("offset", ACTIVE, None),
    ("caused", ACTIVE, None),
    ("expired", frozenset({"accepted"}), "open"),
    ("comment", _ALL, None),
    ("assign", frozenset({"open", "assigned"}), "assigned"),
    ("assign", frozenset({"investigating", "proposed", "accepted"}), None),
    ("investigate", frozenset({"open", "assigned", "accepted"}), "investigating"),
    ("propose", frozenset({"open", "assigned", "investigating", "proposed", "accepted"}), "proposed"),
    ("approve", frozenset({"proposed"}), "resolved"),
    ("reject", frozenset({"proposed"}), "investigating"),
    ("accept", frozenset({"open", "assigned", "investigating", "proposed"}), "accepted"),
    ("reopen", frozenset({"accepted", "explained", "resolved"}), "open"),
)


def next_state(step: str, state: BreakState) -> BreakState | None:
    """Return the state that a step leads to, None where the step is not allowed from here."""
    for name, sources, target in TRANSITIONS:
        if name == step and state in sources:
            return state if target is None else target
    return None


def allowed(state: BreakState) -> list[Step]:
    """Return the steps that are allowed from a state, in the table's order."""
    found: list[Step] = []
    for name, sources, _ in TRANSITIONS:
        if state in sources and name not in found:
            found.append(name)
    return found
