"""What differs between two closings of one account's day: what a later fact changed. Pure.

The known positions and digests of the log differ always, and are no difference; nor is a break's age.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from recon.closing.closing import Closing
from recon.closing.document import amount_text
from recon.closing.lines import CloseLine


class Difference(msgspec.Struct, frozen=True):
    """One figure that is another now; None where there was, or is, none. `unit` is empty for the day as a whole."""

    unit: str
    figure: str
    was: str | None
    now: str | None


def differences(before: Closing, after: Closing) -> list[Difference]:
    """Return what differs, the day first and then unit by unit."""
    return [*_of_day(before, after), *_of_units(before, after)]


def _of_day(before: Closing, after: Closing) -> Iterator[Difference]:
    if before.cut_off != after.cut_off or before.opens_at != after.opens_at:
        was, now = (f"{each.opens_at:%Y-%m-%dT%H:%MZ} to {each.cut_off:%Y-%m-%dT%H:%MZ}" for each in (before, after))
        yield Difference("", "business day", was, now)
    if before.whole != after.whole:
        was, now = ("whole" if each.whole else "not whole" for each in (before, after))
        yield Difference("", "coverage", was, now)


def _of_units(before: Closing, after: Closing) -> Iterator[Difference]:
    old, new = ({(line.unit_kind, line.unit): line for line in each.lines} for each in (before, after))
    for key in sorted(old.keys() | new.keys()):
        was, now = _figures(old.get(key)), _figures(new.get(key))
        for figure in dict.fromkeys([*was, *now]):
            if was.get(figure) != now.get(figure):
                yield Difference(key[1], figure, was.get(figure), now.get(figure))


def _figures(line: CloseLine | None) -> dict[str, str | None]:
    if line is None:
        return {}
    return {
        "opening": _text(line.opening),
        **{cause: _text(amount) for cause, amount in line.movements.items()},
        "expected": _text(line.expected),
        "reported": _text(line.reported),
        "timing": _text(line.timing),
        "drift": _text(line.drift),
        "verdict": line.verdict,
        "breaks": " ".join(f"{each.id[:10]} {amount_text(each.amount)}" for each in line.breaks) or None,
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else amount_text(amount)
