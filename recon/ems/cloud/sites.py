"""Where a gateway is now, and how we prove who we are there: fixed by the settings, or told by the managed cloud.

The managed cloud (protocol sections 2 and 12): `/v1/endpoints` lists an endpoint for each account. The same address
repeated is one site; several are sites of one deployment, in the order in which their locations are preferred, and
sites of no named location after them, as they were first listed. `https://` becomes `wss://`, with the path of the
settings, for the vendor documents none.

What was read once is kept: while the management API fails, gateways are reached where they were, with the certificate
that there is, and `Reach.note` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import structlog
import trio

from recon.ems.cloud.certificates import ClientCertificate, load_certificate, save_certificate
from recon.ems.cloud.management import ListedEndpoint, Management
from recon.ems.credentials import Credentials
from recon.errors import ConfigError, GatewayError

#: Seconds after which something that failed, or was doubted, is asked for again, at the earliest.
RETRY_SECONDS: Final = 60.0
#: Longest time, in seconds, that reading anew may hold up who wants to connect where we already know where.
REFRESH_SECONDS: Final = 5.0
#: Most sites of one gateway; what is listed beyond them is left out.
MAX_SITES: Final = 32

OpenManagement = Callable[[], AbstractAsyncContextManager[Management]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """How to reach a gateway: its URLs, the preferred one first, and the credentials for all of them.

    `note` says, where something is amiss, that this is what was last known, or what will end soon.
    """

    urls: tuple[str, ...]
    credentials: Credentials
    note: str = ""


class SiteSource(Protocol):
    """Who tells where a gateway is."""

    async def current(self) -> GatewayAddress:
        """Return how to connect now, at once where that is known; asked before each attempt, and now and then.

        Errors: GatewayError or ConfigError where nothing is known yet and nothing can be found out.
        """
        ...

    def report_failure(self, *, refused: bool) -> None:
        """Hear that no site could be reached, or that credentials were refused: what is known may be out of date."""
        ...


@dataclass(frozen=True, slots=True)
class FixedSites:
    """The sites that the settings name."""

    urls: tuple[str, ...]
    credentials: Credentials

    async def current(self) -> GatewayAddress:
        """Return them."""
        return GatewayAddress(self.urls, self.credentials)

    def report_failure(self, *, refused: bool) -> None:
        """Do nothing: there are no others."""


def site_urls(
    endpoints: Iterable[ListedEndpoint], *, locations: Sequence[str], path: str, known: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the WebSocket URLs of the sites listed, the preferred one first; pure.

    `known` are those of the last time: among equally preferred ones their order stays, however the API sorts its
    answer, so that nobody moves without need. Endpoints that cannot be reached safely are left out.
    """
    places: dict[str, str | None] = {}
    for endpoint in endpoints:
        url = websocket_url(endpoint.address(), path)
        if url is None:
            continue
        # One address that is listed for two locations counts for the one that is preferred.
        before = places.get(url)
        if url not in places or _rank(endpoint.location_id, locations) < _rank(before, locations):
            places[url] = endpoint.location_id
    listed = list(places)
    order = {url: index for index, url in enumerate(dict.fromkeys([*known, *listed]))}
    ordered = sorted(listed, key=lambda url: (_rank(places[url], locations), order[url]))
    return tuple(ordered[:MAX_SITES])


def coverage_warning(endpoints: Iterable[ListedEndpoint]) -> str:
    """Say that sites do not serve the same accounts, so that a session with one may not tell of all; else nothing."""
    served: dict[str, set[str]] = {}
    for endpoint in endpoints:
        served.setdefault(endpoint.address() or "", set()).add(endpoint.exchange_id or "")
    everyone = set().union(*served.values())
    if all(accounts == everyone for accounts in served.values()):
        return ""
    return (
        "the sites are not listed for the same accounts, so a session with one may not tell of all; "
        "if some stay silent, set up a gateway for each site, with managed.exchanges"
    )


