"""What an independent source said last of a unit, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from recon.display.figures import figure
from recon.display.words import safe


def source_words(row: Mapping[str, object]) -> str:
    """Return what a source said last, in words without its name: `agreed at 2026-01-05 00:00 UTC: 11`."""
    at, reported, drift = row["at"], row["reported"], row["drift"]
    when = f"{at:%Y-%m-%d %H:%M} UTC" if isinstance(at, datetime) else "an unknown time"
    held = figure(reported if isinstance(reported, Decimal) else None).text
    if row["verdict"] == "agreed":
        return f"agreed at {when}: {held}"
    if row["verdict"] == "break":
        off = figure(drift if isinstance(drift, Decimal) else None, signed=True).text
        return f"differs at {when}: {held}, which is {off} against the books of that time"
    if row["verdict"] == "pending":
        return f"said {held} of {when}; entries of that time may still come"
    return f"said {held} of {when}, not judged: {safe(str(row['reason']))}"
