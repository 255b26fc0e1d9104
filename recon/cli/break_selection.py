"""Which breaks a command means: ids or the beginnings of ids, one case, or all that a filter selects.

1. Whatever is not found, or not unique, is an error that names it; a command never acts on fewer breaks than named.
2. A case or a filter means those of its breaks that allow the step. A filter without a state means the active ones: who
   wants to reach what is over says so.
3. At most MAX_CHOSEN breaks are acted on at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, get_args

import msgspec
from sqlalchemy import Connection

from recon.cli.queries import rows_of
from recon.errors import ConfigError, DecisionRefused
from recon.exact import ZERO
from recon.reconciliation.model.break_ import BreakState
from recon.reconciliation.model.lifecycle import ACTIVE, PERSON_STEPS, PersonStep, allowed, next_state

#: Most breaks that one command acts on: after an outage there are hundreds, not thousands.
MAX_CHOSEN: Final = 1000
#: How much of an id is shown where a person types it again; a longer beginning is never needed to be unique.
SHORT: Final = 10
#: Breaks named in an error before the rest is counted.
MAX_NAMED: Final = 10
STATES: Final[tuple[str, ...]] = get_args(BreakState)

_ID: Final = re.compile(r"[0-9a-f]{1,64}")
_COLUMNS: Final = "gateway, id, case_id, account, unit, state, cause, amount, amount_usd, owns_residual"


class Chosen(msgspec.Struct, frozen=True):
    """A break that a person's step is meant for, as it stood when it was chosen."""

    gateway: str
    id: str
    case_id: str
    account: str
    unit: str
    state: BreakState
    cause: str
    #: Reported minus expected, in the unit; its worth in USD, None where no rate is known.
    amount: Decimal
    amount_usd: Decimal | None
    owns_residual: bool

    @property
    def owned(self) -> Decimal:
        """Return what of the unit's drift is the break's: all of it, or nothing (a contradiction of reports)."""
        return self.amount if self.owns_residual else ZERO


class Wanted(msgspec.Struct, frozen=True):
    """What a command line names: ids, or a case, or a filter."""

    ids: Sequence[str] = ()
    case: str | None = None
    gateway: str | None = None
    account: str | None = None
    unit: str | None = None
    cause: str | None = None
    state: str | None = None
    opened_since: datetime | None = None

    @property
    def filters(self) -> dict[str, str]:
        """Return the columns that must have a value."""
        columns = {
            "gateway": self.gateway,
            "account": self.account,
            "unit": self.unit,
            "cause": self.cause,
            "state": self.state,
        }
        return {column: value for column, value in columns.items() if value is not None}

    @property
    def filtered(self) -> bool:
        """Tell whether a filter selects, so that a person confirms what it came to."""
        return bool(self.filters) or self.opened_since is not None


def choose(connection: Connection, wanted: Wanted, step: PersonStep) -> list[Chosen]:
    """Return the breaks that a step is meant for, each once, gateway by gateway; never none.

    Errors: ConfigError where the words name no break, or name it in two ways; DecisionRefused where the table of
    `recon.reconciliation.model.lifecycle` does not allow the step.
    """
    if bool(wanted.ids) + (wanted.case is not None) + wanted.filtered != 1:
        raise ConfigError("name breaks by id, or a case by --case, or select by a filter: exactly one of the three")
    if wanted.ids:
        chosen = [one_break(connection, given) for given in dict.fromkeys(wanted.ids)]
        refuse_unless_allowed(chosen, step)
    elif wanted.case is not None:
        chosen = some_that_allow(case(connection, wanted.case), step, "of the case")
    else:
        chosen = some_that_allow(_selected(connection, wanted), step, "selected")
    if len(chosen) > MAX_CHOSEN:
        raise ConfigError(f"more than {MAX_CHOSEN} breaks at once; narrow the filter")
    return sorted({known.id: known for known in chosen}.values(), key=lambda known: known.gateway)


