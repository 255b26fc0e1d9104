"""This machine's clock. Only agents and commands read it; all else takes the time as an argument."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)  # noqa: TID251 - the one place that reads the clock
