"""A gateway as the listener needs it: name, URLs, credentials, and every bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from recon.ems.cloud.address import FixedSites, GatewayAddress, SiteSource
from recon.ems.credentials import Credentials
from recon.ems.protocol.session import HEARTBEAT_BOUND
from recon.ems.urls import safe_url
from recon.ems.websocket.failback import FAILBACK_SECONDS, LISTING_CHECK_SECONDS
from recon.errors import ConfigError

#: Bytes of the largest message taken; the library's 1 MiB may be less than one SYMBOLS_SNAPSHOT.
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
#: Seconds for name, TCP and TLS together, and again for the answer to the upgrade.
CONNECT_TIMEOUT: Final = 10.0
#: Seconds for the closing handshake.
CLOSE_TIMEOUT: Final = 3.0
#: Seconds: ceilings of the first delay and of all delays.
BACKOFF_BASE: Final = 0.5
BACKOFF_CAP: Final = 30.0
#: Seconds: shortest and longest delay after refused credentials, which seldom start to work by themselves.
UNAUTHORISED_BASE: Final = 60.0
UNAUTHORISED_CAP: Final = 600.0
#: Seconds that a session must have lived for the backoff to start anew.
SETTLED_AFTER: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A gateway: its name, its URLs (one a site), and every bound, in seconds unless the name says otherwise.

    `sites` finds URLs and credentials that are not fixed. Then `urls` is empty, and `credentials` only redact.
    """

    name: str
    urls: tuple[str, ...] = ()
    credentials: Credentials = field(default_factory=Credentials)
    sites: SiteSource | None = None
    max_message_bytes: int = MAX_MESSAGE_BYTES
    connect_timeout: float = CONNECT_TIMEOUT
    close_timeout: float = CLOSE_TIMEOUT
    heartbeat_bound: float = HEARTBEAT_BOUND
    backoff_base: float = BACKOFF_BASE
    backoff_cap: float = BACKOFF_CAP
    unauthorised_base: float = UNAUTHORISED_BASE
    unauthorised_cap: float = UNAUTHORISED_CAP
    settled_after: float = SETTLED_AFTER
    failback_seconds: float = FAILBACK_SECONDS
    listing_check_seconds: float = LISTING_CHECK_SECONDS

    def __post_init__(self) -> None:
        """Raise ConfigError if the gateway cannot be reached as described."""
        if bool(self.urls) == (self.sites is not None):
            raise ConfigError(f"gateway {self.name} has no urls; give at least one, or a source of sites")
        for url in self.urls:
            self.credentials.resource(url)

    def __repr__(self) -> str:
        return f"Endpoint(name={self.name!r}, urls={[safe_url(url) for url in self.urls]!r})"

    async def address(self) -> GatewayAddress:
        """Return how to reach the gateway now. Raise GatewayError or ConfigError if that cannot be found out."""
        return await self.site_source().current()

    def site_source(self) -> SiteSource:
        """Return the source of the gateway's address."""
        return self.sites or FixedSites(self.urls, self.credentials)
