"""The settings of a gateway in the managed cloud: its management API, and where its certificate is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, ValidatorFunctionWrapHandler, field_validator, model_validator

from recon.config.base import Table
from recon.config.values import Duration, HttpUrl, Name

#: The value of `urls` that has the management API name the addresses.
MANAGED: Final = "managed"
#: The management API of the vendor (protocol 2).
MANAGEMENT_URL: Final = "https://ems-mgmt.coinapi.io/"
#: Bounds of the pause between two reads of the endpoints: the API limits the requests of one key.
MIN_REFRESH: Final = timedelta(seconds=1)
MAX_REFRESH: Final = timedelta(days=1)
MAX_RENEW_BEFORE: Final = timedelta(days=365)

_CERTIFICATE_KEYS: Final = ("certificate", "certificate_dir", "renew_before")


def list_or_managed(given: object, check: ValidatorFunctionWrapHandler) -> list[str]:
    """Return no addresses for `urls = "managed"`, and the checked list for any other value."""
    if isinstance(given, str) and given != MANAGED:
        raise ValueError(f'must be a list of addresses, or "{MANAGED}"')
    urls: list[str] = [] if given == MANAGED else check(given)
    return urls


class Managed(Table):
    """The managed cloud: `[gateways.NAME.managed]`."""

    url: HttpUrl = MANAGEMENT_URL
    #: Sites in the order of preference, by `location_id`; all others follow, as listed.
    locations: list[Name] = Field(default_factory=list)
    #: Request only endpoints of these accounts; empty: of all.
    exchanges: list[Name] = Field(default_factory=list)
    #: The WebSocket's path on an endpoint. The vendor does not document it (protocol 17).
    path: str = "/"
    refresh: Duration = timedelta(minutes=15)
    #: Keep the client certificate in memory (fetched at each start), or in a file for the next start.
    certificate: Literal["memory", "file"] = "memory"
    certificate_dir: Path | None = None
    renew_before: Duration = timedelta(days=7)

    @property
    def certificate_keys(self) -> list[str]:
        """Return the given keys that only apply to client certificates."""
        return [key for key in _CERTIFICATE_KEYS if key in self.model_fields_set]

    @field_validator("url")
    @classmethod
    def _is_encrypted(cls, url: str) -> str:
        if not url.startswith("https://"):
            raise ValueError("must begin with https://, because the API key is sent there")
        if "?" in url:
            raise ValueError("must not hold a query")
        return url

    @field_validator("locations", "exchanges")
    @classmethod
    def _stand_once(cls, names: list[str]) -> list[str]:
        if len(names) != len(set(names)):
            raise ValueError("a name stands twice")
        return names

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        if not path.startswith("/") or not path.isascii() or not path.isprintable() or set(path) & set(" #"):
            raise ValueError('must be a path such as "/" or "/ws"')
        if "apikey=" in path.lower():
            raise ValueError("must not hold credentials; they belong into auth")
        return path

    @field_validator("refresh")
    @classmethod
    def _is_a_period(cls, refresh: timedelta) -> timedelta:
        if not MIN_REFRESH <= refresh <= MAX_REFRESH:
            raise ValueError("must be between 1s and 1d")
        return refresh

    @field_validator("renew_before")
    @classmethod
    def _is_ahead(cls, ahead: timedelta) -> timedelta:
        if not timedelta() < ahead <= MAX_RENEW_BEFORE:
            raise ValueError("must be more than nothing and at most 365d")
        return ahead

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> Self:
        if self.certificate == "file" and self.certificate_dir is None:
            raise ValueError('certificate = "file" needs certificate_dir')
        if self.certificate == "memory" and self.certificate_dir is not None:
            raise ValueError('certificate_dir contradicts certificate = "memory"; say certificate = "file"')
        return self
