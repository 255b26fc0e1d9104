"""From the settings of a gateway to its addresses and credentials."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from recon.clock import utc_now
from recon.config import Auth, Gateway, Settings
from recon.ems.cloud.certificates import certificate_path
from recon.ems.cloud.management import ManagementAccess, open_management
from recon.ems.cloud.sites import ManagedSettings, ManagedSites
from recon.ems.credentials import Credentials
from recon.ems.websocket.endpoint import CLOSE_TIMEOUT, Endpoint
from recon.ems.websocket.failback import LISTING_CHECK_SECONDS
from recon.errors import ConfigError

#: The share of the shutdown's bound for closing a session.
CLOSE_SHARE: Final = 0.1


def credentials_of(gateway: Gateway) -> Credentials:
    """Return the credentials; for a certificate that the managed cloud will issue, only the texts to redact."""
    auth = gateway.auth
    key = _key(auth)
    if gateway.managed is not None and auth.method == "certificate":
        return Credentials(withheld=key, ca_file=auth.ca_file)
    bundled = auth.private_key_file is None
    return Credentials(
        method=auth.method,
        api_key=key,
        certificate_file=None if bundled else auth.certificate_file,
        private_key_file=auth.private_key_file,
        pem=auth.certificate_file if bundled else None,
        ca_file=auth.ca_file,
    )


def access_of(name: str, gateway: Gateway) -> ManagementAccess:
    """Return access to a gateway's management API. Raise ConfigError if the settings name its addresses instead."""
    key = _key(gateway.auth)
    if gateway.managed is None or key is None:
        raise ConfigError(f'gateway {name} is not in the managed cloud: its settings do not say urls = "managed"')
    return ManagementAccess(gateway.managed.url, key, gateway.auth.method == "query", gateway.auth.ca_file)


def sites_of(name: str, gateway: Gateway, now: Callable[[], datetime], *, keeps: bool = True) -> ManagedSites | None:
    """Return the source of addresses in the managed cloud; None if the settings name the addresses.

    `keeps`: whether to write a fetched certificate to the directory in the settings.
    """
    managed, auth = gateway.managed, gateway.auth
    if managed is None:
        return None
    access = access_of(name, gateway)
    directory = managed.certificate_dir
    certified = auth.method == "certificate"
    return ManagedSites(
        ManagedSettings(
            gateway=name,
            locations=tuple(managed.locations),
            exchanges=tuple(managed.exchanges),
            path=managed.path,
            refresh=managed.refresh.total_seconds(),
            renew_before=managed.renew_before,
            certificate_file=None if directory is None else certificate_path(directory, name),
            keeps=keeps,
        ),
        partial(open_management, access),
        None if certified else credentials_of(gateway),
        with_certificate=partial(_certified, _key(auth), auth) if certified else None,
        now=now,
    )


def endpoint_of(settings: Settings, name: str, gateway: Gateway) -> Endpoint:
    """Return how the consumer reaches a gateway. Raise ConfigError if the settings cannot be used."""
    sites = sites_of(name, gateway, utc_now)
    look = LISTING_CHECK_SECONDS if gateway.managed is None else gateway.managed.refresh.total_seconds()
    return Endpoint(
        name=name,
        urls=tuple(gateway.urls),
        credentials=credentials_of(gateway),
        sites=sites,
        max_message_bytes=settings.limits.max_message_bytes,
        close_timeout=min(CLOSE_TIMEOUT, CLOSE_SHARE * settings.service.shutdown_seconds),
        listing_check_seconds=min(LISTING_CHECK_SECONDS, look),
    )


def _certified(key: str | None, auth: Auth, pem: str) -> Credentials:
    return Credentials("certificate", pem_text=pem, ca_file=auth.ca_file, withheld=key)


def _key(auth: Auth) -> str | None:
    return None if auth.api_key is None else auth.api_key.get_secret_value()
