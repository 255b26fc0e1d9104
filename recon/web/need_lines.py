"""What needs somebody, as lines of the overview: the shape, the words, and the screen that each leads to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from recon.display.worth import worth
from recon.reads.needs import Need
from recon.web.addresses import case_address, with_query

#: The shape and the word of each need, what its button says, and the screen that it leads to.
_KINDS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "stale": ("st-stale", "stale", "Coverage", "/coverage"),
    "to approve": ("st-wait", "approve", "Review", "/rules"),
    "take up": ("st-break", "take up", "Take up", "/breaks"),
    "not covered": ("st-gap", "not covered", "Open", "/coverage"),
    "set up": ("st-setup", "set up", "Show lines", "/units"),
    "look at": ("st-stale", "look at", "Open", "/log"),
}
#: Verdicts in the order of the panel.
_VERDICTS: Final = ("break", "pending", "stale", "agreed", "unmodelled", "unobserved")


class Line(msgspec.Struct, frozen=True):
    """One thing that needs somebody, or that somebody works on."""

    key: str
    word: str
    shape: str
    what: str
    note: str
    worth: str
    since: datetime | None
    button: str
    address: str
    command: str


def line_of(need: Need) -> Line:
    """Return what needs somebody as a line."""
    shape, word, button, screen = _KINDS[need.kind]
    address = screen if need.case_id is None else case_address(need.case_id)
    if need.case_id is not None and need.kind == "take up":
        address += "#assign"
    elif need.kind == "set up":
        # Lines to add are there only where the command prints some.
        button = button if need.note else "Open"
        address = with_query(screen, [("gateway", need.gateway), ("verdict", "unmodelled,unobserved")])
    elif need.gateway and screen in {"/log", "/coverage"}:
        address = with_query(screen, [("gateway", need.gateway)])
    return Line(
        key=f"{need.kind}/{need.what}",
        word=word,
        shape=shape,
        what=need.what,
        note=need.note,
        worth=worth(need.usd) if need.priced else "",
        since=need.since,
        button=button,
        address=address,
        command=need.command if need.case_id is None else "",
    )


def working(need: Need) -> Line:
    """Return a case that somebody works on as a line."""
    address = "/breaks" if need.case_id is None else case_address(need.case_id)
    word = need.note or "in work"
    return msgspec.structs.replace(line_of(need), word=word, shape="st-work", note="", button="Open", address=address)


def line_then(need: Need) -> Line:
    """Return what needed somebody at a past time as a line: there is nothing to do about it any more."""
    line = line_of(need)
    return msgspec.structs.replace(line, note="" if need.case_id else line.note, button="Open", command="")


def verdicts_of(units: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return how many units have each verdict, in the order of the panel."""
    return [(each, units.get(each, 0)) for each in _VERDICTS if each in {"break", "agreed"} or units.get(each, 0)]
