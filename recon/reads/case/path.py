"""The path of a break for a person: two reports, the postings between them, and what each reading would have cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from textwrap import wrap
from typing import Final

import msgspec

from recon.display.ages import duration, time_of_day
from recon.display.figures import shown
from recon.display.words import counted, safe
from recon.reads.case.model import Row
from recon.reconciliation.model.path_evidence import READINGS, Alternative, LegBetween, PathEvidence, ReportSeen
from recon.times import to_datetime

#: Characters of a line; the text of a case indents it by two more.
WIDTH: Final = 78
#: Bits from which on odds are no longer counted: 2 ** 20 is a million.
MANY_BITS: Final = 20


def path_of(row: Row) -> Mapping[str, object] | None:
    """Return the path among the evidence of a break's row, as stored; None where it has none."""
    evidence = row["evidence"]
    paths = [item["path"] for item in evidence if has_path(item)] if isinstance(evidence, list) else []
    return paths[0] if paths else None


def has_path(item: object) -> bool:
    """True if an item of evidence is a path, which has a paragraph of its own."""
    return isinstance(item, Mapping) and isinstance(item.get("path"), Mapping)


def path_lines(row: Row) -> Iterator[str]:
    """Yield the lines that explain a break by its path; none where it has none. No line is longer than WIDTH."""
    stored = path_of(row)
    if stored is None:
        return
    path, unit = msgspec.convert(stored, PathEvidence), safe(row["unit"])
    yield from _wrapped(f"before  {_report(path.before, unit)}", 8)
    yield from _wrapped(f"after   {_report(path.after, unit)}", 8)
    yield from _legs(path, unit)
    yield from _alternatives(path.alternatives)


def window_lines(row: Row, window: timedelta | None) -> Iterator[str]:
    """Yield what the settlement window makes of the path: where the interval begins (comparison 5)."""
    stored = path_of(row)
    if stored is None or window is None:
        return
    before = to_datetime(msgspec.convert(stored, PathEvidence).before.us)
    begin = time_of_day(before - window, before, exact=True)
    yield from _wrapped(
        f"settlement window W, by the rules in force: {duration(window)}; one W before the first report is {begin}", 2
    )


def _report(report: ReportSeen, unit: str) -> str:
    return f"event {report.seq}, {_time(report.us)}: {shown(report.value)} {unit} reported"


def _legs(path: PathEvidence, unit: str) -> Iterator[str]:
    if not path.leg_count:
        yield "no posting lies between them"
        return
    total = "" if path.leg_total is None else f", {shown(path.leg_total)} {unit} in sum"
    yield from _wrapped(f"between them: {counted(path.leg_count, 'posting')}{total}", 2)
    for leg in path.legs:
        yield from _wrapped(f"  {_time(leg.us)}  {shown(leg.amount)}{_order(leg)}", 4)
    if path.leg_count > len(path.legs):
        yield f"  and {path.leg_count - len(path.legs)} more"


def _order(leg: LegBetween) -> str:
    return "" if leg.order is None else f"  order {safe(leg.order)}"


def _alternatives(alternatives: tuple[Alternative, ...]) -> Iterator[str]:
    if not alternatives:
        return
    taken, *others = alternatives
    yield from _wrapped("how it may be read, with its cost; one bit more is half as likely:", 2)
    yield from _wrapped(f"  {_cost(taken)}  taken: {_reading(taken)}", 13)
    yield from _why(taken)
    for other in others:
        yield from _wrapped(f"  {_cost(other)}  {_reading(other)}{_odds(taken, other)}", 13)
        yield from _why(other)


def _cost(alternative: Alternative) -> str:
    tenths = alternative.tenths_of_bits
    return " ruled out" if tenths is None else f"{tenths // 10:>3}.{tenths % 10} bits"


def _reading(alternative: Alternative) -> str:
    return READINGS.get(alternative.what) or safe(alternative.what)


def _why(alternative: Alternative) -> Iterator[str]:
    if alternative.why:
        yield from _wrapped(f"{' ' * 13}{safe(alternative.why)}", 13)


def _odds(taken: Alternative, other: Alternative) -> str:
    """Return in words how much less likely another reading is; a bit is a factor of two."""
    if taken.tenths_of_bits is None or other.tenths_of_bits is None:
        return ""
    bits = (other.tenths_of_bits - taken.tenths_of_bits) // 10
    if bits < 0:
        return ": cheaper by itself, dearer with the reports around it"
    if bits == 0:
        return ": about as likely"
    if bits >= MANY_BITS:
        return ": more than a million times less likely"
    times = 2**bits
    place = 10 ** (len(str(times)) - 1)
    return f": about {times // place * place:,} times less likely"


def _time(us: int) -> str:
    return time_of_day(to_datetime(us), exact=True)


def _wrapped(line: str, indent: int) -> Iterator[str]:
    yield from wrap(line, WIDTH, subsequent_indent=" " * indent, drop_whitespace=True, break_on_hyphens=False)
