"""The classes of sources: who told a fact or an observation. Pure.

An independent source is any but the EMS itself. The more independent one is the better witness.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

SourceClass = Literal["ems", "venue", "custodian", "chain", "person"]
#: A source whose word is held against the EMS's.
IndependentSource = Literal["person", "venue", "custodian", "chain"]

EMS: Final = "ems"
PERSON: Final = "person"
VENUE: Final = "venue"
#: Independent sources, the least independent first: a person may copy what the EMS says, a chain cannot.
INDEPENDENCE: Final[tuple[IndependentSource, ...]] = get_args(IndependentSource)


def at_least_as_independent(as_: IndependentSource) -> tuple[IndependentSource, ...]:
    """Return the sources that do where this one is required, the least independent first."""
    return INDEPENDENCE[INDEPENDENCE.index(as_) :]
