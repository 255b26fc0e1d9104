"""The address of a gateway: its URLs and the credentials for them, fixed or found out by a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from recon.ems.credentials import Credentials


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """How to reach a gateway: its URLs, the preferred one first, and the credentials for all of them.

    `note` describes a problem: the address may be out of date, or the certificate ends soon.
    """

    urls: tuple[str, ...]
    credentials: Credentials
    note: str = ""


class SiteSource(Protocol):
    """Finds the address of a gateway."""

    async def current(self) -> GatewayAddress:
        """Return the address now, without delay if it is known; asked before each attempt, and now and then.

        Raise GatewayError or ConfigError if no address is known and none can be found out.
        """
        ...

    def report_failure(self, *, refused: bool) -> None:
        """Learn that no site could be reached, or that they refused the credentials: the address may be outdated."""
        ...


@dataclass(frozen=True, slots=True)
class FixedSites:
    """The sites that the settings name."""

    urls: tuple[str, ...]
    credentials: Credentials

    async def current(self) -> GatewayAddress:
        """Return the address in the settings."""
        return GatewayAddress(self.urls, self.credentials)

    def report_failure(self, *, refused: bool) -> None:
        """Do nothing: there is no other address."""
