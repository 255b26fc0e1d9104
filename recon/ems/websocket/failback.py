"""What goes on beside an open session: whether its site is still listed, and whether the preferred one works again.

A probe is a connection of its own. It takes the upgrade and the first message, and closes; what it hears is neither
recorded nor counted, and whatever becomes of it, the running session does not notice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Never

import structlog
import trio

from recon.ems.close_reasons import CloseReason
from recon.ems.cloud.sites import GatewayAddress, SiteSource
from recon.ems.protocol.session import Watchdog
from recon.ems.urls import safe_url
from recon.ems.websocket.connection import Connection, ConnectionBounds
from recon.errors import ConfigError, GatewayError

#: Seconds between two probes of the preferred site while another is in use.
FAILBACK_SECONDS: Final = 300.0
#: Seconds between two looks whether the site in use is still listed.
LISTING_CHECK_SECONDS: Final = 15.0
#: Longest closing handshake of a probe, in seconds: the end of a session may have to wait for it.
PROBE_CLOSE_SECONDS: Final = 0.5

_HEARD: Final = CloseReason("heard")

_log = structlog.get_logger(__name__)


async def probe(url: str, reach: GatewayAddress, bounds: ConnectionBounds) -> CloseReason | None:
    """Connect, take the upgrade and the first message, and close; None where that worked, else why it did not."""
    watchdog = Watchdog(bounds.heartbeat, trio.current_time())

    def on_open() -> None:
        watchdog.note_frame(trio.current_time())

    def on_frame(_frame: str | bytes) -> None:
        connection.end(_HEARD)

    quick = ConnectionBounds(
        connect=bounds.connect,
        close=min(bounds.close, PROBE_CLOSE_SECONDS),
        heartbeat=bounds.heartbeat,
        message_bytes=bounds.message_bytes,
    )
    connection = Connection(quick, on_open=on_open, on_frame=on_frame, on_watch=lambda: None, watchdog=watchdog)
    ended = await connection.run(reach.credentials, url)
    return None if ended == _HEARD else ended


class SiteMonitor:
    """Ends a session as `moved` when its site is no longer listed, as `returning` when the preferred one works."""

    def __init__(
        self,
        gateway: str,
        url: str,
        reach: GatewayAddress,
        *,
        sites: SiteSource,
        bounds: ConnectionBounds,
        connection: Connection,
        listing_check_seconds: float,
        failback_seconds: float,
        on_reach: Callable[[GatewayAddress], None],
    ) -> None:
        self._gateway = gateway
        self._url = url
        self._reach = reach
        self._sites = sites
        self._bounds = bounds
        self._connection = connection
        self._look_seconds = listing_check_seconds
        self._return_seconds = failback_seconds
        self._on_reach = on_reach

    async def run(self) -> None:
        """Mind the session until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look)
            nursery.start_soon(self._return)

    async def _look(self) -> Never:
        while True:
            await trio.sleep(self._look_seconds)
            try:
                self._reach = await self._sites.current()
            except (GatewayError, ConfigError) as error:
                _log.warning("where the gateway is cannot be told", gateway=self._gateway, why=str(error))
                continue
            self._on_reach(self._reach)
            if self._url not in self._reach.urls and self._connection.opened:
                detail = f"{safe_url(self._url)} is no longer among the sites of the gateway"
                self._connection.end(CloseReason("moved", detail=detail))

    async def _return(self) -> Never:
        while True:
            await trio.sleep(self._return_seconds)
            preferred = self._reach.urls[0]
            if preferred == self._url or not self._connection.opened:
                continue
            failure = await probe(preferred, self._reach, self._bounds)
            if failure is None:
                detail = f"the preferred site {safe_url(preferred)} works again"
                self._connection.end(CloseReason("returning", detail=detail))
            else:
                _log.info(
                    "the preferred site does not work yet",
                    gateway=self._gateway,
                    url=safe_url(preferred),
                    reason=failure.reason,
                    detail=self._reach.credentials.redact_text(failure.detail),
                )
