"""The payload of a tick: the passing of log time, and a summary of heartbeats. Pure (semantics 9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from recon.times import microseconds


class Heartbeat(Protocol):
    """The heartbeats of one account since the last tick."""

    @property
    def last(self) -> datetime:
        """Return when the last heartbeat was received, by this machine's clock."""
        ...

    @property
    def at(self) -> float:
        """Return the same by the steady clock, in seconds."""
        ...

    @property
    def count(self) -> int:
        """Return how many heartbeats there were."""
        ...

    @property
    def lag_us(self) -> int | None:
        """Return the last heartbeat's travel time by the two clocks, in microseconds; None if unknown."""
        ...


def tick_payload(heartbeats: Mapping[str, Heartbeat], us_at: Callable[[float], int] | None = None) -> bytes:
    """Return a tick's payload: by account the last heartbeat (microseconds since the epoch), the count, the lag.

    `us_at` gives the log time of a moment by the steady clock; without it, log time is this machine's clock. Both
    times are log time, so that a clock which is set neither silences an account nor moves the EMS's clock.
    """
    summary = {}
    for account, beat in sorted(heartbeats.items()):
        wall_us = microseconds(beat.last)
        last_us = wall_us if us_at is None else us_at(beat.at)
        lag_us = None if beat.lag_us is None else beat.lag_us + last_us - wall_us
        summary[account] = {"last_us": last_us, "count": beat.count, "lag_us": lag_us}
    return msgspec.json.encode({"heartbeats": summary})
