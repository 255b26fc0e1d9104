"""Open cases, and single breaks, as a person sees them. Pure: rows in, a screen out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from recon.cli.output import Column, Row
from recon.cli.tables.screen import NextStep, Screen
from recon.cli.tables.table import Note, Table
from recon.display.figures import figure
from recon.display.ids import DIGEST, short_ids
from recon.display.words import counted
from recon.display.worth import worth
from recon.exact import ZERO

#: How sure a cause is, as a sign behind it.
SIGNS: Final = {"exact": "=", "inferred": "~", "candidate": "?"}
#: What cases need, the most urgent first.
NEEDS: Final = ("to approve", "take up", "in work")

CASES: Final = [
    Column("need", " ", kind="mark"),
    Column("case_id", "case", kind="id"),
    Column("account"),
    Column("gateway", wide=True),
    Column("amounts", "amount", kind="signed"),
    Column("units", "unit"),
    Column("cause"),
    Column("since", kind="age"),
    Column("amount_usd", "usd", kind="worth", rank=1),
    Column("severity", rank=4),
    Column("state", rank=2),
    Column("who", rank=2),
    Column("certainty", wide=True),
    Column("opened_at", wide=True),
    Column("closed_at", wide=True, blank=True),
]
#: One break a row; a pipe has all of them.
BREAKS: Final = [
    Column("id", "break", kind="id"),
    Column("case_id", "case", kind="id", rank=3),
    Column("gateway", wide=True),
    Column("account"),
    Column("unit"),
    Column("state", kind="state"),
    Column("cause"),
    Column("amount", kind="signed"),
    Column("amount_usd", "usd", kind="signed_worth", rank=2),
    Column("opened_at", "opened", rank=5),
    Column("severity", rank=4),
    Column("assignee", "who", rank=3),
    Column("closed_at", wide=True, blank=True),
    *(Column(key, wide=True) for key in ("certainty", "after_seq", "until_seq")),
    Column("note", prose=True, wide=True),
]
#: Columns that are not kept of the past.
NOT_KEPT: Final = frozenset({"need", "amount_usd", "severity", "certainty", "who", "assignee", "note"})
#: The step that held at a past time.
PAST_BREAKS: Final = [
    Column("event", "last step", rank=3),
    Column("at", "at", kind="time", rank=4),
    Column("actor", "by", wide=True, blank=True),
    Column("reason", prose=True, wide=True),
]


def cases_screen(cases: Sequence[Row], moment: str, empty: str, *, at: datetime | None = None) -> Screen:
    """Return cases as a screen, with their ages at a past time, where nobody can do anything; None: now."""
    rows = [_shown(row) for row in cases]
    if at is not None:
        columns = [column for column in CASES if column.key not in NOT_KEPT]
        sums = [f"{counted(len(rows), 'case')} of {counted(_all_legs(rows), 'break')}"]
        return Screen(tables=[Table(columns=columns, rows=rows)], sums=sums, moment=moment, empty=empty, at=at)
    table = Table(columns=CASES, rows=rows, notes=_state_of, notes_under="account")
    return Screen(
        tables=[table],
        sums=_sums(rows),
        moment=moment,
        shapes=[need for need in NEEDS if any(row["need"] == need for row in rows)],
        legend=["~ inferred  ? candidate  = exact   usd: legs added   since: the first report"],
        steps=_steps(cases),
        empty=empty,
    )


def past_screen(breaks: Sequence[Row], moment: str, empty: str) -> Screen:
    """Return single breaks of a past time as a screen."""
    columns = [column for column in BREAKS if column.key not in NOT_KEPT]
    screen = breaks_screen(breaks, moment, empty)
    return msgspec.structs.replace(screen, tables=[Table(columns=[*columns, *PAST_BREAKS], rows=breaks)])


def breaks_screen(breaks: Sequence[Row], moment: str, empty: str) -> Screen:
    """Return single breaks as a screen."""
    sums = [f"{counted(len(breaks), 'break')} of {counted(len({row['case_id'] for row in breaks}), 'case')}"]
    return Screen(tables=[Table(columns=BREAKS, rows=breaks)], sums=sums, moment=moment, empty=empty)


def _shown(row: Row) -> Row:
    stacked = {key: tuple(value) for key in ("amounts", "units") if isinstance(value := row[key], list)}
    sign = SIGNS.get(str(row["certainty"]), "")
    return {**row, **stacked, "cause": f"{row['cause']} {sign}".rstrip()}


def _sums(rows: Sequence[Row]) -> list[str]:
    """Return how many cases there are, what they need, and what they are worth."""
    needs = Counter(str(row["need"]) for row in rows)
    active = sum(needs[need] for need in NEEDS)
    said = {"take up": "to take up"}
    parts = [f"{needs[need]} {said.get(need, need)}" for need in NEEDS if needs[need]]
    over = len(rows) - active
    first = f"{counted(active, 'case')} open ({counted(_legs(rows), 'break')})"
    if over:
        first = f"{counted(len(rows), 'case')}: {active} open, {over} over"
    known = [row["amount_usd"] for row in rows if row["need"] in NEEDS]
    total = sum((usd for usd in known if isinstance(usd, Decimal)), ZERO)
    unknown = sum(usd is None for usd in known)
    last = f"worth {worth(total)}" if len(known) > unknown else ""
    if unknown:
        last += f"{', and ' if last else ''}{counted(unknown, 'case')} of unknown worth"
    return [f"{first}: {', '.join(parts)}" if parts and not over else first, *([last] if last else [])]


def _all_legs(rows: Sequence[Row]) -> int:
    return sum(len(units) for row in rows if isinstance(units := row["units"], tuple))


def _legs(rows: Sequence[Row]) -> int:
    return sum(len(units) for row in rows if row["need"] in NEEDS and isinstance(units := row["units"], tuple))


def _state_of(row: Row, shown: Collection[str]) -> list[Note]:
    """Return the line below a case: its state and who has it, where no column says so."""
    if "state" in shown and "who" in shown:
        return []
    state, who = str(row["state"]), row["who"]
    if row["need"] == "to approve":
        text = f"proposed by {row['proposed_by'] or 'somebody'}; a second login may have to decide"
    elif row["need"] == "take up":
        text = f"{state}, nobody assigned"
    else:
        text = f"{state}, {who}" if who else state
    return [Note("", text)]


def _steps(cases: Sequence[Row]) -> list[NextStep]:
    """Return what to do next: decide on the first that waits, take up the first that nobody has, explain the first."""
    short = short_ids(str(row["case_id"]) for row in cases)
    steps: list[NextStep] = []
    waiting = next((row for row in cases if row["need"] == "to approve"), None)
    if waiting is not None and isinstance(digests := waiting["digests"], list) and digests:
        # Legs that were proposed together have one digest, which the case tells: a leg's own would book a half.
        legs = f"recon break show {short[str(waiting['case_id'])]}"
        command = f"recon break approve {str(digests[0])[:DIGEST]}" if len(digests) == 1 else legs
        steps.append(NextStep(command, f"the proposal that waits: {_what(waiting)}"))
    free = next((row for row in cases if row["need"] == "take up"), None)
    if free is not None:
        case = short[str(free["case_id"])]
        steps.append(NextStep(f"recon break assign --case {case} --to WHO", "nobody looks after it"))
    if cases and (first := f"recon break show {short[str(cases[0]['case_id'])]}") not in [
        each.command for each in steps
    ]:
        steps.append(NextStep(first, "why, and what to do"))
    return steps


def _what(row: Row) -> str:
    amounts, units = row["amounts"], row["units"]
    if not (isinstance(amounts, list) and isinstance(units, list)):
        return str(row["cause"])
    legs = [f"{figure(amount, signed=True).text} {unit}" for amount, unit in zip(amounts, units, strict=True)]
    return f"{', '.join(legs)} {row['cause']}"
