"""The stretches of an account's coverage as strips and charts draw them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from recon.display import strip
from recon.display.charts.strips import Stretch
from recon.times import microseconds

#: After the end of a log that nobody records.
NOT_RECORDED: Final = "not recorded"


def charted(stretches: Sequence[strip.Stretch], ends_at: datetime | None) -> list[Stretch]:
    """Return stretches as they are drawn; after the end of a log nothing is known, until now."""
    drawn = [Stretch(each.state, microseconds(each.begin), microseconds(each.end)) for each in stretches]
    return drawn if ends_at is None else [*drawn, Stretch(NOT_RECORDED, microseconds(ends_at), None)]
