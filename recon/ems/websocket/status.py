"""The state of a gateway's listener, for people and for health checks. Pure."""

from __future__ import annotations

import msgspec


class GatewayStatus(msgspec.Struct, frozen=True):
    """The state of the listener at one moment.

    `state` is `connecting`, `open`, `waiting` (until the next attempt, in `retry_in` seconds), `blocked` (the end of a
    session waits for room in the buffer) or `stopped`. `reason` and `detail` describe the last end or failure;
    `failures` counts those since the last settled session. `silent` names accounts without heartbeats.

    `url` is the site in use or the next one to try, empty while none is known; `site` is its place in the order of
    preference. `note` describes a problem with finding the gateway that does not prevent reaching it.
    """

    gateway: str
    state: str
    url: str
    site: int
    session: str | None = None
    reason: str | None = None
    code: int | None = None
    detail: str = ""
    failures: int = 0
    retry_in: float | None = None
    silent: tuple[str, ...] = ()
    note: str = ""
