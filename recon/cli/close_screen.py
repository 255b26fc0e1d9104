"""A closing as a person sees it: what was checked, what does not agree, ages, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from recon.cli.output import Column, Row, columns
from recon.cli.tables.screen import NextStep, Screen
from recon.cli.tables.table import Table
from recon.closing.ageing import bands
from recon.closing.closing import Closing
from recon.closing.difference import Difference
from recon.display.ages import moment
from recon.display.ids import short_id
from recon.display.words import counted
from recon.errors import ConfigError
from recon.nearest import hint
from recon.reads.close import AccountClose, Signed
from recon.reads.close_checks import check_rows
from recon.reads.filter import Filter

CHECKS: Final = [
    Column("mark", " ", kind="mark"),
    Column("check"),
    Column("found", prose=True),
    Column("detail", prose=True, blank=True),
]
LINES: Final = [
    Column("gateway", wide=True),
    Column("account"),
    Column("unit"),
    Column("opening", kind="figure", rank=3),
    Column("moved", "movements", kind="signed", rank=2),
    Column("expected", kind="figure"),
    Column("rolled", "reported", kind="figure"),
    Column("drift", kind="signed"),
    Column("verdict", kind="state", rank=1),
    Column("age", rank=1, blank=True),
    Column("movements", "by cause", prose=True, wide=True, blank=True),
    Column("reported", "last report", kind="figure", wide=True),
    Column("reported_at", "reported at", kind="time", wide=True),
    Column("timing", kind="signed", wide=True),
    Column("breaks", kind="count", wide=True),
    Column("source", wide=True, blank=True),
]
AGES: Final = [Column("band", "age"), Column("breaks", kind="count"), Column("bar", " ", kind="strip")]
DIFFERENCES: Final = columns("gateway", "account", "unit", "figure", "was", "now")
SIGNED: Final = [
    Column("business_day", "day"),
    Column("gateway", rank=4),
    Column("account"),
    Column("state", kind="state"),
    Column("outcome"),
    Column("signed_by", "signed by"),
    Column("second_by", "second", blank=True),
    Column("signed_at", "signed at", kind="time", rank=3),
    Column("seq", "event", kind="count", rank=2),
    Column("restates", kind="count", rank=5, blank=True),
    Column("digest", kind="id", rank=1),
    Column("cut_off", "cut-off", kind="time", wide=True),
    Column("known_seq", "known to", kind="count", wide=True),
    Column("text", prose=True, wide=True, blank=True),
    Column("second_text", prose=True, wide=True, blank=True),
]
#: What the units of a closing can be narrowed by; gateways and accounts narrow what is closed.
UNIT_FILTERS: Final = frozenset({"unit", "verdict"})
#: Figures of one scale.
FIGURES: Final = ("opening", "moved", "expected", "rolled", "reported", "timing", "drift")
_MICROSECOND: Final = timedelta(microseconds=1)


def close_screen(
    closes: Sequence[AccountClose],
    *,
    every: bool,
    now: datetime,
    steps: Sequence[NextStep] = (),
    only: Filter | None = None,
) -> Screen:
    """Return the days of accounts as a screen; `every` unit, or those that do not agree.

    `only` narrows the units, their differences and ages. The checks are of the whole day.
    """
    narrow = Filter() if only is None else only
    shown = [each.shown for each in closes]
    rows = [row for each in shown for row in line_rows(each) if narrow.keeps(row, UNIT_FILTERS)]
    wanted = [row for row in rows if every or row["verdict"] != "agreed"]
    kept = {(row["gateway"], row["account"], row["unit_kind"], row["unit"]) for row in rows}
    of_kept = [_with_lines(each, kept) for each in shown]
    ages = age_rows(of_kept) if any(line.breaks for each in of_kept for line in each.lines) else []
    changed = [row for each in closes for row in difference_rows(each.now, each.differs) if narrow.keeps(row, {"unit"})]
    agreed = sum(row["verdict"] == "agreed" for row in rows)
    others = f"; {counted(agreed, 'unit agrees', 'units agree')}: --all shows them" if agreed else ""
    return Screen(
        tables=[
            Table(columns=CHECKS, rows=[*_not_over(shown, now), *check_rows(closes)]),
            Table(
                columns=LINES,
                rows=wanted,
                title="all units" if every else f"what does not agree{others}",
                units=[FIGURES],
            ),
            Table(columns=DIFFERENCES, rows=changed, title="changed since it was signed, by what became known later"),
            Table(columns=AGES, rows=ages, title="age of open breaks, in business time from the origin"),
        ],
        sums=[_title(shown)],
        legend=["reported: rolled forward to the cut-off   opening + movements + drift = reported"] if wanted else [],
        steps=steps,
        empty="no account",
    )


def _with_lines(closing: Closing, kept: Collection[tuple[object, ...]]) -> Closing:
    """Return a closing with these units alone, for its ages."""
    place = (closing.gateway, closing.account)
    lines = tuple(line for line in closing.lines if (*place, line.unit_kind, line.unit) in kept)
    return msgspec.structs.replace(closing, lines=lines)


def check_units(closings: Sequence[Closing], asked: Filter) -> None:
    """Refuse a unit of a filter that no closing has: it would never match. Errors: ConfigError."""
    known = {line.unit for each in closings for line in each.lines}
    for unit in asked.unit:
        if unit not in known:
            raise ConfigError(f"there is no unit {unit!r} in these closings; {hint(unit, known)}")


def _not_over(shown: Sequence[Closing], now: datetime) -> list[Row]:
    """Return the check that the day is not over, if it is not."""
    cut_off = max((each.cut_off for each in shown), default=now)
    detail = f"provisional: its cut-off is at {cut_off:%Y-%m-%d %H:%M} UTC"
    return [{"mark": "pending", "check": "day", "found": "not over", "detail": detail}] if cut_off > now else []


def _title(shown: Sequence[Closing]) -> str:
    days = sorted({f"{each.day}  cut-off {moment(each.cut_off)}" for each in shown})
    reasons = [reason for each in shown for reason in each.reasons]
    dirty = [each for each in shown if not each.clean]
    word = "clean" if not reasons else f"NOT CLEAN: {counted(len(dirty), 'account')} of {len(shown)}"
    return f"{'; '.join(days[:3])}{' …' if len(days) > 3 else ''}  {word}"


def line_rows(closing: Closing) -> list[Row]:
    """Return a closing's units as rows."""
    return [
        {
            "gateway": closing.gateway,
            "account": closing.account,
            "unit_kind": line.unit_kind,
            "unit": line.unit,
            "opening": line.opening,
            "moved": line.moved,
            "movements": ", ".join(f"{cause} {amount:+f}" for cause, amount in line.movements.items()),
            "expected": line.expected,
            "rolled": line.rolled,
            "reported": line.reported,
            "reported_at": line.reported_at,
            "timing": line.timing,
            "drift": line.drift,
            "verdict": line.verdict,
            "breaks": len(line.breaks),
            "age": f"{max(each.age for each in line.breaks).days} d" if line.breaks else None,
            "source": line.source,
        }
        for line in closing.lines
    ]


