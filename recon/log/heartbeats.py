"""The payload of a tick: the passing of log time, and a summary of heartbeats. Pure (semantics 9)."""

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
        """Return when the last heartbeat was received."""
        ...

    @property
    def count(self) -> int:
        """Return how many heartbeats there were."""
        ...

    @property
    def lag_us(self) -> int | None:
        """Return the last heartbeat's travel time by the two clocks, in microseconds; None if unknown."""
        ...


def tick_payload(heartbeats: Mapping[str, Heartbeat]) -> bytes:
    """Return a tick's payload: by account the last heartbeat (microseconds since the epoch), the count, the lag."""
    summary = {
        account: {"last_us": microseconds(beat.last), "count": beat.count, "lag_us": beat.lag_us}
        for account, beat in sorted(heartbeats.items())
    }
    return msgspec.json.encode({"heartbeats": summary})
