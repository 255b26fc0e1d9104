"""A test double of the managed cloud, built on other libraries than the code under test.

The management API runs on the standard library's HTTP server, sites on `websockets` with REST on the same port. All use
TLS by one private authority. Sites can stop and restart, endpoints can move, certificates can have any validity.
"""

from __future__ import annotations

import contextlib
import json
import logging
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trustme
from cryptography.hazmat.primitives import serialization
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from tests.support.wire_messages import balance, row_of, server_info

KEY = "3f1e7a02-aaaa-4c1d-8f10-5b1b7d0c9e11"
#: Deadline of a server's thread in seconds; a test that reaches it has failed.
PATIENCE = 60.0
#: Seconds between the heartbeats of a site.
HEARTBEAT = 0.1

_quiet = logging.getLogger("test cloud")
_quiet.setLevel(logging.CRITICAL)


def pem_of(
    authority: trustme.CA, name: str = "client@example.net", *, begins: datetime | None = None, ends: datetime
) -> str:
    """Return a certificate in the form of `/v1/certificate/pem`: public key, private key (PKCS 8), certificate."""
    issued = authority.issue_cert(name, not_before=begins or datetime.now(UTC) - timedelta(minutes=5), not_after=ends)
    private = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pkcs8 = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (public + pkcs8 + issued.cert_chain_pems[0].bytes()).decode()


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


class Site:
    """One site: a gateway of `accounts`, on a port that stays the same across restarts."""

    def __init__(self, context: ssl.SSLContext | None, accounts: tuple[str, ...], key: str | None) -> None:
        self.context = context
        self.accounts = accounts
        self.key = key
        self.port = 0
        self.requests: list[Request] = []
        self.serials: list[str] = []
        self.sessions: set[ServerConnection] = set()
        self.opened = 0
        self.silent = False
        #: Open orders in the snapshot of a session, by account.
        self.orders: dict[str, list[dict[str, object]]] = {}
        self.clock_ahead = timedelta()
        self.rest: dict[str, tuple[int, object]] = {
            "/v1/balances": (200, [{"exchange_id": name, "data": [row_of(balance())]} for name in accounts])
        }
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def authority(self) -> str:
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        """Return the WebSocket's address."""
        return f"{'ws' if self.context is None else 'wss'}://{self.authority}/"

    def start(self) -> None:
        self._server = serve(
            self._handle,
            "localhost",
            self.port,
            ssl=self.context,
            process_request=self._process,
            logger=_quiet,
            close_timeout=1,
            ping_interval=None,
        )
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop: refuse new connections and end the present ones."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        for session in list(self.sessions):
            with contextlib.suppress(OSError):
                session.socket.shutdown(2)
        self._thread.join(PATIENCE)
        self._server = None

    def _process(self, _connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        parts = urlsplit(request.path)
        given = request.headers.get("X-CoinAPI-Key") or parse_qs(parts.query).get("apikey", [None])[0]
        if self.key is not None and given != self.key:
            return _answer(401, {"message": "no"})
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None if parts.path == "/" else _answer(404, {"message": "no such path"})
        status, body = self.rest.get(parts.path, (404, {"message": "no such path"}))
        return _answer(status, body)

    def _handle(self, session: ServerConnection) -> None:
        certificate = session.socket.getpeercert() if isinstance(session.socket, ssl.SSLSocket) else None
        self.serials.append("" if not certificate else str(certificate["serialNumber"]))
        self.sessions.add(session)
        self.opened += 1
        try:
            with contextlib.suppress(ConnectionClosed, OSError):
                self._talk(session)
        finally:
            self.sessions.discard(session)

    def _talk(self, session: ServerConnection) -> None:
        if not self.silent:
            for name in self.accounts:
                for kind, rows in (
                    ("ORDER_EXEC_REPORT_SNAPSHOT", self.orders.get(name, [])),
                    ("BALANCE_SNAPSHOT", [row_of(balance())]),
                    ("POSITION_SNAPSHOT", []),
                    ("SYMBOLS_SNAPSHOT", []),
                ):
                    session.send(json.dumps({"type": kind, "exchange_id": name, "data": rows}))
        while True:
            for name in () if self.silent else self.accounts:
                now = stamp(datetime.now(UTC) + self.clock_ahead)
                session.send(json.dumps(server_info(exchange_id=name, time=now)))
            with contextlib.suppress(TimeoutError):
                session.recv(timeout=HEARTBEAT)


def _answer(status: int, body: object) -> Response:
    content = json.dumps(body).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(content))})
    return Response(status, HTTPStatus(status).phrase, headers, content)


