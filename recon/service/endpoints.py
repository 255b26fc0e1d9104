"""From the settings of a gateway to who tells where it is and how we prove who we are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from recon.config import Auth, Gateway
from recon.ems.cloud.certificates import certificate_path
from recon.ems.cloud.management import ManagementAccess, open_management
from recon.ems.cloud.sites import ManagedSettings, ManagedSites
from recon.ems.credentials import Credentials
from recon.errors import ConfigError


def credentials_of(gateway: Gateway) -> Credentials:
    """Return what proves who we are; for a certificate of the managed cloud, which is fetched, only what to redact."""
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
    """Return which management API tells of a gateway. Errors: ConfigError where its addresses are in the settings."""
    key = _key(gateway.auth)
    if gateway.managed is None or key is None:
        raise ConfigError(f'gateway {name} is not in the managed cloud: its settings do not say urls = "managed"')
    return ManagementAccess(gateway.managed.url, key, gateway.auth.method == "query", gateway.auth.ca_file)


def sites_of(name: str, gateway: Gateway, now: Callable[[], datetime], *, keeps: bool = True) -> ManagedSites | None:
    """Return who tells where a gateway of the managed cloud is; None where the settings do.

    `keeps`: whether a certificate that is fetched is written to where the settings want it kept.
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


def _certified(key: str | None, auth: Auth, pem: str) -> Credentials:
    return Credentials("certificate", pem_text=pem, ca_file=auth.ca_file, withheld=key)


def _key(auth: Auth) -> str | None:
    return None if auth.api_key is None else auth.api_key.get_secret_value()
