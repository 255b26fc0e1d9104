"""An EMS whose clock differs from ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec

from recon.log import events
from recon.testing import GatewayDriver, Row, stamp


@contextmanager
def clock_of_ems(driver: GatewayDriver, minutes: float) -> Iterator[timedelta]:
    """Set the EMS's clock ahead of ours (negative: behind); heartbeats show it, whole or as summed ticks."""
    ahead = timedelta(minutes=minutes)
    frame, event = driver.frame, driver.event

    def skewed(message: Row | bytes, *, after: float = 0.01) -> None:
        if not isinstance(message, bytes) and message.get("type") == "SERVER_INFO":
            message = message | {"time": stamp(driver.now + timedelta(seconds=after) + ahead)}
        frame(message, after=after)

    def ticking(kind: str, payload: bytes, *, account: str | None = None, after: float = 0.01) -> None:
        if kind == events.TICK:
            beats = msgspec.json.decode(payload)
            for beat in beats["heartbeats"].values():
                beat["lag_us"] = 1000 - ahead // timedelta(microseconds=1)
            payload = msgspec.json.encode(beats)
        event(kind, payload, account=account, after=after)

    driver.frame, driver.event = skewed, ticking  # type: ignore[method-assign]
    yield ahead
    driver.frame, driver.event = frame, event  # type: ignore[method-assign]
