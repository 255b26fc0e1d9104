"""The payload of a tick: log time passing while nothing else arrives, and heartbeats summed up. Pure (semantics 9)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from recon.times import microseconds


class Heartbeat(Protocol):
    """The heartbeats of one account since the last tick."""

    @property
    def last(self) -> datetime:
        """Return when the last one was received."""
        ...

    @property
    def count(self) -> int:
        """Return how many there were."""
        ...

    @property
    def lag_us(self) -> int | None:
        """Return how long the last one travelled, in microseconds, by the two clocks; None unknown."""
        ...


def tick_payload(heartbeats: Mapping[str, Heartbeat]) -> bytes:
    """Write a tick's payload: per account the last heartbeat (microseconds since the epoch), their count, the lag."""
    summary = {
        account: {"last_us": microseconds(beat.last), "count": beat.count, "lag_us": beat.lag_us}
        for account, beat in sorted(heartbeats.items())
    }
    return msgspec.json.encode({"heartbeats": summary})