def age_rows(shown: Sequence[Closing]) -> list[Row]:
    """Return the open breaks by age; bounds are those of the first account where accounts have different ones."""
    ages = [each.age for closing in shown for line in closing.lines for each in line.breaks]
    found = bands(ages, [us * _MICROSECOND for us in shown[0].ageing_us])
    most = max((band.count for band in found), default=0)
    return [{"band": band.words, "breaks": band.count, "bar": _Bar(band.count, most)} for band in found]


class _Bar:
    """A bar that is drawn when its width is known."""

    def __init__(self, number: int, most: int) -> None:
        self._number, self._most = number, most

    def __call__(self, width: int, *, glyphs: bool) -> str:
        length = width * self._number // self._most if self._most else 0
        return ("█" if glyphs else "#") * length + " " * (width - length)


def difference_rows(closing: Closing, differs: Sequence[Difference]) -> list[Row]:
    """Return what differs of one account as rows."""
    return [
        {"gateway": closing.gateway, "account": closing.account, "unit": each.unit or "the day",
         "figure": each.figure, "was": each.was, "now": each.now}
        for each in differs
    ]  # fmt: skip


def signed_rows(signed: Sequence[Signed]) -> list[Row]:
    """Return closings that were signed as rows."""
    hidden = {"document", "reasons", "head"}
    return [
        {
            **{key: value for key, value in each.row.items() if key not in hidden},
            "outcome": "clean" if each.closing.clean else "; ".join(each.closing.reasons),
        }
        for each in signed
    ]


def next_steps(closes: Sequence[AccountClose], options: Sequence[str], now: datetime) -> list[NextStep]:
    """Return what can be done with these days now; `options` are those that named them."""
    if any(each.now.cut_off > now for each in closes):
        return [NextStep("recon coverage", "the day is not over: its figures are provisional")]
    command = shlex.join(["recon", "close", "--date", closes[0].now.day.isoformat(), *options])
    states = {each.state for each in closes}
    steps = []
    if "restate" in states:
        steps.append(NextStep(f"{command} --diff", "what changed, and by which facts"))
    if states != {"signed"}:
        gaps = "" if all(each.shown.whole for each in closes) else " --accept-gaps"
        second = "second of two logins" if states == {"waiting"} else "first of two logins"
        steps.append(NextStep(f"{command} --sign{gaps} --text WHY", second))
    else:
        steps.append(NextStep(f"{command} --verify", "compute it again from the log"))
    return steps


def document_of(each: AccountClose) -> Row:
    """Return an account's day as a document: its state, digest, what was signed, and the closing."""
    signed = None if each.signed is None else signed_rows([each.signed])[0]
    return {
        "gateway": each.now.gateway,
        "account": each.now.account,
        "state": each.state,
        "clean": each.shown.clean,
        "digest": each.shown.digest,
        "signed": signed,
        "differs": difference_rows(each.now, each.differs),
        "closing": each.shown.document,
    }


def signed_steps(signed: Sequence[Signed]) -> list[NextStep]:
    """Return what can be done with a list of closings."""
    waiting = next((each for each in signed if each.state == "waiting"), None)
    if waiting is None:
        return []
    command = f"recon close --date {waiting.closing.day} --account {shlex.quote(waiting.closing.account)}"
    return [NextStep(command, f"{short_id(str(waiting.row['digest']))} waits for a second login")]
