"""Which breaks a command acts on: ids or prefixes of ids, one case, or all that a filter selects.

1. An id that is not breaks, or not unique, is an error; a command never acts on fewer breaks than were named.
2. A case or a filter selects the breaks that allow the step. A filter without a state selects active ones only.
3. At most MAX_SELECTED breaks are acted on at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, get_args

import msgspec

from recon.db.source import Source, query_rows
from recon.errors import ConfigError, DecisionRefused
from recon.exact import ZERO
from recon.reconciliation.model.break_ import BreakState
from recon.reconciliation.model.lifecycle import ACTIVE, PERSON_STEPS, PersonStep, allowed, next_state

#: Most breaks that one command acts on: after an outage there are hundreds, not thousands.
MAX_SELECTED: Final = 1000
#: Characters of an id that are shown for a person to type again; enough to be unique.
SHORT: Final = 10
#: Breaks named in an error before the rest is counted.
MAX_NAMED: Final = 10
STATES: Final[tuple[str, ...]] = get_args(BreakState)

_ID: Final = re.compile(r"[0-9a-f]{1,64}")
_COLUMNS: Final = "gateway, id, case_id, account, unit, state, cause, amount, amount_usd, owns_residual"


class SelectedBreak(msgspec.Struct, frozen=True):
    """A break that a person's step is for, as it was when it was selected."""

    gateway: str
    id: str
    case_id: str
    account: str
    unit: str
    state: BreakState
    cause: str
    #: Reported minus expected, in the unit; its worth in USD, None where no rate is each.
    amount: Decimal
    amount_usd: Decimal | None
    owns_residual: bool

    @property
    def owned(self) -> Decimal:
        """Return the break's part of the unit's drift: its amount, or zero where reports contradict each other."""
        return self.amount if self.owns_residual else ZERO


class BreakFilter(msgspec.Struct, frozen=True):
    """What a command line selects breaks by: ids, or a case, or a filter."""

    ids: Sequence[str] = ()
    case: str | None = None
    gateway: str | None = None
    account: str | None = None
    unit: str | None = None
    cause: str | None = None
    state: str | None = None
    opened_since: datetime | None = None
    #: A condition on `recon.breaks AS b` besides, with its parameters; and whether it names states.
    condition: str = ""
    parameters: Mapping[str, object] = {}
    names_states: bool = False

    @property
    def filters(self) -> dict[str, str]:
        """Return the columns that are filtered by, with their values."""
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
        """True if a filter selects, so that a person must confirm the selection."""
        return bool(self.filters) or self.opened_since is not None or bool(self.condition)


def select_breaks(connection: Source, criteria: BreakFilter, step: PersonStep) -> list[SelectedBreak]:
    """Return the breaks that a step is for, each once, gateway by gateway; at least one.

    Errors: ConfigError where nothing is selected, or in two ways; DecisionRefused where
    `recon.reconciliation.model.lifecycle` does not allow the step.
    """
    if bool(criteria.ids) + (criteria.case is not None) + criteria.filtered != 1:
        raise ConfigError("select breaks by id, or a case by --case, or by a filter: exactly one of the three")
    if criteria.ids:
        selected = [one_break(connection, prefix) for prefix in dict.fromkeys(criteria.ids)]
        refuse_unless_allowed(selected, step)
    elif criteria.case is not None:
        selected = those_allowing(case(connection, criteria.case), step, "of the case")
    else:
        selected = those_allowing(_selected(connection, criteria), step, "selected")
    if len(selected) > MAX_SELECTED:
        raise ConfigError(f"more than {MAX_SELECTED} breaks selected; narrow the filter")
    return sorted({each.id: each for each in selected}.values(), key=lambda each: each.gateway)


def refuse_unless_allowed(selected: Sequence[SelectedBreak], step: PersonStep) -> None:
    """Refuse a step that a break's state does not allow, naming break and allowed steps. Errors: DecisionRefused."""
    wrong = [each for each in selected if next_state(step, each.state) is None]
    refuse([f"break {each.id[:SHORT]} is {each.state}: {_instead(step, each.state)}" for each in wrong])


def refuse(lines: Sequence[str]) -> None:
    """Refuse a step if there are reasons against it, one for each break. Errors: DecisionRefused."""
    if lines:
        rest = len(lines) - MAX_NAMED
        raise DecisionRefused("\n".join([*lines[:MAX_NAMED], *([f"and {rest} more"] if rest > 0 else [])]))


