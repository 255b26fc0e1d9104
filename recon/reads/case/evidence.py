"""What a case rests on: events, where in the log it arose, what happened to it, the causes that were tried. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from textwrap import wrap
from typing import Final

from recon.display.ages import time_of_day
from recon.display.figures import count
from recon.display.ids import without_digest
from recon.display.words import counted, safe
from recon.reads.case.advice import events_command
from recon.reads.case.document import items_of, mappings
from recon.reads.case.model import Case, Leg, Row

#: Steps of a case's history that are shown: the first, and the latest of the others.
MAX_STEPS: Final = 40
#: Events between the ends of the origin that are counted; beyond it the count says `more than`.
MAX_COUNTED: Final = 10_000
#: The place of an event's text on its line.
_AT_EVENT: Final = 28
#: What the text of an item says again of its own place.
_SELF: Final = re.compile(r"^it arose after event \d+, by event \d+$")
#: A step of a person on another.
_ASSIGNS: Final = re.compile(r"^(.+) assigns (.+)$")
_CLAIM: Final = re.compile(r" \(asserted, login [^)]*\)")


def evidence_lines(case: Case, room: int) -> Iterator[str]:
    """Yield the items of all breaks, each once, in the order of the log."""
    items: dict[str, tuple[int | None, datetime | None]] = {}
    for leg in case.legs:
        notes = {leg.row["note"] for leg in case.legs}
        for item in items_of(leg.row):
            text = str(item["text"])
            if said_elsewhere(text, notes):
                continue  # said under origin, and under what
            seq = item.get("seq")
            at = case.times.get((str(leg.row["gateway"]), seq)) if isinstance(seq, int) else None
            items.setdefault(text, (seq, at))
    for text, (seq, at) in sorted(items.items(), key=lambda each: (each[1][0] is None, each[1][0] or 0)):
        yield from _event_line(seq, at, safe(text), room)


def _event_line(seq: int | None, at: datetime | None, text: str, room: int) -> Iterator[str]:
    place = "" if seq is None else f"event {seq:>5}"
    time = "" if at is None else time_of_day(at, at, exact=True)
    mark = f"{place:<13}{time:<15}"
    yield from wrap(text, room, initial_indent=mark, subsequent_indent=" " * _AT_EVENT, break_on_hyphens=False)


def origin_lines(case: Case, room: int) -> Iterator[str]:
    """Yield where in the log each break arose, and the command that shows these events."""
    units = [safe(str(leg.row["unit"])) for leg in case.legs]
    longest = max(map(len, units))
    for leg, unit in zip(case.legs, units, strict=True):
        row, ends = leg.row, {each["seq"]: each for each in leg.ends}
        first, last = ends.get(row["after_seq"]), ends.get(row["until_seq"])
        after = "from the beginning of the log" if first is None else f"after event {_place(first)}"
        by = "" if last is None else f", by event {_place(last)}"
        number = sum(leg.kinds.values())
        between = f"   {'more than ' if number >= MAX_COUNTED else ''}{counted(number, 'event')}" if number else ""
        line = f"{unit.ljust(longest)}  {after}{by}{between}"
        yield from wrap(line, room, subsequent_indent=" " * (longest + 2), break_on_hyphens=False)
        if row["gap"] is not None:
            gap = f"not covered: {safe(row['gap'])}"
            yield from wrap(gap, room, initial_indent=" " * (longest + 2), subsequent_indent=" " * (longest + 2))
    for words in dict.fromkeys(leg.archived for leg in case.legs if leg.archived is not None):
        yield from wrap(words, room, break_on_hyphens=False)
    yield from dict.fromkeys(events_command(leg) for leg in case.legs)


def _place(row: Row) -> str:
    return f"{row['seq']} {time_of_day(row['recorded_at'], row['recorded_at'], exact=True)}"


def so_far_lines(case: Case, room: int) -> Iterator[str]:
    """Yield the steps of all breaks in the order of time; what several took one after the other is one line."""
    steps = [(safe(str(leg.row["unit"])), step) for leg in case.legs for step in leg.history]
    steps.sort(key=lambda each: (each[1]["at"], each[1]["gateway"], each[1]["seq"], each[1]["number"]))
    ordered: list[list[tuple[str, Row]]] = []
    for unit, step in steps:
        if ordered and _same(ordered[-1], unit, step):
            ordered[-1].append((unit, step))
        else:
            ordered.append([(unit, step)])
    left_out, several = max(0, len(ordered) - MAX_STEPS), len(case.legs) > 1
    notes = {leg.row["note"] for leg in case.legs}
    for index, together in enumerate(ordered):
        if not 0 < index <= left_out:
            yield from _step_line(together, room, notes if several else set(), today=case.at, several=several)
        elif index == 1:
            yield f"… {counted(left_out, 'step')}"


def _same(before: Sequence[tuple[str, Row]], unit: str, step: Row) -> bool:
    """True if another break took the same step for the same reason."""
    last = before[-1][1]
    return all(last[key] == step[key] for key in ("gateway", "event", "reason")) and all(
        unit != other for other, _ in before
    )


def _step_line(
    together: Sequence[tuple[str, Row]], room: int, notes: Collection[object], *, today: datetime, several: bool
) -> Iterator[str]:
    step = together[0][1]
    reason = reason_said(step["reason"], notes)
    told = "; ".join(part for part in (_units(together) if several else "", reason) if part)
    mark = f"{time_of_day(step['at'], today, exact=True)}  {step['seq']:>5}  {safe(str(step['event'])):<12} "
    indent = " " * len(mark)
    yield from wrap(told or str(step["state"]), room, initial_indent=mark, subsequent_indent=indent)


def reason_said(reason: object, notes: Collection[object]) -> str:
    """Return why a step was taken, without what stands elsewhere: the case's notes, and digests."""
    if not reason or reason in notes:
        return ""
    return _ASSIGNS.sub(r"to \2, by \1", _CLAIM.sub("", without_digest(safe(str(reason)))))