@dataclass
class Cloud:
    """The management API and its list of sites."""

    authority: trustme.CA
    ca_file: Path
    sites: list[Site]
    key: str = KEY
    endpoints: list[dict[str, str]] = field(default_factory=list)
    locations: list[dict[str, str]] = field(default_factory=list)
    #: Validity of certificates issued from now on; each request returns the same one until a change.
    lifetime: timedelta = timedelta(days=90)
    pem: str = ""
    #: The status and headers of every answer, if set.
    failing: HTTPStatus | None = None
    failing_headers: dict[str, str] = field(default_factory=dict)
    #: Replacement answers by path: status, content type, body; and the delay of each in seconds.
    instead: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    delay: float = 0.0
    asked: list[tuple[str, dict[str, list[str]], str | None]] = field(default_factory=list)
    url: str = ""

    def list_sites(self, *sites: Site) -> None:
        """List these sites from now on, each in the location with its number."""
        self.endpoints = [
            {
                "exchange_id": name,
                "location_id": f"site-{self.sites.index(site)}",
                "endpoint_schema": "https",
                "endpoint_host": "localhost",
                "endpoint_url": f"https://{site.authority}/",
            }
            for site in sites
            for name in site.accounts
        ]

    def renew(self) -> None:
        """Issue another certificate."""
        self.pem = pem_of(self.authority, ends=datetime.now(UTC) + self.lifetime)

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    def settings(self, **managed: object) -> dict[str, object]:
        """Return the gateway's part of a settings document, with a client certificate."""
        return {
            "urls": "managed",
            "auth": {"method": "certificate", "api_key": self.key, "ca_file": str(self.ca_file)},
            "managed": {"url": self.url, "refresh": "1s", **managed},
        }

    def answer(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, str, bytes]:
        if path in self.instead:
            return self.instead[path]
        if path == "/v1/endpoints":
            wanted = query.get("filter_exchange_id")
            rows = [row for row in self.endpoints if not wanted or row["exchange_id"] in wanted]
            return 200, "application/json", json.dumps(rows).encode()
        if path == "/v1/locations":
            return 200, "application/json", json.dumps(self.locations).encode()
        if path == "/v1/certificate/pem":
            return 200, "text/plain", self.pem.encode()
        return 404, "application/json", b'{"message": "not found"}'


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = PATIENCE

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            by_query = query.pop("apikey", [None])[0]
            given = self.headers.get("X-CoinAPI-Key") or by_query
            cloud.asked.append((parts.path, query, "query" if by_query else "header" if given else None))
            time.sleep(cloud.delay)
            headers: dict[str, str] = {}
            if cloud.failing is not None:
                status, kind, body = cloud.failing.value, "text/plain", f"failing for {given}".encode()
                headers = cloud.failing_headers
            elif given != cloud.key:
                status, kind, body = 401, "application/json", b"{}"
            else:
                status, kind, body = cloud.answer(parts.path, query)
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_request(self, _code: object = "-", _size: object = "-") -> None:
            """Log nothing."""

    return Handler


class _Https(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that reject our certificate or have disconnected."""


def server_context(authority: trustme.CA, *, clients: bool) -> ssl.SSLContext:
    """Return a server's TLS for localhost; `clients` requires a certificate of the same authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    if clients:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextlib.contextmanager
def managed_cloud(
    directory: Path,
    *,
    sites: int = 2,
    accounts: tuple[str, ...] = ("KRAKEN/JOHN", "BITSTAMP"),
    certificates: bool = True,
    lifetime: timedelta = timedelta(days=90),
) -> Iterator[Cloud]:
    """Run a cloud; its sites require a client certificate, or else the key."""
    authority = trustme.CA()
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    gates = [
        Site(server_context(authority, clients=certificates), accounts, None if certificates else KEY)
        for _ in range(sites)
    ]
    cloud = Cloud(authority, ca_file, gates, lifetime=lifetime)
    cloud.locations = [
        {"location_id": f"site-{number}", "region_name": f"region-{number}", "provider_name": "test"}
        for number in range(sites)
    ]
    cloud.renew()
    server = _Https(("localhost", 0), _handler(cloud))
    server.socket = server_context(authority, clients=False).wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    cloud.url = f"https://localhost:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        for site in gates:
            site.start()
        cloud.list_sites(*gates)
        yield cloud
    finally:
        for site in gates:
            site.stop()
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
