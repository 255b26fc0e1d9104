"""Whether a closing is clean, and if not why. Pure.

Clean means: observed throughout, every unit judged and agreed, no break open. Nothing else is called clean.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recon.closing.coverage import DayCoverage
from recon.closing.lines import CloseLine
from recon.display.words import counted

#: Verdicts of units that nobody judged.
_NOT_JUDGED = {
    "unmodelled": "unmodelled",
    "unobserved": "never reported",
    "stale": "not observed at the cut-off",
    "pending": "pending",
}


def reasons_of(coverage: DayCoverage, lines: Sequence[CloseLine]) -> list[str]:
    """Return why a day is not clean, the gravest first; nothing if it is clean."""
    reasons = []
    if not coverage.whole:
        first = coverage.missing[0]
        more = f" (and {coverage.missing_count - 1} more)" if coverage.missing_count > 1 else ""
        reasons.append(f"coverage is not whole: {_stretch(first.begin, first.until)}: {first.why}{more}")
    breaks = sum(len(line.breaks) for line in lines)
    if breaks:
        reasons.append(f"{counted(breaks, 'break')} open")
    for verdict, words in _NOT_JUDGED.items():
        units = [line.unit for line in lines if line.verdict == verdict and not _is_nothing(line)]
        if units:
            named = ", ".join(units[:3]) + (f" and {len(units) - 3} more" if len(units) > 3 else "")
            reasons.append(f"{counted(len(units), 'unit')} {words}: {named}")
    return reasons


def _is_nothing(line: CloseLine) -> bool:
    """Tell whether the books hold nothing of a unit that nobody reported: venues do not report what is not there."""
    return line.reported is None and not line.expected and not line.movements


def _stretch(begin: datetime, until: datetime) -> str:
    return f"{begin:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} UTC"
