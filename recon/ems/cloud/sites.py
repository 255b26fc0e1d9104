"""The sites of a gateway in the managed cloud, and its client certificate.

`/v1/endpoints` lists an endpoint for each account (protocol 2 and 12). The same address repeated is one site. Several
addresses are sites of one deployment, ordered by the preference of their locations; sites at no preferred location come
last, as they were first listed. `https://` becomes `wss://` with the path of the settings: the vendor documents none.

The address read last stays in use while the management API fails, with the certificate in hand. `GatewayAddress.note`
says so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
import trio

from recon.ems.cloud.address import GatewayAddress
from recon.ems.cloud.certificates import ClientCertificate, load_certificate, save_certificate
from recon.ems.cloud.endpoint_list import ListedEndpoint, coverage_warning, site_urls
from recon.ems.cloud.management import Management
from recon.ems.credentials import Credentials
from recon.errors import ConfigError, GatewayError

#: Seconds between two attempts to read what could not be read or may be out of date.
RETRY_SECONDS: Final = 60.0
#: Longest time, in seconds, for which a refresh may delay a connection whose address is known.
REFRESH_SECONDS: Final = 5.0

OpenManagement = Callable[[], AbstractAsyncContextManager[Management]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ManagedSettings:
    """The settings of one gateway in the managed cloud.

    `refresh` is in seconds. `certificate_file` is the file of the certificate (None: in memory only), and `keeps` says
    whether a fetched certificate is written to it.
    """

    gateway: str
    locations: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()
    path: str = "/"
    refresh: float = 900.0
    renew_before: timedelta = timedelta(days=7)
    certificate_file: Path | None = None
    keeps: bool = True


class ManagedSites:
    """Finds a gateway's sites with the management API, and renews its client certificate if it uses one."""

    def __init__(
        self,
        settings: ManagedSettings,
        open_management: OpenManagement,
        credentials: Credentials | None,
        *,
        with_certificate: Callable[[str], Credentials] | None = None,
        now: Callable[[], datetime],
    ) -> None:
        """Give `credentials`, or `with_certificate`, which makes them of the PEM text of a certificate and its key."""
        if (credentials is None) == (with_certificate is None):
            raise ConfigError(f"gateway {settings.gateway}: credentials are fixed or made of a certificate, not both")
        self._settings = settings
        self._open_management = open_management
        self._now = now
        self._credentials = credentials
        self._with_certificate = with_certificate
        self._certificate: ClientCertificate | None = None
        self._urls: tuple[str, ...] = ()
        self._read_since = ""
        self._read_next = 0.0
        self._renew_next = 0.0
        self._read_at_last = -RETRY_SECONDS
        self._suspect = False  # the certificate was refused
        self._listing_note = self._certificate_note = ""
        self._lock = trio.Lock()

    @property
    def certificate(self) -> ClientCertificate | None:
        """Return the client certificate in use, if any."""
        return self._certificate

    def report_failure(self, *, refused: bool) -> None:
        """Read the endpoints again with the next call, and a refused certificate too, unless just tried."""
        self._read_next = min(self._read_next, self._read_at_last + RETRY_SECONDS)
        self._suspect = self._suspect or (refused and self._certificate is not None)

    async def current(self) -> GatewayAddress:
        """Return the address, read again if that is due; see `SiteSource`."""
        async with self._lock:
            if not self._urls or self._credentials is None:
                await self._discover()
            else:
                await self._refresh()
            if not self._urls or self._credentials is None:  # neither returns without them
                raise GatewayError(f"gateway {self._settings.gateway}: its address is unknown")
            notes = "; ".join(note for note in (self._listing_note, self._certificate_note) if note)
            return GatewayAddress(self._urls, self._credentials, notes)

    async def _discover(self) -> None:
        """Read everything for the first time. Raise the errors of the management API."""
        if self._credentials is None:
            await self._load_certificate()
        async with self._open_management() as management:
            if not self._urls:
                self._take_endpoints(await management.endpoints(self._settings.exchanges))
            if self._credentials is None:
                await self._take_certificate(await management.certificate())

    async def _refresh(self) -> None:
        """Read again what is due, within REFRESH_SECONDS; keep and report what fails."""
        at = trio.current_time()
        reading, renewing = at >= self._read_next, self._renewal_is_due() and at >= self._renew_next
        if not reading and not renewing:
            return
        try:
            with trio.fail_after(REFRESH_SECONDS):
                async with self._open_management() as management:
                    if reading:
                        await self._read(management)
                    if renewing:
                        await self._renew(management)
        except trio.TooSlowError:
            why = f"no answer from the management API within {REFRESH_SECONDS:g} s"
        except ConfigError as error:  # for example the ca_file
            why = str(error)
        else:
            return
        # A part that succeeded before the failure has moved its own next time on.
        self._failed(why, reading=reading and at >= self._read_next, renewing=renewing and self._renewal_is_due())

    async def _read(self, management: Management) -> None:
        try:
            self._take_endpoints(await management.endpoints(self._settings.exchanges))
        except GatewayError as error:
            self._failed(str(error), reading=True)

    async def _renew(self, management: Management) -> None:
        try:
            await self._take_certificate(await management.certificate())
        except GatewayError as error:
            self._failed(str(error), renewing=True)

    def _failed(self, why: str, *, reading: bool = False, renewing: bool = False) -> None:
        """Keep the last address or certificate, note the failure, and try again after RETRY_SECONDS."""
        later = trio.current_time() + RETRY_SECONDS
        if reading:
            self._read_next, self._read_at_last = later, trio.current_time()
            self._listing_note = f"the endpoints could not be read ({why}); those read {self._read_since} are used"
        if renewing:
            self._renew_next = later
            self._suspect = False
            self._certificate_note = f"the client certificate could not be renewed ({why})"
            if self._certificate is not None:
                self._certificate_note += f"; the one that ends {format_time(self._certificate.valid_until)} is used"
        _log.warning("the managed cloud gave no answer", gateway=self._settings.gateway, why=why)

    def _take_endpoints(self, endpoints: list[ListedEndpoint]) -> None:
        """Use a list of endpoints. Raise GatewayError if it names no site."""
        settings = self._settings
        if not endpoints:
            wanted = f" for {', '.join(settings.exchanges)}" if settings.exchanges else ""
            raise GatewayError(
                f"the management API lists no endpoint{wanted}; it lists none until at least one account exists: "
                "add an exchange account to the managed cloud, or check managed.exchanges"
            )
        urls = site_urls(endpoints, locations=settings.locations, path=settings.path, previous=self._urls)
        if not urls:
            raise GatewayError("the management API lists endpoints, but none with an https:// address")
        if urls != self._urls:
            _log.info("sites of the managed cloud", gateway=settings.gateway, urls=list(urls))
        at = trio.current_time()
        self._urls, self._read_since = urls, format_time(self._now())
        self._read_next, self._read_at_last = at + settings.refresh, at
        self._listing_note = coverage_warning(endpoints)

    def _renewal_is_due(self) -> bool:
        if self._certificate is None:
            return False
        return self._suspect or self._now() >= self._certificate.renew_at(self._settings.renew_before)

    async def _load_certificate(self) -> None:
        """Use the certificate of the last start, if its file holds one that is valid now."""
        path = self._settings.certificate_file
        if path is None:
            return
        try:
            certificate = await trio.to_thread.run_sync(load_certificate, path)
        except (ConfigError, GatewayError) as error:
            _log.warning("the stored certificate is not used", gateway=self._settings.gateway, why=str(error))
            return
        if certificate is not None and certificate.validity(self._now()) == "valid":
            self._use_certificate(certificate)

    async def _take_certificate(self, fetched: ClientCertificate) -> None:
        """Use a fetched certificate and store it. Raise GatewayError if it is no better than the one in use."""
        self._check_newer(fetched)
        self._use_certificate(fetched)
        path = self._settings.certificate_file
        if path is None or not self._settings.keeps:
            return
        try:
            await trio.to_thread.run_sync(save_certificate, path, fetched)
        except ConfigError as error:
            self._certificate_note = f"the client certificate is in memory only: {error}"
            _log.warning("the certificate is not stored", gateway=self._settings.gateway, why=str(error))

    def _check_newer(self, fetched: ClientCertificate) -> None:
        current, validity = self._certificate, fetched.validity(self._now())
        if validity != "valid":
            raise GatewayError(
                f"the management API gave a certificate that is {validity} "
                f"({format_time(fetched.valid_from)} to {format_time(fetched.valid_until)}); check the clock"
            )
        if current is None:
            return
        # A refused certificate is replaced by any other one.
        same = fetched.serial == current.serial if self._suspect else fetched.valid_until <= current.valid_until
        if same:
            raise GatewayError(f"the management API still gives the one that ends {format_time(fetched.valid_until)}")

    def _use_certificate(self, certificate: ClientCertificate) -> None:
        if self._with_certificate is None:
            raise GatewayError("a certificate is used with auth method certificate only")
        self._credentials = self._with_certificate(certificate.pem)
        self._certificate, self._certificate_note, self._suspect = certificate, "", False
        self._renew_next = trio.current_time() + RETRY_SECONDS
        _log.info(
            "client certificate",
            gateway=self._settings.gateway,
            subject=certificate.subject,
            ends=certificate.valid_until.isoformat(),
        )


def format_time(moment: datetime) -> str:
    """Return a time as messages show it."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
