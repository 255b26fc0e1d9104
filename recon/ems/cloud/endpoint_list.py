"""The lists of the managed cloud: locations and endpoints, and the sites that follow from them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from recon.ems.urls import websocket_url

#: Most sites of one gateway; further ones are left out.
MAX_SITES: Final = 32


class Location(msgspec.Struct, frozen=True):
    """A site of the vendor."""

    location_id: str | None = None
    region_name: str | None = None
    provider_name: str | None = None


class ListedEndpoint(msgspec.Struct, frozen=True):
    """The place of one account's gateway; the same `endpoint_url` may serve many accounts."""

    exchange_id: str | None = None
    location_id: str | None = None
    endpoint_schema: str | None = None
    endpoint_host: str | None = None
    endpoint_url: str | None = None

    def address(self) -> str | None:
        """Return the URL, built from its parts if it is not given whole."""
        if self.endpoint_url:
            return self.endpoint_url
        return f"{self.endpoint_schema or 'https'}://{self.endpoint_host}/" if self.endpoint_host else None


def site_urls(
    endpoints: Iterable[ListedEndpoint], *, locations: Sequence[str], path: str, previous: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the WebSocket URLs of the listed sites, the preferred one first.

    `previous` are the URLs of the last time. Equally preferred URLs keep their order, although the API may list them in
    another one, so that no session moves without need. Endpoints that cannot be reached safely are left out.
    """
    places: dict[str, str | None] = {}
    for endpoint in endpoints:
        url = websocket_url(endpoint.address(), path)
        if url is None:
            continue
        # An address listed for two locations counts for the preferred one.
        before = places.get(url)
        if url not in places or _rank(endpoint.location_id, locations) < _rank(before, locations):
            places[url] = endpoint.location_id
    listed = list(places)
    order = {url: index for index, url in enumerate(dict.fromkeys([*previous, *listed]))}
    ordered = sorted(listed, key=lambda url: (_rank(places[url], locations), order[url]))
    return tuple(ordered[:MAX_SITES])


def _rank(location: str | None, locations: Sequence[str]) -> int:
    return locations.index(location) if location in locations else len(locations)


def coverage_warning(endpoints: Iterable[ListedEndpoint]) -> str:
    """Return a warning if the sites do not serve the same accounts: one session may then miss some; else empty."""
    served: dict[str, set[str]] = {}
    for endpoint in endpoints:
        served.setdefault(endpoint.address() or "", set()).add(endpoint.exchange_id or "")
    everyone = set().union(*served.values())
    if all(accounts == everyone for accounts in served.values()):
        return ""
    return (
        "the sites are not listed for the same accounts, so a session with one may not cover all accounts; "
        "if some stay silent, set up a gateway for each site, with managed.exchanges"
    )