def refuse_unless_allowed(chosen: Sequence[Chosen], step: PersonStep) -> None:
    """Refuse a step that the table does not allow, naming each break and what is allowed. Errors: DecisionRefused."""
    wrong = [known for known in chosen if next_state(step, known.state) is None]
    if wrong:
        rest = len(wrong) - MAX_NAMED
        lines = [f"break {known.id[:SHORT]} is {known.state}: {_instead(step, known.state)}" for known in wrong]
        raise DecisionRefused("\n".join(lines[:MAX_NAMED] + ([f"and {rest} more"] if rest > 0 else [])))


def person_steps(state: BreakState) -> list[str]:
    """Return the steps that a person may take from a state, in the table's order."""
    return [step for step in allowed(state) if step in PERSON_STEPS]


def _instead(step: str, state: BreakState) -> str:
    return f"{step} is not allowed then; allowed: {', '.join(person_steps(state)) or 'nothing'}"


def some_that_allow(found: Sequence[Chosen], step: PersonStep, where: str) -> list[Chosen]:
    """Return those that allow the step. Errors: ConfigError, DecisionRefused where there is none."""
    if not found:
        raise ConfigError("the filter selects no break; without --state it looks at active ones only")
    able = [known for known in found if next_state(step, known.state) is not None]
    if not able:
        states = ", ".join(sorted({known.state for known in found}))
        raise DecisionRefused(f"none of the {len(found)} breaks {where} allows to {step}: they are {states}")
    return able


def one_break(connection: Connection, given: str) -> Chosen:
    """Return the break whose id begins so. Errors: ConfigError where there is none, or more than one."""
    found = _matching(connection, "id", given)
    if not found:
        hint = "; it is a case: say --case" if _matching(connection, "case_id", given) else ""
        raise ConfigError(f"no break has an id that begins with {given!r}{hint}")
    if len(found) > 1:
        raise ConfigError(f"{given!r} is the beginning of several breaks: {', '.join(known.id for known in found[:5])}")
    return found[0]


def case(connection: Connection, given: str) -> list[Chosen]:
    """Return the breaks of the case whose id begins so. Errors: ConfigError where there is none, or more than one."""
    found = _matching(connection, "case_id", given)
    cases = list(dict.fromkeys(known.case_id for known in found))
    if not cases:
        raise ConfigError(f"no case has an id that begins with {given!r}")
    if len(cases) > 1:
        raise ConfigError(f"{given!r} is the beginning of several cases: {', '.join(cases[:5])}")
    return found


def named(connection: Connection, given: str) -> list[Chosen]:
    """Return one break, or the breaks of one case, by the beginning of its id. Errors: ConfigError."""
    if _matching(connection, "id", given):
        return [one_break(connection, given)]
    if _matching(connection, "case_id", given):
        return case(connection, given)
    raise ConfigError(f"no break and no case has an id that begins with {given!r}")


def by_ids(connection: Connection, ids: Sequence[str]) -> list[Chosen]:
    """Return the breaks of these whole ids that still exist."""
    return _read(connection, "id = ANY(:ids)", {"ids": list(ids)})


def _matching(connection: Connection, column: str, given: str) -> list[Chosen]:
    if _ID.fullmatch(given) is None:
        raise ConfigError(f"{given!r} is no id: it is a hash in hexadecimal, as `recon breaks` shows it")
    return _read(connection, f"{column} LIKE :start", {"start": f"{given}%"})


def _selected(connection: Connection, wanted: Wanted) -> list[Chosen]:
    where = [f"{column} = :{column}" for column in wanted.filters]
    parameters: dict[str, object] = dict(wanted.filters)
    if wanted.state is None:
        where.append("state = ANY(:active)")
        parameters["active"] = sorted(ACTIVE)
    if wanted.opened_since is not None:
        where.append("opened_at >= :opened_since")
        parameters["opened_since"] = wanted.opened_since
    return _read(connection, " AND ".join(where), parameters)


def _read(connection: Connection, where: str, parameters: dict[str, object]) -> list[Chosen]:
    statement = (
        f"SELECT {_COLUMNS} FROM recon.breaks WHERE {where}"  # noqa: S608 - names of our own
        " ORDER BY gateway, opened_at, id LIMIT :most"
    )
    rows = rows_of(connection, statement, {**parameters, "most": MAX_CHOSEN + 1})
    return [msgspec.convert(row, Chosen) for row in rows]
