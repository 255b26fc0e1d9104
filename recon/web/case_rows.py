"""Cases as rows of a screen: legs with figures on their points, what is needed, and who has it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from recon.display.figures import Figure, figure
from recon.display.ids import short_ids
from recon.display.words import counted
from recon.display.worth import worth, worth_figure
from recon.exact import ZERO

#: Longest fraction that the sheet has a room for.
MAX_ROOM: Final = 20
ACTIVE: Final = frozenset({"open", "assigned", "investigating", "proposed", "accepted"})
_NEEDS: Final[Mapping[str, tuple[str, str]]] = {
    "to approve": ("approve", "st-wait"),
    "take up": ("take up", "st-break"),
}


class CaseRow(msgspec.Struct, frozen=True):
    """One case as a row."""

    id: str
    short: str
    gateway: str
    account: str
    #: Its legs: the amount and the unit of each.
    legs: Sequence[tuple[Figure, str]]
    #: What it needs, or who works on it, with its shape.
    need: str
    shape: str
    cause: str
    certainty: str
    state: str
    who: str
    since: datetime | None
    usd: Decimal | None
    worth: Figure
    severity: str

    @property
    def amounts(self) -> str:
        """Return the legs in one line."""
        return ", ".join(f"{amount.text} {unit}" for amount, unit in self.legs)


def case_rows(rows: Sequence[Mapping[str, Any]]) -> list[CaseRow]:
    """Return rows of `recon.reads.breaks` as rows of a screen, in their order."""
    short = short_ids(str(row["case_id"]) for row in rows)
    return [_row(row, short[str(row["case_id"])]) for row in rows]


def of_then(rows: Sequence[CaseRow]) -> list[CaseRow]:
    """Return cases of a past time: they have their state, and need nothing any more."""
    return [msgspec.structs.replace(row, need=row.state, shape="st-work", worth=Figure("-")) for row in rows]


def room_of(rows: Sequence[CaseRow]) -> int:
    """Return the digits of the longest fraction of an amount."""
    return min(MAX_ROOM, max((max(0, len(amount.fraction) - 1) for row in rows for amount, _ in row.legs), default=0))


def sums_of(rows: Sequence[CaseRow]) -> tuple[str, str]:
    """Return how many cases and breaks these are, and what they are worth, in words."""
    known = [row.usd for row in rows if row.usd is not None]
    unknown = len(rows) - len(known)
    money = [f"{worth(sum(known, ZERO))} known"] if known and unknown else [worth(sum(known, ZERO))] if known else []
    if unknown:
        money.append(f"{counted(unknown, 'case')} of unknown worth")
    legs = sum(len(row.legs) for row in rows)
    return f"{counted(len(rows), 'case')}, {counted(legs, 'break')}", ", and ".join(money)


def needs_of(rows: Sequence[CaseRow]) -> int:
    """Return how many need somebody."""
    return sum(Counter(row.need for row in rows)[need] for need, _ in _NEEDS.values())


def _row(row: Mapping[str, Any], short: str) -> CaseRow:
    who = str(row["who"] or "")
    state = str(row["state"])
    need, shape = _NEEDS.get(str(row["need"]), (who or state, "st-work" if state in ACTIVE else "st-ok"))
    return CaseRow(
        id=str(row["case_id"]),
        short=short,
        gateway=str(row["gateway"]),
        account=str(row["account"]),
        legs=[(figure(amount, signed=True), unit) for amount, unit in zip(row["amounts"], row["units"], strict=True)],
        need=need,
        shape=shape,
        cause=str(row["cause"]),
        certainty=str(row["certainty"] or "-"),
        state=state,
        who=str(row["proposed_by"] or "") if state == "proposed" else who,
        since=row["since"],
        usd=row["amount_usd"],
        worth=worth_figure(row["amount_usd"]),
        severity=str(row["severity"] or "-"),
    )
