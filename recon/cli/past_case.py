"""A case as it was at a past time: its breaks, and the steps that were known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from recon.cli.break_list import past_screen
from recon.cli.output import Column, Row
from recon.cli.tables.screen import Screen
from recon.cli.tables.table import Table
from recon.db.source import Source
from recon.reads.as_of import AsOf
from recon.reads.breaks import ALL_BREAKS
from recon.reads.filter import Filter
from recon.reads.query import Query

_STEPS: Final = """
SELECT h.id, h.seq, h.at, h.event, h.state, h.amount, h.cause, h.reason, h.actor
FROM recon.break_history AS h
WHERE h.gateway = :gateway AND h.id = ANY(CAST(:ids AS text[]))
  AND h.at <= coalesce(CAST(:known_at AS timestamptz), now())
ORDER BY h.seq, h.number"""
STEPS: Final = [
    Column("at", kind="time"),
    Column("id", "break", kind="id", rank=2),
    Column("event", "step"),
    Column("state", kind="state"),
    Column("amount", kind="signed", rank=1),
    Column("cause", rank=1),
    Column("actor", "by", rank=3, blank=True),
    Column("reason", prose=True, rank=4),
]


class PastCase(NamedTuple):
    """The breaks of a case that were there, and their steps as far as they were known."""

    breaks: Sequence[Row]
    steps: Sequence[Row]


def read_past_case(source: Source, gateway: str, case_id: str, as_of: AsOf, now: datetime) -> PastCase:
    """Return a case as it was."""
    asked = Filter().also(gateway=gateway, case=case_id)
    breaks = ALL_BREAKS.query(asked, now, as_of=as_of).rows(source)
    ids = [str(row["id"]) for row in breaks]
    steps = Query(_STEPS, {"gateway": gateway, "ids": ids, "known_at": as_of.known_at}).rows(source)
    return PastCase(breaks, steps)


def past_case_screen(case: PastCase, moment: str) -> Screen:
    """Return a case as it was, as a screen."""
    screen = past_screen(case.breaks, moment, "the case had not begun then, or was not known")
    steps = Table(columns=STEPS, rows=case.steps, title="steps that were known")
    return msgspec.structs.replace(screen, tables=[*screen.tables, steps])