def format_time(at: datetime) -> str:
    """Write a time in a message."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _rank(location: str | None, locations: Sequence[str]) -> int:
    return locations.index(location) if location in locations else len(locations)


def websocket_url(address: str | None, path: str) -> str | None:
    """Turn an endpoint's `https://` address into a WebSocket's with this path; None where it is no such address.

    Plain `http://` is none: the key would be sent for all to read.
    """
    try:
        parts = urlsplit((address or "").strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"https", "wss"} or not host or not host.isascii() or not host.isprintable():
        return None
    if parts.username is not None or parts.password is not None or " " in host:
        return None
    shown = f"[{host}]" if ":" in host else host
    at = "" if port in {None, 443} else f":{port}"
    return f"wss://{shown}{at}{parts.path.rstrip('/')}{path}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ManagedSettings:
    """What decides for one gateway of the managed cloud.

    `refresh` is in seconds; `certificate_file` says where the certificate is kept (None: in memory), and `keeps`
    whether one that was fetched is written there.
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
    """Finds out from the management API where a gateway is, and keeps its client certificate, where one is used.

    `credentials` are those of the gateway; with method certificate those without the certificate, which is added.
    """

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
        self._suspect = False
        self._listing_note = self._certificate_note = ""
        self._lock = trio.Lock()

    @property
    def certificate(self) -> ClientCertificate | None:
        """Return the client certificate in use, if any."""
        return self._certificate

    def report_failure(self, *, refused: bool) -> None:
        """Read the endpoints anew with the next call, and the certificate that was refused, unless just tried."""
        self._read_next = min(self._read_next, self._read_at_last + RETRY_SECONDS)
        self._suspect = self._suspect or (refused and self._certificate is not None)

    async def current(self) -> GatewayAddress:
        """Return what is known, read anew when it is due; see `Sites`."""
        async with self._lock:
            if not self._urls or self._credentials is None:
                await self._discover()
            else:
                await self._refresh()
            if not self._urls or self._credentials is None:  # neither returns without them
                raise GatewayError(f"gateway {self._settings.gateway}: nothing is known of where it is")
            notes = "; ".join(note for note in (self._listing_note, self._certificate_note) if note)
            return GatewayAddress(self._urls, self._credentials, notes)

    async def _discover(self) -> None:
        """Find out everything for the first time. Errors: those of the management API."""
        if self._credentials is None:
            await self._take_kept()
        async with self._open_management() as management:
            if not self._urls:
                self._listed(await management.endpoints(self._settings.exchanges))
            if self._credentials is None:
                await self._use(await management.certificate())

    async def _refresh(self) -> None:
        """Read anew what is due, not for long; what fails stays as it is and is said."""
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
        except ConfigError as error:  # the ca_file, say
            why = str(error)
        else:
            return
        # What was done before it failed has moved its own next time on.
        self._failed(why, reading=reading and at >= self._read_next, renewing=renewing and self._renewal_is_due())

    async def _read(self, management: Management) -> None:
        try:
            self._listed(await management.endpoints(self._settings.exchanges))
        except GatewayError as error:
            self._failed(str(error), reading=True)

    async def _renew(self, management: Management) -> None:
        try:
            await self._use(await management.certificate())
        except GatewayError as error:
            self._failed(str(error), renewing=True)

    def _failed(self, why: str, *, reading: bool = False, renewing: bool = False) -> None:
        """Keep what is known, say so, and ask again after a while."""
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

    def _listed(self, endpoints: list[ListedEndpoint]) -> None:
        """Take a list of endpoints. Errors: GatewayError where it names no site."""
        settings = self._settings
        if not endpoints:
            wanted = f" for {', '.join(settings.exchanges)}" if settings.exchanges else ""
            raise GatewayError(
                f"the management API lists no endpoint{wanted}; it lists none until at least one account exists: "
                "add an exchange account to the managed cloud, or check managed.exchanges"
            )
        urls = site_urls(endpoints, locations=settings.locations, path=settings.path, known=self._urls)
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

    async def _take_kept(self) -> None:
        """Use the certificate of the last start, where one is kept that is still good for a while."""
        path = self._settings.certificate_file
        if path is None:
            return
        try:
            kept = await trio.to_thread.run_sync(load_certificate, path)
        except (ConfigError, GatewayError) as error:
            _log.warning("the kept certificate is not used", gateway=self._settings.gateway, why=str(error))
            return
        if kept is not None and kept.validity(self._now()) == "valid":
            self._hold(kept)

    async def _use(self, fetched: ClientCertificate) -> None:
        """Take a certificate that was fetched. Errors: GatewayError where it is no better than what there is."""
        known, at = self._certificate, self._now()
        if fetched.validity(at) != "valid":
            raise GatewayError(
                f"the management API gave a certificate that is {fetched.validity(at)} "
                f"({format_time(fetched.valid_from)} to {format_time(fetched.valid_until)}); check the clock"
            )
        if known is not None and (
            fetched.serial == known.serial if self._suspect else fetched.valid_until <= known.valid_until
        ):
            raise GatewayError(f"the management API still gives the one that ends {format_time(fetched.valid_until)}")
        self._hold(fetched)
        path = self._settings.certificate_file
        if path is None or not self._settings.keeps:
            return
        try:
            await trio.to_thread.run_sync(save_certificate, path, fetched)
        except ConfigError as error:
            self._certificate_note = f"the client certificate is in memory alone: {error}"
            _log.warning("the certificate is not kept", gateway=self._settings.gateway, why=str(error))

    def _hold(self, certificate: ClientCertificate) -> None:
        if self._with_certificate is None:
            raise GatewayError("a certificate is used with auth method certificate alone")
        self._credentials = self._with_certificate(certificate.pem)
        self._certificate, self._certificate_note, self._suspect = certificate, "", False
        self._renew_next = trio.current_time() + RETRY_SECONDS
        _log.info(
            "client certificate",
            gateway=self._settings.gateway,
            subject=certificate.subject,
            ends=certificate.valid_until.isoformat(),
        )