def said_elsewhere(text: str, notes: Collection[object]) -> bool:
    """True if an item of evidence says what the origin or a note of the case says."""
    return bool(_SELF.match(text)) or text in notes


def _units(together: Sequence[tuple[str, Row]]) -> str:
    """Return the units of a step in the order of the log: `USDT, then ETH at event 789`."""
    parts: list[str] = []
    before = together[0][1]["seq"]
    for unit, step in together:
        later = parts and step["seq"] != before
        parts.append(f"then {unit} at event {count(step['seq'])}" if later else unit)
        before = step["seq"]
    return ", ".join(parts)


def tried_summary(case: Case, width: int) -> Iterator[str]:
    """Yield how many causes fit, and which; what failed is shown when asked for."""
    tried = {str(each["cause"]): False for leg in case.legs for each in mappings(leg.row["tried"])}
    if not tried:
        return
    for leg in case.legs:
        tried |= {str(each["cause"]): True for each in mappings(leg.row["tried"]) if each["fits"]}
    fitting = [safe(cause) for cause, fits in tried.items() if fits]
    fit = "fits" if len(fitting) == 1 else "fit"
    named = f": {', '.join(fitting)}" if fitting else ""
    found = f"{count(len(fitting))} of {count(len(tried))} causes {fit}"
    if len(tried) == 1:
        found = "1 cause, and it fits" if fitting else "1 cause, and it does not fit"
    left, right = f"tried  {found}{named}", "--verbose shows all"
    if len(left) + len(right) + 4 <= width:
        yield f"{left}    {right}"
    else:
        yield from wrap(left, width, subsequent_indent="       ")
        yield f"       {right}"


def tried_lines(leg: Leg, room: int) -> Iterator[str]:
    """Yield each cause that was tried for a break, those that fit first, and why."""
    for tried in sorted(mappings(leg.row["tried"]), key=lambda tried: not tried["fits"]):
        line = f"{'fits ' if tried['fits'] else 'fails'}  {safe(str(tried['cause']))}: {safe(str(tried['why']))}"
        yield from wrap(line, room, subsequent_indent="       ", break_on_hyphens=False)
