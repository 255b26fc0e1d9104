"""The tasks beside an open session: whether its site is still listed, and the preferred one works again.

A probe is a connection of its own. It takes the upgrade and the first message, then closes. Its message is neither
recorded nor counted, and its failure leaves the running session alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Never

import structlog
import trio

from recon.ems.close_reasons import CloseReason
from recon.ems.cloud.address import GatewayAddress, SiteSource
from recon.ems.protocol.session import Watchdog
from recon.ems.urls import safe_url
from recon.ems.websocket.connection import Connection, ConnectionBounds
from recon.errors import ConfigError, GatewayError

#: Seconds between two probes of the preferred site while another is in use.
FAILBACK_SECONDS: Final = 300.0
#: Seconds between two checks whether the site in use is still listed.
LISTING_CHECK_SECONDS: Final = 15.0
#: Longest closing handshake of a probe, in seconds: the end of a session may have to wait for it.
PROBE_CLOSE_SECONDS: Final = 0.5

_HEARD: Final = CloseReason("heard")

_log = structlog.get_logger(__name__)


async def probe(url: str, address: GatewayAddress, bounds: ConnectionBounds) -> CloseReason | None:
    """Connect, take the upgrade and the first message, and close; return why that failed, None if it worked."""
    watchdog = Watchdog(bounds.heartbeat, trio.current_time())

    def on_open() -> None:
        watchdog.note_frame(trio.current_time())

    def on_frames(_frames: Sequence[str | bytes]) -> None:
        connection.end(_HEARD)

    quick = ConnectionBounds(
        connect=bounds.connect,
        close=min(bounds.close, PROBE_CLOSE_SECONDS),
        heartbeat=bounds.heartbeat,
        message_bytes=bounds.message_bytes,
    )
    connection = Connection(quick, on_open=on_open, on_frames=on_frames, on_watch=lambda: None, watchdog=watchdog)
    reason = await connection.run(address.credentials, url)
    return None if reason == _HEARD else reason


class SiteMonitor:
    """Ends a session as `moved` if its site is no longer listed, as `returning` when the preferred one works."""

    def __init__(  # noqa: PLR0913 - the monitor's ways out, each replaced by a fake in its tests
        self,
        gateway: str,
        url: str,
        address: GatewayAddress,
        *,
        sites: SiteSource,
        bounds: ConnectionBounds,
        connection: Connection,
        listing_check_seconds: float,
        failback_seconds: float,
        on_address: Callable[[GatewayAddress], None],
    ) -> None:
        self._gateway = gateway
        self._url = url
        self._address = address
        self._sites = sites
        self._bounds = bounds
        self._connection = connection
        self._listing_check_seconds = listing_check_seconds
        self._failback_seconds = failback_seconds
        self._on_address = on_address

    async def run(self) -> None:
        """Monitor the session until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._check_listing)
            nursery.start_soon(self._fail_back)

    async def _check_listing(self) -> Never:
        while True:
            await trio.sleep(self._listing_check_seconds)
            try:
                self._address = await self._sites.current()
            except (GatewayError, ConfigError) as error:
                _log.warning("the gateway's address is unknown", gateway=self._gateway, why=str(error))
                continue
            self._on_address(self._address)
            if self._url not in self._address.urls and self._connection.opened:
                detail = f"{safe_url(self._url)} is no longer among the sites of the gateway"
                self._connection.end(CloseReason("moved", detail=detail))

    async def _fail_back(self) -> Never:
        while True:
            await trio.sleep(self._failback_seconds)
            preferred = self._address.urls[0]
            if preferred == self._url or not self._connection.opened:
                continue
            failure = await probe(preferred, self._address, self._bounds)
            if failure is None:
                detail = f"the preferred site {safe_url(preferred)} works again"
                self._connection.end(CloseReason("returning", detail=detail))
            else:
                _log.info(
                    "the preferred site does not work yet",
                    gateway=self._gateway,
                    url=safe_url(preferred),
                    reason=failure.reason,
                    detail=self._address.credentials.redact_text(failure.detail),
                )
