"""The one text of a case, for the terminal and the page alike: next, what, arithmetic, evidence, origin, so far, tried.

What can be done stands above the explanation, the explanation above the evidence; what failed is asked for. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from textwrap import wrap
from typing import Final

from recon.display.ages import age, time_of_day
from recon.display.figures import count, figure, scale_of
from recon.display.ids import short_id
from recon.display.words import counted, safe
from recon.display.worth import worth
from recon.reads.case.advice import advices
from recon.reads.case.arithmetic import arithmetic_lines
from recon.reads.case.document import age_words
from recon.reads.case.evidence import evidence_lines, origin_lines, so_far_lines, tried_lines, tried_summary
from recon.reads.case.model import Case, Leg
from recon.reads.case.opposite import opposite_words
from recon.reads.case.path import path_lines, window_lines
from recon.reads.source_words import source_words
from recon.reconciliation.causes.integrity import SOURCE_DIFFERS
from recon.times import to_datetime

#: Narrowest text that is kept whole, in characters.
MIN_WIDTH: Final = 60
_INDENT: Final = "  "


def case_text(case: Case, *, width: int = 80, verbose: bool = False) -> str:
    """Return the text of a case, no line wider than `width` but for commands and what has no space to break at.

    `verbose` also shows the path with what other readings cost, and each cause that was tried.
    """
    width = max(width, MIN_WIDTH)
    room = width - len(_INDENT)
    paragraphs: list[tuple[str, Iterable[str]]] = [
        ("next", _next(case, room)),
        ("what", _what(case, room)),
        ("arithmetic", arithmetic_lines(case.legs, room)),
        ("evidence", evidence_lines(case, room)),
        ("origin", origin_lines(case, room)),
        ("so far", so_far_lines(case, room)),
    ]
    if verbose:
        paragraphs += [
            (_of("path", leg, case), [*path_lines(leg.row), *window_lines(leg.row, leg.window)]) for leg in case.legs
        ]
        paragraphs += [(_of("tried", leg, case), tried_lines(leg, room)) for leg in case.legs]
    lines = list(_heading(case, width))
    for title, paragraph in paragraphs:
        indented = [f"{_INDENT}{line}".rstrip() for line in paragraph]
        if indented:
            lines += ["", title, *indented]
    if not verbose:
        lines += ["", *tried_summary(case, width)]
    return "\n".join(lines) + "\n"


def _of(title: str, leg: Leg, case: Case) -> str:
    return title if len(case.legs) == 1 else f"{title} of {safe(leg.row['unit'])}, break {short_id(leg.row['id'])}"


def _heading(case: Case, width: int) -> Iterator[str]:
    causes = list(dict.fromkeys(f"{leg.row['cause']}, {leg.row['certainty']}" for leg in case.legs))
    yield _two_sides(f"case {case.short}  {safe(' and '.join(causes))}", _state(case), width)
    places = list(dict.fromkeys(f"{leg.row['account']} on {leg.row['gateway']}" for leg in case.legs))
    severity = [case.severity] if case.active and case.severity else []
    left = [*(safe(place) for place in places), counted(len(case.legs), "break"), *severity]
    yield _two_sides(", ".join(left), _as_of(case), width)


def _state(case: Case) -> str:
    states = list(dict.fromkeys(str(leg.row["state"]) for leg in case.active or case.legs))
    who = list(dict.fromkeys(safe(leg.row["assignee"]) for leg in case.active if leg.row["assignee"]))
    return ", ".join([" and ".join(states), *who])


def _as_of(case: Case) -> str:
    if not case.stale:
        return f"as of {case.at:%H:%M:%S} UTC, current"
    if case.stale_since is None:
        return "STALE: nothing was seen yet"
    return f"STALE: as of {time_of_day(case.stale_since, case.at)}, {age(case.at - case.stale_since)} ago"


def _two_sides(left: str, right: str, width: int) -> str:
    """Return two texts on one line, or on two where they do not fit."""
    space = width - len(left) - len(right)
    return f"{left}{' ' * space}{right}" if space >= 2 else f"{left}\n{right.rjust(width) if right else ''}"


def _next(case: Case, room: int) -> Iterator[str]:
    found = advices(case)
    if not found:
        yield "nothing: it is over"
        return
    for number, advice in enumerate(found, start=1):
        mark = f"{number}  "
        yield from wrap(advice.what, room, initial_indent=mark, subsequent_indent="   ", break_on_hyphens=False)
        # A command is never broken: it is copied.
        yield from (f"   {command}" for command in advice.commands)


def _what(case: Case, room: int) -> Iterator[str]:
    yield from _wrapped(f"{amounts_said(case)} reported than the books expect:", room)
    for note in dict.fromkeys(safe(leg.row["note"]) for leg in case.legs if leg.row["note"]):
        yield from _wrapped(f"{note}.", room)
    yield from _wrapped(worth_said(case), room)
    for leg in case.legs:
        for line in _circumstances(leg):
            yield from _wrapped(line, room)


def amounts_said(case: Case) -> str:
    """Return what is reported more and less, in one clause: `0.200 ETH more and 600.00800 USDT less is`."""
    accounts = {leg.row["account"] for leg in case.legs}
    parts = []
    for leg in case.legs:
        amount = Decimal(str(leg.row["amount"]))
        text = figure(abs(amount), scale_of([amount, leg.figures.get("reported"), leg.figures.get("expected")])).text
        place = f" on {safe(leg.row['account'])}" if len(accounts) > 1 else ""
        parts.append(f"{text} {safe(leg.row['unit'])} {'more' if amount > 0 else 'less'}{place}")
    *before, last = parts
    return f"{', '.join(before)} and {last} is" if before else f"{last} is"


def worth_said(case: Case) -> str:
    """Return what a case is worth, and how old it is, as sentences."""
    since = ""
    if case.active:
        oldest = max(case.active, key=lambda leg: leg.age.total_seconds() if leg.age is not None else -1)
        since = f" It is {age_words(oldest.age, oldest.business_age)} old."
    if case.worth is None:
        return f"Its worth is unknown: a rate in USD is missing.{since}"
    if len(case.legs) == 1:
        return f"It is worth {worth(case.worth)}.{since}"
    net = "" if case.net is None else f", {worth(abs(case.net))} net"
    return f"Its legs are {worth(case.worth)} together{net} at the reported rates.{since}"


def _circumstances(leg: Leg) -> Iterator[str]:
    row = leg.row
    unit = safe(row["unit"])
    if row["cause"] == SOURCE_DIFFERS.code:
        yield f"{unit}: an independent source says so; what the EMS reports is another question."
    elif not row["owns_residual"]:
        yield f"{unit}: the reports contradict each other; this is no part of the unit's drift."
    yield from opposite_words(leg.opposite)
    for source in leg.sources:
        yield f"{unit}: {source['source']} {source_words(source)}."
    if row["occurrences"] != 1:
        yield f"{unit}: it opened {counted(int(str(row['occurrences'])), 'time')}."
    if row["state"] == "accepted":
        most = figure(row["accepted_amount"]).text
        yield f"{unit}: accepted until {time_of_day(row['accepted_until'])}, up to {most}."
    if row["state"] == "proposed":
        yield _proposal(leg)
    if row["offset_by"]:
        yield f"{unit}: break {short_id(row['offset_by'])} is the opposite; both cancel out, and neither is explained."
    for other in leg.same_unit:
        if all(other["id"] != each["id"] for each in leg.same_case):
            amount = figure(other["amount"], signed=True).text
            yield f"{unit}: another break, {short_id(other['id'])}, {amount}, {other['state']}, {other['cause']}."
    candidates = row["candidates"]
    if isinstance(candidates, list) and len(candidates) > 1:
        yield f"{unit}: possible amounts are {', '.join(safe(each) for each in candidates)}."


def _proposal(leg: Leg) -> str:
    proposal = leg.row["proposal"]
    unit, entry = safe(leg.row["unit"]), Decimal(str(proposal["entry"]))
    until = proposal.get("until_us")
    if until is not None:
        end = time_of_day(to_datetime(int(str(until))))
        what = f"to accept it until {end}, up to {figure(entry).text}"
    else:
        what = f"{safe(proposal['cause'])}, entry {figure(entry, signed=True).text}"
    items = "; ".join(safe(item) for item in proposal.get("evidence") or ())
    by = safe(proposal["login"])
    return (
        f"{unit}: proposed by {by} at event {count(proposal['seq'])}: {what}{f'; evidence: {items}' if items else ''}."
    )


def _wrapped(text: str, room: int) -> list[str]:
    return wrap(text, room, break_on_hyphens=False, break_long_words=False)