def person_steps(state: BreakState) -> list[str]:
    """Return the steps that a person may take from a state, in the order of the lifecycle."""
    return [step for step in allowed(state) if step in PERSON_STEPS]


def _instead(step: str, state: BreakState) -> str:
    return f"{step} is not allowed; allowed: {', '.join(person_steps(state)) or 'nothing'}"


def those_allowing(breaks: Sequence[SelectedBreak], step: PersonStep, where: str) -> list[SelectedBreak]:
    """Return the breaks that allow the step. Errors: ConfigError where there is none, DecisionRefused."""
    if not breaks:
        raise ConfigError("no break matches the filter; without --state only active breaks are searched")
    able = [each for each in breaks if next_state(step, each.state) is not None]
    if not able:
        states = ", ".join(sorted({each.state for each in breaks}))
        raise DecisionRefused(f"no break {where} allows {step} in state {states}")
    return able


def one_break(connection: Source, prefix: str) -> SelectedBreak:
    """Return the break whose id starts so. Errors: ConfigError where there is none, or more than one."""
    breaks = _matching(connection, "id", prefix)
    if not breaks:
        hint = "; it is a case: use --case" if _matching(connection, "case_id", prefix) else ""
        raise ConfigError(f"no break id starts with {prefix!r}{hint}")
    if len(breaks) > 1:
        raise ConfigError(f"several break ids start with {prefix!r}: {', '.join(each.id for each in breaks[:5])}")
    return breaks[0]


def case(connection: Source, prefix: str) -> list[SelectedBreak]:
    """Return the breaks of the case whose id starts so. Errors: ConfigError where there is none, or more than one."""
    breaks = _matching(connection, "case_id", prefix)
    cases = list(dict.fromkeys(each.case_id for each in breaks))
    if not cases:
        raise ConfigError(f"no case id starts with {prefix!r}")
    if len(cases) > 1:
        raise ConfigError(f"several case ids start with {prefix!r}: {', '.join(cases[:5])}")
    return breaks


def break_or_case(connection: Source, prefix: str) -> list[SelectedBreak]:
    """Return one break, or the breaks of one case, by a prefix of its id. Errors: ConfigError."""
    if _matching(connection, "id", prefix):
        return [one_break(connection, prefix)]
    if _matching(connection, "case_id", prefix):
        return case(connection, prefix)
    raise ConfigError(f"no break id and no case id starts with {prefix!r}")


def by_ids(connection: Source, ids: Sequence[str]) -> list[SelectedBreak]:
    """Return the breaks with these full ids that still exist."""
    return _read(connection, "id = ANY(:ids)", {"ids": list(ids)})


def _matching(connection: Source, column: str, prefix: str) -> list[SelectedBreak]:
    if _ID.fullmatch(prefix) is None:
        raise ConfigError(f"{prefix!r} is not an id; ids are hexadecimal, as in `recon breaks`")
    return _read(connection, f"{column} LIKE :start", {"start": f"{prefix}%"})


def _selected(connection: Source, criteria: BreakFilter) -> list[SelectedBreak]:
    # The names of the two kinds of parameters differ, so that one filter may stand beside the other.
    where = [f"{column} = :only_{column}" for column in criteria.filters]
    parameters: dict[str, object] = {f"only_{column}": value for column, value in criteria.filters.items()}
    if criteria.condition:
        where.append(f"({criteria.condition})")
        parameters |= criteria.parameters
    if criteria.state is None and not criteria.names_states:
        where.append("state = ANY(:active)")
        parameters["active"] = sorted(ACTIVE)
    if criteria.opened_since is not None:
        where.append("opened_at >= :opened_since")
        parameters["opened_since"] = criteria.opened_since
    return _read(connection, " AND ".join(where), parameters)


def _read(connection: Source, where: str, parameters: dict[str, object]) -> list[SelectedBreak]:
    statement = (
        f"SELECT {_COLUMNS} FROM recon_exact.breaks AS b WHERE {where}"  # noqa: S608 - names of our own
        " ORDER BY gateway, opened_at, id LIMIT :most"
    )
    rows = query_rows(connection, statement, {**parameters, "most": MAX_SELECTED + 1})
    return [msgspec.convert(row, SelectedBreak) for row in rows]
