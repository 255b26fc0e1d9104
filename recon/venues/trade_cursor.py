"""Which trades of a venue are new, and whether an answer leaves some out. Pure.

1. Each question goes back a while before the last known trade, so a trade that a venue lists late is told too.
2. So each answer must contain the trades that are known of that while. One that does not has left trades out: the
   venue tells only its latest ones, and more were made than it tells at once.
3. What is younger than SETTLED waits for the next question: the EMS tells it first, and fills stay with their orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from recon.venues.client import ToldTrade

#: How far before the last known trade a question goes back.
OVERLAP: Final = timedelta(minutes=10)
#: How old a trade is before it is told.
SETTLED: Final = timedelta(minutes=1)


class TradeCursor:
    """What is known of the trades of one symbol, or of all, since a time."""

    def __init__(self, start: datetime) -> None:
        """Begin at a time."""
        self._start = start
        #: The times of the known trades that the next answer must contain, by symbol and id.
        self._known: dict[tuple[str, str], datetime] = {}

    @property
    def since(self) -> datetime:
        """Return the time from which on to ask."""
        last = max(self._known.values(), default=None)
        return self._start if last is None else max(self._start, last - OVERLAP)

    def leaves_out(self, told: Iterable[ToldTrade], since: datetime) -> bool:
        """True if trades that are known since a time are not in an answer."""
        listed = {(trade.symbol, trade.id) for trade in told}
        return any(at > since and key not in listed for key, at in self._known.items())

    def take(self, told: Iterable[ToldTrade], now: datetime) -> Sequence[ToldTrade]:
        """Return the trades that are new and old enough, the earliest first; they are known from now on."""
        new = {
            (trade.symbol, trade.id): trade
            for trade in told
            if (trade.symbol, trade.id) not in self._known and self._start <= trade.at <= now - SETTLED
        }
        self._known |= {key: trade.at for key, trade in new.items()}
        since = self.since
        self._known = {key: at for key, at in self._known.items() if at >= since}
        return sorted(new.values(), key=lambda trade: (trade.at, trade.symbol, trade.id))
