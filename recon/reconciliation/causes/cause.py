"""The record of one cause, and the answer of its test. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import msgspec

from recon.ledger.units import UnitKind
from recon.reconciliation.causes.context import BreakContext
from recon.reconciliation.model.break_ import Evidence
from recon.reconciliation.model.severity import Severity


class Strength(IntEnum):
    """How strongly the evidence supports a cause; the smallest number is the strongest."""

    #: The arithmetic leaves no other reading.
    EXACT = 1
    #: Evidence beside the amount points at this cause, and at no other.
    STRONG = 2
    #: Several amounts agree with each other.
    LIKELY = 3
    #: Only the sign and the size of the amount support it.
    POSSIBLE = 4


class CauseMatch(msgspec.Struct, frozen=True):
    """The answer of one test: how strongly the cause fits (None: not at all), why, and the supporting evidence."""

    strength: Strength | None
    why: str
    evidence: tuple[Evidence, ...] = ()
    #: The other breaks that support the cause, by id.
    supporting_breaks: tuple[str, ...] = ()
    #: The own order that supports the cause, and its last event: a later report may refute it.
    supporting_order: tuple[str, int] | None = None


def no_match(why: str) -> CauseMatch:
    """Return the answer that a cause does not fit."""
    return CauseMatch(None, why)


CauseTest = Callable[[BreakContext], CauseMatch]


class Cause(msgspec.Struct, frozen=True):
    """All that is known of one cause."""

    #: Stands in the log of decisions, in alerts and in views: never rename it.
    code: str
    meaning: str
    #: The only kind of unit that can have this cause; None: both kinds can.
    applies_to: UnitKind | None = None
    #: The lowest severity of a break with this cause, however small its amount.
    floor: Severity = "info"
    #: What proves or fixes it (`recon.reconciliation.causes.advice`).
    advice: str | None = None
    #: The cause of the entry that an external fact about it posts; None: no external fact can state it.
    booked_as: str | None = None
    #: None: the state of the comparison decides, not a test.
    test: CauseTest | None = None
