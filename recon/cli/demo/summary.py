"""The summary of a demonstration: each planted fault, whether and when it was flagged, and false alarms."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import Final

import msgspec

from recon.cli.demo.page import DemoPage
from recon.cli.demo.scoring import Opening, Score, Verdict
from recon.cli.demo.snapshot import Snapshot
from recon.cli.output import Column, Row, print_json, write
from recon.cli.table import print_table
from recon.display.words import counted

_PLANTED: Final = [
    Column(key)
    for key in ("fault", "gateway", "account", "unit", "planted_at", "planted", "flagged", "amount", "delay_s", "state")
]
#: What fits on a terminal of 80 columns without breaking a word.
_PLANTED_NARROW: Final = [Column(key) for key in ("fault", "account", "unit", "planted", "flagged", "delay_s", "state")]
#: Least width of a terminal for all columns, in characters.
_WIDE: Final = 130
_FALSE: Final = [Column(key) for key in ("gateway", "account", "unit", "opened_at", "amount", "cause", "state")]


class Summary(msgspec.Struct, frozen=True):
    """The score, the last snapshot, and the counts of alerts received."""

    score: Score
    snapshot: Snapshot
    alerts_received: int
    alerts_refused: int
    seconds: float
    page: DemoPage


def print_summary(summary: Summary, *, as_json: bool) -> None:
    """Print a summary for a person, or as one JSON document."""
    score, snapshot = summary.score, summary.snapshot
    planted = [_planted(verdict) for verdict in score.verdicts]
    false_alarms = [_false(opening) for opening in score.false_alarms]
    figures: Row = {
        "passed": score.passed,
        "seconds": round(summary.seconds, 1),
        "events": snapshot.events,
        "verdicts": snapshot.verdicts(),
        "breaks_open": snapshot.open_breaks,
        "alerts_delivered": snapshot.delivered,
        "alerts_received": summary.alerts_received,
        "alerts_refused": summary.alerts_refused,
    }
    benign = [f"{fault.kind} (fetched over REST)" if fault.recovered else fault.kind for fault in score.benign]
    if as_json:
        print_json({**figures, "planted": planted, "false_alarms": false_alarms, "benign": benign})
        return
    write(f"\n{score.words}: {'passed' if score.passed else 'FAILED'}\n\n")
    print_table(planted, planted_columns(), title="planted faults", empty="no fault was planted")
    if false_alarms:
        print_table(false_alarms, _FALSE, title="false alarms")
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in snapshot.verdicts().items())
    write(
        f"\n{counted(snapshot.events, 'event')} in {summary.seconds:.0f} s; units: {verdicts}\n"
        f"alerts: {snapshot.delivered} delivered in {counted(snapshot.messages, 'message')},"
        f" {summary.alerts_received} received with a valid signature\n"
        f"{_fitted('harmless and not flagged: ' + (', '.join(benign) or 'none'))}\n"
    )


def _fitted(text: str) -> str:
    """Return a text in lines that a terminal has room for; for a pipe it is one line."""
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def planted_columns() -> list[Column]:
    """Return the columns for planted faults that this output has room for."""
    narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < _WIDE
    return _PLANTED_NARROW if narrow else _PLANTED


def _planted(verdict: Verdict) -> Row:
    opening, delay = verdict.opening, verdict.delay
    return {
        "fault": verdict.fault.kind,
        "gateway": verdict.unit.gateway,
        "account": verdict.unit.account,
        "unit": verdict.unit.unit,
        "planted_at": verdict.fault.planted_at,
        "planted": verdict.amount,
        "flagged": opening is not None,
        "amount": None if opening is None else opening.amount,
        "delay_s": None if delay is None else f"{delay.total_seconds():.1f}",
        "state": None if opening is None else opening.state,
    }


def _false(opening: Opening) -> Row:
    unit = opening.unit
    return {
        "gateway": unit.gateway,
        "account": unit.account,
        "unit": unit.unit,
        "opened_at": opening.at,
        "amount": opening.amount,
        "cause": opening.cause,
        "state": opening.state,
    }
