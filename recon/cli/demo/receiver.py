"""A receiver of webhooks for the demonstration: it checks each signature and keeps what came last."""

from __future__ import annotations

import base64
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from recon.clock import utc_now

#: Largest body that is read, in bytes.
MAX_BODY_BYTES: Final = 1 << 20
#: Deliveries kept to be shown.
KEPT: Final = 50
#: Longest wait for a sender that has begun, in seconds.
PATIENCE_SECONDS: Final = 10.0
_SECRET_BYTES: Final = 24


class AlertTold(msgspec.Struct, frozen=True):
    """One alert, as far as the screen shows it."""

    type: str
    gateway: str
    account: str
    unit: str
    amount: Decimal
    cause: str


class _Data(msgspec.Struct, frozen=True):
    alerts: list[AlertTold]


class _Body(msgspec.Struct, frozen=True):
    type: str
    data: _Data


class Delivery(msgspec.Struct, frozen=True):
    """A message whose signature was right: when it came, its id, and its alerts."""

    at: datetime
    message_id: str
    alerts: list[AlertTold]


class Receiver:
    """What was received so far; written by the server's threads, read by any."""

    def __init__(self) -> None:
        self.secret = "whsec_" + base64.b64encode(os.urandom(_SECRET_BYTES)).decode("ascii")
        self._lock = threading.Lock()
        self._latest: deque[Delivery] = deque(maxlen=KEPT)
        self._seen: set[str] = set()
        self._alerts = self._refused = 0
        self.url = ""

    @property
    def alerts(self) -> int:
        """Return how many alerts came with a right signature; a message that came twice counts once."""
        with self._lock:
            return self._alerts

    @property
    def refused(self) -> int:
        """Return how many requests had no right signature."""
        with self._lock:
            return self._refused

    def latest(self) -> list[Delivery]:
        """Return the last deliveries, the newest last."""
        with self._lock:
            return list(self._latest)

    def take(self, headers: dict[str, str], body: bytes) -> bool:
        """Take a request; tell whether its signature was right and its body an alert."""
        try:
            Webhook(self.secret).verify(body, headers, json_parse=False)
            told = msgspec.json.decode(body, type=_Body).data.alerts
        except (WebhookVerificationError, ValueError):
            with self._lock:
                self._refused += 1
            return False
        message_id = headers["webhook-id"]
        with self._lock:
            if message_id not in self._seen:
                self._seen.add(message_id)
                self._alerts += len(told)
                self._latest.append(Delivery(utc_now(), message_id, told))
        return True


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve a receiver on a free port of this machine, in threads that end with the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE_SECONDS

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > MAX_BODY_BYTES:
                self.send_error(413 if length.isdigit() else 411)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            right = receiver.take(headers, self.rfile.read(int(length)))
            self.send_response(204 if right else 401)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's
            """Say nothing: the screen shows what came."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: a sender that went away will come again."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/alerts"
    thread = threading.Thread(target=server.serve_forever, name="webhook receiver", daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
