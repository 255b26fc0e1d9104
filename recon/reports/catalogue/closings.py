"""The lines of closings, as people signed them. Pure."""

from __future__ import annotations

from typing import Final

from recon.reports.model import Report, boolean, day, decimal, document, integer, seconds, text, time

#: What a closing can be.
CLOSE_STATES: Final = ("waiting", "signed", "restated")

CLOSE: Final = Report(
    name="close",
    title="Closings: each unit of each business day, as it was signed",
    view="recon_exact.close_lines",
    past="recon_exact.close_lines_as_of",
    printed=(
        "business_day",
        "gateway",
        "account",
        "state",
        "unit",
        "opening",
        "moved",
        "expected",
        "reported",
        "timing",
        "drift",
        "verdict",
        "open_breaks",
        "source",
        "covered_throughout",
    ),
    columns=(
        day("business_day"),
        text("gateway"),
        text("account"),
        integer("seq"),
        text("state"),
        text("unit_kind"),
        text("unit"),
        decimal("opening"),
        decimal("moved"),
        document("movements"),
        decimal("expected"),
        decimal("reported"),
        time("reported_at"),
        decimal("timing"),
        decimal("drift"),
        text("verdict"),
        integer("open_breaks"),
        seconds("oldest_age"),
        document("breaks"),
        text("source"),
        time("source_at"),
        boolean("covered_throughout"),
    ),
    tally="verdict",
    order=("business_day", "gateway", "account", "seq", "unit_kind", "unit"),
    filters={
        "gateway": "gateway",
        "account": "account",
        "unit": "unit",
        "state": "state",
        "verdict": "verdict",
        "since": "business_day",
        "until": "business_day",
    },
)
