"""A case as it was at a past time, as a screen: its breaks, and the steps that were known."""

from __future__ import annotations

from typing import Final

import msgspec

from recon.cli.break_list import past_screen
from recon.cli.output import Column
from recon.cli.tables.screen import Screen
from recon.cli.tables.table import Table
from recon.reads.case.past import PastCase

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


def past_case_screen(case: PastCase, moment: str) -> Screen:
    """Return a case as it was, as a screen."""
    screen = past_screen(case.breaks, moment, "the case had not begun then, or was not known")
    steps = Table(columns=STEPS, rows=case.steps, title="steps that were known")
    return msgspec.structs.replace(screen, tables=[*screen.tables, steps])
