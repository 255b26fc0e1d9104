"""Breaks in every state, with their worth, cause and life. Pure."""

from __future__ import annotations

from typing import Final

from recon.reports.model import Report, boolean, decimal, integer, text, time

BREAKS: Final = Report(
    name="breaks",
    title="Breaks: where reported and expected disagree, and what became of it",
    view="recon.breaks",
    past="recon.breaks_as_of",
    columns=(
        text("gateway"),
        text("account"),
        text("unit_kind"),
        text("unit"),
        text("id"),
        text("case_id"),
        text("state"),
        text("cause"),
        text("certainty", past=False),
        text("severity", past=False),
        decimal("amount"),
        decimal("amount_usd", past=False),
        decimal("explained_amount", past=False),
        time("origin_at"),
        time("opened_at"),
        time("closed_at"),
        integer("after_seq"),
        integer("until_seq"),
        integer("occurrences"),
        text("assignee", past=False),
        time("accepted_until", past=False),
        decimal("accepted_amount", past=False),
        boolean("owns_residual", past=False),
        text("offset_by", past=False),
        text("gap", past=False),
        text("note", past=False),
        integer("rules_version", past=False),
    ),
    tally="state",
    pictured=True,
    order=("gateway", "opened_at", "id"),
    filters={
        "gateway": "gateway",
        "account": "account",
        "unit": "unit",
        "cause": "cause",
        "state": "state",
        "certainty": "certainty",
        "severity": "severity",
        "who": "assignee",
        "since": "opened_at",
        "until": "opened_at",
    },
    # Lists of their own: `recon break show` and SQL have them.
    without=("evidence", "tried", "candidates", "proposal"),
)
