"""Who looks at a screen: a person by their session, a reader whom a proxy names, or whoever is let in to read.

1. A session is a person's own database login, and may act. Everybody else reads by the login that the settings name.
2. A proxy's word counts only if the request comes from an address of the settings; from anywhere else it is refused.
3. Without TLS the page answers only by its own names: a name of somebody else that leads here is not ours.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Final

import msgspec
from starlette.requests import Request

from recon.config.channels import is_loopback
from recon.config.web import Web, host_and_port, network_of
from recon.db.transactions import Database
from recon.web.sessions import Session, Sessions

#: Longest name that a proxy gives.
MAX_NAME: Final = 128
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
#: Why those who read do not act.
READS_ONLY: Final = "You are reading; log in with your own database login to act"
NO_OPERATOR: Final = "Your login reads only; to act it must be a member of recon_operator"


class Viewer(msgspec.Struct, frozen=True):
    """Who looks, and the database that they look at."""

    database: Database
    #: How they are named on the page; None: nobody said.
    name: str | None
    session: Session | None
    #: Why they may not act; None: they may.
    why_not: str | None


class Viewers:
    """Tells who looks."""

    def __init__(self, web: Web, sessions: Sessions, reader: Database | None) -> None:
        """Prepare; `reader` is the database by the login that the settings name for reading."""
        self._web = web
        self._sessions = sessions
        self._reader = reader
        self._proxies = [network_of(proxy) for proxy in web.proxies]
        self._header = (web.proxy_user_header or "").lower()
        host = host_and_port(web.listen or "127.0.0.1:0")[0]
        own = {f"[{host}]" if ":" in host else host, *(_LOOPBACK if is_loopback(host) else ())}
        self._own = own
        #: The cookie of a session.
        self.cookie = "__Host-recon" if self._encrypted else "recon_session"

    @property
    def _encrypted(self) -> bool:
        return self._web.certificate_file is not None

    @property
    def reads_without_login(self) -> bool:
        """True if whoever opens the page may read it."""
        return self._reader is not None and not self._proxies

    def knows_host(self, request: Request) -> bool:
        """True if the page is asked for by a name of its own."""
        if self._encrypted:
            return True  # a browser has compared the name with the certificate
        host = request.headers.get("host", "").lower()
        return host in self._web.hosts or _without_port(host) in self._own | set(self._web.hosts)

    def is_secure(self, request: Request) -> bool:
        """True if a browser reaches the page by https, or else by a name that is not this machine."""
        return self._encrypted or _without_port(request.headers.get("host", "").lower()) not in _LOOPBACK

    def is_forged(self, request: Request) -> bool:
        """True if a request names a reader as a proxy does, and comes from no proxy."""
        return bool(self._header) and self._header in request.headers and not self._from_proxy(request)

    def find(self, request: Request, at: float, *, used: bool) -> Viewer | None:
        """Return who looks; None: they must log in. `used`: it counts as a use of their session."""
        secret = request.cookies.get(self.cookie)
        session = None if not secret else self._sessions.find(secret, at, used=used)
        if session is not None:
            why_not = None if session.connection.person.acts else NO_OPERATOR
            return Viewer(session.connection.database, session.login, session, why_not)
        if self._reader is None:
            return None
        if not self._proxies:
            return Viewer(self._reader, None, None, READS_ONLY)
        name = request.headers.get(self._header, "").strip()[:MAX_NAME] if self._from_proxy(request) else ""
        return Viewer(self._reader, name, None, READS_ONLY) if name else None

    def _from_proxy(self, request: Request) -> bool:
        try:
            address = ip_address(request.client.host if request.client is not None else "")
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._proxies)


def _without_port(host: str) -> str:
    end = host.rfind("]")
    name, colon, _ = host[end + 1 :].partition(":")
    return host[: end + 1] + name if colon else host
