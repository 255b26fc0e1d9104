"""The live screen of the demonstration: planted, looked for, found. Pure: a snapshot and the truth in, lines out.

1. The hero is a fault: named when it is planted, then the search is seen, then after how long it was found.
2. What agrees is a number; units that do not are listed where there is room. Empty rows are left out.
3. Numbers are never cut: where a line has no room, it becomes two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

import msgspec

from recon.cli.demo.scoring import Fault, Verdict, score
from recon.cli.demo.snapshot import Snapshot
from recon.cli.output import Row
from recon.cli.tables.look import Look
from recon.cli.tables.text import left, width_of, wrapped
from recon.display.ages import age, duration, time_of_day
from recon.display.figures import amount, figure, scale_of
from recon.display.ids import short_id
from recon.display.shapes import shape_of
from recon.display.words import counted, safe
from recon.display.worth import worth

#: From this width on, a fault's account and amounts stand on one line with what was found.
_WIDE: Final = 110
#: The order of verdicts in a sum.
_VERDICTS: Final = ("break", "pending", "agreed", "stale", "unmodelled", "unobserved")


class ScreenState(msgspec.Struct, frozen=True):
    """What the screen shows beside the snapshot: the clock, the rate, the faults planted so far, and the alerts."""

    elapsed: float
    duration: float
    events_per_second: float
    faults: Sequence[Fault]
    received: int
    footer: Sequence[str] = ()


def draw(snapshot: Snapshot, state: ScreenState, look: Look) -> list[str]:
    """Return the whole screen, no more lines than the terminal has, none wider than it."""
    rule = look.painted(("─" if look.glyphs else "-") * look.width, "dim")
    result = score(state.faults, snapshot.openings)
    together = _by_fault(result.verdicts)
    planted = [line for fault, legs in together for line in _fault(fault, legs, snapshot, look)]
    harmless = list(_harmless(result.benign, look))
    sums = list(_sums(snapshot, state, look))
    footer = [line for text in state.footer for line in wrapped(text, look.width)]
    room = max(look.height - len(harmless) - len(sums) - len(footer) - 7, 2)
    units = list(_units(snapshot, look))
    if len(planted) + len(units) + 1 > room:
        units = []
    shown = planted[-room:]
    found = sum(all(leg.opening is not None for leg in legs) for _, legs in together)
    heading = f"{found} of {len(together)} found, {counted(len(result.false_alarms), 'false alarm')}"
    lines = [
        _title(state, look),
        rule,
        _both("PLANTED → FOUND" if look.glyphs else "PLANTED -> FOUND", heading if together else "", look),
        *(shown or [f"  {_waiting(snapshot)}"]),
        *([""] if harmless else []),
        *harmless,
        *(["", *units] if units else []),
        "",
        *sums,
        rule,
        *footer,
    ]
    return [line for line in lines if width_of(_bare(line)) <= look.width][: look.height]


def _bare(line: str) -> str:
    """Return a line without its colours."""
    parts = line.split("\x1b[")
    return parts[0] + "".join(part.partition("m")[2] for part in parts[1:])


def _both(one: str, other: str, look: Look) -> str:
    space = look.width - width_of(one) - width_of(other)
    return look.painted(one, "bold") + (" " * space + other if space >= 2 else "")


def _title(state: ScreenState, look: Look) -> str:
    done = f"{min(state.elapsed, state.duration):.0f} s of {state.duration:.0f}"
    what = "recon demo  two gateways, six accounts, faults planted on purpose"
    return _both(what if len(what) + len(done) + 2 <= look.width else "recon demo", done, look)


def _waiting(snapshot: Snapshot) -> str:
    if not snapshot.gateways:
        return "the gateways connect …"
    return "the books open: the first faults are planted once every unit has been reported"


def _by_fault(verdicts: Sequence[Verdict]) -> list[tuple[Fault, list[Verdict]]]:
    """Return the steps of each fault, in the order in which the faults were planted."""
    found: dict[int, tuple[Fault, list[Verdict]]] = {}
    for verdict in verdicts:
        found.setdefault(id(verdict.fault), (verdict.fault, []))[1].append(verdict)
    return list(found.values())


def _fault(fault: Fault, legs: Sequence[Verdict], snapshot: Snapshot, look: Look) -> Iterator[str]:
    """Yield what was planted, and below it what became of the search."""
    amounts = ", ".join(amount(leg.amount, safe(leg.unit.unit), scale_of([leg.amount])) for leg in legs)
    start = f"{time_of_day(fault.planted_at, fault.planted_at)} {safe(fault.kind):<14} "
    place = f"{left(safe(fault.account), 14)} {amounts}"
    if width_of(start + place) <= look.width:
        yield look.painted(start, "bold") + place
    else:
        yield look.painted(start, "bold") + safe(fault.account)
        yield f"    {amounts}"
    found = [leg for leg in legs if leg.opening is not None]
    if not found:
        yield _looking(fault, legs, snapshot, look)
        return
    yield from _found(found, legs, look)


def _looking(fault: Fault, legs: Sequence[Verdict], snapshot: Snapshot, look: Look) -> str:
    shape = shape_of("pending")
    mark = look.painted(shape.glyph if look.glyphs else shape.ascii, shape.style)
    seconds = age(snapshot.at - fault.planted_at)
    units = {leg.unit for leg in legs}
    pending = [
        row
        for row in snapshot.units
        if row["verdict"] == "pending"
        and (row["gateway"], row["account"], row["kind"], row["unit"])
        in {(unit.gateway, unit.account, unit.kind, unit.unit) for unit in units}
    ]
    also = f"{safe(str(pending[0]['unit']))} is pending: it may be timing" if pending else ""
    return f"  {mark} {left(f'looking, {seconds}', 20)} {also}".rstrip()


def _found(found: Sequence[Verdict], legs: Sequence[Verdict], look: Look) -> list[str]:
    """Return the line, or two, of a fault that was found: after how long, the cause, what it is worth, and its case."""
    shape = shape_of("done" if len(found) == len(legs) else "pending")
    mark = look.painted(shape.glyph if look.glyphs else shape.ascii, "bold" if len(found) == len(legs) else shape.style)
    openings = [leg.opening for leg in found if leg.opening is not None]
    delay = max((leg.delay for leg in found if leg.delay is not None), default=timedelta())
    first = openings[0]
    judged = dict.fromkeys(", ".join(filter(None, (each.cause, each.certainty))) for each in openings)
    words = safe(" and ".join(judged))
    if all(opening.state == "cleared" for opening in openings):
        told = "cleared: the report came late"
    else:
        usd = [opening.amount_usd for opening in openings]
        total = None if any(each is None for each in usd) else sum((abs(each) for each in usd if each), Decimal(0))
        told = f"{worth(total)}  case {short_id(first.case_id)}"
    after = "found after" if len(found) == len(legs) else "partly found after"
    start = f"  {mark} {left(f'{after} {duration(delay)}', 20)} {words}"
    space = look.width - width_of(_bare(start)) - width_of(told)
    return [f"{start}{' ' * space}{told}"] if space > 0 else [start.rstrip(), told.rjust(look.width)]


def _harmless(benign: Sequence[Fault], look: Look) -> Iterator[str]:
    """Yield what was planted and must not be flagged."""
    if not benign:
        return
    shape = shape_of("done")
    mark = shape.glyph if look.glyphs else shape.ascii
    told = [f"{safe(fault.kind)} {mark}{' fetched over REST' if fault.recovered else ''}" for fault in benign]
    lines: list[str] = []
    for each in dict.fromkeys(told):
        if lines and width_of(lines[-1]) + 2 + width_of(each) <= look.width - 10:
            lines[-1] += f"  {each}"
        else:
            lines.append(each)
    yield f"{look.painted(left('HARMLESS', 10), 'bold')}{lines[0]}"
    yield from (" " * 10 + line for line in lines[1:])


def _units(snapshot: Snapshot, look: Look) -> Iterator[str]:
    """Yield the units that do not agree, with their figures; none of them is cut."""
    rows = [row for row in snapshot.units if row["verdict"] not in {"agreed", "stale"} and row["reported"] is not None]
    if look.width < _WIDE or not rows:
        return
    yield look.painted(
        f"{'UNITS THAT DO NOT AGREE':<24}{'unit':<10}{'reported':>22}{'expected':>22}{'drift':>20}  verdict", "bold"
    )
    for row in rows:
        yield _unit(row)


def _unit(row: Row) -> str:
    values = [_decimal(row[key]) for key in ("reported", "expected", "drift")]
    scale = scale_of([value for value in values if value is not None])
    reported, expected = (figure(value, scale).text for value in values[:2])
    drift = figure(values[2], scale, signed=True).text
    unit = f"{left(safe(str(row['account'])), 22)}  {left(safe(str(row['unit'])), 10)}"
    return f"{unit}{reported:>22}{expected:>22}{drift:>20}  {safe(str(row['verdict']))}"


def _decimal(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


def _sums(snapshot: Snapshot, state: ScreenState, look: Look) -> Iterator[str]:
    def mark(word: str) -> str:
        shape = shape_of(word)
        return look.painted(shape.glyph if look.glyphs else shape.ascii, shape.style)

    verdicts = snapshot.verdicts()
    units = "   ".join(f"{mark(word)} {verdicts[word]} {word}" for word in _VERDICTS if word in verdicts)
    if units:
        yield f"{look.painted(left('UNITS', 10), 'bold')}{units}"
    names = [
        f"{mark(str(row['state']))} {safe(str(row['name']))} {counted(_number(row), 'event')}"
        for row in snapshot.gateways
    ]
    if names:
        behind = f"{snapshot.lag} behind" if snapshot.lag > state.events_per_second else "nothing behind"
        rate = f"{state.events_per_second:.0f}/s, {behind}"
        yield f"{look.painted(left('GATEWAYS', 10), 'bold')}{'   '.join(names)}   {rate}"
    if state.received:
        sent = f"sent {snapshot.delivered}, received {state.received}, every signature checked"
        yield f"{look.painted(left('ALERTS', 10), 'bold')}{sent}"


def _number(row: Row) -> int:
    value = row["head_seq"]
    return value if isinstance(value, int) else 0
