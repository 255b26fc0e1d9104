"""Facts whose opposite a break is: reports do not bear out what somebody told from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from recon.display.figures import count, figure
from recon.display.words import safe
from recon.reads.case.model import Row


def opposite_words(facts: Sequence[Row]) -> Iterator[str]:
    """Yield what a case says of each such fact: it may be all that is wrong."""
    for fact in facts:
        yield (
            f"{named(fact)}, told by {safe(str(fact['told_by']))} at event {count(int(str(fact['seq'])))}, is the"
            " opposite of it: that may not have happened."
        )


def named(fact: Row) -> str:
    """Return a fact in words: `fee FEE-1 of -12.5 USDT`."""
    amount = figure(Decimal(str(fact["amount"])), signed=True).text
    return f"{safe(str(fact['fact']))} {safe(str(fact['external_id']))} of {amount} {safe(str(fact['unit']))}"
