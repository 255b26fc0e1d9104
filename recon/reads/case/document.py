"""One break of a case for a program: its columns, its details, and the next steps with their commands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from recon.display.ages import age
from recon.reads.case.advice import advice_on, events_command, proposing_command, step_command
from recon.reads.case.model import Case, Leg, Row
from recon.reads.case.path import has_path, path_of


def document(case: Case, leg: Leg) -> Row:
    """Return a break of a case; where the case has several, the commands are for the case."""
    return {
        **leg.row,
        "evidence": items_of(leg.row),
        "path": path_of(leg.row),
        "age": age_words(leg.age, leg.business_age),
        "figures": leg.figures,
        "origin": {"ends": leg.ends, "kinds": leg.kinds, "command": events_command(leg)},
        "same_unit": leg.same_unit,
        "same_case": leg.same_case,
        "history": leg.history,
        "sources": leg.sources,
        "opposite_facts": leg.opposite,
        "next": [{"step": step, "command": _command(case, leg, step)} for step in leg.steps],
        "advice": None if leg.opposite else advice_on(leg.row),
    }


def _command(case: Case, leg: Leg, step: str) -> str:
    several = case.short if len(case.active) > 1 and leg.active else None
    if several and step == "propose":
        return proposing_command(case, leg)
    return step_command(leg.row, step, several, proposed=case.proposals)


def items_of(row: Row) -> list[Mapping[str, Any]]:
    """Return the evidence of a break but for the path, which stands by itself."""
    return [item for item in mappings(row["evidence"]) if not has_path(item)]


def mappings(value: object) -> list[Mapping[str, Any]]:
    """Return the mappings of a list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def age_words(length: timedelta | None, business: timedelta | None) -> str:
    """Return an age, with its business time where that is less."""
    if length is None or business is None:
        return "not known"
    words = age(length, 2)
    return words if business == length else f"{words}, {age(business, 2)} of it business time"
